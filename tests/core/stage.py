"""A controller and raw connections: JSON in, JSON out, no client engine between. For tests of what the server says."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from m3core.controller.config import ControllerConfig, TokenTable, User
from m3core.controller.engine import HEARTBEAT, Controller
from m3core.controller.features import FeatureLevel
from m3core.io import Accept, Close, ConnectionId, HttpReply, HttpResponse, Ping, Reject, RequestId, SendText
from m3core.testing.pair import UTC_AT_ZERO, seeded_entropy
from m3core.values import Secret, UserId

OWNER = User(id=UserId("07587a01-c663-4536-89a5-40e8da60f671"), email="ada@example.org", display_name="Ada Lovell")
K3K = "k3k-signaling-json-v1.0"


class Stage:
    """One room, its owner's token, an invitation, and connections by name."""

    def __init__(
        self, level: FeatureLevel = FeatureLevel.CAPTURE, *, waiting_room: bool = False, **config: Any
    ) -> None:
        self.now = 0.0
        self.controller = Controller(
            ControllerConfig(web_url="https://meet.example", feature_level=level, **config),
            TokenTable({Secret("owner"): OWNER}),
            entropy=seeded_entropy(),
            utc_at_zero=UTC_AT_ZERO,
        )
        self.connections: dict[str, ConnectionId] = {}
        self.inbox: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.closed: dict[str, int | None] = {}
        self.ids: dict[str, str] = {}
        self.resumption: dict[str, str] = {}
        self._names: dict[ConnectionId, str] = {}
        self._last = 0
        self._replies: list[HttpResponse] = []
        self.ask("POST", "/auth/login", {"id_token": "owner"})
        event = {"title": "T", "description": "", "is_time_independent": True, "waiting_room": waiting_room}
        self.room = self.ask("POST", "/events", event)[1]["room"]["id"]
        self.invite = self.ask("POST", f"/rooms/{self.room}/invites", {})[1]["invite_code"]

    # -- REST ---
    def ask(self, method: str, path: str, body: object) -> tuple[int, Any]:
        """A request as the owner: status and body."""
        headers = (("content-type", "application/json"), ("authorization", "Bearer owner"))
        self.controller.http_request(RequestId(1), method, f"/v1{path}", headers, json.dumps(body).encode(), self.now)
        self.drain()
        response = self._replies.pop()
        return response.status, json.loads(response.body or b"null")

    def start(self, who: str, **body: object) -> tuple[int, Any]:
        """`start` for ada, who owns the room, `start_invited` for everybody else."""
        if who == "ada":
            return self.ask("POST", f"/rooms/{self.room}/start", {"breakout_room": None, **body})
        return self.ask("POST", f"/rooms/{self.room}/start_invited", {"invite_code": self.invite, **body})

    # -- WebSocket ---
    def knock(self, who: str, ticket: str, protocol: str = K3K) -> int:
        """Open a connection with ``ticket``: 101, or the status of the refusal."""
        self._last += 1
        connection = ConnectionId(self._last)
        header = ("sec-websocket-protocol", f"ticket#{ticket}, {protocol}")
        self.controller.websocket_requested(connection, "/signaling", (header,), self.now)
        (output,) = self.controller.outputs()
        if isinstance(output, Reject):
            return output.response.status
        assert isinstance(output, Accept)
        self.connections[who] = connection
        self._names[connection] = who
        return 101

    def connect(self, who: str, **body: object) -> None:
        """Start and open a connection."""
        status, answer = self.start(who, **body)
        assert status == 200, answer
        self.resumption[who] = answer["resumption"]
        assert self.knock(who, answer["ticket"]) == 101

    def join(self, who: str, name: str | None = None, **body: object) -> list[dict[str, Any]]:
        """Start, connect and join; what ``who`` hears."""
        self.connect(who, **body)
        heard = self.say(who, "control", "join", display_name=name or who.title())
        for payload in heard:
            if payload["message"] == "join_success":
                self.ids[who] = payload["id"]
        return heard

    def joined(self, *names: str) -> None:
        """Everybody in, nothing in the inboxes."""
        for name in names:
            self.join(name)
        self.inbox.clear()

    def say(self, who: str, namespace: str, action: str, **fields: object) -> list[dict[str, Any]]:
        """Let ``who`` say something; what it hears."""
        message = {"namespace": namespace, "payload": {"action": action, **fields}}
        self.controller.receive_text(self.connections[who], json.dumps(message).encode(), self.now)
        self.drain()
        return self.heard(who)

    def heard(self, who: str) -> list[dict[str, Any]]:
        """The payloads that ``who`` got since the last time."""
        return [message["payload"] for message in self.inbox.pop(who, [])]

    def names(self, who: str) -> list[str]:
        """The same, only which messages."""
        return [payload["message"] for payload in self.heard(who)]

    def lose(self, who: str) -> None:
        """The connection breaks."""
        connection = self.connections.pop(who)
        self.controller.connection_lost(connection, self.now)
        self.drain()

    def sleep(self, seconds: float) -> None:
        """Let time pass, answering heartbeats."""
        end = self.now + seconds
        while (deadline := self.controller.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.controller.advance(self.now)
            self.drain()
        self.now = end

    def drain(self) -> None:
        """Perform what the controller says."""
        for output in list(self.controller.outputs()):
            match output:
                case SendText(connections=connections, data=data):
                    for connection in connections:
                        self.inbox[self._names[connection]].append(json.loads(data))
                case HttpReply(response=response):
                    self._replies.append(response)
                case Close(connection=connection, code=code):
                    who = self._names[connection]
                    self.closed[who] = code
                    self.connections.pop(who, None)
                case Ping(connection=connection):
                    self.controller.pong(connection, HEARTBEAT, self.now)
