"""Namespace `breakout`: rooms beside the main room (signaling.md § 8)."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from attrs import field, frozen

from m3core.messages.base import IS_SHORT, NULL, SHORT, Command, Event, Value
from m3core.values import BreakoutRoomId, ParticipantId, ParticipationKind, Role, Timestamp


class BreakoutErrorCode(Enum):
    """Why the server refused a `breakout` command (signaling.md § 8)."""

    INACTIVE = "inactive"
    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"


@frozen(kw_only=True, weakref_slot=False)
class RoomPlan(Value):
    """A breakout room to open, and who is assigned to it. Wire: an element of ``rooms`` of `start`."""

    name: str
    assignments: tuple[ParticipantId, ...]


@frozen(kw_only=True, weakref_slot=False)
class BreakoutRoom(Value):
    """A breakout room. Wire: an element of ``rooms`` of `started` and of the join data."""

    id: BreakoutRoomId
    name: str


@frozen(kw_only=True, weakref_slot=False)
class BreakoutParticipant(Value):
    """A participant in another room. Wire: an element of ``participants`` (R).

    ``breakout_room``: None is the main room. ``is_short``: ``avatar_url`` and ``left_at`` are omitted when they are
    None, as later servers do (L); older ones send null (R).
    """

    breakout_room: BreakoutRoomId | None = field(default=None, metadata=NULL)
    id: ParticipantId
    display_name: str
    role: Role
    avatar_url: str | None = field(default=None, metadata=SHORT)
    participation_kind: ParticipationKind
    joined_at: Timestamp
    left_at: Timestamp | None = field(default=None, metadata=SHORT)
    is_short: bool = field(default=False, eq=False, repr=False, metadata=IS_SHORT)


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """The breakout rooms, while they are open. Wire: ``join_success.breakout`` (R).

    ``current``: the room that you are in; None is the main room. ``participants``: those in other rooms.
    """

    current: BreakoutRoomId | None = field(default=None, metadata=NULL)
    expires: Timestamp | None = field(default=None, metadata=NULL)
    rooms: tuple[BreakoutRoom, ...]
    participants: tuple[BreakoutParticipant, ...]


@frozen(kw_only=True, weakref_slot=False)
class Start(Command):
    """Open breakout rooms; they replace those that are open. Wire: `start` (R).

    ``duration``: seconds; None is without end. ``strategy``: servers ignore it; the web client sends ``manual`` (L).
    """

    NAMESPACE: ClassVar[str] = "breakout"
    ACTION: ClassVar[str] = "start"

    rooms: tuple[RoomPlan, ...]
    duration: int | None = None
    strategy: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class Stop(Command):
    """Close all breakout rooms, after 5 minutes. Wire: `stop` (R)."""

    NAMESPACE: ClassVar[str] = "breakout"
    ACTION: ClassVar[str] = "stop"


@frozen(kw_only=True, weakref_slot=False)
class Started(Event):
    """Breakout rooms are open. Wire: `started` (R).

    ``assignment``: the room that you are assigned to; None is none. ``expires``: None is never.
    """

    NAMESPACE: ClassVar[str] = "breakout"
    MESSAGE: ClassVar[str] = "started"

    rooms: tuple[BreakoutRoom, ...]
    expires: Timestamp | None = field(default=None, metadata=NULL)
    assignment: BreakoutRoomId | None = field(default=None, metadata=NULL)


@frozen(kw_only=True, weakref_slot=False)
class Stopped(Event):
    """A moderator closes the breakout rooms: 5 minutes are left. Wire: `stopped` (R)."""

    NAMESPACE: ClassVar[str] = "breakout"
    MESSAGE: ClassVar[str] = "stopped"


@frozen(kw_only=True, weakref_slot=False)
class Expired(Event):
    """The time of the breakout rooms is up: 5 minutes are left. Wire: `expired` (R)."""

    NAMESPACE: ClassVar[str] = "breakout"
    MESSAGE: ClassVar[str] = "expired"


@frozen(kw_only=True, weakref_slot=False)
class Joined(Event):
    """A participant joined another room of the meeting. Wire: `joined` (R).

    ``breakout_room``: None is the main room. ``is_short``: as in `BreakoutParticipant`.
    """

    NAMESPACE: ClassVar[str] = "breakout"
    MESSAGE: ClassVar[str] = "joined"

    breakout_room: BreakoutRoomId | None = field(default=None, metadata=NULL)
    id: ParticipantId
    display_name: str
    role: Role
    avatar_url: str | None = field(default=None, metadata=SHORT)
    participation_kind: ParticipationKind
    joined_at: Timestamp
    left_at: Timestamp | None = field(default=None, metadata=SHORT)
    is_short: bool = field(default=False, eq=False, repr=False, metadata=IS_SHORT)


@frozen(kw_only=True, weakref_slot=False)
class Left(Event):
    """A participant left another room of the meeting. Wire: `left` (R). ``breakout_room``: None is the main room."""

    NAMESPACE: ClassVar[str] = "breakout"
    MESSAGE: ClassVar[str] = "left"

    breakout_room: BreakoutRoomId | None = field(default=None, metadata=NULL)
    id: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused something. Wire: `error` (R)."""

    NAMESPACE: ClassVar[str] = "breakout"
    MESSAGE: ClassVar[str] = "error"

    error: BreakoutErrorCode
