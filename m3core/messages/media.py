"""Namespace `media`: publications, subscriptions and speakers (media.md § 2, 3).

A command and an event that share their wire name: `sdp_answer` is `AnswerSdp` (command) and `SdpAnswer` (event),
`sdp_candidate` is `SendCandidate` and `SdpCandidate`, `sdp_end_of_candidates` is `SendEndOfCandidates` and
`SdpEndOfCandidates`. Names of commands are verbs, names of events are nouns.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from attrs import field, frozen

from m3core.messages.base import NULL, Command, Event, Value, hide, named
from m3core.messages.room import ForceMute as ForceMute
from m3core.messages.room import ForceMuteType as ForceMuteType
from m3core.messages.room import MediaJoinData as MediaJoinData
from m3core.messages.room import Speaker as Speaker
from m3core.values import MediaKind, MediaSessionType, ParticipantId, SlowDirection, Timestamp


class MediaErrorCode(Enum):
    """Why the server refused a `media` command (media.md § 3)."""

    INVALID_SDP_OFFER = "invalid_sdp_offer"
    HANDLE_SDP_ANSWER = "handle_sdp_answer"
    INVALID_CANDIDATE = "invalid_candidate"
    INVALID_END_OF_CANDIDATES = "invalid_end_of_candidates"
    INVALID_REQUEST_OFFER = "invalid_request_offer"
    INVALID_CONFIGURE_REQUEST = "invalid_configure_request"
    PERMISSION_DENIED = "permission_denied"


@frozen(kw_only=True, weakref_slot=False)
class MediaSessionState(Value):
    """Whether a publication sends audio and video. Wire: ``media_session_state``.

    ``video_settings``: -1 off, 0 low, 1 medium, 2 high; servers ignore it (media.md § 5).
    """

    audio: bool
    video: bool
    video_settings: int | None = None


@frozen(kw_only=True, weakref_slot=False)
class CandidateInit(Value):
    """A trickled ICE candidate (W3C `RTCIceCandidateInit`). Wire: ``candidate`` of `sdp_candidate`.

    An empty ``candidate`` is the end of candidates of the m-section. ``sdp_mid`` is optional: servers send none.
    """

    candidate: str = field(repr=hide)
    sdp_mline_index: int = field(metadata=named("sdpMLineIndex"))
    sdp_mid: str | None = field(default=None, metadata=named("sdpMid"))


@frozen(kw_only=True, weakref_slot=False)
class SubscriptionConfiguration(Value):
    """What a subscription receives; None changes nothing. Wire: ``configuration``.

    ``substream``: 0 low, 1 medium, 2 high.
    """

    video: bool | None = None
    substream: int | None = None


@frozen(kw_only=True, weakref_slot=False)
class Publish(Command):
    """Publish a stream, or negotiate it again; answered by `SdpAnswer`. Wire: `publish` (S).

    ``target`` is the own id, ``sdp`` an offer.
    """

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "publish"

    target: ParticipantId
    media_session_type: MediaSessionType
    sdp: str = field(repr=hide)


@frozen(kw_only=True, weakref_slot=False)
class PublishComplete(Command):
    """Announce the stream to the others, once it is up. Wire: `publish_complete` (S)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "publish_complete"

    media_session_type: MediaSessionType
    media_session_state: MediaSessionState


@frozen(kw_only=True, weakref_slot=False)
class UpdateMediaSession(Command):
    """Mute or unmute, without a new negotiation. Wire: `update_media_session` (S)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "update_media_session"

    media_session_type: MediaSessionType
    media_session_state: MediaSessionState


@frozen(kw_only=True, weakref_slot=False)
class Unpublish(Command):
    """End the publication. Wire: `unpublish` (S)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "unpublish"

    media_session_type: MediaSessionType


@frozen(kw_only=True, weakref_slot=False)
class Subscribe(Command):
    """Ask for the stream of another participant; answered by `SdpOffer`. Wire: `subscribe` (S; ``without_video`` R)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "subscribe"

    target: ParticipantId
    media_session_type: MediaSessionType
    without_video: bool = False


@frozen(kw_only=True, weakref_slot=False)
class Resubscribe(Command):
    """Restart the ICE of a subscription; answered by a new `SdpOffer`. Wire: `resubscribe` (R)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "resubscribe"

    target: ParticipantId
    media_session_type: MediaSessionType


@frozen(kw_only=True, weakref_slot=False)
class AnswerSdp(Command):
    """Answer the offer of a subscription. Wire: `sdp_answer` to the server (S)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "sdp_answer"

    target: ParticipantId
    media_session_type: MediaSessionType
    sdp: str = field(repr=hide)


@frozen(kw_only=True, weakref_slot=False)
class SendCandidate(Command):
    """Send one of our ICE candidates. Wire: `sdp_candidate` to the server (S)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "sdp_candidate"

    target: ParticipantId
    media_session_type: MediaSessionType
    candidate: CandidateInit


@frozen(kw_only=True, weakref_slot=False)
class SendEndOfCandidates(Command):
    """All of our ICE candidates were sent. Wire: `sdp_end_of_candidates` to the server (S)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "sdp_end_of_candidates"

    target: ParticipantId
    media_session_type: MediaSessionType


@frozen(kw_only=True, weakref_slot=False)
class Configure(Command):
    """Choose what a subscription receives. Wire: `configure` (S)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "configure"

    target: ParticipantId
    media_session_type: MediaSessionType
    configuration: SubscriptionConfiguration


@frozen(kw_only=True, weakref_slot=False)
class ModeratorMute(Command):
    """Ask others to mute. Wire: `moderator_mute` (R).

    ``targets``: several ids; one id without an array, or None for everybody (both L). Each form is sent unchanged.
    """

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "moderator_mute"

    force: bool
    targets: tuple[ParticipantId, ...] | ParticipantId | None = None


@frozen(kw_only=True, weakref_slot=False)
class GrantPresenterRole(Command):
    """Allow participants to share their screens. Wire: `grant_presenter_role` (R)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "grant_presenter_role"

    participant_ids: tuple[ParticipantId, ...]


@frozen(kw_only=True, weakref_slot=False)
class RevokePresenterRole(Command):
    """Forbid participants to share their screens. Wire: `revoke_presenter_role` (R)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "revoke_presenter_role"

    participant_ids: tuple[ParticipantId, ...]


@frozen(kw_only=True, weakref_slot=False)
class UpdateSpeakingState(Command):
    """Tell the server whether we speak. Wire: `update_speaking_state` (L 0.9)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "update_speaking_state"

    is_speaking: bool


@frozen(kw_only=True, weakref_slot=False)
class ModeratorEnableForceMute(Command):
    """Allow only participants in ``allow_list`` to unmute. Wire: `moderator_enable_force_mute` (L 0.16)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "moderator_enable_force_mute"

    allow_list: tuple[ParticipantId, ...]


@frozen(kw_only=True, weakref_slot=False)
class ModeratorDisableForceMute(Command):
    """Allow everybody to unmute again. Wire: `moderator_disable_force_mute` (L 0.16)."""

    NAMESPACE: ClassVar[str] = "media"
    ACTION: ClassVar[str] = "moderator_disable_force_mute"


@frozen(kw_only=True, weakref_slot=False)
class SdpAnswer(Event):
    """The answer to `Publish`. Wire: `sdp_answer` to the client (S). ``source`` is the own id."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "sdp_answer"

    source: ParticipantId
    media_session_type: MediaSessionType
    sdp: str = field(repr=hide)


@frozen(kw_only=True, weakref_slot=False)
class SdpOffer(Event):
    """The answer to `Subscribe` and `Resubscribe`. Wire: `sdp_offer` (S)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "sdp_offer"

    source: ParticipantId
    media_session_type: MediaSessionType
    sdp: str = field(repr=hide)


@frozen(kw_only=True, weakref_slot=False)
class SdpCandidate(Event):
    """An ICE candidate of the media server. Wire: `sdp_candidate` to the client (R)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "sdp_candidate"

    source: ParticipantId
    media_session_type: MediaSessionType
    candidate: CandidateInit


@frozen(kw_only=True, weakref_slot=False)
class SdpEndOfCandidates(Event):
    """The media server has sent all of its ICE candidates. Wire: `sdp_end_of_candidates` to the client (R)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "sdp_end_of_candidates"

    source: ParticipantId
    media_session_type: MediaSessionType


@frozen(kw_only=True, weakref_slot=False)
class WebrtcUp(Event):
    """The peer connection is up: the DTLS handshake is done. Wire: `webrtc_up` (S)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "webrtc_up"

    source: ParticipantId
    media_session_type: MediaSessionType


@frozen(kw_only=True, weakref_slot=False)
class WebrtcDown(Event):
    """The peer connection is down. It may come late, twice or not at all. Wire: `webrtc_down` (S)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "webrtc_down"

    source: ParticipantId
    media_session_type: MediaSessionType


@frozen(kw_only=True, weakref_slot=False)
class MediaStatus(Event):
    """The media server began or stopped to receive our audio or video. Wire: `media_status` (S)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "media_status"

    source: ParticipantId
    media_session_type: MediaSessionType
    kind: MediaKind
    receiving: bool


@frozen(kw_only=True, weakref_slot=False)
class WebrtcSlow(Event):
    """Packets of a stream get lost. Wire: `webrtc_slow` (R)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "webrtc_slow"

    source: ParticipantId
    media_session_type: MediaSessionType
    direction: SlowDirection


@frozen(kw_only=True, weakref_slot=False)
class FocusUpdate(Event):
    """Another participant speaks; None (null) is nobody. Wire: `focus_update` (S)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "focus_update"

    focus: ParticipantId | None = field(default=None, metadata=NULL)


@frozen(kw_only=True, weakref_slot=False)
class RequestMute(Event):
    """A moderator wants you muted; ``force``: without asking you. Wire: `request_mute` (R)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "request_mute"

    issuer: ParticipantId
    force: bool


@frozen(kw_only=True, weakref_slot=False)
class PresenterGranted(Event):
    """You may share your screen. Wire: `presenter_granted` (R)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "presenter_granted"


@frozen(kw_only=True, weakref_slot=False)
class PresenterRevoked(Event):
    """You may no longer share your screen. Wire: `presenter_revoked` (R)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "presenter_revoked"


@frozen(kw_only=True, weakref_slot=False)
class PresenterRoleGranted(Event):
    """Your `GrantPresenterRole` worked. Wire: `presenter_role_granted` (after L 0.16)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "presenter_role_granted"

    participant_ids: tuple[ParticipantId, ...]


@frozen(kw_only=True, weakref_slot=False)
class PresenterRoleRevoked(Event):
    """Your `RevokePresenterRole` worked. Wire: `presenter_role_revoked` (after L 0.16)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "presenter_role_revoked"

    participant_ids: tuple[ParticipantId, ...]


@frozen(kw_only=True, weakref_slot=False)
class SpeakerUpdated(Event):
    """Somebody began or stopped speaking. Wire: `speaker_updated` (L 0.9)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "speaker_updated"

    participant: ParticipantId
    is_speaking: bool
    updated_at: Timestamp


@frozen(kw_only=True, weakref_slot=False)
class ForceMuteEnabled(Event):
    """Only participants in ``allow_list`` may unmute. Wire: `force_mute_enabled` (L 0.16)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "force_mute_enabled"

    allow_list: tuple[ParticipantId, ...]


@frozen(kw_only=True, weakref_slot=False)
class ForceMuteDisabled(Event):
    """Everybody may unmute again. Wire: `force_mute_disabled` (L 0.16)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "force_mute_disabled"


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused a command. Wire: `error` (R); only two kinds of error name their stream (media.md § 3)."""

    NAMESPACE: ClassVar[str] = "media"
    MESSAGE: ClassVar[str] = "error"

    error: MediaErrorCode
    source: ParticipantId | None = None
    media_session_type: MediaSessionType | None = None
