"""The phases of a conference: starting, connecting, joining, joined (or waiting), leaving, ended.

A connection that breaks after we were let in is replaced without an action of the user: after a wait come a new ticket
with the resumption token, a new WebSocket and `join` (signaling.md § 3). The user sees all these steps as one phase,
`RECONNECTING`.

`Life` owns the phase, the deadline of the present step, the keep-alive and the end: `_end` is the only way to end a
conference. `recovery` decides about attempts, `moving` about rooms of the meeting, `turn` about ICE servers.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Final

from m3core import handshake
from m3core.conference.backoff import BROKEN, MESSAGE_TOO_BIG, NORMAL_CLOSURE
from m3core.conference.calls import CallKind
from m3core.conference.common import EndReason, Phase
from m3core.conference.context import Context
from m3core.conference.entrance import Entering, Entrance
from m3core.conference.events import Ended, ServerBusy
from m3core.conference.keepalive import SILENCE, KeepAlive
from m3core.conference.modules.breakout import BreakoutModule
from m3core.conference.moving import Whereabouts
from m3core.conference.recovery import Recovery
from m3core.conference.requests import Requests
from m3core.conference.streams import Streams
from m3core.conference.turn import TurnServers
from m3core.errors import (
    CallCancelled,
    CallTimedOut,
    ConferenceEnded,
    LocalProtocolError,
    M3Error,
    MediaError,
    RemoteProtocolError,
    TransportError,
)
from m3core.io import CallId, HttpResponse
from m3core.limits import CONNECT_TIMEOUT, JOIN_TIMEOUT, LEAVE_TIMEOUT
from m3core.messages import control
from m3core.names import display_name
from m3core.rest.busy import Patience
from m3core.rest.errors import api_error
from m3core.rest.link import signaling_url
from m3core.rest.rooms import StartResponse
from m3core.values import BreakoutRoomId, RoomId

_ATTEMPT: Final = frozenset({Phase.RECONNECTING, Phase.STARTING, Phase.CONNECTING, Phase.JOINING})
"""Steps that the user sees as the phase `RECONNECTING` after a lost connection."""


class Life:
    """The phase of one conference, and what leads from one phase to the next."""

    def __init__(
        self,
        context: Context,
        streams: Streams,
        rooms: BreakoutModule,
        entrance: Entrance,
        display_name: str,
        *,
        utc_at_zero: dt.datetime | None,
    ) -> None:
        self._context = context
        self._streams = streams
        self._entrance = entrance
        self._display_name = display_name
        self.requests: Final = Requests(context.outbox, entrance.api_url, lambda: context.now)
        self._entering = Entering(entrance, self.requests, started=self._started, failed=self._fail)
        self._turn = TurnServers(context, self._entering, utc_at_zero, self._finish_start)
        self.keepalive: Final = KeepAlive(context.outbox)
        self.recovery: Final = Recovery(context, streams)
        self.whereabouts: Final = Whereabouts(context, rooms)
        self.room_id: RoomId | None = None
        self.ended: EndReason | None = None
        self._patience = Patience()
        self._step = Phase.IDLE
        self._step_deadline: float | None = None
        self._expected_end: EndReason | None = None
        self._end_deadline: float | None = None

    @property
    def phase(self) -> Phase:
        """The present phase."""
        return Phase.RECONNECTING if self.recovery.is_resuming and self._step in _ATTEMPT else self._step

    @property
    def deadline(self) -> float | None:
        """When to call `advance`; ``None`` if nothing is due at any time."""
        turn = self._turn.due if self._step is Phase.JOINED else None
        steps = (self._step_deadline, self._end_deadline)
        deadlines = (*steps, self.requests.deadline, self.keepalive.deadline, self.recovery.gives_up_at, turn)
        return min((at for at in deadlines if at is not None), default=None)

    # -- what the user wants ---
    def start(self) -> CallId:
        """Begin to enter; the call is done when we are in the room and ICE servers are known."""
        if self._step is not Phase.IDLE:
            raise LocalProtocolError("this Conference was started before: make a new one to join again")
        display_name(self._display_name)  # raises for a name that the server would refuse after several requests
        self._entering.begin()
        self._step = Phase.STARTING
        return self._context.calls.open(CallKind.START, "join", self._context.now, math.inf)

    def leave(self) -> CallId:
        """Stop all streams and close; the call is done when the connection is closed."""
        context = self._context
        call = context.calls.open(CallKind.LEAVE, "leave", context.now, math.inf)
        phase = self.phase
        if phase is Phase.RECONNECTING:
            context.outbox.drop()
        if phase in {Phase.IDLE, Phase.STARTING, Phase.ENDED} or context.outbox.connection is None:
            context.calls.finish(call)
            self._end(EndReason.LEFT)
        elif phase is not Phase.LEAVING:
            if phase is Phase.JOINED:
                # Optional: the close is the leave (signaling.md § 2). The client of the capture does it.
                self._streams.publications.unpublish_all()
            self._streams.close_all(CallCancelled("the conference was left"))
            self._step = Phase.LEAVING
            self._step_deadline = context.now + LEAVE_TIMEOUT
            self.keepalive.stop()
            context.outbox.close(NORMAL_CLOSURE)
        return call

    def move(self, breakout: BreakoutRoomId | None) -> CallId:
        """Leave this room and enter another one of the meeting; the call is done when we are in it."""
        context = self._context
        call = self.whereabouts.go(breakout)
        self.keepalive.stop()
        self.recovery.suspend("the room was left for another one", "we are on the way into another room")
        self._step = Phase.RECONNECTING
        self._step_deadline = context.now + LEAVE_TIMEOUT
        context.outbox.close(NORMAL_CLOSURE)
        return call

    def give_up(self, error: M3Error) -> None:
        """Abort what is open, because of ``error``. It is tried again if it was an attempt to reconnect."""
        self._context.outbox.drop()
        self._fail(error)

    # -- what the network says ---
    def connected(self) -> None:
        """The WebSocket is open: join, and ask for ICE servers meanwhile."""
        if self._step is not Phase.CONNECTING:
            return
        self._step = Phase.JOINING
        self._step_deadline = self._context.now + JOIN_TIMEOUT
        self._context.outbox.send(control.Join(display_name=self._display_name))
        if not self.recovery.is_resuming:  # else they are known, and asked for again only when they expire
            self._turn.ask()
            self._entering.ask_room()
        self._turn.ask_if_due()

    def connect_refused(self, response: HttpResponse) -> None:
        """The server answered the handshake with an HTTP error (signaling.md § 1)."""
        self._context.outbox.connection = None
        self._fail(api_error(response, "the WebSocket handshake"))

    def connection_lost(self, code: int | None, reason: str = "") -> None:
        """The WebSocket is closed or could not be opened; ``code`` if a close frame came."""
        outbox = self._context.outbox
        outbox.connection = None
        outbox.signaling.close()
        self.keepalive.stop()
        detail = reason or (f"close code {code}" if code else "no close frame")
        if self._step in {Phase.LEAVING, Phase.ENDED}:
            self._end(EndReason.LEFT)
        elif self._expected_end is not None:
            self._end(self._expected_end)
        elif self.whereabouts.is_moving and self._step is Phase.RECONNECTING:
            # Our own close. Only now is the old session free: before, a start is `session_running` (signaling.md § 3).
            self._attempt()
        elif self.whereabouts.is_over(code, is_joined=self._step is Phase.JOINED):
            self._leave_room_that_is_over()
        elif code == NORMAL_CLOSURE:
            self._end(EndReason.SERVER_CLOSED)
        elif code in BROKEN and (self.recovery.is_resuming or self._step in {Phase.JOINED, Phase.WAITING}):
            self._broken(detail)
        else:
            self._end(EndReason.LOST, detail)

    def heard(self) -> None:
        """Something came from the server. Before we are let in, the deadline of the step watches the connection."""
        if self._step in {Phase.JOINED, Phase.WAITING}:
            self.keepalive.heard(self._context.now)

    def flooded(self, error: RemoteProtocolError) -> None:
        """A message passed a limit of size or depth: that ends the conference, with close code 1009."""
        self._context.outbox.close(MESSAGE_TOO_BIG)
        self._end(EndReason.LOST, str(error))

    def advance(self) -> None:
        """Do what is due."""
        now = self._context.now
        gives_up_at = self.recovery.gives_up_at
        if gives_up_at is not None and gives_up_at <= now:
            self._context.outbox.drop()
            self._end(EndReason.LOST, f"{self.recovery.reason}, and no attempt to reconnect succeeded")
            return
        if self._end_deadline is not None and self._end_deadline <= now and self._expected_end is not None:
            self._context.outbox.close(NORMAL_CLOSURE)
            self._end(self._expected_end)
            return
        self.requests.advance(now)
        if self._step_deadline is not None and self._step_deadline <= now:
            self._step_timed_out()
        if self.keepalive.is_dead(now):
            self._broken(f"the server sent nothing for {SILENCE:g} s")
        if self._step is Phase.JOINED:
            self._turn.ask_if_due()

    # -- what the server says ---
    def entered(self) -> None:
        """The roster and the modules have taken over `join_success`: we are in the room."""
        self._step = Phase.JOINED
        self._inside()
        self.recovery.is_resuming = False
        self.whereabouts.arrived()
        self._turn.ask_if_due()
        self._finish_start()

    def waiting(self) -> None:
        """We are in the waiting room, with no deadline. One who was sent back into it loses all streams."""
        self._step = Phase.WAITING
        self._inside()
        self._streams.end_all(MediaError("we were sent to the waiting room"))

    def enter_room(self) -> None:
        """A moderator accepted us: enter the room. The answer has as much time as that to `join`."""
        self._context.outbox.send(control.EnterRoom())
        self._step_deadline = self._context.now + JOIN_TIMEOUT

    def expect_end(self, reason: EndReason) -> None:
        """The server announced ``reason`` and is about to close. If it does not close soon, we do."""
        if self._expected_end is None:  # the first announcement is the cause
            self._expected_end = reason
            self._end_deadline = self._context.now + LEAVE_TIMEOUT

    # -- steps ---
    def _started(self, room_id: RoomId, answer: StartResponse) -> None:
        self.room_id = room_id
        self.recovery.resumption = answer.resumption
        try:
            offered = handshake.offer(answer.ticket)
        except LocalProtocolError as error:  # the fault is the server's, whose ticket it is
            self._fail(RemoteProtocolError(f"the controller sent no usable ticket: {error}"))
            return
        self._step = Phase.CONNECTING
        self._step_deadline = self._context.now + CONNECT_TIMEOUT
        self._context.outbox.connect(signaling_url(self._entrance.base_url), offered)

    def _inside(self) -> None:
        self._step_deadline = None
        self.recovery.inside()
        self.keepalive.heard(self._context.now)

    def _finish_start(self) -> None:
        """End the call of `start` if we are in the room and the first peer connection can have its ICE servers."""
        call = self._context.calls.find(CallKind.START)
        if call is not None and self._step is Phase.JOINED and self._turn.is_known:
            self._context.calls.finish(call.id)

    def _step_timed_out(self) -> None:
        if self._step is Phase.LEAVING:
            self._context.outbox.close(None)
            self._end(EndReason.LEFT)
        elif self._step is Phase.RECONNECTING:
            self._context.outbox.drop()
            self._attempt()
        elif self._step is Phase.STARTING:
            self._step_deadline = None  # the request has its own
            self._entering.again()
        else:
            what, seconds = ("connect", CONNECT_TIMEOUT) if self._step is Phase.CONNECTING else ("join", JOIN_TIMEOUT)
            self.give_up(CallTimedOut(what, seconds))

    # -- a connection that broke ---
    def _broken(self, detail: str, error: M3Error | None = None) -> None:
        """The connection, or an attempt to open one, failed: abort what is left of it, and try again later.

        ``error`` is how the last attempt failed, if this was one.
        """
        self._context.outbox.drop()
        if not self.recovery.is_resuming or self._step is Phase.WAITING:
            self.keepalive.stop()
            self.recovery.lost(detail)
        self._step = Phase.RECONNECTING
        self._step_deadline = self.recovery.next_attempt(error)

    def _attempt(self) -> None:
        """Ask for another ticket, with the resumption token if there is one."""
        self._step = Phase.STARTING
        self._step_deadline = None  # the request has its own
        self._entering.resume(self.recovery.resumption, self.whereabouts.breakout)

    def _leave_room_that_is_over(self) -> None:
        reason = self.recovery.reason = "the breakout room is over"
        if not self.recovery.is_resuming or self._step is Phase.WAITING:
            self.keepalive.stop()
            self.recovery.suspend(reason, reason)
        self.whereabouts.close_room()
        self._attempt()

    def _fail(self, error: M3Error) -> None:
        if self.whereabouts.is_refused_by(error):
            self.whereabouts.turn_back(error)  # the refused start has not consumed the resumption token
            self._attempt()
            return
        if self.recovery.may_try_again(error):
            self._broken(str(error), error)
            return
        if (wait := self._patience.wait(error)) is not None:
            # This is the first join. A refused handshake may have used the ticket up (signaling.md § 1), so the way
            # begins at a new one.
            self._step = Phase.STARTING
            self._step_deadline = self._context.now + wait
            self._context.outbox.notify(ServerBusy(seconds=wait))
            return
        call = self._context.calls.find(CallKind.START)
        if call is not None:
            self._context.calls.finish(call.id, error=error)
        is_lost = self.recovery.is_resuming and not isinstance(error, CallCancelled)
        self._end(EndReason.LOST if is_lost else EndReason.FAILED, str(error))

    def _end(self, reason: EndReason, detail: str = "") -> None:
        if self._step is Phase.ENDED:
            return
        calls = self._context.calls
        self._step = Phase.ENDED
        self.ended = reason
        self._step_deadline = self._end_deadline = None
        self.recovery.stop()
        self._turn.stop()
        self.keepalive.stop()
        self.requests.forget()
        left = reason is EndReason.LEFT
        error: M3Error = CallCancelled("the conference was left") if left else ConferenceEnded(reason.value, detail)
        self._streams.close_all(error)
        while (leave := calls.find(CallKind.LEAVE)) is not None:
            calls.finish(leave.id)
        start = calls.find(CallKind.START)
        if start is not None and reason in {EndReason.LOST, EndReason.SERVER_CLOSED}:
            error = TransportError(f"the connection was closed before the room was entered ({detail or reason.value})")
        calls.finish_all(error)
        self._context.outbox.signaling.close()
        self._context.outbox.notify(Ended(reason=reason, detail=detail))
