"""The life of a conference as one line of phases: entering, connecting, joining, joined (or waiting), leaving, ended.

Owns the phase, the deadline of the present step, and the end: whatever ends a conference ends here, once. Knows nothing
of rosters or of what streams carry.
"""

from __future__ import annotations

import math
from typing import Protocol

from m3core import handshake
from m3core.conference.calls import CallKind, Calls
from m3core.conference.entrance import Entering, Entrance
from m3core.conference.events import Ended
from m3core.conference.outbox import Outbox
from m3core.conference.publications import Publications
from m3core.conference.requests import Requests
from m3core.conference.state import EndReason, Phase
from m3core.conference.subscriptions import Subscriptions
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
from m3core.io import CallId, ConnectionId, HttpResponse, IceServer, RequestId
from m3core.limits import CONNECT_TIMEOUT, JOIN_TIMEOUT, LEAVE_TIMEOUT
from m3core.messages import control, encode
from m3core.rest.errors import api_error
from m3core.rest.link import signaling_url
from m3core.rest.rooms import StartResponse
from m3core.values import RoomId, Subprotocol

NORMAL_CLOSURE = 1000
"""RFC 6455 s.7.4.1."""
MESSAGE_TOO_BIG = 1009
"""RFC 6455 s.7.4.1."""


class Living(Protocol):
    """What a life needs of its conference."""

    outbox: Outbox
    calls: Calls
    publications: Publications
    subscriptions: Subscriptions
    ice_servers: tuple[IceServer, ...]
    now: float


class Life:
    """Where one conference stands, and how it goes on."""

    def __init__(self, conference: Living, entrance: Entrance, display_name: str) -> None:
        self._conference = conference
        self._entrance = entrance
        self._display_name = display_name
        self._requests = Requests(conference.outbox, entrance.base_url, lambda: conference.now)
        self._entering = Entering(entrance, self._requests, started=self._started, failed=self._fail)
        self._step_deadline: float | None = None
        self._turn_known = False
        self.phase = Phase.IDLE
        self.room_id: RoomId | None = None
        self.ended: EndReason | None = None
        self.expected_end: EndReason | None = None
        """Why the server is about to close, if it said so."""

    @property
    def deadline(self) -> float | None:
        """When the present step, or a request, has taken too long."""
        deadlines = (self._step_deadline, self._requests.deadline)
        return min((at for at in deadlines if at is not None), default=None)

    # -- what the user wants ---
    def start(self) -> CallId:
        """Begin; the call is done when we are in the room."""
        if self.phase is not Phase.IDLE:
            raise LocalProtocolError("a Conference is started once")
        encode(control.Join(display_name=self._display_name))  # a name that no message can hold: raise now, not later
        self._entering.begin()
        self.phase = Phase.STARTING
        return self._conference.calls.open(CallKind.START, "join", self._conference.now, math.inf)

    def leave(self) -> CallId:
        """Stop all streams and close; the call is done when the connection is closed."""
        conference = self._conference
        call = conference.calls.open(CallKind.LEAVE, "leave", conference.now, math.inf)
        if self.phase in {Phase.IDLE, Phase.STARTING, Phase.ENDED} or conference.outbox.connection is None:
            conference.calls.finish(call)
            self._end(EndReason.LEFT)
        elif self.phase is not Phase.LEAVING:
            if self.phase is Phase.JOINED:
                conference.publications.unpublish_all()
            self._close_media(CallCancelled("the conference was left"))
            self.phase = Phase.LEAVING
            self._step_deadline = conference.now + LEAVE_TIMEOUT
            conference.outbox.close(NORMAL_CLOSURE)
        return call

    def give_up(self, error: M3Error) -> None:
        """End before we were in the room: whatever is open is aborted."""
        self._conference.outbox.close(None)
        self._fail(error)

    # -- what the network says ---
    def response(self, request: RequestId, response: HttpResponse) -> None:
        """A request was answered."""
        self._requests.response(request, response)

    def request_failed(self, request: RequestId, error: M3Error) -> None:
        """A request could not be performed."""
        self._requests.failed(request, error)

    def connected(self, connection: ConnectionId) -> None:
        """The WebSocket is open: join, and ask for TURN servers meanwhile."""
        outbox = self._conference.outbox
        if connection == outbox.connection and self.phase is Phase.CONNECTING:
            self.phase = Phase.JOINING
            self._step_deadline = self._conference.now + JOIN_TIMEOUT
            outbox.send(control.Join(display_name=self._display_name))
            self._entering.ask_turn(self._turn)
            self._entering.ask_room()

    def connect_refused(self, status: int, body: bytes) -> None:
        """The handshake was answered with an HTTP error (signaling.md § 1)."""
        self._conference.outbox.connection = None
        self._fail(api_error(HttpResponse(status, body=body), "the WebSocket handshake"))

    def connection_lost(self, code: int | None) -> None:
        """The WebSocket is closed."""
        outbox = self._conference.outbox
        outbox.connection = None
        outbox.signaling.close()
        if self.phase is Phase.LEAVING:
            self._end(EndReason.LEFT)
        elif self.expected_end is not None:
            self._end(self.expected_end)
        elif code == NORMAL_CLOSURE:
            self._end(EndReason.SERVER_CLOSED)
        else:
            self._end(EndReason.LOST, f"close code {code}" if code else "no close frame")

    def flooded(self, error: RemoteProtocolError) -> None:
        """A message passed a limit: that alone ends a connection."""
        self._conference.outbox.close(MESSAGE_TOO_BIG)
        self._end(EndReason.LOST, str(error))

    def advance(self) -> None:
        """Time passed."""
        self._requests.advance(self._conference.now)
        if self._step_deadline is not None and self._step_deadline <= self._conference.now:
            self._step_timed_out()

    # -- what the server says ---
    def entered(self) -> None:
        """`join_success` was folded."""
        self.phase = Phase.JOINED
        self._step_deadline = None
        self._finish_start()

    def waiting(self) -> None:
        """The waiting room: there is no hurry any more. Whoever was sent back there has no streams."""
        self.phase = Phase.WAITING
        self._step_deadline = None
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
        try:
            offered = handshake.offer(answer.ticket, Subprotocol.K3K)
        except M3Error as error:
            self._fail(error)
            return
        self.phase = Phase.CONNECTING
        self._step_deadline = self._conference.now + CONNECT_TIMEOUT
        self._conference.outbox.connect(signaling_url(self._entrance.base_url), offered)

    def _turn(self, servers: tuple[IceServer, ...]) -> None:
        self._conference.ice_servers = servers
        self._turn_known = True
        self._finish_start()

    def _finish_start(self) -> None:
        """We are in, and the first peer will know its TURN servers."""
        call = self._conference.calls.find(CallKind.START)
        if call is not None and self.phase is Phase.JOINED and self._turn_known:
            self._conference.calls.finish(call.id)

    def _step_timed_out(self) -> None:
        if self.phase is Phase.LEAVING:
            self._conference.outbox.close(None)
            self._end(EndReason.LEFT)
            return
        what, seconds = ("connect", CONNECT_TIMEOUT) if self.phase is Phase.CONNECTING else ("join", JOIN_TIMEOUT)
        self.give_up(CallTimedOut(what, seconds))

    def _fail(self, error: M3Error) -> None:
        call = self._conference.calls.find(CallKind.START)
        if call is not None:
            self._conference.calls.finish(call.id, error=error)
        self._end(EndReason.FAILED, str(error))

    def _end(self, reason: EndReason, detail: str = "") -> None:
        if self.phase is Phase.ENDED:
            return
        calls = self._conference.calls
        self.phase = Phase.ENDED
        self.ended = reason
        self._step_deadline = None
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
