"""The client engine: one conference from the first REST call to its end. Inputs in, outputs out (see `m3core.io`).

The facade: every input and every command of the user passes through here to the part that it concerns (`life`,
`dispatch`, `publications`, `subscriptions`, `roster`), and its calls and outputs are collected afterwards. Knows no
tokens, sockets or event loops.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from attrs import evolve

from m3core.conference.calls import CallKind, Calls
from m3core.conference.dispatch import Dispatcher
from m3core.conference.entrance import Entrance
from m3core.conference.events import ConferenceEvent, PeerMisbehaved
from m3core.conference.life import Life
from m3core.conference.outbox import Outbox, Output
from m3core.conference.publications import Publications, may_share, media_failed
from m3core.conference.roster import Roster
from m3core.conference.sessions import MediaSession, MediaSessions
from m3core.conference.state import ConferenceState, Participant, Phase
from m3core.conference.subscriptions import Subscriptions
from m3core.errors import CallCancelled, CallTimedOut, LocalProtocolError, M3Error, RemoteProtocolError
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
from m3core.limits import NEGOTIATION_TIMEOUT, SILENCE_MEANS_DONE
from m3core.messages import Command, UnknownCommand, control
from m3core.messages import kind as kind_of
from m3core.signaling import NEED_DATA, BadMessage
from m3core.values import MediaSessionKey, MediaSessionType, ParticipantId

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
    """One conference, as a client. Use it once: `start`, then inputs until `state.ended`.

    ``jitter`` gives a float in [0, 1), a new one each time (`random.random`): it spreads the attempts of many clients
    to come back after a lost connection. ``utc_at_zero``, aware of its time zone, is the instant of ``now`` = 0;
    without it TURN credentials are never asked for anew.
    """

    def __init__(
        self,
        entrance: Entrance,
        *,
        display_name: str,
        jitter: Callable[[], float] = lambda: 0.5,
        utc_at_zero: dt.datetime | None = None,
    ) -> None:
        self.now = -math.inf
        """The latest time that any input told."""
        self.outbox = Outbox()
        self.calls = Calls()
        self.ice_servers: tuple[IceServer, ...] = ()
        self.roster = Roster()
        self.publications = Publications(self)
        self.subscriptions = Subscriptions(self)
        self.life = Life(self, entrance, display_name, jitter=jitter, utc_at_zero=utc_at_zero)
        self.own: Participant | None = None
        self.modules: Mapping[str, object] = MappingProxyType({})
        self._dispatcher = Dispatcher(self)
        self._snapshot: ConferenceState | None = None

    # -- the contract ---
    def outputs(self) -> Iterator[Output]:
        """What to perform, in order; drained at once after every input."""
        yield from self.outbox.drain()

    @property
    def deadline(self) -> float | None:
        """When to call `advance`; ``None``: never."""
        sessions = (self.publications.deadline, self.subscriptions.deadline)
        deadlines = (self.life.deadline, self.calls.deadline, *sessions)
        return min((at for at in deadlines if at is not None and at < math.inf), default=None)

    @property
    def phase(self) -> Phase:
        """Where the conference stands."""
        return self.life.phase

    @property
    def state(self) -> ConferenceState:
        """The snapshot: frozen, built when read, the same object until something changes."""
        if self._snapshot is None:
            self._snapshot = ConferenceState(
                phase=self.phase,
                room_id=self.life.room_id,
                own=self.own,
                participants=MappingProxyType(dict(self.roster.participants)),
                focus=self.roster.focus,
                publications=self.publications.states(),
                subscriptions=self.subscriptions.states(),
                modules=self.modules,
                ended=self.life.ended,
            )
        return self._snapshot

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        """The events that lead to the present state: what an observer who comes now has missed."""
        return tuple(self.roster.present_events())

    # -- the user's commands ---
    def start(self, now: float) -> CallId:
        """Enter and join; the call is done when we are in the room."""
        self._begin(now)
        call = self.life.start()
        self._end_input()
        return call

    def leave(self, now: float) -> CallId:
        """Stop all streams and close; the call is done when the connection is closed."""
        self._begin(now)
        call = self.life.leave()
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
        if media_session_type is MediaSessionType.SCREEN and not may_share(own):
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
        self._park(MediaSessionKey(participant_id, media_session_type))
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
                self.life.give_up(error)
            elif pending.kind is CallKind.PUBLISH and pending.key is not None:
                self.publications.unpublish(pending.key, error)
            elif pending.kind is CallKind.SUBSCRIBE and pending.key is not None:
                self._park(pending.key)
            self.calls.finish(call, error=error)
        self._end_input()

    # -- what the driver says ---
    def http_response(self, request: RequestId, response: HttpResponse, now: float) -> None:
        """A request was answered."""
        self._begin(now)
        self.life.response(request, response)
        self._end_input()

    def http_failed(self, request: RequestId, error: M3Error, now: float) -> None:
        """A request could not be performed."""
        self._begin(now)
        self.life.request_failed(request, error)
        self._end_input()

    def connected(self, connection: ConnectionId, now: float) -> None:
        """The WebSocket is open."""
        self._begin(now)
        if connection == self.outbox.connection:
            self.life.connected()
        self._end_input()

    def connect_refused(self, connection: ConnectionId, status: int, body: bytes, now: float) -> None:
        """The handshake was answered with an HTTP error (signaling.md § 1)."""
        self._begin(now)
        if connection == self.outbox.connection:
            self.life.connect_refused(status, body)
        self._end_input()

    def connection_lost(self, connection: ConnectionId, now: float, *, code: int | None = None) -> None:
        """The WebSocket is closed, with ``code`` if there was a close frame."""
        self._begin(now)
        if connection == self.outbox.connection:
            self.life.connection_lost(code)
        self._end_input()

    def receive_text(self, connection: ConnectionId, data: bytes | str, now: float) -> None:
        """A text message came."""
        self._begin(now)
        if connection == self.outbox.connection and self.phase is not Phase.LEAVING:  # after the Close nothing leaves
            self.life.heard()
            self.outbox.signaling.receive_text(data)
            while (event := self.outbox.signaling.next_event()) is not NEED_DATA:
                if isinstance(event, BadMessage):
                    self.outbox.notify(PeerMisbehaved(error=event.error))
                    if event.fatal:
                        self.life.flooded(event.error)
                else:
                    self._dispatcher.take(event)
        self._end_input()

    def media_report(self, report: MediaReport, now: float) -> None:
        """The media engine says something; about a peer that is gone it is ignored."""
        self._begin(now)
        for sessions in (self.publications, self.subscriptions):
            session = sessions.of_peer(report.peer)
            if session is not None and sessions.is_meant(session, report):
                self._take_report(sessions, session, report)
        self._end_input()

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None:
        """A pong came: the connection lives, whatever the pong says."""
        del payload
        self._begin(now)
        if connection == self.outbox.connection:
            self.life.heard()
        self._end_input()

    def advance(self, now: float) -> None:
        """Time passed."""
        self._begin(now)
        self.life.advance()
        for call in self.calls.expired(self.now):
            error = CallTimedOut(call.what, call.deadline - call.started)
            for session in (*self.publications.all(), *self.subscriptions.all()):
                if session.call == call.id:
                    self._media_lost(session, error)
        for session in (*self.publications.all(), *self.subscriptions.all()):
            if session.deadline is not None and session.deadline <= self.now:
                self._media_lost(session, CallTimedOut("renewing a stream", NEGOTIATION_TIMEOUT))
        self._end_input()

    def show_hand(self, *, is_up: bool) -> None:
        """Nobody tells us of our own hand: what we asked for stands until it is refused."""
        self.own = None if self.own is None else evolve(self.own, hand_is_up=is_up)
        self._snapshot = None

    # -- inside ---
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

    def _park(self, key: MediaSessionKey) -> None:
        if self.phase is Phase.JOINED:
            self.subscriptions.park(key)
        elif self.phase is Phase.RECONNECTING:
            self.subscriptions.drop(key)

    def _begin(self, now: float) -> None:
        self.outbox.check_drained()
        self.now = max(self.now, now)  # a clock that goes backwards does no harm

    def _begin_joined(self, now: float) -> Participant:
        self._begin(now)
        if self.phase is Phase.RECONNECTING:
            raise LocalProtocolError("reconnecting: the connection was lost, wait for Resumed")
        if self.phase is not Phase.JOINED or self.own is None:
            raise LocalProtocolError(f"not in the room (phase: {self.phase.value})")
        return self.own

    def _end_input(self) -> None:
        self._snapshot = None
        for done in self.calls.done:
            self.outbox.put(done)
        self.calls.done.clear()
