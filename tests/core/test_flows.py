"""Captured conversations, replayed to each engine by itself: the messages of the other side come from the files.

The controller gets what the clients sent, and a media server that reports what the flow needs. A conference gets what
the server sent, and a media engine that makes the descriptions of the flow. Ids and timestamps are mapped; all else is
compared exactly.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

import pytest

from m3core.conference.engine import Conference
from m3core.conference.entrance import GuestEntrance, MemberEntrance
from m3core.controller.config import ControllerConfig, TokenTable, User
from m3core.controller.engine import Controller
from m3core.controller.features import FeatureLevel
from m3core.controller.sfu import AcceptPublisher, OfferSubscription, SfuCommand
from m3core.io import (
    Close,
    Connect,
    ConnectionId,
    Described,
    HttpReply,
    HttpRequest,
    HttpResponse,
    MediaCommand,
    Notify,
    OpenPublisher,
    OpenSubscriber,
    PeerId,
    Receiving,
    RequestId,
    SendText,
    Talking,
    Up,
)
from m3core.testing.pair import OWNER_TOKEN, UTC_AT_ZERO, seeded_entropy
from m3core.values import InviteCode, MediaKind, MediaSessionType, ParticipantId, RoomId, UserId

_FLOWS = Path(__file__).parents[1] / "vectors" / "flows"
ADA, BOB = "86ef324d-6f4b-4265-8fea-8c918bce4b86", "6350421b-2930-4731-ba17-a0faa5243422"
CYD = "76baa05b-cfae-4f39-a0a3-95535ba52498"
ROOM = "9f0a7e2c-43b8-4b13-9a39-7d3c4e6f0a11"
OWNER = User(
    id=UserId("07587a01-c663-4536-89a5-40e8da60f671"),
    email="ada@example.org",
    display_name="Ada Lovell",
    avatar_url="https://seccdn.libravatar.org/avatar/5bfcf2d8e394674550332640d72db509",
)
# Messages that our server may send in other places than the flow has them, and why
MORE_MESSAGES = {
    "webrtc_down",  # "may come late, twice or not at all" (media.md § 3); ours always comes
    "focus_update",  # a flow lists it for one receiver, and the server sends it to all
}


def load(name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((_FLOWS / f"{name}.json").read_bytes())
    return sorted(entries, key=lambda entry: entry["seq"])


def shape(value: Any, ids: dict[str, str]) -> Any:
    """``value`` with ids mapped, and each timestamp replaced by the number of digits of its fraction."""
    if isinstance(value, dict):
        return {key: shape(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item, ids) for item in value]
    if isinstance(value, str) and len(value) in {20, 30} and value[10] == "T" and value.endswith("Z"):
        dt.datetime.fromisoformat(value[:19])
        return f"<{len(value) - 20} digits>"
    return ids.get(value, value) if isinstance(value, str) else value


class ServerStage:
    """A controller, two connections, and a media server that reports when the flow waits for it."""

    def __init__(self) -> None:
        self.now = 0.0
        config = ControllerConfig(web_url="https://meet.example", feature_level=FeatureLevel.CAPTURE)
        self.controller = Controller(
            config, TokenTable({OWNER_TOKEN: OWNER}), entropy=seeded_entropy(), utc_at_zero=UTC_AT_ZERO
        )
        self.connections = {"ada": ConnectionId(1), "bob": ConnectionId(2), "cyd": ConnectionId(3)}
        self.inbox: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        self.pending: list[SfuCommand] = []
        self.peers: dict[tuple[str, str, str], PeerId] = {}
        self.ids: dict[str, str] = {}
        self.asked = ("", "", "")
        self._ask("POST", "/v1/auth/login", {"id_token": OWNER_TOKEN.reveal()})
        event = {"title": "T", "description": "", "is_time_independent": True}
        room = self._ask("POST", "/v1/events", event)["room"]["id"]
        invite = self._ask("POST", f"/v1/rooms/{room}/invites", {})["invite_code"]
        tickets = {
            "ada": self._ask("POST", f"/v1/rooms/{room}/start", {"breakout_room": None})["ticket"],
            "bob": self._ask("POST", f"/v1/rooms/{room}/start_invited", {"invite_code": invite})["ticket"],
            "cyd": self._ask("POST", f"/v1/rooms/{room}/start_invited", {"invite_code": invite})["ticket"],
        }
        for who, ticket in tickets.items():
            header = ("sec-websocket-protocol", f"ticket#{ticket}, k3k-signaling-json-v1.0")
            self.controller.websocket_requested(self.connections[who], "/signaling", (header,), 0.0)
            self.drain()
        self.enter("ada", "Ada Lovell", ADA)

    def enter(self, who: str, name: str, flow_id: str) -> None:
        """Let somebody join before the flow begins."""
        self.say(who, {"namespace": "control", "payload": {"action": "join", "display_name": name}})
        self.ids[self.inbox[who].popleft()["payload"]["id"]] = flow_id
        for inbox in self.inbox.values():
            inbox.clear()

    def _ask(self, method: str, path: str, body: object) -> dict[str, Any]:
        headers = (
            ("content-type", "application/json"),
            ("authorization", f"Bearer {OWNER_TOKEN.reveal()}"),
        )
        self.controller.http_request(RequestId(1), method, path, headers, json.dumps(body).encode(), 0.0)
        (reply,) = self.controller.outputs()
        assert isinstance(reply, HttpReply)
        assert reply.response.status in {200, 201}
        answer: dict[str, Any] = json.loads(reply.response.body or b"{}")
        return answer

    def drain(self) -> None:
        names = {connection: who for who, connection in self.connections.items()}
        for output in list(self.controller.outputs()):
            if isinstance(output, SendText):
                for connection in output.connections:
                    self.inbox[names[connection]].append(json.loads(output.data))
            elif isinstance(output, SfuCommand) and isinstance(output.operation, AcceptPublisher | OfferSubscription):
                self.pending.append(output)
                self.peers[self.asked] = output.peer
            elif isinstance(output, Close):
                self.inbox[names[output.connection]].append({"close_code": output.code})

    def say(self, who: str, message: dict[str, Any]) -> None:
        payload = message["payload"]
        back = {flow: real for real, flow in self.ids.items()}
        if payload["action"] in {"publish", "subscribe"}:
            self.asked = (who, payload["target"], payload["media_session_type"])
        self.controller.receive_text(self.connections[who], json.dumps(shape(message, back)).encode(), self.now)
        self.drain()

    def prompt(self, who: str, entry: dict[str, Any]) -> None:
        """Let the media server report what makes the controller send ``entry``."""
        payload = entry["json"]["payload"]
        peer = self.peers.get((who, payload.get("source", ""), payload.get("media_session_type", "")), PeerId(0))
        match entry["type"]:
            case "sdp_answer" | "sdp_offer":
                command = self.pending.pop()
                assert command.peer == peer
                self.controller.sfu_report(Described(command.id, peer, payload["sdp"]), self.now)
            case "webrtc_up":
                self.controller.sfu_report(Up(peer), self.now)
            case "media_status":
                status = Receiving(peer, MediaKind(payload["kind"]), payload["receiving"])
                self.controller.sfu_report(status, self.now)
            case "focus_update":
                talker = self.peers["bob", BOB, "video"]
                self.controller.sfu_report(Talking(talker, talking=payload["focus"] is not None), self.now)
            case other:
                raise AssertionError(f"the controller does not send {other}")
        self.drain()

    def expect(self, who: str, entry: dict[str, Any]) -> None:
        inbox = self.inbox[who]
        if entry["type"] == "close":
            assert inbox.popleft() == {"close_code": entry["close_code"]}
            return
        while inbox and inbox[0]["payload"]["message"] != entry["type"]:
            assert inbox.popleft()["payload"]["message"] in MORE_MESSAGES
        if not inbox:
            self.prompt(who, entry)
        message = inbox.popleft()
        if entry["type"] in {"join_success", "joined_waiting_room"}:
            self.ids[message["payload"]["id"]] = entry["json"]["payload"]["id"]
        expected = shape(entry["json"], {})
        assert shape(message, self.ids) == expected

    def play(self, name: str) -> None:
        for entry in load(name):
            self.now += 0.1
            who = entry["who"]
            if entry["direction"] == "to_client":
                self.expect(who, entry)
            elif entry["type"] == "close":
                self.controller.connection_lost(self.connections[who], self.now, entry["close_code"])
                self.drain()
            else:
                self.say(who, entry["json"])
        for inbox in self.inbox.values():
            assert {message["payload"]["message"] for message in inbox} <= MORE_MESSAGES
            inbox.clear()


@pytest.mark.parametrize("after", ["leave", "screen-share"])
def test_the_controller_plays_its_part(after: str) -> None:
    stage = ServerStage()
    stage.play("join-and-publish")
    stage.play(after)
    assert stage.pending == []


def test_the_controller_moderates() -> None:
    stage = ServerStage()
    stage.enter("bob", "Bob Byte", BOB)
    stage.play("moderation")


def test_the_controller_lets_guests_wait() -> None:
    ServerStage().play("waiting-room")


class ClientStage:
    """A conference. Its server is the flow, and its media engine makes the descriptions of the flow."""

    def __init__(self, who: str) -> None:
        self.who = who
        self.now = 0.0
        base = "https://controller.meet.example"
        entrance = (
            MemberEntrance(base_url=base, room_id=RoomId(ROOM))
            if who == "ada"
            else GuestEntrance(base_url=base, invite_code=InviteCode(ROOM))
        )
        name = {"ada": "Ada Lovell", "bob": "Bob Byte"}[who]
        self.conference = Conference(entrance, display_name=name)
        self.out: deque[Any] = deque()
        self.media: deque[MediaCommand] = deque()
        self.events: list[object] = []
        self.connection = ConnectionId(0)
        self.conference.start(0.0)
        self.drain()
        self.conference.connected(self.connection, 0.0)
        self.drain()
        if who == "ada":  # flows begin when Ada is in the room
            self.out.popleft()
            payload = {"message": "join_success", "id": ADA, "display_name": name, "role": "moderator"}
            joined = {**payload, "media": {"is_presenter": True}, "participants": []}
            self.receive({"namespace": "control", "payload": joined})

    def drain(self) -> None:
        for output in list(self.conference.outputs()):
            match output:
                case HttpRequest():
                    self._answer(output)
                case Connect(connection=connection):
                    self.connection = connection
                case SendText(data=data):
                    self.out.append(json.loads(data))
                case Close(code=code):
                    self.out.append({"close_code": code})
                case MediaCommand():
                    self.media.append(output)
                case Notify(event=event):
                    self.events.append(event)

    def _answer(self, request: HttpRequest) -> None:
        body: object = {"ticket": "t" * 64, "resumption": "r" * 64}
        if request.url.endswith("/verify"):
            body = {"room_id": ROOM}
        response = HttpResponse(200, (("content-type", "application/json"),), json.dumps(body).encode())
        if request.url.endswith("/turn") or request.method == "GET":
            response = HttpResponse(204)
        self.conference.http_response(request.id, response, self.now)
        self.drain()

    def receive(self, message: object) -> None:
        self.conference.receive_text(self.connection, json.dumps(message).encode(), self.now)
        self.drain()

    def act(self, entry: dict[str, Any], rest: list[dict[str, Any]]) -> None:
        """Do what the user or the media engine does to make the client send ``entry``."""
        payload = entry["json"]["payload"]
        kind = MediaSessionType(payload["media_session_type"])
        other = ParticipantId(payload.get("target", ADA))
        match entry["type"]:
            case "publish":
                audio = "m=audio" in payload["sdp"]
                self.conference.publish(kind, audio=audio, video=True, now=self.now)
                self.describe(payload["sdp"], rest, OpenPublisher)
            case "subscribe":
                self.conference.subscribe(other, kind, now=self.now)
            case "sdp_answer":
                self.describe(payload["sdp"], rest, OpenSubscriber)
            case "configure":
                self.conference.configure(other, kind, **payload["configuration"], now=self.now)
            case "update_media_session":
                state = payload["media_session_state"]
                self.conference.set_sending(kind, audio=state["audio"], video=state["video"], now=self.now)
            case "unpublish" if [one["type"] for one in rest[:1]] == ["close"]:
                self.conference.leave(self.now)
            case "unpublish":
                self.conference.unpublish(kind, self.now)
            case other_type:
                raise AssertionError(f"the conference does not send {other_type}")
        self.drain()

    def describe(self, sdp: str, rest: list[dict[str, Any]], of: type) -> None:
        """Let the media engine report ``sdp``, with the candidates in it that the flow trickles next."""
        self.drain()
        command = self.media.pop()
        assert isinstance(command.operation, of)
        sections = sdp.split("m=")
        for entry in rest:
            if entry["type"] == "sdp_candidate":
                candidate = entry["json"]["payload"]["candidate"]
                sections[candidate["sdpMLineIndex"] + 1] += f"a={candidate['candidate']}\r\n"
            elif entry["type"] == "sdp_end_of_candidates":
                sections[1] += "a=end-of-candidates\r\n"
                break
            else:
                break
        self.conference.media_report(Described(command.id, command.peer, "m=".join(sections)), self.now)

    def play(self, name: str) -> None:
        mine = [entry for entry in load(name) if entry["who"] == self.who]
        for index, entry in enumerate(mine):
            if entry["direction"] == "to_client":
                self.receive(entry["json"])
                continue
            if not self.out:
                self.act(entry, [one for one in mine[index + 1 :] if one["direction"] == "to_server"])
            sent = self.out.popleft()
            assert sent == (entry["json"] or {"close_code": entry["close_code"]})
        assert not self.out


@pytest.mark.parametrize("who", ["ada", "bob"])
@pytest.mark.parametrize("after", ["leave", "screen-share"])
def test_a_conference_plays_its_part(who: str, after: str) -> None:
    stage = ClientStage(who)
    stage.play("join-and-publish")
    stage.play(after)
    assert "PeerMisbehaved" not in repr(stage.events)
