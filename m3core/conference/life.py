"""The life of a conference as one line of phases: entering, connecting, joining, joined (or waiting), leaving, ended.

A connection that breaks once we were in leads back to the entrance, without the user's doing: back-off, a new ticket
with the resumption token, a new WebSocket, `join` (signaling.md § 3). Seen from outside all of that is one phase.

Owns the phase, the deadline of the present step, the keep-alive, and the end: whatever ends a conference ends here,
once. Knows nothing of rosters or of what streams carry.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Final, Protocol

from m3core import handshake
from m3core.conference.backoff import (
    BROKEN,
    INTERNAL_ERROR,
    MESSAGE_TOO_BIG,
    NORMAL_CLOSURE,
    BackOff,
    is_running,
    may_pass,
)
from m3core.conference.calls import CallKind, Calls
from m3core.conference.entrance import Entering, Entrance
from m3core.conference.events import ConnectionLost, Ended
from m3core.conference.keepalive import SILENCE, KeepAlive
from m3core.conference.outbox import Outbox
from m3core.conference.publications import Publications
from m3core.conference.requests import Requests
from m3core.conference.state import EndReason, Phase
from m3core.conference.subscriptions import Subscriptions
from m3core.conference.turn import TurnSchedule
from m3core.errors import (
    ApiError,
    CallCancelled,
    CallRefused,
    CallTimedOut,
    ConferenceEnded,
    LocalProtocolError,
    M3Error,
    MediaError,
    RemoteProtocolError,
    TransportError,
)
from m3core.io import CallId, HttpResponse, IceServer, RequestId
from m3core.limits import CONNECT_TIMEOUT, JOIN_TIMEOUT, LEAVE_TIMEOUT, SILENCE_MEANS_DONE
from m3core.messages import control, encode
from m3core.rest.errors import api_error
from m3core.rest.link import signaling_url
from m3core.rest.rooms import StartResponse
from m3core.values import BreakoutRoomId, RoomId, Secret

_SURVIVING: Final = frozenset({CallKind.START, CallKind.PUBLISH, CallKind.SUBSCRIBE, CallKind.MOVE, CallKind.LEAVE})
"""Calls that a lost connection does not end: what they want is asked for again."""
_NO_ROOMS: Final = "no_breakout_rooms"
_NO_SUCH_ROOM: Final = frozenset({_NO_ROOMS, "invalid_breakout_room_id"})
_ATTEMPT: Final = frozenset({Phase.RECONNECTING, Phase.STARTING, Phase.CONNECTING, Phase.JOINING})
"""Steps that are one phase when the connection was lost."""


class Living(Protocol):
    """What a life needs of its conference."""

    outbox: Outbox
    calls: Calls
    publications: Publications
    subscriptions: Subscriptions
    ice_servers: tuple[IceServer, ...]
    now: float

    @property
    def has_breakout_rooms(self) -> bool:
        """Whether breakout rooms are open, as far as we were told."""

    def breakout_rooms_are_over(self) -> None:
        """There are none, it turned out."""


class Life:
    """Where one conference stands, and how it goes on."""

    def __init__(
        self,
        conference: Living,
        entrance: Entrance,
        display_name: str,
        *,
        jitter: Callable[[], float],
        utc_at_zero: dt.datetime | None,
    ) -> None:
        self._conference = conference
        self._entrance = entrance
        self._display_name = display_name
        self._requests = Requests(conference.outbox, entrance.api_url, lambda: conference.now)
        self._entering = Entering(entrance, self._requests, started=self._started, failed=self._fail)
        self._step_deadline: float | None = None
        self._turn = TurnSchedule(utc_at_zero)
        self._turn_known = False
        self.keepalive = KeepAlive(conference.outbox)
        self._backoff = BackOff(jitter)
        self._resumption: Secret | None = None
        self._loss = ""
        self.breakout: BreakoutRoomId | None = None
        """The room that we are in, or on the way into; None: the main room."""
        self._left_breakout: BreakoutRoomId | None = None
        """Where we came from, in case the other room does not take us ..."""
        self._not_moved: M3Error | None = None
        """... and why it did not. The call ends when we are back."""
        self._step = Phase.IDLE
        self.is_resuming = False
        """From the loss of a connection until we are in the room again."""
        self.is_moving = False
        """From leaving one room of the meeting until we are in another one (signaling.md § 8)."""
        self.room_id: RoomId | None = None
        self.ended: EndReason | None = None
        self._expected_end: EndReason | None = None
        self._end_deadline: float | None = None

    @property
    def phase(self) -> Phase:
        """Where the conference stands."""
        return Phase.RECONNECTING if self.is_resuming and self._step in _ATTEMPT else self._step

    @property
    def expected_end(self) -> EndReason | None:
        """Why the server is about to close, if it said so. One that then does not close is not waited for."""
        return self._expected_end

    @expected_end.setter
    def expected_end(self, reason: EndReason) -> None:
        if self._expected_end is None:
            self._expected_end = reason
            self._end_deadline = self._conference.now + LEAVE_TIMEOUT

    @property
    def deadline(self) -> float | None:
        """When something is due, or the present step or a request has taken too long."""
        turn = self._turn.due if self._step is Phase.JOINED else None
        deadlines = (
            self._step_deadline,
            self._end_deadline,
            self._requests.deadline,
            self.keepalive.deadline,
            self._backoff.gives_up_at,
            turn,
        )
        return min((at for at in deadlines if at is not None), default=None)

    # -- what the user wants ---
    def start(self) -> CallId:
        """Begin; the call is done when we are in the room."""
        if self._step is not Phase.IDLE:
            raise LocalProtocolError("a Conference is started once")
        encode(control.Join(display_name=self._display_name))  # a name that no message can hold: raise now, not later
        self._entering.begin()
        self._step = Phase.STARTING
        return self._conference.calls.open(CallKind.START, "join", self._conference.now, math.inf)

    def leave(self) -> CallId:
        """Stop all streams and close; the call is done when the connection is closed."""
        conference = self._conference
        call = conference.calls.open(CallKind.LEAVE, "leave", conference.now, math.inf)
        phase = self.phase
        if phase is Phase.RECONNECTING:
            conference.outbox.drop()
        if phase in {Phase.IDLE, Phase.STARTING, Phase.ENDED} or conference.outbox.connection is None:
            conference.calls.finish(call)
            self._end(EndReason.LEFT)
        elif phase is not Phase.LEAVING:
            if phase is Phase.JOINED:
                conference.publications.unpublish_all()
            self._close_media(CallCancelled("the conference was left"))
            self._step = Phase.LEAVING
            self._step_deadline = conference.now + LEAVE_TIMEOUT
            self.keepalive.stop()
            conference.outbox.close(NORMAL_CLOSURE)
        return call

    def move(self, breakout: BreakoutRoomId | None) -> CallId:
        """Leave this room and enter another one of the meeting; the call is done when we are in it."""
        conference = self._conference
        if (before := conference.calls.find(CallKind.MOVE)) is not None:
            conference.calls.finish(before.id)  # we were there, if only for a moment
        call = conference.calls.open(CallKind.MOVE, "switch_room", conference.now, math.inf)
        self._left_breakout, self.breakout = self.breakout, breakout
        self._loss = "the room was left for another one"
        self.is_moving, self._not_moved = True, None
        self._suspend("we are on the way into another room")
        self._step = Phase.RECONNECTING
        self._step_deadline = conference.now + LEAVE_TIMEOUT
        conference.outbox.close(NORMAL_CLOSURE)
        return call

    def give_up(self, error: M3Error) -> None:
        """End before we were in the room: whatever is open is aborted."""
        self._conference.outbox.drop()
        self._fail(error)

    # -- what the network says ---
    def response(self, request: RequestId, response: HttpResponse) -> None:
        """A request was answered."""
        self._requests.response(request, response)

    def request_failed(self, request: RequestId, error: M3Error) -> None:
        """A request could not be performed."""
        self._requests.failed(request, error)

    def connected(self) -> None:
        """The WebSocket is open: join, and ask for TURN servers meanwhile."""
        if self._step is not Phase.CONNECTING:
            return
        self._step = Phase.JOINING
        self._step_deadline = self._conference.now + JOIN_TIMEOUT
        self._conference.outbox.send(control.Join(display_name=self._display_name))
        if not self.is_resuming:
            self._ask_turn()
            self._entering.ask_room()
        self._ask_turn_if_due()

    def connect_refused(self, status: int, body: bytes) -> None:
        """The handshake was answered with an HTTP error (signaling.md § 1)."""
        self._conference.outbox.connection = None
        self._fail(api_error(HttpResponse(status, body=body), "the WebSocket handshake"))

    def connection_lost(self, code: int | None, reason: str = "") -> None:
        """The WebSocket is closed, or could not be opened."""
        outbox = self._conference.outbox
        outbox.connection = None
        outbox.signaling.close()
        self.keepalive.stop()
        detail = reason or (f"close code {code}" if code else "no close frame")
        if self._step in {Phase.LEAVING, Phase.ENDED}:  # an end is an end, whoever hears of it late
            self._end(EndReason.LEFT)
        elif self.expected_end is not None:
            self._end(self.expected_end)
        elif self.is_moving and self._step is Phase.RECONNECTING:
            self._attempt()
        elif self._is_room_over(code):
            self._leave_room_that_is_over()
        elif code == NORMAL_CLOSURE:
            self._end(EndReason.SERVER_CLOSED)
        elif code in BROKEN and (self.is_resuming or self._step in {Phase.JOINED, Phase.WAITING}):
            self._broken(detail)
        else:
            self._end(EndReason.LOST, detail)

    def heard(self) -> None:
        """Something came from the server. Before we are in, each step has its own deadline."""
        if self._step in {Phase.JOINED, Phase.WAITING}:
            self.keepalive.heard(self._conference.now)

    def flooded(self, error: RemoteProtocolError) -> None:
        """A message passed a limit: that alone ends a connection."""
        self._conference.outbox.close(MESSAGE_TOO_BIG)
        self._end(EndReason.LOST, str(error))

    def advance(self) -> None:
        """Time passed."""
        now = self._conference.now
        gives_up_at = self._backoff.gives_up_at
        if gives_up_at is not None and gives_up_at <= now:
            self._conference.outbox.drop()
            self._end(EndReason.LOST, f"{self._loss}, and no attempt to come back succeeded")
            return
        if self._end_deadline is not None and self._end_deadline <= now and self._expected_end is not None:
            self._conference.outbox.close(NORMAL_CLOSURE)
            self._end(self._expected_end)
            return
        self._requests.advance(now)
        if self._step_deadline is not None and self._step_deadline <= now:
            self._step_timed_out()
        if self.keepalive.is_dead(now):
            self._broken(f"nothing was heard for {SILENCE:g} s")
        if self._step is Phase.JOINED:
            self._ask_turn_if_due()

    # -- what the server says ---
    def entered(self) -> None:
        """`join_success` was folded."""
        self._step = Phase.JOINED
        self._inside()
        self.is_resuming = self.is_moving = False
        if (move := self._conference.calls.find(CallKind.MOVE)) is not None:
            if self._not_moved or self.breakout is None or self._conference.has_breakout_rooms:
                self._conference.calls.finish(move.id, error=self._not_moved)
            else:  # the room may be over, and the server about to close (signaling.md § 8)
                move.silent, move.deadline = True, self._conference.now + SILENCE_MEANS_DONE
        self._ask_turn_if_due()
        self._finish_start()

    def waiting(self) -> None:
        """The waiting room: there is no hurry any more. Whoever was sent back there has no streams."""
        self._step = Phase.WAITING
        self._inside()
        error = MediaError("we were sent to the waiting room")
        for session in self._conference.publications.all():
            self._conference.publications.lost(session, error, tell_server=False)
        for session in self._conference.subscriptions.all():
            self._conference.subscriptions.stop(session, error)

    def enter_room(self) -> None:
        """A moderator let us in: enter, and wait no longer than for a join."""
        self._conference.outbox.send(control.EnterRoom())
        self._step_deadline = self._conference.now + JOIN_TIMEOUT

    # -- steps ---
    def _started(self, room_id: RoomId, answer: StartResponse) -> None:
        self.room_id = room_id
        self._resumption = answer.resumption
        try:
            offered = handshake.offer(answer.ticket)
        except M3Error as error:
            self._fail(error)
            return
        self._step = Phase.CONNECTING
        self._step_deadline = self._conference.now + CONNECT_TIMEOUT
        self._conference.outbox.connect(signaling_url(self._entrance.base_url), offered)

    def _inside(self) -> None:
        self._step_deadline = None
        self._backoff.connected(self._conference.now)
        self.keepalive.heard(self._conference.now)

    def _ask_turn(self) -> None:
        self._turn.asked()
        self._entering.ask_turn(self._turn_told, self._turn_failed)

    def _ask_turn_if_due(self) -> None:
        if self._turn.due is not None and self._turn.due <= self._conference.now:
            self._ask_turn()

    def _turn_told(self, servers: tuple[IceServer, ...]) -> None:
        self._conference.ice_servers = servers
        self._turn.answered(servers, self._conference.now)
        self._turn_known = True
        self._finish_start()

    def _turn_failed(self, _error: M3Error) -> None:  # the first peers do without, or with the old ones
        if self._turn_known and self._conference.ice_servers:
            self._turn.failed(self._conference.now)
        self._turn_known = True
        self._finish_start()

    def _finish_start(self) -> None:
        """We are in, and the first peer will know its TURN servers."""
        call = self._conference.calls.find(CallKind.START)
        if call is not None and self._step is Phase.JOINED and self._turn_known:
            self._conference.calls.finish(call.id)

    def _step_timed_out(self) -> None:
        if self._step is Phase.LEAVING:
            self._conference.outbox.close(None)
            self._end(EndReason.LEFT)
        elif self._step is Phase.RECONNECTING:
            self._conference.outbox.drop()
            self._attempt()
        else:
            what, seconds = ("connect", CONNECT_TIMEOUT) if self._step is Phase.CONNECTING else ("join", JOIN_TIMEOUT)
            self.give_up(CallTimedOut(what, seconds))

    # -- a connection that broke ---
    def _broken(self, detail: str, *, running: bool = False) -> None:
        """The connection is gone, or what was to become one is: abort what is left of it, and try again later."""
        conference = self._conference
        conference.outbox.drop()
        if not self.is_resuming or self._step is Phase.WAITING:
            self._suspend(f"the connection was lost before the command was done ({detail})")
            conference.outbox.notify(ConnectionLost(detail=detail))
            self._loss = detail
        self._step = Phase.RECONNECTING
        self._step_deadline = self._backoff.next(conference.now, running=running)

    def _suspend(self, reason: str) -> None:
        """From now on we are on the way back: streams wait, and what the user waits for is not done."""
        conference = self._conference
        self.keepalive.stop()
        self._backoff.lost(conference.now)
        conference.publications.suspend()
        conference.subscriptions.suspend()
        for kind in CallKind:
            while kind not in _SURVIVING and (call := conference.calls.find(kind)) is not None:
                conference.calls.finish(call.id, error=TransportError(reason))
        self.is_resuming = True

    def _attempt(self) -> None:
        """Ask for a ticket, as the participant that we were."""
        self._step = Phase.STARTING
        self._step_deadline = None  # the request has its own
        self._entering.resume(self._resumption, self.breakout)

    def _is_room_over(self, code: int | None) -> bool:
        """Whether a close is the end of the breakout room that we are in, or on the way into (signaling.md § 2, 8).

        One that is over is closed with 1011 or 1000: before or after `join_success`, or when no time to leave is left.
        """
        if self.breakout is None:
            return False
        is_open = self._step is Phase.JOINED and self._conference.has_breakout_rooms
        return code == INTERNAL_ERROR or (code == NORMAL_CLOSURE and not is_open)

    def _leave_room_that_is_over(self) -> None:
        self._loss = "the breakout room is over"
        if not self.is_resuming or self._step is Phase.WAITING:
            self._suspend(self._loss)
        if (move := self._conference.calls.find(CallKind.MOVE)) is not None:
            move.deadline = math.inf
        self._turn_back(CallRefused(_NO_ROOMS))

    def _turn_back(self, error: M3Error) -> None:
        """The breakout room is no more, and the token is not used up by that: go where we came from.

        A breakout room that we were in when the connection was lost may have ended meanwhile: then into the main room.
        """
        self._not_moved = error
        if isinstance(error, ApiError | CallRefused) and error.code == _NO_ROOMS:
            self._conference.breakout_rooms_are_over()
        if self.is_moving:
            self.breakout, self._left_breakout = self._left_breakout, None
            self.is_moving = False
        else:
            self.breakout = None
            self.is_moving = True
        self._attempt()

    def _fail(self, error: M3Error) -> None:
        if self.breakout is not None and isinstance(error, ApiError) and error.code in _NO_SUCH_ROOM:
            self._turn_back(error)
            return
        if self.is_resuming and may_pass(error):
            running = is_running(error)
            if running and self._backoff.is_old(self._conference.now):
                # The controller has crashed, and keeps our token and our ghost (signaling.md § 3): come as a new one.
                self._resumption = None
            self._broken(str(error), running=running)
            return
        call = self._conference.calls.find(CallKind.START)
        if call is not None:
            self._conference.calls.finish(call.id, error=error)
        is_lost = self.is_resuming and not isinstance(error, CallCancelled)
        self._end(EndReason.LOST if is_lost else EndReason.FAILED, str(error))

    def _end(self, reason: EndReason, detail: str = "") -> None:
        if self._step is Phase.ENDED:
            return
        calls = self._conference.calls
        self._step = Phase.ENDED
        self.ended = reason
        self._step_deadline = self._end_deadline = self._turn.due = self._backoff.gives_up_at = None
        self.keepalive.stop()
        self._requests.forget()
        left = reason is EndReason.LEFT
        error: M3Error = CallCancelled("the conference was left") if left else ConferenceEnded(reason.value, detail)
        self._close_media(error)
        while (leave := calls.find(CallKind.LEAVE)) is not None:
            calls.finish(leave.id)
        start = calls.find(CallKind.START)
        if start is not None and reason in {EndReason.LOST, EndReason.SERVER_CLOSED}:
            error = TransportError(f"the connection was closed before the room was entered ({detail or reason.value})")
        calls.finish_all(error)
        self._conference.outbox.signaling.close()
        self._conference.outbox.notify(Ended(reason=reason, detail=detail))

    def _close_media(self, error: M3Error) -> None:
        for sessions in (self._conference.publications, self._conference.subscriptions):
            for session in sessions.all():
                sessions.close(session, error)
