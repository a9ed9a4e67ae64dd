"""What the states and the events of all modules are made of: participants, their streams, why a conference ended."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from attrs import field, frozen

from m3core.values import MediaSessionType, ParticipantId, ParticipationKind, Role, Timestamp


class Phase(Enum):
    """Where a conference stands."""

    IDLE = "idle"
    STARTING = "starting"
    """The REST calls that lead to a ticket."""
    CONNECTING = "connecting"
    JOINING = "joining"
    WAITING = "waiting"
    """In the waiting room."""
    JOINED = "joined"
    RECONNECTING = "reconnecting"
    """The connection broke, and is being opened again."""
    LEAVING = "leaving"
    ENDED = "ended"


class EndReason(Enum):
    """Why a conference ended."""

    LEFT = "left"
    """You left."""
    KICKED = "kicked"
    BANNED = "banned"
    MEETING_OVER = "meeting over"
    """The room was deleted, its time is up, or the session was ended for all."""
    SERVER_CLOSED = "server closed"
    """The server closed the connection for good, and said no more."""
    LOST = "lost"
    """The connection broke."""
    FAILED = "failed"
    """The conference could not be joined."""


@frozen(kw_only=True)
class Stream:
    """One published stream of a participant: which of its tracks are on (media.md § 1)."""

    media_session_type: MediaSessionType
    audio: bool
    video: bool


@frozen(kw_only=True)
class Participant:
    """Somebody in the room. Fields that the server did not tell have their defaults."""

    id: ParticipantId
    display_name: str
    role: Role = Role.GUEST
    kind: ParticipationKind = ParticipationKind.USER
    avatar_url: str | None = None
    hand_is_up: bool = False
    hand_updated_at: Timestamp | None = None
    joined_at: Timestamp | None = None
    left_at: Timestamp | None = None
    """Set once the participant has gone."""
    is_presenter: bool = True
    """May share the screen."""
    streams: Mapping[MediaSessionType, Stream] = field(factory=lambda: MappingProxyType({}))
    """What the participant publishes now."""
    groups: tuple[str, ...] = ()
    """The chat groups that the participant shares with us."""
    may_write_minutes: bool | None = None
    """Whether the participant may write the minutes; None: has no access to them."""
    consents_recording: bool | None = None
    modules: Mapping[str, object] = field(factory=lambda: MappingProxyType({}), repr=False)
    """What namespaces that have no type here say about the participant, raw."""

    @property
    def is_here(self) -> bool:
        """Whether the participant is in the room now."""
        return self.left_at is None


@frozen(kw_only=True)
class PublicationState:
    """One of our own streams."""

    media_session_type: MediaSessionType
    audio: bool
    video: bool
    is_live: bool
    """The server has it, and the others see it."""


@frozen(kw_only=True)
class SubscriptionState:
    """One stream of another participant that we receive."""

    participant_id: ParticipantId
    media_session_type: MediaSessionType
    is_live: bool
    is_parked: bool
    """Video is configured off; the protocol has no unsubscribe (media.md § 4.4)."""
