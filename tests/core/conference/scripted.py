"""A client engine whose server is the test: the test sees each output, and gives each answer."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from m3core.conference.engine import Conference
from m3core.conference.entrance import Entrance, GuestEntrance
from m3core.conference.events import Ended
from m3core.conference.state import Phase
from m3core.errors import TransportError
from m3core.io import (
    CallDone,
    CallId,
    Close,
    Connect,
    ConnectionId,
    HttpRequest,
    HttpResponse,
    MediaCommand,
    MediaReport,
    Notify,
    Ping,
    SendText,
)
from m3core.testing.fakes import FakeMedia
from m3core.testing.pair import BASE_URL, UTC_AT_ZERO
from m3core.values import InviteCode

ME, OTHER = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
THIRD, NEW_ME = "33333333-0000-4000-8000-000000000003", "44444444-0000-4000-8000-000000000004"
ROOM = "99999999-0000-4000-8000-000000000009"
GUEST = GuestEntrance(base_url=BASE_URL, invite_code=InviteCode("99999999-0000-4000-8000-00000000000a"))
JSON = (("content-type", "application/json"),)


def person(identity: str, name: str, *, left: bool = False, **streams: dict[str, bool]) -> dict[str, Any]:
    """A participant entry."""
    control = {"display_name": name, "role": "user", "participation_kind": "user", "hand_is_up": False}
    return {
        "id": identity,
        "control": {**control, "left_at": "2024-03-05T09:31:00Z" if left else None},
        "media": {"is_presenter": True, **streams},
    }


ON = {"audio": True, "video": True}


def _report(report: MediaReport, conference: Conference, now: float) -> None:
    conference.media_report(report, now)


class Script:
    """One conference, its outputs, and a clock."""

    def __init__(
        self,
        entrance: Entrance = GUEST,
        *,
        jitter: Callable[[], float] = lambda: 0.5,
        turn: object = None,
        now: float = 0.0,
    ) -> None:
        self.now = now
        self.conference = Conference(
            entrance, display_name="Ada", jitter=jitter, utc_at_zero=UTC_AT_ZERO if turn else None
        )
        self.media = FakeMedia()
        self.requests: deque[HttpRequest] = deque()
        self.connects: list[ConnectionId] = []
        self.closes: list[Close] = []
        self.pings: list[Ping] = []
        self.sent: deque[dict[str, Any]] = deque()
        self.events: list[Any] = []
        self.done: dict[CallId, CallDone] = {}
        self.tokens = 0
        self.turn = turn
        """The body that answers `GET /turn`; ``None``: 204."""
        self.give(lambda c, now: c.start(now))

    def give(self, what: Callable[[Conference, float], Any]) -> Any:
        """Give one input, and collect its outputs."""
        result = what(self.conference, self.now)
        for output in list(self.conference.outputs()):
            match output:
                case HttpRequest():
                    self.requests.append(output)
                case Connect(connection=connection):
                    self.connects.append(connection)
                case SendText(data=data):
                    self.sent.append(json.loads(data)["payload"])
                case Ping():
                    self.pings.append(output)
                case Close():
                    self.closes.append(output)
                case MediaCommand():
                    for report in self.media.perform(output):
                        self.give(partial(_report, report))
                case Notify(event=event):
                    self.events.append(event)
                case CallDone(call=call):
                    assert call not in self.done
                    self.done[call] = output
        deadline = self.conference.deadline
        assert deadline is None or deadline > self.now
        return result

    def answer(self, status: int = 200, body: object = None) -> HttpRequest:
        """Answer the oldest request; 200 without a body means the usual answer to it."""
        request = self.requests.popleft()
        if body is None and status == 200:
            if request.url.endswith("/turn"):
                status, body = (204, None) if self.turn is None else (200, self.turn)
            elif request.url.endswith("/verify"):
                body = {"room_id": ROOM}
            elif request.method == "GET":
                status = 404
            else:
                self.tokens += 1
                body = {"ticket": "t" * 64, "resumption": f"{self.tokens:064}"}
        data = b"" if body is None else json.dumps(body).encode()
        self.give(lambda c, now: c.http_response(request.id, HttpResponse(status, JSON, data), now))
        return request

    def fail(self) -> None:
        """The oldest request cannot be performed."""
        request = self.requests.popleft()
        self.give(lambda c, now: c.http_failed(request.id, TransportError("no network"), now))

    def answer_all(self) -> None:
        while self.requests:
            self.answer()

    def connect(self) -> None:
        self.give(lambda c, now: c.connected(self.connects[-1], now))

    def refuse(self, status: int, code: str) -> None:
        """Refuse the WebSocket handshake."""
        body = json.dumps({"code": code, "message": ""}).encode()
        self.give(lambda c, now: c.connect_refused(self.connects[-1], status, body, now))

    def hear(self, namespace: str, **payload: Any) -> None:
        data = json.dumps({"namespace": namespace, "payload": payload}).encode()
        self.give(lambda c, now: c.receive_text(self.connects[-1], data, now))

    def join(self, *people: dict[str, Any], me: str = ME, **fields: Any) -> None:
        """`join_success`."""
        mine = {"id": me, "display_name": "Ada", "role": "user", "media": {"is_presenter": True}, **fields}
        self.hear("control", message="join_success", participants=list(people), **mine)

    def enter(self, *people: dict[str, Any], me: str = ME, **fields: Any) -> None:
        """Answer requests, connect and join, for the first time or after a loss."""
        self.answer_all()
        self.connect()
        self.answer_all()
        assert self.sent.popleft()["action"] == "join"
        self.join(*people, me=me, **fields)

    def lose(self, code: int | None = None) -> None:
        self.give(lambda c, now: c.connection_lost(self.connects[-1], now, code=code))

    def sleep(self, seconds: float) -> None:
        """Let time pass; `advance` is called at every deadline."""
        end = self.now + seconds
        while (due := self.conference.deadline) is not None and due <= end:
            self.now = due
            self.give(lambda c, now: c.advance(now))
        self.now = end

    def until_ended(self, answer: Callable[[], object]) -> int:
        """Let time pass until the conference has ended; ``answer`` answers each request. Gives their number."""
        count = 0
        while not self.of(Ended):
            self.next_deadline()
            while self.requests:
                count += 1
                answer()
        return count

    def await_attempt(self) -> float:
        """Sleep until the next attempt begins; gives the seconds until then."""
        began = self.now
        while not self.requests:
            self.next_deadline()
        return self.now - began

    def next_deadline(self) -> None:
        """Let time pass until something is due."""
        due = self.conference.deadline
        assert due is not None
        self.now = due
        self.give(lambda c, now: c.advance(now))

    def phase(self) -> Phase:
        """The present phase."""
        return self.conference.phase

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]
