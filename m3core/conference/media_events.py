"""What users see of streams, speakers and muting; part of `m3core.conference.events`."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from m3core.conference.common import Participant
from m3core.values import MediaKind, MediaSessionType, ParticipantId, SlowDirection


@frozen(kw_only=True)
class StreamStarted:
    """A participant publishes a stream: it can be subscribed to."""

    participant: Participant
    media_session_type: MediaSessionType


@frozen(kw_only=True)
class StreamChanged:
    """A participant muted or unmuted a track of a stream."""

    participant: Participant
    media_session_type: MediaSessionType
    audio: bool
    video: bool


@frozen(kw_only=True)
class StreamStopped:
    """A participant publishes a stream no more."""

    participant: Participant
    media_session_type: MediaSessionType


@frozen(kw_only=True)
class FocusChanged:
    """Somebody else is the active speaker now; ``None``: nobody (media.md § 7)."""

    participant: Participant | None


@frozen(kw_only=True)
class SpeakerChanged:
    """A participant started or stopped speaking (servers from 0.9 on)."""

    participant: Participant
    is_speaking: bool


@frozen(kw_only=True)
class MuteRequested:
    """A moderator wants us to mute; ``force``: without asking the person (media.md § 6)."""

    issuer: ParticipantId
    force: bool


@frozen(kw_only=True)
class ForceMuteChanged:
    """Only those in ``allow_list``, and moderators, may unmute now; or all may again (L 0.16)."""

    force_mute: bool
    allow_list: frozenset[ParticipantId]


@frozen(kw_only=True)
class PresenterChanged:
    """A participant, perhaps we, may, or may no longer, share the screen."""

    participant: Participant
    is_presenter: bool


@frozen(kw_only=True)
class PublicationStarted:
    """One of our streams is live, or is live again: after `Resumed`, or published once more when it broke."""

    media_session_type: MediaSessionType


@frozen(kw_only=True)
class PublicationStopped:
    """One of our streams ended; ``reason`` is empty when we ended it."""

    media_session_type: MediaSessionType
    reason: str = ""


@frozen(kw_only=True)
class ReceivingChanged:
    """The server starts or stops receiving a track of ours (`media_status`)."""

    media_session_type: MediaSessionType
    kind: MediaKind
    receiving: bool


@frozen(kw_only=True)
class SubscriptionStopped:
    """A stream that we received ended, for good. One that breaks is subscribed to again, and nothing is told."""

    participant_id: ParticipantId
    media_session_type: MediaSessionType
    reason: str


@frozen(kw_only=True)
class ConnectionSlow:
    """Packets of a stream get lost (`webrtc_slow`)."""

    participant_id: ParticipantId
    media_session_type: MediaSessionType
    direction: SlowDirection


MediaEvent: TypeAlias = (
    StreamStarted
    | StreamChanged
    | StreamStopped
    | FocusChanged
    | SpeakerChanged
    | MuteRequested
    | ForceMuteChanged
    | PresenterChanged
    | PublicationStarted
    | PublicationStopped
    | ReceivingChanged
    | SubscriptionStopped
    | ConnectionSlow
)
