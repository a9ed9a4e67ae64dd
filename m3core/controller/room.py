"""A live room and those in it, as the server sees them. Knows how they look on the wire; decides nothing."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field

from m3core.controller.focus import FocusQueue
from m3core.controller.store import StoredRoom
from m3core.controller.tickets import Admission
from m3core.io import CommandId, ConnectionId, PeerId
from m3core.limits import MAX_PARTICIPANTS
from m3core.messages.participants import ControlState, MediaState, ParticipantEntry, StreamState
from m3core.negotiation import Negotiation
from m3core.signaling import SignalingConnection
from m3core.values import MediaSessionKey, MediaSessionType, ParticipantId, ParticipationKind, Role, RoomId, Timestamp


@define(eq=False)
class Publisher:
    """A stream that comes in."""

    peer: PeerId
    key: MediaSessionKey
    negotiation: Negotiation
    awaited: CommandId | None = None
    answered: bool = False
    is_up: bool = False
    is_talking: bool = False
    state: StreamState | None = None
    """What `publish_complete` announced; None before."""


@define(eq=False)
class Subscription:
    """A stream that goes out to one participant."""

    peer: PeerId
    key: MediaSessionKey
    publisher: PeerId
    negotiation: Negotiation
    awaited: CommandId | None = None


@define(eq=False)
class Participant:
    """Somebody in the room, or who was."""

    id: ParticipantId
    session: Session
    display_name: str
    role: Role
    kind: ParticipationKind
    avatar_url: str | None
    joined_at: Timestamp
    hand_updated_at: Timestamp
    is_presenter: bool
    hand_is_up: bool = False
    left_at: Timestamp | None = None
    publishers: dict[MediaSessionType, Publisher] = field(factory=dict)
    subscriptions: dict[MediaSessionKey, Subscription] = field(factory=dict)
    focus: FocusQueue = field(factory=FocusQueue)

    def control_state(self) -> ControlState:
        """The `control` key of the entry (signaling.md § 5.2)."""
        return ControlState(
            display_name=self.display_name,
            role=self.role,
            avatar_url=self.avatar_url,
            participation_kind=self.kind,
            hand_is_up=self.hand_is_up,
            hand_updated_at=self.hand_updated_at,
            joined_at=self.joined_at,
            left_at=self.left_at,
        )

    def media_state(self) -> MediaState:
        """The `media` key: a stream is there only once it was announced."""
        states = {kind: publisher.state for kind, publisher in self.publishers.items()}
        return MediaState(
            is_presenter=self.is_presenter,
            video=states.get(MediaSessionType.VIDEO),
            screen=states.get(MediaSessionType.SCREEN),
        )

    def entry(self) -> ParticipantEntry:
        """The whole entry."""
        return ParticipantEntry(id=self.id, control=self.control_state(), media=self.media_state())


@define(eq=False)
class Session:
    """One WebSocket connection and the identity that its ticket gave it."""

    connection: ConnectionId
    admission: Admission
    signaling: SignalingConnection
    last_pong: float
    participant: Participant | None = None


@define(eq=False)
class LiveRoom:
    """The live state of a room: it exists from the first join until the last leave (signaling.md § 5.4)."""

    room: StoredRoom
    present: dict[ParticipantId, Participant] = field(factory=dict)
    gone: dict[ParticipantId, Participant] = field(factory=dict)
    """Those who left, oldest first; bounded."""

    def others(self, participant: Participant) -> Iterator[Participant]:
        """Everybody present but ``participant``."""
        return (other for other in self.present.values() if other is not participant)

    def entries(self, for_whom: Participant) -> tuple[ParticipantEntry, ...]:
        """The `participants` of a `join_success`."""
        here = [other.entry() for other in self.others(for_whom)]
        return (*here, *(other.entry() for other in self.gone.values()))

    def remove(self, participant: Participant) -> None:
        """Move somebody to those who left."""
        del self.present[participant.id]
        if len(self.gone) >= MAX_PARTICIPANTS:
            del self.gone[next(iter(self.gone))]
        self.gone[participant.id] = participant


class Rooms:
    """The rooms that are live."""

    def __init__(self) -> None:
        self.live: dict[RoomId, LiveRoom] = {}

    def enter(self, room: StoredRoom) -> LiveRoom:
        """The live room of ``room``, which the first join brings up."""
        return self.live.setdefault(room.id, LiveRoom(room))

    def discard(self, room: LiveRoom) -> None:
        """The last one left: hands, leavers and all are forgotten."""
        self.live.pop(room.room.id, None)
