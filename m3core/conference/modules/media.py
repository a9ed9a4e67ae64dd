"""Namespace `media`: the media sessions, speakers, presenters and force mute (media.md § 2, 3, 6, 7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar, TypeVar

from attrs import evolve, field, frozen

from m3core.conference.common import Participant
from m3core.conference.events import ConferenceEvent, PresenterChanged
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, Someone, T, id_of, rules
from m3core.conference.publications import Publications
from m3core.conference.sessions import MediaSession
from m3core.conference.subscriptions import Subscriptions
from m3core.errors import CallRefused, LimitExceeded, MediaError, SdpError, StaleNegotiation
from m3core.messages import Event, media
from m3core.messages.control import JoinSuccess
from m3core.values import MediaSessionKey, MediaSessionType, ParticipantId, Role, SlowDirection

LateT = TypeVar(
    "LateT", media.SdpAnswer, media.SdpCandidate, media.SdpEndOfCandidates, media.WebrtcUp, media.MediaStatus
)


# -- state ---
@frozen(kw_only=True)
class MediaState:
    """Who speaks, and who may unmute.

    The streams of participants are `Participant.streams`; the focus is `ConferenceState.focus`.
    """

    speakers: Mapping[ParticipantId, media.Speaker] = field(factory=lambda: MappingProxyType({}))
    """Who speaks or spoke, perhaps ourselves. Servers before 0.9 do not say (media.md § 3)."""
    force_mute: bool = False
    """Whether only those in ``allow_list``, and moderators, may unmute (L 0.16)."""
    allow_list: frozenset[ParticipantId] = frozenset()

    @property
    def speaking(self) -> frozenset[ParticipantId]:
        """The ids of those who speak now."""
        return frozenset(one.participant for one in self.speakers.values() if one.is_speaking)


# -- events; those about streams, the focus and presenters are in `m3core.conference.events` ---
@frozen(kw_only=True)
class SpeakerChanged(ConferenceEvent):
    """A participant started or stopped speaking (servers from 0.9 on)."""

    participant: Participant
    is_speaking: bool


@frozen(kw_only=True)
class MuteRequested(ConferenceEvent):
    """A moderator asks us to mute. ``force``: the program should not ask the person first (media.md § 6)."""

    issuer: ParticipantId
    force: bool


@frozen(kw_only=True)
class ForceMuteChanged(ConferenceEvent):
    """``force_mute``: only those in ``allow_list``, and moderators, may unmute; else everybody may (L 0.16)."""

    force_mute: bool
    allow_list: frozenset[ParticipantId]


@frozen(kw_only=True)
class ConnectionSlow(ConferenceEvent):
    """Packets of a stream are lost on their way (`webrtc_slow`)."""

    participant_id: ParticipantId
    media_session_type: MediaSessionType
    direction: SlowDirection


# -- the module ---
_OF_CANDIDATES = frozenset({media.MediaErrorCode.INVALID_CANDIDATE, media.MediaErrorCode.INVALID_END_OF_CANDIDATES})


class MediaModule(ClientModule[MediaState]):
    """Passes messages about media sessions on to the sessions. The state has the rest: speakers and force mute."""

    NAMESPACE = "media"
    RULES: ClassVar[Rules] = MappingProxyType(
        rules("permission_denied", media.ModeratorMute, media.GrantPresenterRole, media.RevokePresenterRole)
        | rules("permission_denied", media.ModeratorEnableForceMute, media.ModeratorDisableForceMute)
    )
    _state = MediaState()

    def build(self) -> MediaState:
        return self._state

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            media.SdpAnswer: self._unless_late(self._sdp_answer),
            media.SdpOffer: self._sdp_offer,
            media.SdpCandidate: self._unless_late(self._candidate),
            media.SdpEndOfCandidates: self._unless_late(self._end_of_candidates),
            media.WebrtcUp: self._unless_late(self._webrtc_up),
            media.WebrtcDown: self._webrtc_down,
            media.MediaStatus: self._unless_late(self._media_status),
            media.WebrtcSlow: self._webrtc_slow,
            media.FocusUpdate: self._focus,
            media.SpeakerUpdated: self._speaker,
            media.RequestMute: self._request_mute,
            media.PresenterGranted: lambda _: self._presenter(is_presenter=True),
            media.PresenterRevoked: lambda _: self._presenter(is_presenter=False),
            media.PresenterRoleGranted: lambda _: self._acknowledge(media.GrantPresenterRole),
            media.PresenterRoleRevoked: lambda _: self._acknowledge(media.RevokePresenterRole),
            media.ForceMuteEnabled: self._force_mute_enabled,
            media.ForceMuteDisabled: self._force_mute_disabled,
            media.Error: self._media_error,
        }

    def entered(self, join: JoinSuccess) -> None:
        told = join.media
        speakers = {speaker.participant: speaker for speaker in (told and told.speakers) or ()}
        forced = told.force_mute if told is not None else None
        is_forced = forced is not None and forced.type is media.ForceMuteType.ENABLED
        self._state = MediaState(
            speakers=MappingProxyType(speakers),
            force_mute=is_forced,
            allow_list=frozenset((is_forced and forced and forced.allow_list) or ()),
        )

    def participant_left(self, participant_id: ParticipantId) -> None:
        if participant_id in self._state.speakers:
            self.touch()
            speakers = {who: one for who, one in self._state.speakers.items() if who != participant_id}
            self._state = evolve(self._state, speakers=MappingProxyType(speakers))

    # -- media sessions ---
    def _publication(self, key: MediaSessionKey | None) -> MediaSession | None:
        return None if key is None else self._around.publications.get(key)

    def _subscription(self, key: MediaSessionKey | None) -> MediaSession | None:
        return None if key is None else self._around.subscriptions.get(key)

    def _session(self, source: ParticipantId, kind: MediaSessionType, what: str) -> MediaSession:
        """The session that a message is about: our publication for our own id, else a subscription (media.md § 1).

        Raises `StaleNegotiation` if there is none; ``what`` names the message in its text.
        """
        key = MediaSessionKey(source, kind)
        session = self._publication(key) if source == self._own().id else self._subscription(key)
        if session is None:
            raise StaleNegotiation(f"the server sent {what} for a stream that we neither publish nor receive")
        return session

    def _sdp_answer(self, event: media.SdpAnswer) -> None:
        session = self._session(event.source, event.media_session_type, "sdp_answer")
        if event.source != self._own().id:
            raise StaleNegotiation("the server sent sdp_answer for a stream of somebody else")
        try:
            self._around.publications.answered(session, event.sdp)
        except (SdpError, LimitExceeded) as error:
            located = error.at("$.payload.sdp")
            self._around.publications.lost(session, located, tell_server=True)
            raise located from None

    def _sdp_offer(self, event: media.SdpOffer) -> None:
        if event.source == self._own().id:
            raise StaleNegotiation("the server sent sdp_offer for our own stream, which is reserved (media.md § 3)")
        session = self._session(event.source, event.media_session_type, "sdp_offer")
        try:
            self._around.subscriptions.offered(session, event.sdp)
        except (SdpError, LimitExceeded) as error:
            located = error.at("$.payload.sdp")
            self._around.subscriptions.stop(session, located)
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

    def _unless_late(self, handle: Callable[[LateT], None]) -> Callable[[LateT], None]:
        """``handle``, which ignores a message about a stream that ended a moment ago, or that another one replaced.

        Such a message crossed with ours on the way, so that it is no fault of the server.
        """

        def take(event: LateT) -> None:
            try:
                handle(event)
            except StaleNegotiation:
                key = MediaSessionKey(event.source, event.media_session_type)
                if not self._sessions_of(event.source).had_another(key):
                    raise

        return take

    def _sessions_of(self, source: ParticipantId) -> Publications | Subscriptions:
        return self._around.publications if source == self._own().id else self._around.subscriptions

    def _webrtc_up(self, event: media.WebrtcUp) -> None:
        session = self._session(event.source, event.media_session_type, "webrtc_up")
        if not session.negotiation.is_stable:
            raise StaleNegotiation("the server sent webrtc_up for a stream that lacks its offer or its answer")
        session.is_up = True
        if event.source != self._own().id:
            self._around.subscriptions.up(session)

    def _webrtc_down(self, event: media.WebrtcDown) -> None:
        key = MediaSessionKey(event.source, event.media_session_type)
        self._sessions_of(event.source).down(key)

    def _media_status(self, event: media.MediaStatus) -> None:
        if event.source != self._own().id:
            raise StaleNegotiation("the server sent media_status for a stream of somebody else")
        session = self._session(event.source, event.media_session_type, "media_status")
        if not session.negotiation.is_stable:
            raise StaleNegotiation("the server sent media_status for a stream that lacks its offer or its answer")
        self._around.publications.status(session, event)

    def _webrtc_slow(self, event: media.WebrtcSlow) -> None:
        self._notify(
            ConnectionSlow(
                participant_id=event.source,
                media_session_type=event.media_session_type,
                direction=event.direction,
            )
        )

    def _focus(self, event: media.FocusUpdate) -> None:
        self._notify(*self._around.roster.set_focus(event.focus, self._own()))

    def _speaker(self, event: media.SpeakerUpdated) -> None:
        participant = self._participant(event.participant)
        if participant is not None:
            speaker = media.Speaker(
                participant=event.participant, is_speaking=event.is_speaking, updated_at=event.updated_at
            )
            speakers = {**self._state.speakers, event.participant: speaker}
            self._state = evolve(self._state, speakers=MappingProxyType(speakers))
            self._notify(SpeakerChanged(participant=participant, is_speaking=event.is_speaking))

    def _request_mute(self, event: media.RequestMute) -> None:
        self._notify(MuteRequested(issuer=event.issuer, force=event.force))

    def _presenter(self, *, is_presenter: bool) -> None:
        own = self._around.own = evolve(self._own(), is_presenter=is_presenter)
        self._notify(PresenterChanged(participant=own, is_presenter=is_presenter))
        screen = self._publication(MediaSessionKey(own.id, MediaSessionType.SCREEN))
        if not is_presenter and own.role is not Role.MODERATOR and screen is not None:
            # The server has destroyed the publisher (media.md § 2). `webrtc_down` for it may not come (media.md § 3).
            error = MediaError("a moderator revoked the permission to share the screen")
            self._around.publications.lost(screen, error, tell_server=False)

    def _media_error(self, event: media.Error) -> None:
        key = None
        if event.source is not None and event.media_session_type is not None:
            key = MediaSessionKey(event.source, event.media_session_type)
        error = CallRefused(event.error.value)
        publications, subscriptions = self._around.publications, self._around.subscriptions
        if event.error in _OF_CANDIDATES and (publications.ended_lately or subscriptions.ended_lately):
            return  # our candidates were on their way when their stream ended
        session = self._subscription(key)
        if session is not None and session.call is None and not session.is_live:
            # The call for this subscription has ended, but the next subscribe would wait for the same session.
            subscriptions.refused(session, error)
        elif self._around.calls.refused_by(self.NAMESPACE, error.code, key) is None and publications.refused(error):
            return
        else:
            self._refuse(error.code, key)

    def _force_mute_enabled(self, event: media.ForceMuteEnabled) -> None:
        self._force_mute(is_on=True, allow_list=event.allow_list)
        self._acknowledge(media.ModeratorEnableForceMute)

    def _force_mute_disabled(self, _: media.ForceMuteDisabled) -> None:
        self._force_mute(is_on=False, allow_list=())
        self._acknowledge(media.ModeratorDisableForceMute)

    def _force_mute(self, *, is_on: bool, allow_list: tuple[ParticipantId, ...]) -> None:
        self._state = evolve(self._state, force_mute=is_on, allow_list=frozenset(allow_list))
        self._notify(ForceMuteChanged(force_mute=is_on, allow_list=self._state.allow_list))


# -- commands ---
class MediaCommands(CommandGroup[T]):
    """Muting others, presenters, and our own speaking.

    Publishing and subscribing are methods of the conference, because they need a media engine.
    """

    def mute(self, *participants: Someone, force: bool = False) -> T:
        """Ask ``participants``, or all others if none is named, to mute; for moderators.

        ``force``: their programs should not ask them first. Refused: `permission_denied`.
        """
        targets = tuple(id_of(participant) for participant in participants) or tuple(
            participant.id for participant in self._state().participants.values() if participant.is_here
        )
        return self._perform(media.ModeratorMute(targets=targets, force=force))

    def grant_presenter(self, *participants: Someone) -> T:
        """Let participants share their screens; for moderators. Refused: `permission_denied`."""
        return self._perform(media.GrantPresenterRole(participant_ids=tuple(map(id_of, participants))))

    def revoke_presenter(self, *participants: Someone) -> T:
        """Forbid participants to share their screens; for moderators. Refused: `permission_denied`."""
        return self._perform(media.RevokePresenterRole(participant_ids=tuple(map(id_of, participants))))

    def enable_force_mute(self, *allowed: Someone) -> T:
        """Let only ``allowed`` and moderators unmute; for moderators (L 0.16). Refused: `permission_denied`."""
        return self._perform(media.ModeratorEnableForceMute(allow_list=tuple(map(id_of, allowed))))

    def disable_force_mute(self) -> T:
        """Let everybody unmute; for moderators (L 0.16). Refused: `permission_denied`."""
        return self._perform(media.ModeratorDisableForceMute())

    def update_speaking(self, is_speaking: bool) -> T:
        """Tell the others whether we speak. Servers since 0.9 do not find out by themselves."""
        return self._perform(media.UpdateSpeakingState(is_speaking=is_speaking))
