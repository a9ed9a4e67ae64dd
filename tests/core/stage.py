"""A controller and plain connections without client engines, for tests of what the server sends: JSON in, JSON out.

A test names a connection (`Stage.join`, `Stage.say`, `Stage.heard`), or holds its `Line` (`Stage.guest`, `Stage.enter`)
if several connections have one name, or if it is about the moment between the ticket and the join.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from kept import all_is_current

from m3core.controller.config import ControllerConfig, TokenTable, User
from m3core.controller.engine import Controller
from m3core.controller.features import FeatureLevel
from m3core.controller.sfu import SfuCommand
from m3core.io import Accept, Close, ConnectionId, HttpReply, HttpResponse, Ping, Reject, RequestId, SendText
from m3core.testing.fakes import FakeSfu
from m3core.testing.pair import OWNER, OWNER_TOKEN, UTC_AT_ZERO, seeded_entropy
from m3core.values import BreakoutRoomId, ParticipantId, RoomId, Secret, UserId

CYD = User(
    id=UserId("2c1b3d9a-6a05-4bb5-9a5e-54c4ef2f2a31"), email="cyd@example.org", display_name="Cyd", groups=("team",)
)
EVE = User(
    id=UserId("5b0a8f0e-2c51-4b26-8a3c-1f1f5d1c7a02"), email="eve@example.org", display_name="Eve", groups=("team",)
)
RECORDER = "recorder-token"
K3K = "k3k-signaling-json-v1.0"
OPENTALK = "opentalk-signaling-json-v1.0"


class Pads:
    """Addresses of pads that a test can read."""

    def write_url(self, room: RoomId, breakout: BreakoutRoomId | None, participant: ParticipantId) -> str:
        return f"write/{room}/{breakout}/{participant}"

    def read_url(self, room: RoomId, breakout: BreakoutRoomId | None, participant: ParticipantId) -> str:
        return f"read/{room}/{breakout}/{participant}"


class Line:
    """One connection. ``name``: its name in the log; ``who``: its key in the inbox, which no other line has."""

    def __init__(self, stage: Stage, who: str, name: str, connection: ConnectionId) -> None:
        self.stage = stage
        self.who = who
        self.name = name
        self.connection = connection

    @property
    def id(self) -> str:
        """The participant id of `join_success`."""
        return self.stage.ids[self.who]

    @property
    def resumption(self) -> str:
        return self.stage.resumption[self.who]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages in the inbox, with their envelopes."""
        return self.stage.inbox[self.who]

    @property
    def payloads(self) -> list[dict[str, Any]]:
        return [message["payload"] for message in self.messages]

    @property
    def is_open(self) -> bool:
        return self.connection in self.stage.lines

    @property
    def closed(self) -> list[int | None]:
        """The close code of the controller, if it closed the line (it must do so only once, see `Stage.drain`)."""
        return [self.stage.closed[self.who]] if self.who in self.stage.closed else []

    def say(self, namespace: str, action: str, **fields: object) -> None:
        """Send one command. The messages that it causes are in the inbox afterwards."""
        self.say_payload(namespace, {"action": action, **fields})

    def say_payload(self, namespace: str, payload: object) -> None:
        """Send any payload."""
        self.send(json.dumps({"namespace": namespace, "payload": payload}).encode())

    def send(self, data: bytes) -> None:
        """Send any bytes."""
        self.stage.controller.receive_text(self.connection, data, self.stage.now)
        self.stage.drain()

    def join(self) -> dict[str, Any]:
        """Join the room; return the payload of `join_success`."""
        self.say("control", "join", display_name=self.name)
        success = self.payloads[0]
        assert success["message"] == "join_success"
        return success

    def leave(self) -> None:
        """Close the connection, as a client does."""
        self.stage.lines.pop(self.connection, None)
        self.stage.connections.pop(self.who, None)
        self.stage.controller.connection_lost(self.connection, self.stage.now, 1000)
        self.stage.drain()

    def heard(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """Empty the inbox: all payloads in it, or those of one namespace."""
        messages = self.stage.inbox.pop(self.who, [])
        return [one["payload"] for one in messages if namespace in (None, one["namespace"])]


class Stage:
    """One room, its owner Ada, an invitation, and connections by name.

    ``users``: those who have an account, besides Ada. ``log``: (name, kind) of all that the controller sent, in order.
    """

    def __init__(
        self,
        level: FeatureLevel = FeatureLevel.CAPTURE,
        *,
        waiting_room: bool = False,
        users: Sequence[User] = (),
        **config: Any,
    ) -> None:
        self.now = 0.0
        tokens = {Secret(f"token-{user.id}"): user for user in users}
        self.controller = Controller(
            ControllerConfig(web_url="https://meet.example", feature_level=level, **config),
            TokenTable({OWNER_TOKEN: OWNER, **tokens}),
            entropy=seeded_entropy(),
            utc_at_zero=UTC_AT_ZERO,
        )
        self.sfu = FakeSfu()
        self.connections: dict[str, ConnectionId] = {}
        self.inbox: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.log: list[tuple[str, str]] = []
        self.closed: dict[str, int | None] = {}
        self.ids: dict[str, str] = {}
        self.resumption: dict[str, str] = {}
        self.lines: dict[ConnectionId, Line] = {}
        """The open lines."""
        self._opened: list[Line] = []
        self._last = 0
        self._replies: list[HttpResponse] = []
        self._tokens = {"ada": OWNER_TOKEN.reveal()}
        self._tokens |= {user.display_name.lower(): token.reveal() for token, user in tokens.items()}
        for token in self._tokens.values():
            self.ask("POST", "/auth/login", {"id_token": token})
        event = {"title": "T", "description": "", "is_time_independent": True, "waiting_room": waiting_room}
        self.room = self.ask("POST", "/events", event)[1]["room"]["id"]
        self.invite = self.ask("POST", f"/rooms/{self.room}/invites", {})[1]["invite_code"]

    # -- REST ---
    def ask(self, method: str, path: str, body: object, token: str | None = OWNER_TOKEN.reveal()) -> tuple[int, Any]:
        """Make a request as the owner, with another token, or without one; return status and body."""
        headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
        if token is not None:
            headers = (*headers, ("authorization", f"Bearer {token}"))
        self.controller.http_request(RequestId(1), method, f"/v1{path}", headers, json.dumps(body).encode(), self.now)
        self.drain()
        (response,), self._replies = self._replies, []
        return response.status, json.loads(response.body or b"null")

    def start(self, who: str, **body: object) -> tuple[int, Any]:
        """Ask for a ticket: by `start` for Ada and for users, by `start_invited` for everybody else."""
        if (token := self._tokens.get(who.lower())) is not None:
            return self.ask("POST", f"/rooms/{self.room}/start", {"breakout_room": None, **body}, token)
        return self.start_invited(**body)

    def start_invited(self, **body: object) -> tuple[int, Any]:
        """Ask for a ticket by `start_invited`."""
        body = {"invite_code": self.invite, **body}
        return self.ask("POST", f"/rooms/{self.room}/start_invited", body, None)

    def start_recorder(self, **body: object) -> tuple[int, Any]:
        """Ask for a ticket for a recorder."""
        return self.ask("POST", "/services/recording/start", {"room_id": self.room, **body}, RECORDER)

    # -- WebSocket ---
    def knock(self, who: str, ticket: str, protocol: str = f"{K3K}, {OPENTALK}") -> int:
        """Open a connection with ``ticket``; return 101, or the status of the refusal.

        It offers both names of the sub-protocol. Mustang's client offers only K3K.
        """
        self._last += 1
        connection = ConnectionId(self._last)
        header = ("sec-websocket-protocol", f"ticket#{ticket}, {protocol}")
        self.controller.websocket_requested(connection, "/signaling", (header,), self.now)
        (output,) = self.controller.outputs()
        if isinstance(output, Reject):
            return output.response.status
        assert isinstance(output, Accept)
        self.connections[who] = connection
        self.lines[connection] = Line(self, who, who.partition("#")[0], connection)
        self._opened.append(self.lines[connection])
        return 101

    def connect(self, who: str, **body: object) -> None:
        """Get a ticket and open a connection."""
        self._open(who, self.start(who, **body))

    def join(self, who: str, name: str | None = None, **body: object) -> list[dict[str, Any]]:
        """Get a ticket, connect and join; return what ``who`` receives."""
        self.connect(who, **body)
        return self.say(who, "control", "join", display_name=name or who.title())

    def joined(self, *names: str) -> list[Line]:
        """Let all join, and empty the inboxes."""
        lines = [self._line(name, self.start(name)) for name in names]
        for line in lines:
            self.say(line.who, "control", "join", display_name=line.name.title())
            assert line.who in self.ids
        self.forget()
        return lines

    # -- lines ---
    def owner(self, name: str = "Ada", **body: object) -> Line:
        """Connect the owner of the room."""
        return self._line(name, self.start("ada", **body))

    def guest(self, name: str, **body: object) -> Line:
        """Connect a guest."""
        return self._line(name, self.start_invited(**body))

    def recorder(self, **body: object) -> Line:
        """Connect a recorder."""
        return self._line("Recorder", self.start_recorder(**body))

    def enter(self, name: str, **body: object) -> Line:
        """Connect the person of this name, and send `join`."""
        line = self._line(name, self.start(name, **body))
        line.say("control", "join", display_name=name)
        return line

    def _line(self, name: str, started: tuple[int, Any]) -> Line:
        """Open a line with an inbox of its own, even if another line had the name before."""
        before = sum(line.name == name for line in self._opened)
        return self._open(f"{name}#{before}" if before else name, started)

    def _open(self, who: str, started: tuple[int, Any]) -> Line:
        status, answer = started
        assert status == 200, answer
        self.resumption[who] = answer["resumption"]
        assert self.knock(who, answer["ticket"]) == 101
        return self._opened[-1]

    # -- messages ---
    def say(self, who: str, namespace: str, action: str, **fields: object) -> list[dict[str, Any]]:
        """Let ``who`` send a command; return what it receives."""
        message = {"namespace": namespace, "payload": {"action": action, **fields}}
        self.controller.receive_text(self.connections[who], json.dumps(message).encode(), self.now)
        self.drain()
        return self.heard(who)

    def heard(self, who: str) -> list[dict[str, Any]]:
        """Empty the inbox of ``who``; return its payloads."""
        return [message["payload"] for message in self.inbox.pop(who, [])]

    def names(self, who: str) -> list[str]:
        """As `heard`, but only the names of the messages."""
        return [payload["message"] for payload in self.heard(who)]

    def forget(self) -> None:
        """Empty all inboxes and the log."""
        self.log.clear()
        self.inbox.clear()

    def lose(self, who: str) -> None:
        """Break the connection of ``who``."""
        connection = self.connections.pop(who)
        del self.lines[connection]
        self.controller.connection_lost(connection, self.now)
        self.drain()

    def settle(self) -> None:
        """Let everybody leave, and check that nothing remains."""
        for line in self._opened:
            line.leave()
        assert self.controller.rooms.live == {}
        assert self.controller.streams.peers == {}
        assert self.controller.deadline is None

    # -- time, and outputs ---
    def sleep(self, seconds: float) -> None:
        """Let time pass; all lines answer heartbeats."""
        end = self.now + seconds
        while (deadline := self.controller.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.controller.advance(self.now)
            self.drain()
        self.now = end

    def drain(self) -> None:
        """Perform the outputs of the controller, and give it the reports of its media server.

        An output for a connection that is closed is a fault of the controller, and a KeyError here.
        """
        pending = deque(self.controller.outputs())
        while pending:
            match pending.popleft():
                case SendText(connections=connections, data=data):
                    for connection in connections:
                        self._deliver(self.lines[connection], json.loads(data))
                case HttpReply(response=response):
                    self._replies.append(response)
                case Close(connection=connection, code=code):
                    line = self.lines.pop(connection)
                    self.closed[line.who] = code
                    self.connections.pop(line.who, None)
                    self.log.append((line.name, f"close {code}"))
                case Ping(connection=connection, payload=payload):
                    self.controller.pong(connection, payload, self.now)
                    pending.extend(self.controller.outputs())
                case SfuCommand() as command:
                    for report in self.sfu.perform(command):
                        self.controller.sfu_report(report, self.now)
                        pending.extend(self.controller.outputs())
        all_is_current(self.controller)

    def _deliver(self, line: Line, message: dict[str, Any]) -> None:
        self.inbox[line.who].append(message)
        payload = message["payload"]
        kind = f"{message['namespace']}.{payload.get('message', payload.get('action'))}"
        self.log.append((line.name, kind))
        if kind == "control.join_success":
            self.ids[line.who] = payload["id"]


def furnished(
    level: FeatureLevel = FeatureLevel.CAPTURE, *, users: Sequence[User] = (CYD, EVE), **config: Any
) -> Stage:
    """A stage with everything that a configuration can offer, and with users who may enter."""
    settings: dict[str, Any] = {"open_rooms": True, "recorder_token": Secret(RECORDER), "pads": Pads(), **config}
    return Stage(level, users=users, **settings)
