"""Values in the states and the events of all modules: participants, their streams, phases, reasons for an end."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from attrs import field, frozen

from m3core.values import MediaSessionType, ParticipantId, ParticipationKind, Role, Timestamp


class Phase(Enum):
    """How far a conference is."""

    IDLE = "idle"
    STARTING = "starting"
    """The REST requests for a ticket are under way."""
    CONNECTING = "connecting"
    JOINING = "joining"
    WAITING = "waiting"
    """In the waiting room, until a moderator accepts us."""
    JOINED = "joined"
    RECONNECTING = "reconnecting"
    """The connection broke or the user changes rooms; another connection is being opened."""
    LEAVING = "leaving"
    ENDED = "ended"


class EndReason(Enum):
    """Why a conference ended."""

    LEFT = "left"
    """The user left."""
    KICKED = "kicked"
    BANNED = "banned"
    MEETING_OVER = "meeting over"
    """The room was deleted, its time is up, or the session was ended for all."""
    SERVER_CLOSED = "server closed"
    """The server closed the connection for good (close code 1000), without a reason."""
    LOST = "lost"
    """The connection broke, and no attempt to reconnect succeeded or made sense."""
    FAILED = "failed"
    """The room could not be entered."""


@frozen(kw_only=True)
class Stream:
    """One published stream of a participant: which of its tracks are on (media.md § 1)."""

    media_session_type: MediaSessionType
    audio: bool
    video: bool


@frozen(kw_only=True)
class Participant:
    """Somebody who is or was in the room. Fields about which the server said nothing have their defaults."""

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
    """Whether the participant may share the screen. True unless the server says otherwise (media.md § 3)."""
    streams: Mapping[MediaSessionType, Stream] = field(factory=lambda: MappingProxyType({}))
    """The streams that the participant publishes now."""
    groups: tuple[str, ...] = ()
    """The chat groups that the participant shares with us."""
    may_write_minutes: bool | None = None
    """Whether the participant may write the minutes; ``None``: the participant has no access to them."""
    consents_recording: bool | None = None
    modules: Mapping[str, object] = field(factory=lambda: MappingProxyType({}), repr=False)
    """The JSON of namespaces without a message class here, as it came."""

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
    """Whether the server receives the stream and has announced it to the others."""


@frozen(kw_only=True)
class SubscriptionState:
    """One subscription to a stream of another participant. ``is_live``: the media connection is up."""

    participant_id: ParticipantId
    media_session_type: MediaSessionType
    is_live: bool
    is_parked: bool
    """Nobody reads it, and its video is configured off. The protocol has no unsubscribe (media.md § 4.4)."""
