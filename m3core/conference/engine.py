"""The client engine: one conference from the first REST call to its end. Inputs in, outputs out (see `m3core.io`).

Owns the order of things: entrance, WebSocket, join, roster, media sessions, leaving. What a message means is in the
parts (`entrance`, `roster`, `publications`, `subscriptions`, `dispatch`); this module calls them and keeps time.
Knows no tokens, sockets or event loops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from attrs import evolve

from m3core import handshake
from m3core.conference.calls import CallKind, Calls
from m3core.conference.dispatch import Dispatcher
from m3core.conference.entrance import Entering, Entrance
from m3core.conference.events import ConferenceEvent, Ended, PeerMisbehaved
from m3core.conference.outbox import Outbox, Output
from m3core.conference.publications import Publications, media_failed
from m3core.conference.requests import Requests
from m3core.conference.roster import Roster
from m3core.conference.sessions import MediaSession, MediaSessions
from m3core.conference.state import ConferenceState, EndReason, Participant, Phase
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
from m3core.io import (
    CallId,
    ConnectionId,
    Described,
    Down,
    Failed,
    HttpResponse,
    IceServer,
    MediaReport,
    PeerId,
    RequestId,
    Trickled,
)
from m3core.limits import CONNECT_TIMEOUT, JOIN_TIMEOUT, LEAVE_TIMEOUT, SILENCE_MEANS_DONE
from m3core.messages import Command, UnknownCommand, control, encode
from m3core.messages import kind as kind_of
from m3core.rest.errors import api_error
from m3core.rest.link import signaling_url
from m3core.rest.rooms import StartResponse
from m3core.signaling import NEED_DATA, BadMessage
from m3core.values import MediaSessionKey, MediaSessionType, ParticipantId, Role, RoomId, Secret, Subprotocol

NORMAL_CLOSURE = 1000
"""RFC 6455 s.7.4.1."""
MESSAGE_TOO_BIG = 1009
"""RFC 6455 s.7.4.1."""

# The slugs that can mean a command; all but those with an acknowledgement succeed in silence (signaling.md § 4, 5).
_REFUSALS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "raise_hand": frozenset({"raise_hands_disabled"}),
        "grant_moderator_role": frozenset({"insufficient_permissions", "nothing_to_do", "target_is_room_owner"}),
        "revoke_moderator_role": frozenset({"insufficient_permissions", "nothing_to_do", "target_is_room_owner"}),
        "moderator_mute": frozenset({"permission_denied"}),
        "grant_presenter_role": frozenset({"permission_denied"}),
        "revoke_presenter_role": frozenset({"permission_denied"}),
        "moderator_enable_force_mute": frozenset({"permission_denied"}),
        "moderator_disable_force_mute": frozenset({"permission_denied"}),
    }
)


class Conference:
    """One conference, as a client. Use it once: `start`, then inputs until `state.ended`."""

    def __init__(self, entrance: Entrance, *, display_name: str) -> None:
        self._entrance = entrance
        self._display_name = display_name
        self.outbox = Outbox()
        self.calls = Calls()
        self.ice_servers: tuple[IceServer, ...] = ()
        self.roster = Roster()
        self.publications = Publications(self)
        self.subscriptions = Subscriptions(self)
        self.phase = Phase.IDLE
        self.room_id: RoomId | None = None
        self.own: Participant | None = None
        self.modules: Mapping[str, object] = MappingProxyType({})
        self.expected_end: EndReason | None = None
        """Why the server is about to close, if it said so."""
        self._ended: EndReason | None = None
        self._resumption: Secret | None = None
        self._requests = Requests(self.outbox, entrance.base_url, lambda: self.now)
        self._entering = Entering(entrance, self._requests, started=self._started, failed=self._fail)
        self.now = -math.inf
        self._step_deadline: float | None = None
        self._turn_known = False
        self._dispatcher = Dispatcher(self)
        self._snapshot: ConferenceState | None = None

    # -- the contract ---
    def outputs(self) -> Iterator[Output]:
        """What to perform, in order; drained at once after every input."""
        yield from self.outbox.drain()

    @property
    def deadline(self) -> float | None:
        """When to call `advance`; ``None``: never."""
        deadlines = (self._step_deadline, self.calls.deadline, self._requests.deadline)
        return min((at for at in deadlines if at is not None and at < math.inf), default=None)

    @property
    def state(self) -> ConferenceState:
        """The snapshot: frozen, built when read, the same object until something changes."""
        if self._snapshot is None:
            self._snapshot = ConferenceState(
                phase=self.phase,
                room_id=self.room_id,
                own=self.own,
                participants=MappingProxyType(dict(self.roster.participants)),
                focus=self.roster.focus,
                publications=self.publications.states(),
                subscriptions=self.subscriptions.states(),
                modules=self.modules,
                ended=self._ended,
            )
        return self._snapshot

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        """The events that lead to the present state: what an observer who comes now has missed."""
        return tuple(self.roster.present_events())

    # -- the user's commands ---
    def start(self, now: float) -> CallId:
        """Enter and join; the call is done when we are in the room."""
        self._begin(now)
        if self.phase is not Phase.IDLE:
            raise LocalProtocolError("a Conference is started once")
        encode(control.Join(display_name=self._display_name))  # a name that no message can hold: raise now, not later
        self._entering.begin()
        call = self.calls.open(CallKind.START, "join", self.now, math.inf)
        self.phase = Phase.STARTING
        self._end_input()
        return call

    def leave(self, now: float) -> CallId:
        """Stop all streams and close; the call is done when the connection is closed."""
        self._begin(now)
        call = self.calls.open(CallKind.LEAVE, "leave", self.now, math.inf)
        if self.phase in {Phase.IDLE, Phase.STARTING, Phase.ENDED} or self.outbox.connection is None:
            self.calls.finish(call)
            self._end(EndReason.LEFT)
        elif self.phase is not Phase.LEAVING:
            if self.phase is Phase.JOINED:
                self.publications.unpublish_all()
            self._close_media(CallCancelled("the conference was left"))
            self.phase = Phase.LEAVING
            self._step_deadline = self.now + LEAVE_TIMEOUT
            self.outbox.close(NORMAL_CLOSURE)
        self._end_input()
        return call

    def new_peer(self) -> PeerId:
        """An id for `publish`, so that sources can be opened (which may take long) before anything is sent."""
        return self.outbox.new_peer()

    def publish(
        self,
        media_session_type: MediaSessionType,
        *,
        audio: bool,
        video: bool,
        peer: PeerId | None = None,
        now: float,
    ) -> tuple[CallId, PeerId]:
        """Publish a stream; its sources belong to the peer that is returned. `CallDone.result` is its key."""
        own = self._begin_joined(now)
        may_share = own.is_presenter or own.role is Role.MODERATOR
        if media_session_type is MediaSessionType.SCREEN and not may_share:
            raise LocalProtocolError("sharing the screen needs the presenter's permission of a moderator")
        key = MediaSessionKey(own.id, media_session_type)
        call, peer = self.publications.publish(key, audio=audio, video=video, peer=peer, now=self.now)
        self._end_input()
        return call, peer

    def set_sending(self, media_session_type: MediaSessionType, *, audio: bool, video: bool, now: float) -> CallId:
        """Mute and unmute the tracks of a stream of ours."""
        key = MediaSessionKey(self._begin_joined(now).id, media_session_type)
        call = self.publications.set_sending(key, audio=audio, video=video, now=self.now)
        self._end_input()
        return call

    def unpublish(self, media_session_type: MediaSessionType, now: float) -> CallId:
        """Stop a stream of ours; a publish that is under way is cancelled."""
        key = MediaSessionKey(self._begin_joined(now).id, media_session_type)
        self.calls.check_capacity()
        self.publications.unpublish(key)
        call = self.calls.open(CallKind.COMMAND, "unpublish", self.now, 0.0, silent=True)
        self.calls.finish(call)
        self._end_input()
        return call

    def subscribe(
        self,
        participant_id: ParticipantId,
        media_session_type: MediaSessionType,
        *,
        without_video: bool = False,
        now: float,
    ) -> tuple[CallId, PeerId]:
        """Receive a stream; what arrives belongs to the peer that is returned. `CallDone.result` is its key."""
        self._begin_joined(now)
        participant = self.roster.participants.get(participant_id)
        if participant is None or not participant.is_here:
            raise LocalProtocolError("that participant is not in the room")
        if media_session_type not in participant.streams:
            raise LocalProtocolError(f"that participant does not publish {media_session_type.value}")
        key = MediaSessionKey(participant_id, media_session_type)
        call, peer = self.subscriptions.subscribe(key, without_video=without_video, now=self.now)
        self._end_input()
        return call, peer

    def park(self, participant_id: ParticipantId, media_session_type: MediaSessionType, now: float) -> None:
        """Nobody reads that subscription any more (there is no unsubscribe on the wire)."""
        self._begin(now)
        if self.phase is Phase.JOINED:
            self.subscriptions.park(MediaSessionKey(participant_id, media_session_type))
        self._end_input()

    def configure(
        self,
        participant_id: ParticipantId,
        media_session_type: MediaSessionType,
        *,
        video: bool | None = None,
        substream: int | None = None,
        now: float,
    ) -> CallId:
        """Leave out or resume the video of a subscription, or choose its layer (media.md § 5)."""
        self._begin_joined(now)
        key = MediaSessionKey(participant_id, media_session_type)
        call = self.subscriptions.configure(key, video=video, substream=substream, now=self.now)
        self._end_input()
        return call

    def command(self, message: Command | UnknownCommand, now: float) -> CallId:
        """Send a command that has no method of its own; done by its acknowledgement, or by silence."""
        self._begin_joined(now)
        name = kind_of(message)[1]
        self.calls.check_capacity()
        self.outbox.send(message)
        call = self.calls.open(
            CallKind.COMMAND, name, self.now, SILENCE_MEANS_DONE, slugs=_REFUSALS.get(name, frozenset()), silent=True
        )
        self._end_input()
        return call

    def raise_hand(self, now: float) -> CallId:
        """Raise the own hand."""
        call = self.command(control.RaiseHand(), now)
        self.show_hand(is_up=True)
        return call

    def lower_hand(self, now: float) -> CallId:
        """Lower the own hand."""
        call = self.command(control.LowerHand(), now)
        self.show_hand(is_up=False)
        return call

    def cancel(self, call: CallId, now: float) -> None:
        """Give a call up. A publish whose offer has left is unpublished; a subscription is parked."""
        self._begin(now)
        pending = self.calls.get(call)
        if pending is not None:
            error = CallCancelled(f"{pending.what} was cancelled")
            if pending.kind is CallKind.START:
                self._leave_now(error)
            elif pending.kind is CallKind.PUBLISH and pending.key is not None:
                self.publications.unpublish(pending.key, error)
            elif pending.kind is CallKind.SUBSCRIBE and pending.key is not None:
                self.subscriptions.park(pending.key)
            self.calls.finish(call, error=error)
        self._end_input()

    # -- what the driver says ---
    def http_response(self, request: RequestId, response: HttpResponse, now: float) -> None:
        """A request was answered."""
        self._begin(now)
        self._requests.response(request, response)
        self._end_input()

    def http_failed(self, request: RequestId, error: M3Error, now: float) -> None:
        """A request could not be performed."""
        self._begin(now)
        self._requests.failed(request, error)
        self._end_input()

    def connected(self, connection: ConnectionId, now: float) -> None:
        """The WebSocket is open."""
        self._begin(now)
        if connection == self.outbox.connection and self.phase is Phase.CONNECTING:
            self.phase = Phase.JOINING
            self._step_deadline = self.now + JOIN_TIMEOUT
            self.outbox.send(control.Join(display_name=self._display_name))
            self._entering.ask_turn(self._turn)
            self._entering.ask_room()
        self._end_input()

    def connect_refused(self, connection: ConnectionId, status: int, body: bytes, now: float) -> None:
        """The handshake was answered with an HTTP error (signaling.md § 1)."""
        self._begin(now)
        if connection == self.outbox.connection:
            self.outbox.connection = None
            self._fail(api_error(HttpResponse(status, body=body), "the WebSocket handshake"))
        self._end_input()

    def connection_lost(self, connection: ConnectionId, now: float, *, code: int | None = None) -> None:
        """The WebSocket is closed, with ``code`` if there was a close frame."""
        self._begin(now)
        if connection == self.outbox.connection:
            self.outbox.connection = None
            self.outbox.signaling.close()
            if self.phase is Phase.LEAVING:
                self._end(EndReason.LEFT)
            elif self.expected_end is not None:
                self._end(self.expected_end)
            elif code == NORMAL_CLOSURE:
                self._end(EndReason.SERVER_CLOSED)
            else:
                self._end(EndReason.LOST, f"close code {code}" if code else "no close frame")
        self._end_input()

    def receive_text(self, connection: ConnectionId, data: bytes | str, now: float) -> None:
        """A text message came."""
        self._begin(now)
        if connection == self.outbox.connection and self.phase is not Phase.LEAVING:  # after the Close nothing leaves
            self.outbox.signaling.receive_text(data)
            while (event := self.outbox.signaling.next_event()) is not NEED_DATA:
                if isinstance(event, BadMessage):
                    self.outbox.notify(PeerMisbehaved(error=event.error))
                    if event.fatal:
                        self.outbox.close(MESSAGE_TOO_BIG)
                        self._end(EndReason.LOST, str(event.error))
                else:
                    self._dispatcher.take(event)
        self._end_input()

    def media_report(self, report: MediaReport, now: float) -> None:
        """The media engine says something; about a peer that is gone it is ignored."""
        self._begin(now)
        for sessions in (self.publications, self.subscriptions):
            session = sessions.of_peer(report.peer)
            if session is not None:
                self._take_report(sessions, session, report)
        self._end_input()

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None:
        """A pong came; keep-alive of the client is the server's business in this era (signaling.md § 2)."""
        del connection, payload
        self._begin(now)
        self._end_input()

    def advance(self, now: float) -> None:
        """Time passed."""
        self._begin(now)
        self._requests.advance(self.now)
        if self._step_deadline is not None and self._step_deadline <= self.now:
            self._step_timed_out()
        for call in self.calls.expired(self.now):
            error = CallTimedOut(call.what, call.deadline - call.started)
            for session in (*self.publications.all(), *self.subscriptions.all()):
                if session.call == call.id:
                    self._media_lost(session, error)
        self._end_input()

    # -- steps ---
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
        for session in self.publications.all():
            self.publications.lost(session, error, tell_server=False)
        for session in self.subscriptions.all():
            self.subscriptions.stop(session, error)

    def enter_room(self) -> None:
        """A moderator let us in: enter, and wait no longer than for a join."""
        self.outbox.send(control.EnterRoom())
        self._step_deadline = self.now + JOIN_TIMEOUT

    def refused(self, error: M3Error) -> None:
        """The server will not let us join."""
        self._leave_now(error)

    def show_hand(self, *, is_up: bool) -> None:
        """Nobody tells us of our own hand: what we asked for stands until it is refused."""
        self.own = None if self.own is None else evolve(self.own, hand_is_up=is_up)
        self._snapshot = None

    def _started(self, room_id: RoomId, answer: StartResponse) -> None:
        self.room_id = room_id
        self._resumption = answer.resumption
        try:
            offered = handshake.offer(answer.ticket, Subprotocol.K3K)
        except M3Error as error:
            self._fail(error)
            return
        self.phase = Phase.CONNECTING
        self._step_deadline = self.now + CONNECT_TIMEOUT
        self.outbox.connect(signaling_url(self._entrance.base_url), offered)

    def _turn(self, servers: tuple[IceServer, ...]) -> None:
        self.ice_servers = servers
        self._turn_known = True
        self._finish_start()

    def _finish_start(self) -> None:
        """We are in, and the first peer will know its TURN servers."""
        call = self.calls.find(CallKind.START)
        if call is not None and self.phase is Phase.JOINED and self._turn_known:
            self.calls.finish(call.id)

    def _take_report(self, sessions: MediaSessions, session: MediaSession, report: MediaReport) -> None:
        try:
            match report:
                case Described(id=command, sdp=sdp):
                    sessions.described(session, command, sdp)
                case Trickled():
                    sessions.trickled(session, report)
                case Failed(reason=reason):
                    self._media_lost(session, media_failed(reason))
                case Down():
                    self._media_lost(session, media_failed("the peer connection ended"))
        except (RemoteProtocolError, LocalProtocolError) as error:
            self._media_lost(session, media_failed(f"its description is not usable: {error}"))

    def _media_lost(self, session: MediaSession, error: M3Error) -> None:
        if self.publications.get(session.key) is session:
            self.publications.lost(session, error, tell_server=self.phase is Phase.JOINED)
        else:
            self.subscriptions.stop(session, error)

    def _step_timed_out(self) -> None:
        if self.phase is Phase.LEAVING:
            self.outbox.close(None)
            self._end(EndReason.LEFT)
            return
        what, seconds = ("connect", CONNECT_TIMEOUT) if self.phase is Phase.CONNECTING else ("join", JOIN_TIMEOUT)
        self._leave_now(CallTimedOut(what, seconds))

    def _leave_now(self, error: M3Error) -> None:
        """End before we were in the room: whatever is open is aborted."""
        self.outbox.close(None)
        self._fail(error)

    def _fail(self, error: M3Error) -> None:
        call = self.calls.find(CallKind.START)
        if call is not None:
            self.calls.finish(call.id, error=error)
        self._end(EndReason.FAILED, str(error))

    def _end(self, reason: EndReason, detail: str = "") -> None:
        if self.phase is Phase.ENDED:
            return
        self.phase = Phase.ENDED
        self._ended = reason
        self._step_deadline = None
        self._requests.forget()
        left = reason is EndReason.LEFT
        error: M3Error = CallCancelled("the conference was left") if left else ConferenceEnded(reason.value, detail)
        self._close_media(error)
        while (leave := self.calls.find(CallKind.LEAVE)) is not None:
            self.calls.finish(leave.id)
        start = self.calls.find(CallKind.START)
        if start is not None and reason in {EndReason.LOST, EndReason.SERVER_CLOSED}:
            error = TransportError(f"the connection was closed before the room was entered ({detail or reason.value})")
        self.calls.finish_all(error)
        self.outbox.signaling.close()
        self.outbox.notify(Ended(reason=reason, detail=detail))

    def _close_media(self, error: M3Error) -> None:
        for sessions in (self.publications, self.subscriptions):
            for session in sessions.all():
                sessions.close(session, error)

    # -- inputs ---
    def _begin(self, now: float) -> None:
        self.outbox.check_drained()
        self.now = max(self.now, now)  # a clock that goes backwards does no harm

    def _begin_joined(self, now: float) -> Participant:
        self._begin(now)
        if self.phase is not Phase.JOINED or self.own is None:
            raise LocalProtocolError(f"not in the room (phase: {self.phase.value})")
        return self.own

    def _end_input(self) -> None:
        self._snapshot = None
        for done in self.calls.done:
            self.outbox.put(done)
        self.calls.done.clear()
