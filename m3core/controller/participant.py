"""Who takes part, as the server sees it: a session, a participant, its streams. Decides nothing, knows no messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from attrs import define, field

from m3core.controller.focus import FocusQueue
from m3core.controller.rate import RateLimit
from m3core.controller.tickets import Admission
from m3core.io import CommandId, ConnectionId, PeerId
from m3core.messages.participants import StreamState
from m3core.negotiation import Negotiation
from m3core.signaling import SignalingConnection
from m3core.values import MediaSessionKey, MediaSessionType, ParticipantId, ParticipationKind, Role, Timestamp

if TYPE_CHECKING:
    from m3core.controller.room import LiveRoom

StateT = TypeVar("StateT")


class States:
    """What modules remember of a participant, room or meeting: one value of each class, made when first asked for."""

    def __init__(self) -> None:
        self._by_kind: dict[type, object] = {}

    def of(self, kind: type[StateT]) -> StateT:
        """The value of class ``kind``."""
        found = self._by_kind.get(kind)
        if not isinstance(found, kind):
            found = self._by_kind[kind] = kind()
        return found

    def find(self, kind: type[StateT]) -> StateT | None:
        """The value of class ``kind``, if there is one."""
        found = self._by_kind.get(kind)
        return found if isinstance(found, kind) else None

    def put(self, value: object) -> None:
        """Remember ``value`` in place of the one of its class."""
        self._by_kind[type(value)] = value

    def drop(self, kind: type[object]) -> None:
        """Forget the value of class ``kind``."""
        self._by_kind.pop(kind, None)


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


@define(eq=False)
class Subscription:
    """A stream that goes out to one participant."""

    peer: PeerId
    key: MediaSessionKey
    publisher: PeerId
    negotiation: Negotiation
    awaited: CommandId | None = None


@define(eq=False)
class Session:
    """One WebSocket connection and the identity that its ticket gave it."""

    connection: ConnectionId
    admission: Admission
    signaling: SignalingConnection
    last_pong: float
    allowance: RateLimit
    one_by_one: bool = False
    """Whether it is told of streams one at a time, see `controller.one_by_one`."""
    participant: Participant | None = field(default=None, repr=False)
    """Who is in the room, or waits for it, by this connection."""


@define(eq=False)
class Participant:
    """Somebody in a room, or who waits for it, or who was there."""

    id: ParticipantId
    session: Session
    room: LiveRoom = field(repr=False)
    display_name: str
    role: Role
    kind: ParticipationKind
    avatar_url: str | None
    joined_at: Timestamp
    hand_updated_at: Timestamp
    is_presenter: bool
    is_waiting: bool = False
    is_accepted: bool = False
    """Let in by a moderator: does not wait again (signaling.md § 6)."""
    was_inside: bool = False
    """Sent back to wait: comes in again as who it is, not as who it was before."""
    hand_is_up: bool = False
    left_at: Timestamp | None = None
    publishers: dict[MediaSessionType, Publisher] = field(factory=dict)
    announced: dict[MediaSessionType, StreamState] = field(factory=dict)
    """The streams that others are told of. It has announced them itself, and there need not be a publisher (media.md
    § 2)."""
    subscriptions: dict[MediaSessionKey, Subscription] = field(factory=dict)
    focus: FocusQueue = field(factory=FocusQueue)
    states: States = field(factory=States)

    @property
    def is_moderator(self) -> bool:
        """Whether the role is that of a moderator."""
        return self.role is Role.MODERATOR

    @property
    def groups(self) -> tuple[str, ...] | None:
        """The groups of the user; None without an account."""
        user = self.session.admission.user
        return None if user is None else user.groups

    @property
    def is_owner(self) -> bool:
        """Whether this is the creator of the room."""
        user = self.session.admission.user
        return user is not None and user.id == self.session.admission.room.owner

    @property
    def is_visible(self) -> bool:
        """Nobody is told of recorders (signaling.md § 5)."""
        return self.kind is not ParticipationKind.RECORDER
