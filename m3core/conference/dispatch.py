"""What each message of the server means for a conference: event type -> what to fold, continue or tell.

The state tables (`m3core.signaling`) have let the message through already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from m3core.conference.calls import CallKind
from m3core.conference.events import (
    ConferenceJoined,
    ConnectionSlow,
    MuteRequested,
    ParticipantLeft,
    PeerMisbehaved,
    PresenterChanged,
    Resumed,
    RoleChanged,
    ServerRefused,
    SpeakerChanged,
    StreamStopped,
    UnknownMessage,
    WaitingRoomEntered,
)
from m3core.conference.publications import Publications
from m3core.conference.sessions import MediaSession
from m3core.conference.state import EndReason, Participant, Phase
from m3core.conference.subscriptions import Subscriptions
from m3core.errors import CallRefused, LimitExceeded, MediaError, RemoteProtocolError, SdpError, StaleNegotiation
from m3core.messages import Command, Event, UnknownCommand, UnknownEvent, control, media
from m3core.messages import kind as kind_of
from m3core.signaling import State
from m3core.values import MediaSessionKey, MediaSessionType, ParticipantId, ParticipationKind, Role

if TYPE_CHECKING:
    from m3core.conference.engine import Conference

_ENDINGS: Final[Mapping[str, EndReason]] = MappingProxyType(
    {
        "kicked": EndReason.KICKED,
        "banned": EndReason.BANNED,
        "session_ended": EndReason.MEETING_OVER,
    }
)
"""Messages of `moderation` after which the server closes with 1000 (signaling.md § 2)."""

_JOIN_ERRORS: Final = frozenset({"invalid_username", "invalid_json"})


class Dispatcher:
    """Takes the events of one conference."""

    def __init__(self, conference: Conference) -> None:
        self._conference = conference
        self._handlers: dict[type, Callable[[Any], None]] = {
            control.JoinSuccess: self._join_success,
            control.JoinBlocked: lambda event: conference.life.give_up(CallRefused(event.reason.value)),
            control.Joined: self._put,
            control.Update: self._put,
            control.Left: self._left,
            control.RoleUpdated: self._role_updated,
            control.HandRaised: lambda _: self._hand("raise_hand", is_up=True),
            control.HandLowered: lambda _: self._hand("lower_hand", is_up=False),
            control.ModeratorRoleGranted: lambda _: self._acknowledge("grant_moderator_role"),
            control.ModeratorRoleRevoked: lambda _: self._acknowledge("revoke_moderator_role"),
            control.TimeLimitQuotaElapsed: lambda _: self._expect_end(EndReason.MEETING_OVER),
            control.RoomDeleted: lambda _: self._expect_end(EndReason.MEETING_OVER),
            control.Error: self._control_error,
            media.SdpAnswer: self._sdp_answer,
            media.SdpOffer: self._sdp_offer,
            media.SdpCandidate: self._candidate,
            media.SdpEndOfCandidates: self._end_of_candidates,
            media.WebrtcUp: self._webrtc_up,
            media.WebrtcDown: self._webrtc_down,
            media.MediaStatus: self._media_status,
            media.WebrtcSlow: self._webrtc_slow,
            media.FocusUpdate: self._focus,
            media.SpeakerUpdated: self._speaker,
            media.RequestMute: self._request_mute,
            media.PresenterGranted: lambda _: self._presenter(is_presenter=True),
            media.PresenterRevoked: lambda _: self._presenter(is_presenter=False),
            media.PresenterRoleGranted: lambda _: self._acknowledge("grant_presenter_role"),
            media.PresenterRoleRevoked: lambda _: self._acknowledge("revoke_presenter_role"),
            media.ForceMuteEnabled: lambda _: self._acknowledge("moderator_enable_force_mute"),
            media.ForceMuteDisabled: lambda _: self._acknowledge("moderator_disable_force_mute"),
            media.Error: self._media_error,
        }

    def take(self, event: Event | UnknownEvent | Command | UnknownCommand) -> None:
        """Fold one message. What is wrong with it is told and ignored."""
        if kind_of(event)[0] == "echo":
            return  # the answer of the keep-alive: that something came is all it says
        try:
            if isinstance(event, UnknownEvent):
                self._unknown(event)
            else:
                self._handlers[type(event)](event)
        except RemoteProtocolError as error:
            self._conference.outbox.notify(PeerMisbehaved(error=error))

    # -- control ---
    def _join_success(self, event: control.JoinSuccess) -> None:
        conference = self._conference
        own = Participant(
            id=event.id,
            display_name=event.display_name,
            role=event.role,
            kind=ParticipationKind.GUEST if event.role is Role.GUEST else ParticipationKind.USER,
            avatar_url=event.avatar_url,
            is_presenter=event.media is not None and event.media.is_presenter,
        )
        previous, conference.own = conference.own, own
        conference.modules = MappingProxyType(dict(event.modules))
        if previous is not None and conference.life.is_resuming:
            self._resumed(previous, own, event)
            return
        present = conference.roster.enter(event.participants)
        conference.life.entered()
        conference.outbox.notify(ConferenceJoined(participant=own), *present)

    def _resumed(self, previous: Participant, own: Participant, event: control.JoinSuccess) -> None:
        """We are back: what we missed is told at once, and our streams and subscriptions begin anew."""
        conference = self._conference
        changes = conference.roster.resume(event.participants)
        conference.life.entered()
        conference.outbox.notify(
            Resumed(
                participant=own,
                previous_id=previous.id,
                joined=changes.joined,
                left=changes.left,
                changed=changes.changed,
            )
        )
        conference.publications.renew(own, conference.now)
        conference.subscriptions.renew(conference.roster.publishes, conference.now)

    def _put(self, event: control.Joined | control.Update) -> None:
        events = self._conference.roster.put(event)
        self._conference.outbox.notify(*events)
        for change in events:
            if isinstance(change, StreamStopped):
                self._publisher_stopped(MediaSessionKey(change.participant.id, change.media_session_type))
            elif isinstance(change, ParticipantLeft):
                self._publisher_left(change.participant.id)

    def _left(self, event: control.Left) -> None:
        self._conference.outbox.notify(*self._conference.roster.leave(event.id, event.timestamp))
        self._publisher_left(event.id)

    def _publisher_left(self, participant_id: ParticipantId) -> None:
        for kind in MediaSessionType:
            self._publisher_stopped(MediaSessionKey(participant_id, kind))

    def _publisher_stopped(self, key: MediaSessionKey) -> None:
        session = self._conference.subscriptions.get(key)
        if session is not None:
            self._conference.subscriptions.stop(session, MediaError("the publisher stopped the stream"))

    def _role_updated(self, event: control.RoleUpdated) -> None:
        own = evolve(self._own(), role=event.new_role)
        self._conference.own = own
        self._conference.outbox.notify(RoleChanged(participant=own))

    def _hand(self, what: str, *, is_up: bool) -> None:
        self._conference.show_hand(is_up=is_up)
        self._acknowledge(what)

    def _acknowledge(self, what: str) -> None:
        call = self._conference.calls.acknowledged_by(what)
        if call is not None:
            self._conference.calls.finish(call.id)

    def _expect_end(self, reason: EndReason) -> None:
        self._conference.life.expected_end = reason

    def _control_error(self, event: control.Error) -> None:
        slug = event.error.value
        is_first = self._conference.calls.find(CallKind.START) is not None and self._conference.own is None
        if slug in _JOIN_ERRORS and (is_first or self._conference.phase is Phase.RECONNECTING):
            self._conference.life.give_up(CallRefused(slug))
            return
        if self._conference.outbox.signaling.state is State.WAITING:  # not accepted after all
            self._conference.life.waiting()
        self._refuse("control", slug)

    def _refuse(self, namespace: str, slug: str, key: MediaSessionKey | None = None) -> None:
        call = self._conference.calls.refused_by(slug, key)
        if call is None:
            self._conference.outbox.notify(ServerRefused(namespace=namespace, code=slug))
            return
        error = CallRefused(slug)
        if call.kind is CallKind.PUBLISH and (session := self._publication(call.key)) is not None:
            self._conference.publications.lost(session, error, tell_server=True)
        elif call.kind is CallKind.SUBSCRIBE and (session := self._subscription(call.key)) is not None:
            self._conference.subscriptions.stop(session, error)
        elif call.what == "raise_hand":
            self._conference.show_hand(is_up=False)
        self._conference.calls.finish(call.id, error=error)

    # -- media ---
    def _own(self) -> Participant:
        own = self._conference.own
        if own is None:  # the tables let these messages through in state JOINED only
            raise StaleNegotiation("a message about ourselves before join_success")
        return own

    def _publication(self, key: MediaSessionKey | None) -> MediaSession | None:
        return None if key is None else self._conference.publications.get(key)

    def _subscription(self, key: MediaSessionKey | None) -> MediaSession | None:
        return None if key is None else self._conference.subscriptions.get(key)

    def _session(self, source: ParticipantId, kind: MediaSessionType, what: str) -> MediaSession:
        """The session that a message is about: ours for the own id, else a subscription."""
        key = MediaSessionKey(source, kind)
        session = self._publication(key) if source == self._own().id else self._subscription(key)
        if session is None:
            raise StaleNegotiation(f"{what} for a stream that is not being negotiated")
        return session

    def _sdp_answer(self, event: media.SdpAnswer) -> None:
        session = self._session(event.source, event.media_session_type, "sdp_answer")
        if event.source != self._own().id:
            raise StaleNegotiation("sdp_answer for a stream that we do not publish")
        try:
            self._conference.publications.answered(session, event.sdp)
        except (SdpError, LimitExceeded) as error:
            located = error.at("$.payload.sdp")
            self._conference.publications.lost(session, located, tell_server=True)
            raise located from None

    def _sdp_offer(self, event: media.SdpOffer) -> None:
        if event.source == self._own().id:
            raise StaleNegotiation("sdp_offer for a stream of our own (media.md § 3: reserved)")
        session = self._session(event.source, event.media_session_type, "sdp_offer")
        try:
            self._conference.subscriptions.offered(session, event.sdp)
        except (SdpError, LimitExceeded) as error:
            located = error.at("$.payload.sdp")
            self._conference.subscriptions.stop(session, located)
            raise located from None

    def _candidate(self, event: media.SdpCandidate) -> None:
        session = self._session(event.source, event.media_session_type, "sdp_candidate")
        candidate = event.candidate
        try:
            steps = session.negotiation.remote_candidate(candidate.candidate, candidate.sdp_mline_index)
        except (SdpError, LimitExceeded) as error:
            raise error.at("$.payload.candidate") from None
        self._sessions_of(event.source).perform(session, steps)

    def _end_of_candidates(self, event: media.SdpEndOfCandidates) -> None:
        session = self._session(event.source, event.media_session_type, "sdp_end_of_candidates")
        self._sessions_of(event.source).perform(session, session.negotiation.remote_end_of_candidates())

    def _sessions_of(self, source: ParticipantId) -> Publications | Subscriptions:
        return self._conference.publications if source == self._own().id else self._conference.subscriptions

    def _crossed_our_unpublish(self, event: media.WebrtcUp | media.MediaStatus) -> bool:
        """Whether a message is about a stream of ours that is gone: it was on its way, and nobody is at fault."""
        key = MediaSessionKey(event.source, event.media_session_type)
        return key in self._conference.publications.past and self._publication(key) is None

    def _webrtc_up(self, event: media.WebrtcUp) -> None:
        if self._crossed_our_unpublish(event):
            return
        session = self._session(event.source, event.media_session_type, "webrtc_up")
        if not session.negotiation.is_stable:
            raise StaleNegotiation("webrtc_up for a stream without offer and answer")
        session.is_up = True
        if event.source != self._own().id:
            self._conference.subscriptions.up(session)

    def _webrtc_down(self, event: media.WebrtcDown) -> None:
        # May come late, twice or not at all (media.md § 3): one for a stream that is gone is nobody's fault.
        key = MediaSessionKey(event.source, event.media_session_type)
        if (session := self._publication(key)) is not None:
            self._conference.publications.lost(session, MediaError("the server lost the stream"), tell_server=False)
        elif (session := self._subscription(key)) is not None:
            self._conference.subscriptions.stop(session, MediaError("the server ended the stream"))

    def _media_status(self, event: media.MediaStatus) -> None:
        if event.source != self._own().id:
            raise StaleNegotiation("media_status for a stream that we do not publish")
        if self._crossed_our_unpublish(event):
            return
        session = self._session(event.source, event.media_session_type, "media_status")
        if not session.negotiation.is_stable:
            raise StaleNegotiation("media_status for a stream without offer and answer")
        self._conference.publications.status(session, event)

    def _webrtc_slow(self, event: media.WebrtcSlow) -> None:
        self._conference.outbox.notify(
            ConnectionSlow(
                participant_id=event.source,
                media_session_type=event.media_session_type,
                direction=event.direction,
            )
        )

    def _focus(self, event: media.FocusUpdate) -> None:
        self._conference.outbox.notify(*self._conference.roster.set_focus(event.focus, self._own()))

    def _speaker(self, event: media.SpeakerUpdated) -> None:
        own = self._own()
        participant = (
            own if event.participant == own.id else self._conference.roster.participants.get(event.participant)
        )
        if participant is not None:
            self._conference.outbox.notify(SpeakerChanged(participant=participant, is_speaking=event.is_speaking))

    def _request_mute(self, event: media.RequestMute) -> None:
        self._conference.outbox.notify(MuteRequested(issuer=event.issuer, force=event.force))

    def _presenter(self, *, is_presenter: bool) -> None:
        own = self._conference.own = evolve(self._own(), is_presenter=is_presenter)
        self._conference.outbox.notify(PresenterChanged(is_presenter=is_presenter))
        screen = self._publication(MediaSessionKey(own.id, MediaSessionType.SCREEN))
        if not is_presenter and own.role is not Role.MODERATOR and screen is not None:
            # The server has destroyed the publisher (media.md § 2), and need not say so.
            error = MediaError("a moderator revoked the permission to share the screen")
            self._conference.publications.lost(screen, error, tell_server=False)

    def _media_error(self, event: media.Error) -> None:
        key = None
        if event.source is not None and event.media_session_type is not None:
            key = MediaSessionKey(event.source, event.media_session_type)
        self._refuse("media", event.error.value, key)
        session = self._subscription(key)
        if session is not None and session.call is None and not session.is_live:
            # Nobody waits for it any more, but the next subscribe would wait for this one.
            self._conference.subscriptions.stop(session, CallRefused(event.error.value))

    # -- namespaces without types ---
    def _unknown(self, event: UnknownEvent) -> None:
        conference = self._conference
        state = conference.outbox.signaling.state
        if event.namespace == "moderation":
            if event.message in _ENDINGS:
                self._expect_end(_ENDINGS[event.message])
            elif event.message == "in_waiting_room" and state is State.WAITING:
                conference.life.waiting()
                conference.outbox.notify(WaitingRoomEntered())
            elif event.message == "accepted" and state is State.ACCEPTED:
                conference.life.enter_room()
        conference.outbox.notify(UnknownMessage(event=event))
