"""Bare connections to the controller of a `World`: no client engines, only the words that go up and come down."""

from __future__ import annotations

import json
from typing import Any

from attrs import define, field

from m3core.controller.config import ControllerConfig, User
from m3core.controller.sfu import SfuCommand
from m3core.io import Accept, Close, ConnectionId, HttpReply, RequestId, SendText
from m3core.testing.pair import OWNER_TOKEN, World
from m3core.values import BreakoutRoomId, ParticipantId, RoomId, Secret, UserId

ADA = "Ada"
"""The owner of the room."""
CYD = User(
    id=UserId("2c1b3d9a-6a05-4bb5-9a5e-54c4ef2f2a31"), email="cyd@example.org", display_name="Cyd", groups=("team",)
)
EVE = User(
    id=UserId("5b0a8f0e-2c51-4b26-8a3c-1f1f5d1c7a02"), email="eve@example.org", display_name="Eve", groups=("team",)
)
RECORDER = Secret("recorder-token")
SUBPROTOCOL = "k3k-signaling-json-v1.0"
_OPEN = object()


class Pads:
    """A pad that only gives addresses."""

    def write_url(self, room: RoomId, breakout: BreakoutRoomId | None, participant: ParticipantId) -> str:
        return f"https://pad.example/write/{room}/{breakout}/{participant}"

    def read_url(self, room: RoomId, breakout: BreakoutRoomId | None, participant: ParticipantId) -> str:
        return f"https://pad.example/read/{room}/{breakout}/{participant}"


@define(eq=False)
class Line:
    """One connection, and what came down it."""

    connection: ConnectionId
    resumption: str = field(default="", repr=False)
    heard: list[dict[str, Any]] = field(factory=list)
    """Whole messages, with their envelopes."""
    closed: object = _OPEN
    """The close code; None: without a frame."""

    @property
    def is_open(self) -> bool:
        return self.closed is _OPEN

    @property
    def payloads(self) -> list[dict[str, Any]]:
        return [message["payload"] for message in self.heard]

    @property
    def id(self) -> str:
        """The participant id that `join_success` told."""
        return str(next(payload["id"] for payload in self.payloads if payload.get("message") == "join_success"))


class RawRoom:
    """One room with its owner, two more users, and whoever has the invitation."""

    def __init__(self, **config: Any) -> None:
        settings: dict[str, Any] = {"open_rooms": True, "recorder_token": RECORDER, "pads": Pads(), **config}
        self.config = ControllerConfig(web_url="http://127.0.0.1:8080", **settings)
        self.world = World(self.config, users=[CYD, EVE])
        self.controller = self.world.controller
        self.now = 0.0
        self.lines: dict[ConnectionId, Line] = {}
        self._last = 1000

    # -- REST ---
    def ask(self, path: str, body: object, name: str | Secret | None = None) -> tuple[int, dict[str, Any]]:
        """POST as somebody who is logged in, with a token, or as nobody: the status and the body."""
        self._last += 1
        headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
        if name is not None:
            token = name if isinstance(name, Secret) else {ADA: OWNER_TOKEN, **self.world._tokens}[name]
            headers = (*headers, ("authorization", f"Bearer {token.reveal()}"))
        data = json.dumps(body).encode()
        self.controller.http_request(RequestId(self._last), "POST", f"/v1{path}", headers, data, self.now)
        (reply,) = self.controller.outputs()
        assert isinstance(reply, HttpReply)
        return reply.response.status, json.loads(reply.response.body or b"{}")

    def start(self, name: str | None = None, **fields: object) -> tuple[int, dict[str, Any]]:
        """`start` of a user, or `start_invited` of a guest."""
        room = f"/rooms/{self.world.room_id}"
        if name is not None:
            return self.ask(f"{room}/start", {"breakout_room": None, **fields}, name)
        body = {"breakout_room": None, "invite_code": self.world.invite_code, **fields}
        return self.ask(f"{room}/start_invited", body)

    # -- connections ---
    def open(self, name: str | None = None, **fields: object) -> Line:
        """A connection that is not joined: of a user, or of a guest."""
        status, answer = self.start(name, **fields)
        assert status == 200, answer
        return self.connect(answer["ticket"], answer["resumption"])

    def open_recorder(self) -> Line:
        """A connection of a recorder."""
        status, answer = self.ask("/services/recording/start", {"room_id": self.world.room_id}, RECORDER)
        assert status == 200, answer
        return self.connect(answer["ticket"], answer["resumption"])

    def connect(self, ticket: str, resumption: str = "") -> Line:
        """Redeem a ticket; the line is closed if it is refused."""
        self._last += 1
        line = Line(ConnectionId(self._last), resumption)
        self.lines[line.connection] = line
        headers = (("sec-websocket-protocol", f"ticket#{ticket}, {SUBPROTOCOL}"),)
        self.controller.websocket_requested(line.connection, "/signaling", headers, self.now)
        outputs = list(self.controller.outputs())
        if not any(isinstance(output, Accept) for output in outputs):
            line.closed = None
            del self.lines[line.connection]
        return line

    def join(self, name: str | None = None, called: str = "Bob", **fields: object) -> Line:
        """Open a line and join."""
        line = self.open(name, **fields)
        self.say(line, "control", {"action": "join", "display_name": name or called})
        return line

    def leave(self, line: Line) -> None:
        """Close a line."""
        self.lines.pop(line.connection, None)
        line.closed = 1000
        self.controller.connection_lost(line.connection, self.now)
        self.drain()

    # -- words ---
    def say(self, line: Line, namespace: str, payload: object) -> None:
        """Send a command."""
        self.send(line, json.dumps({"namespace": namespace, "payload": payload}).encode())

    def send(self, line: Line, data: bytes) -> None:
        """Send any bytes."""
        self.controller.receive_text(line.connection, data, self.now)
        self.drain()

    def drain(self) -> None:
        """Perform what the controller wants, and what its media server answers."""
        pending = list(self.controller.outputs())
        while pending:
            output = pending.pop(0)
            if isinstance(output, SendText):
                message = json.loads(output.data)
                for connection in output.connections:
                    if connection in self.lines:
                        self.lines[connection].heard.append(message)
            elif isinstance(output, Close):
                line = self.lines.pop(output.connection, None)
                if line is not None:
                    line.closed = output.code
            elif isinstance(output, SfuCommand):
                for report in self.world.sfu.perform(output):
                    self.controller.sfu_report(report, self.now)
                    pending += self.controller.outputs()

    def sleep(self, seconds: float) -> None:
        """Let time pass; every line answers its pings."""
        end = self.now + seconds
        while (due := self.controller.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            for connection in list(self.lines):
                self.controller.pong(connection, b"heartbeat", self.now)
                self.drain()
            self.controller.advance(self.now)
            self.drain()
        self.now = end
