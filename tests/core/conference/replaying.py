"""A recorded scenario, played to client engines: each gives the commands of its socket, and receives its messages.

Time is virtual, and goes on between the steps as it did (tests/recordings/README.md). Where the recording has a
placeholder, there is a value of its kind.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import uuid
from typing import Any, Final

from scripted import Script

from m3core.conference.engine import Conference
from m3core.conference.events import PeerMisbehaved
from m3core.conference.state import Phase
from m3core.errors import LocalProtocolError, RemoteProtocolError
from m3core.io import Ping
from m3core.messages import decode_command
from m3core.testing.descriptions import make_answer
from m3core.testing.pair import UTC_AT_ZERO
from m3core.values import BreakoutRoomId, MediaSessionType, ParticipantId, Timestamp

_NAME: Final = re.compile(r"<([a-z]+\d*)>")
_LONG: Final = re.compile(r"<(\d+) bytes>")
_QUIET: Final = 0.3
_MOMENT: Final = 5.0
"""The longest step of time, in seconds: shorter than the silence after which the engine asks for an answer."""


def identity(name: str) -> str:
    """The id of the participant, poll, room ... that the recordings call ``<name>``."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


class Socket:
    """One engine, and beside it what the messages say by themselves: who is in its room, and who waits."""

    def __init__(self, now: float) -> None:
        self.script = Script(now=now)
        self.here: set[str] = set()
        self.waiting: set[str] = set()
        self.offer = ""
        """The description that the engine published last."""

        self.pinged = 0
        """How often the engine asked by a WebSocket ping whether the server lives."""
        self.disagreements: list[str] = []
        """Where engine and messages did not agree, and about whom."""

    @property
    def conference(self) -> Conference:
        """The engine."""
        return self.script.conference

    @property
    def is_connected(self) -> bool:
        """Whether its connection is open."""
        return self.conference.outbox.connection is not None

    @property
    def is_inside(self) -> bool:
        """Whether it is in the room, and the server knows."""
        return self.is_in(Phase.JOINED) and self.is_connected

    @property
    def room(self) -> BreakoutRoomId | None:
        """Which room of the meeting it is in."""
        return self.conference.state.breakout.current

    @property
    def own_id(self) -> str | None:
        """Its participant id."""
        own = self.conference.state.own
        return None if own is None else own.id

    def others(self) -> set[str]:
        """The others who are here, according to its engine."""
        return {one.id for one in self.conference.state.participants.values() if one.is_here}

    def is_in(self, *phases: Phase) -> bool:
        """Whether the engine is in one of the ``phases``."""
        return self.conference.phase in phases

    def misbehaviour(self) -> list[str]:
        """The faults of the server that the engine reported."""
        return [str(event.error) for event in self.script.of(PeerMisbehaved)]

    def sleep(self, seconds: float) -> None:
        """Let time pass, with a server that has no echo, answers pings, and pings."""
        end = self.script.now + seconds
        while (rest := end - self.script.now) > 0:
            self.script.sleep(min(rest, _MOMENT))
            self._answer_questions()

    def _answer_questions(self) -> None:
        script = self.script
        while script.sent:
            said = script.sent.popleft()
            if said.get("action") == "publish":
                self.offer = said["sdp"]
            if said.get("action") == "ping":
                script.hear("control", message="error", error="invalid_namespace")
        while script.pings:
            ping: Ping = script.pings.pop()
            self.pinged += 1
            script.give(lambda c, now: c.pong(ping.connection, ping.payload, now))

    def hear(self, frame: dict[str, Any]) -> None:
        """A frame came."""
        payload, namespace = frame["payload"], frame["namespace"]
        self._count(namespace, payload)
        data = json.dumps(frame).encode()
        self.script.give(lambda c, now: c.receive_text(self.script.connects[-1], data, now))
        self._compare(f"{namespace}.{payload.get('message')}")

    def _compare(self, after: str) -> None:
        if self.is_in(Phase.JOINED):
            state = self.conference.state
            if self.others() != self.here or set(state.moderation.waiting) != self.waiting:
                wrong = self.others() ^ self.here, set(state.moderation.waiting) ^ self.waiting
                self.disagreements.append(f"{after}: {wrong}")

    def _count(self, namespace: str, payload: dict[str, Any]) -> None:
        message, who = f"{namespace}.{payload.get('message')}", payload.get("id", "")
        if message == "control.join_success":
            self.here = {one["id"] for one in payload["participants"] if one["control"]["left_at"] is None}
            told = payload.get("moderation") or {}
            self.waiting = {one["id"] for one in told.get("waiting_room_participants", ())}
        elif message == "control.joined":
            self.here.add(who)
        elif message == "control.left":
            self.here.discard(who)
        elif message == "moderation.joined_waiting_room":
            self.waiting.add(who)
        elif message == "moderation.left_waiting_room":
            self.waiting.discard(who)


class Replay:
    """One scenario."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.scenario = scenario
        self.now = 0.0
        self.name: str = scenario["name"]
        self.sockets: dict[str, Socket] = {}
        """The newest of each name."""
        self.everybody: list[Socket] = []
        self._expires: float = 0.0
        """When the breakout rooms are over."""

    def play(self) -> None:
        """From the first step to the last."""
        steps: list[dict[str, Any]] = self.scenario["steps"]
        for number, step in enumerate(steps):
            self._sleep(step.get("pause", 0.0))
            refused = self._refusal(number, step.get("socket"))
            if "open" in step:
                self._open(step["socket"], step["open"], refused)
            elif "close" in step or "abort" in step:
                self._close(number, step)
            elif isinstance(message := step.get("send", step.get("binary")), dict):
                self._send(self.sockets[step["socket"]], message)
            self._sleep(_QUIET)
            for name in self.scenario["sockets"]:
                self._hear(number, name)

    def _frames(self, number: int, name: str) -> list[dict[str, Any]]:
        return [frame for at, frame in self.scenario["received"].get(name, ()) if at == number]

    def _refusal(self, number: int, name: str | None) -> dict[str, Any] | None:
        frames = self._frames(number, name) if name is not None else []
        return next((frame for frame in frames if "<start refused>" in frame or "<rejected>" in frame), None)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        for socket in self.sockets.values():
            socket.sleep(self.now - socket.script.now)

    # -- what a socket does ---
    def _open(self, name: str, how: dict[str, Any], refused: dict[str, Any] | None) -> None:
        before = self.sockets.get(name)
        if before is not None and before.is_in(Phase.RECONNECTING) and how.get("resume") == name:
            before.script.await_attempt()
            self.now = max(self.now, before.script.now)
            before.script.answer_all()
            return
        if before is not None and not before.is_in(Phase.ENDED) and refused is not None:
            return  # another socket of that name, that came to nothing
        socket = self.sockets[name] = Socket(self.now)
        self.everybody.append(socket)
        socket.script.answer()
        if refused is not None and "<start refused>" in refused:
            told = refused["<start refused>"]
            socket.script.answer(told["status"], {"code": told["code"], "message": ""})
            return
        socket.script.answer_all()
        if refused is not None:
            told = refused["<rejected>"]
            socket.script.refuse(told["status"], told["code"] or "")

    def _close(self, number: int, step: dict[str, Any]) -> None:
        socket, name = self.sockets[step["socket"]], step["socket"]
        later = [one["open"] for one in self.scenario["steps"][number:] if one.get("socket") == name and "open" in one]
        resumed = next((how for how in later if how.get("resume") == name), None)
        if resumed is None:
            socket.script.give(lambda c, now: c.leave(now))
        elif "breakout" in resumed:
            room = BreakoutRoomId(identity(resumed["breakout"].strip("<>")))
            socket.script.give(lambda c, now: c.switch_room(room, now))
        socket.script.lose(1000 if resumed is None or "breakout" in resumed else None)

    def _send(self, socket: Socket, message: dict[str, Any]) -> None:
        """Give the command, if the engine accepts it in its present state."""
        payload = message.get("payload")
        if not isinstance(payload, dict):
            return
        if payload.get("action") == "join" and socket.is_in(Phase.CONNECTING, Phase.RECONNECTING):
            if socket.conference.outbox.connection is not None:
                socket.script.connect()
                socket.script.answer_all()
            return
        if not socket.is_in(Phase.JOINED) or "$" in json.dumps(message):  # what is too large for our engine
            return
        if message["namespace"] == "breakout" and isinstance(payload.get("duration"), int):
            self._expires = self.now + payload["duration"]
        with contextlib.suppress(LocalProtocolError, RemoteProtocolError, ValueError):
            self._command(socket, self._filled(message))  # but for what our engine would not do, or nobody could read

    def _command(self, socket: Socket, message: dict[str, Any]) -> None:
        payload, script = message["payload"], socket.script
        kind = payload.get("media_session_type")
        match message["namespace"], payload.get("action"):
            case "media", "publish":
                script.give(lambda c, now: c.publish(MediaSessionType(kind), audio=True, video=True, now=now))
            case "media", "subscribe":
                target = ParticipantId(payload["target"])
                script.give(lambda c, now: c.subscribe(target, MediaSessionType(kind), now=now))
            case "media", "unpublish":
                script.give(lambda c, now: c.unpublish(MediaSessionType(kind), now))
            case "media", "publish_complete" | "sdp_answer" | "sdp_candidate" | "sdp_end_of_candidates":
                pass  # the engine's own business
            case _:
                command = decode_command(json.dumps(message))
                script.give(lambda c, now: c.command(command, now))

    # -- what a socket hears ---
    def _hear(self, number: int, name: str) -> None:
        if name not in self.sockets:
            return
        socket = self.sockets[name]
        for frame in self._frames(number, name):
            if "namespace" in frame and socket.is_connected:
                socket.hear(self._filled(frame, socket))
        closed = self.scenario["closed"].get(name)
        if closed is not None and closed["step"] == number and not closed.get("by_client"):
            socket.script.lose(closed["code"])

    def _filled(self, value: Any, socket: Socket | None = None, key: str = "") -> Any:
        """``value`` with real values instead of placeholders."""
        if isinstance(value, dict):
            return {self._filled(name, socket): self._filled(one, socket, name) for name, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one, socket, key) for one in value]
        if not isinstance(value, str):
            return value
        if value in {"<time>", "<time.f>"}:
            at = self._expires if key == "expires" else self.now
            return Timestamp.of(UTC_AT_ZERO + dt.timedelta(seconds=at), digits=9 if value == "<time.f>" else 0).text
        if (long := _LONG.fullmatch(value)) is not None:
            return "x" * int(long[1])
        if value == "<avatar>":
            return "https://avatars.example.org/1"
        if value == "<sdp>":
            return "" if socket is None else make_answer(socket.offer, 1)
        return identity(name[1]) if (name := _NAME.fullmatch(value)) is not None else value
