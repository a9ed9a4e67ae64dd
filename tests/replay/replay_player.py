"""Plays one recorded scenario: what its sockets do, step by step, and what each of them receives.

A `Player` knows neither sockets nor clocks: `play` yields what has to happen before it goes on (`Until`, `Pause`,
`Settle`). The caller makes it happen, in memory (replay_memory.py) or over sockets (replay_sockets.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any, Final, TypeAlias

from attrs import frozen
from replay_lines import Network, Request
from replay_names import Names
from replay_websocket import Socket

OWNER_TOKEN: Final = "the-token-of-the-owner"
USER_TOKEN: Final = "the-token-of-the-user"
_TOKENS: Final = {"owner": OWNER_TOKEN, "user": USER_TOKEN}
# A client that offers only the first name is told of one stream at a time (media.md § 10). No recording has that.
_BOTH: Final = "ticket#<ticket>, k3k-signaling-json-v1.0, opentalk-signaling-json-v1.0"
_FENCE: Final = b"fence "
"""The payloads of pings of `send_fence` begin with this; recordings have no such pings."""
_NO_TICKET: Final = "x" * 64
QUIET: Final = 0.3
"""Seconds without a message after which the recording went on to the next step."""


@frozen
class Until:
    """Go on as soon as ``happened`` returns True."""

    happened: Callable[[], bool]


@frozen
class Pause:
    """Go on after ``seconds``."""

    seconds: float


@frozen
class Settle:
    """Go on when all effects of the step have come, and nothing more came for ``quiet`` seconds."""

    quiet: float


Wait: TypeAlias = Until | Pause | Settle
Waiting: TypeAlias = Generator[Wait, None, None]


@frozen
class Played:
    """What each socket received and how it was closed, in the form of a recording."""

    received: dict[str, list[list[Any]]]
    closed: dict[str, dict[str, Any]]


def role_of(socket: str) -> str:
    """`owner`, `user` or `guest`: the name of the socket without its number."""
    return socket.rstrip("0123456789")


class Player:
    """One scenario on one network, in a meeting of its own."""

    def __init__(self, scenario: dict[str, Any], network: Network) -> None:
        self.scenario = scenario
        self._network = network
        self._received: dict[str, list[tuple[int, Any]]] = {socket: [] for socket in scenario["sockets"]}
        self._closed: dict[str, dict[str, Any]] = {}
        self._sockets: dict[str, Socket] = {}
        self._leaving: set[str] = set()
        self._tickets: dict[str, str] = {}
        self._resumptions: dict[str, str] = {}
        self._room = ""
        self._invite_code = ""
        self._names = Names({})
        self._step = 0

    def play(self) -> Waiting:
        """Play the scenario; `result` is complete when this ends."""
        yield from self._begin()
        for number, step in enumerate(self.scenario["steps"]):
            self._step = number
            if "pause" in step:
                yield Pause(step["pause"])
            yield from self._do(step)
            yield Settle(step.get("quiet", QUIET))

    def result(self) -> Played:
        """What the sockets received, in normal form, and how they were closed."""
        normal = self._names.normal
        return Played(
            {socket: [[step, normal(what)] for step, what in told] for socket, told in self._received.items() if told},
            dict(self._closed),
        )

    def end(self) -> None:
        """Reset the connections that are left. Recordings end before that."""
        for socket in self._sockets.values():
            socket.abort()

    # -- a fence, for networks that cannot tell when everything has arrived ---
    def send_fence(self, number: int) -> Callable[[], bool]:
        """Send a ping on all open sockets. The result tells whether all pongs have come, and so all messages before."""
        payload = _FENCE + b"%d" % number
        sockets = [socket for socket in self._sockets.values() if socket.is_open]
        for socket in sockets:
            socket.ping(payload)
        return lambda: all(payload in socket.pongs or not socket.is_open for socket in sockets)

    # -- before the first step ---
    def _begin(self) -> Waiting:
        meeting = {
            "title": "Scenario",
            "description": "",
            "waiting_room": self.scenario.get("waiting_room", False),
            "is_time_independent": True,
        }
        for token in _TOKENS.values():
            yield from self._ask("POST", "/v1/auth/login", None, {"id_token": token})
        event = yield from self._ask("POST", "/v1/events", OWNER_TOKEN, meeting)
        self._room = event.answer["room"]["id"]
        invite = yield from self._ask("POST", f"/v1/rooms/{self._room}/invites", OWNER_TOKEN, {})
        self._invite_code = invite.answer["invite_code"]
        self._names = Names({self._room: "<room>", event.answer["id"]: "<event>"})

    def _ask(self, method: str, path: str, token: str | None, body: Any) -> Generator[Wait, None, Request]:
        request = Request(self._network, method, path, token, body)
        yield Until(lambda: request.is_answered)
        return request

    # -- the steps ---
    def _do(self, step: dict[str, Any]) -> Waiting:
        name = step.get("socket", "")
        if "open" in step:
            yield from self._open(name, step["open"])
        elif "rest" in step:
            answer = yield from self._ask("DELETE", f"/v1/rooms/{self._room}", OWNER_TOKEN, None)
            self._note(name, {"<rest>": {"status": answer.status}})
        elif name in self._sockets:
            self._act(name, self._sockets[name], step)
            if "ping" in step:
                socket = self._sockets[name]
                yield Until(lambda: step["ping"].encode() in socket.pongs)
                self._note(name, {"<pong>": step["ping"]})
            elif "close" in step:
                yield Until(lambda: name in self._closed)

    def _act(self, name: str, socket: Socket, step: dict[str, Any]) -> None:
        if not socket.is_open:
            self._note(name, {"<not sent>": "the connection is closed"})
            return
        match step:
            case {"send": frame}:
                frame = self._names.real(frame)
                self._names.said(name, frame)
                socket.send_text(json.dumps(frame, ensure_ascii=False))
            case {"raw": text}:
                socket.send_text(self._names.real_text(text))
            case {"binary": frame}:
                frame = self._names.real(frame)
                self._names.said(name, frame)
                socket.send_binary(json.dumps(frame).encode())
            case {"hex": text}:
                socket.send_binary(bytes.fromhex(text))
            case {"fragments": frame, "of": size}:
                socket.send_text(json.dumps(self._names.real(frame)), pieces_of=size)
            case {"close": code}:
                self._leaving.add(name)
                socket.close(code or 1000)
            case {"abort": _}:
                self._leaving.add(name)
                socket.abort()
            case {"ping": text}:
                socket.ping(text.encode())

    def _open(self, name: str, how: dict[str, Any]) -> Waiting:
        ticket = _NO_TICKET
        if "ticket_of" in how:
            ticket = self._tickets[how["ticket_of"]]
        elif not how.get("no_start"):
            answer = yield from self._start(name, how)
            if answer.status != 200:
                code = answer.answer.get("code") if isinstance(answer.answer, dict) else None
                self._note(name, {"<start refused>": {"status": answer.status, "code": code}})
                return
            ticket = self._tickets[name] = answer.answer["ticket"]
            self._resumptions[name] = answer.answer["resumption"]
        if "age" in how:
            yield Pause(how["age"])
        protocols = how.get("protocols", _BOTH)
        tells_pings = bool(how.get("pings") or how.get("no_pong"))
        socket = Socket(
            self._network,
            how.get("path", "/signaling"),
            None if protocols is None else protocols.replace("<ticket>", ticket),
            answers_pings=not how.get("no_pong"),
            opened=lambda selected: self._opened(name, socket, selected),
            rejected=lambda status, answer: self._rejected(name, status, answer),
            message=lambda data, is_text: self._message(name, data, is_text=is_text),
            pinged=lambda data: self._note(name, {"<ping>": data.decode()}) if tells_pings else None,
            ended=lambda code: self._ended(name, socket, code),
        )
        yield Until(lambda: socket.answered)

    def _start(self, name: str, how: dict[str, Any]) -> Generator[Wait, None, Request]:
        breakout = how.get("breakout")
        body = {"breakout_room": None if breakout is None else self._names.real(breakout)}
        if "resume" in how:
            body["resumption"] = self._resumptions.get(how["resume"], how["resume"])
        path = f"/v1/rooms/{self._room}/start"
        if role_of(name) == "guest":
            return (yield from self._ask("POST", f"{path}_invited", None, {**body, "invite_code": self._invite_code}))
        return (yield from self._ask("POST", path, _TOKENS[role_of(name)], body))

    # -- what sockets report ---
    def _opened(self, name: str, socket: Socket, selected: str | None) -> None:
        self._sockets[name] = socket
        self._closed.pop(name, None)
        self._leaving.discard(name)
        self._note(name, {"<open>": selected})

    def _rejected(self, name: str, status: int, answer: Any) -> None:
        code = answer.get("code") if isinstance(answer, dict) else None
        self._note(name, {"<rejected>": {"status": status, "code": code}})

    def _message(self, name: str, data: bytes, *, is_text: bool) -> None:
        try:
            frame = json.loads(data)
        except ValueError:
            frame = {"<not JSON>": data.decode(errors="replace")}
        if not is_text:
            frame = {"<binary>": frame}
        self._names.received(name, frame)
        self._note(name, frame)

    def _ended(self, name: str, socket: Socket, code: int | None) -> None:
        if self._sockets.get(name) is socket:
            closed = {"step": self._step, "code": code}
            self._closed[name] = {**closed, "by_client": True} if name in self._leaving else closed

    def _note(self, name: str, what: Any) -> None:
        self._received[name].append((self._step, what))
