"""A controller and raw connections to it: no client engine between, so that a test sees who is told what, in order."""

from __future__ import annotations

import json
from typing import Any

from m3core.controller.config import ControllerConfig, TokenTable
from m3core.controller.engine import Controller
from m3core.controller.features import FeatureLevel
from m3core.io import Accept, Close, ConnectionId, HttpReply, HttpResponse, Ping, RequestId, SendText
from m3core.testing.pair import OWNER, OWNER_TOKEN, UTC_AT_ZERO, seeded_entropy

K3K = "k3k-signaling-json-v1.0"
RECORDER = "recorder-token"


def config(level: FeatureLevel = FeatureLevel.CAPTURE, **settings: Any) -> ControllerConfig:
    """A configuration of one feature level."""
    return ControllerConfig(web_url="https://meet.example", feature_level=level, **settings)


class Line:
    """One connection, and what came by it: payloads, and the code by which it was closed."""

    def __init__(self, server: Server, name: str, connection: ConnectionId, resumption: str) -> None:
        self.server = server
        self.name = name
        self.connection = connection
        self.resumption = resumption
        self.messages: list[dict[str, Any]] = []
        self.closed: list[int | None] = []
        self.id = ""

    def say(self, namespace: str, action: str, **fields: Any) -> None:
        """Send one command."""
        self.say_payload(namespace, {"action": action, **fields})

    def say_payload(self, namespace: str, payload: dict[str, Any]) -> None:
        """Send any payload."""
        data = json.dumps({"namespace": namespace, "payload": payload}).encode()
        self.server.controller.receive_text(self.connection, data, self.server.now)
        self.server.drain()

    def join(self) -> dict[str, Any]:
        """Join, and be in the room: the payload of `join_success`."""
        self.say("control", "join", display_name=self.name)
        success = self.messages[0]["payload"]
        assert success["message"] == "join_success"
        self.id = success["id"]
        return dict(success)

    def leave(self) -> None:
        """The connection is closed by the client."""
        self.server.controller.connection_lost(self.connection, self.server.now, 1000)
        self.server.drain()

    def heard(self, namespace: str | None = None) -> list[dict[str, Any]]:
        """The payloads that came since the last time, perhaps of one namespace, and forget them all."""
        messages, self.messages = self.messages, []
        return [one["payload"] for one in messages if namespace in (None, one["namespace"])]


class Server:
    """A controller with one room, on a virtual clock. ``log``: (name, kind) of all that was sent, in order."""

    def __init__(self, settings: ControllerConfig | None = None) -> None:
        self.now = 0.0
        self.controller = Controller(
            settings or config(),
            TokenTable({OWNER_TOKEN: OWNER}),
            entropy=seeded_entropy(),
            utc_at_zero=UTC_AT_ZERO,
        )
        self.lines: dict[ConnectionId, Line] = {}
        self.log: list[tuple[str, str]] = []
        self._last = 0
        bearer = OWNER_TOKEN.reveal()
        self.ask("POST", "/auth/login", {"id_token": bearer})
        event = {"title": "Team", "description": "", "is_time_independent": True, "is_adhoc": True}
        self.room = str(json.loads(self.ask("POST", "/events", event, bearer).body)["room"]["id"])
        invite = self.ask("POST", f"/rooms/{self.room}/invites", {}, bearer)
        self.invite = str(json.loads(invite.body)["invite_code"])

    def ask(self, method: str, path: str, body: object, token: str | None = None) -> HttpResponse:
        """One REST request."""
        headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
        if token is not None:
            headers = (*headers, ("authorization", f"Bearer {token}"))
        data = json.dumps(body).encode()
        self.controller.http_request(RequestId(1), method, f"/v1{path}", headers, data, self.now)
        (reply,) = self.controller.outputs()
        assert isinstance(reply, HttpReply)
        return reply.response

    # -- ways in ---
    def owner(self, name: str = "Ada", **body: Any) -> Line:
        """The owner of the room, connected."""
        return self.connect(name, self.ask("POST", f"/rooms/{self.room}/start", body, OWNER_TOKEN.reveal()))

    def guest(self, name: str, **body: Any) -> Line:
        """A guest, connected."""
        body = {"invite_code": self.invite, **body}
        return self.connect(name, self.ask("POST", f"/rooms/{self.room}/start_invited", body))

    def recorder(self, **body: Any) -> Line:
        """A recorder, connected."""
        body = {"room_id": self.room, **body}
        return self.connect("Recorder", self.ask("POST", "/services/recording/start", body, RECORDER))

    def connect(self, name: str, started: HttpResponse) -> Line:
        """Connect by the ticket of a REST answer."""
        answer = json.loads(started.body)
        self._last += 1
        connection = ConnectionId(self._last)
        headers = (("sec-websocket-protocol", f"ticket#{answer['ticket']}, {K3K}"),)
        self.controller.websocket_requested(connection, "/signaling", headers, self.now)
        (accepted,) = self.controller.outputs()
        assert isinstance(accepted, Accept)
        line = self.lines[connection] = Line(self, name, connection, answer["resumption"])
        return line

    def joined(self, *names: str) -> list[Line]:
        """The owner and guests, in the room; what they have heard until then is forgotten."""
        lines = [self.owner(name) if index == 0 else self.guest(name) for index, name in enumerate(names)]
        for line in lines:
            line.join()
        self.forget()
        return lines

    # -- time and delivery ---
    def sleep(self, seconds: float) -> None:
        """Let time pass; pings are answered."""
        end = self.now + seconds
        while (due := self.controller.deadline) is not None and due <= end:
            self.now = due
            self.controller.advance(due)
            self.drain()
        self.now = end

    def forget(self) -> None:
        """Forget what was heard until now."""
        self.log.clear()
        for line in self.lines.values():
            line.messages.clear()

    def drain(self) -> None:
        """Deliver."""
        pings = []
        for output in self.controller.outputs():
            match output:
                case SendText(connections=connections, data=data):
                    for connection in connections:
                        self._deliver(self.lines[connection], json.loads(data))
                case Close(connection=connection, code=code):
                    line = self.lines[connection]
                    line.closed.append(code)
                    self.log.append((line.name, f"close {code}"))
                case Ping():
                    pings.append(output)
        for ping in pings:
            self.controller.pong(ping.connection, ping.payload, self.now)
            self.drain()

    def _deliver(self, line: Line, message: dict[str, Any]) -> None:
        line.messages.append(message)
        payload = message["payload"]
        kind = payload.get("message", payload.get("action"))
        self.log.append((line.name, f"{message['namespace']}.{kind}"))

    def settle(self) -> None:
        """Everybody leaves; nothing may remain."""
        for line in self.lines.values():
            line.leave()
        assert self.controller.rooms.live == {}
        assert self.controller.streams.peers == {}
        assert self.controller.deadline is None
