"""Who is where: sessions, participants, rooms and meetings. Decides nothing, knows no messages.

They refer to each other, and so they are one module: a participant knows its room, and a room who is in it.
"The whole room" of signaling.md is the `Meeting`; what it calls "all" is one `LiveRoom` of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping

from attrs import define, field

from m3core.controller.alarms import Alarm
from m3core.controller.focus import FocusQueue
from m3core.controller.peers import Publisher, Subscription
from m3core.controller.rate import RateLimit
from m3core.controller.states import States
from m3core.controller.store import StoredRoom
from m3core.controller.tickets import Admission
from m3core.io import ConnectionId
from m3core.limits import MAX_LEAVERS
from m3core.messages.participants import StreamState
from m3core.signaling import SignalingConnection
from m3core.values import (
    BreakoutRoomId,
    MediaSessionKey,
    MediaSessionType,
    ParticipantId,
    ParticipationKind,
    Role,
    RoomId,
    Timestamp,
    UserId,
)


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


@define(eq=False)
class LiveRoom:
    """The main room of a meeting, or one of its breakout rooms, and who is in it."""

    meeting: Meeting = field(repr=False)
    breakout: BreakoutRoomId | None = None
    """None: the main room."""
    present: dict[ParticipantId, Participant] = field(factory=dict)
    gone: dict[ParticipantId, Participant] = field(factory=dict)
    """Those who left, oldest first; bounded."""
    states: States = field(factory=States)

    def others(self, participant: Participant) -> Iterator[Participant]:
        """Everybody present but ``participant``."""
        return (other for other in self.present.values() if other is not participant)

    def enter(self, participant: Participant) -> None:
        """Somebody is in, and no longer one of those who left."""
        self.present[participant.id] = participant
        self.gone.pop(participant.id, None)

    def leave(self, participant: Participant) -> None:
        """Move somebody to those who left; the oldest of these are forgotten."""
        del self.present[participant.id]
        if not participant.is_visible:
            return
        if len(self.gone) >= MAX_LEAVERS:
            del self.gone[next(iter(self.gone))]
        self.gone[participant.id] = participant


@define(eq=False)
class Breakouts:
    """The breakout rooms of a meeting, while they are set up (signaling.md § 8)."""

    names: Mapping[BreakoutRoomId, str]
    expires: Timestamp | None
    is_over: bool = False
    """Stopped or expired: those inside may stay for a while, nobody enters any more."""
    alarm: Alarm | None = None
    """When they expire, or when those inside are put out."""


@define(eq=False)
class Meeting:
    """The live state of a room: it exists from the first join until nobody is there (signaling.md § 5.4)."""

    room: StoredRoom
    waiting_room_enabled: bool
    raise_hands_enabled: bool = True
    rooms: dict[BreakoutRoomId | None, LiveRoom] = field(factory=dict)
    waiting: dict[ParticipantId, Participant] = field(factory=dict)
    banned: set[UserId] = field(factory=set)
    accepted: dict[ParticipantId, float] = field(factory=dict)
    """Who need not wait when they come back, and until when; bounded like the leavers."""
    users_gone: dict[ParticipantId, UserId] = field(factory=dict)
    """Who had an account and left, oldest first; bounded like the leavers of a room."""
    breakouts: Breakouts | None = None
    closes_at: Timestamp | None = None
    time_limit: Alarm | None = None
    states: States = field(factory=States)

    def room_for(self, breakout: BreakoutRoomId | None) -> LiveRoom:
        """The main or a breakout room, which the first join brings up."""
        if breakout not in self.rooms:
            self.rooms[breakout] = LiveRoom(self, breakout)
        return self.rooms[breakout]

    def joined(self) -> Iterator[Participant]:
        """Everybody in any room."""
        return (participant for room in self.rooms.values() for participant in room.present.values())

    def everyone(self) -> Iterator[Participant]:
        """The same, and those who wait."""
        yield from self.joined()
        yield from self.waiting.values()

    def elsewhere(self, room: LiveRoom) -> Iterator[Participant]:
        """Everybody in the other rooms."""
        return (participant for participant in self.joined() if participant.room is not room)

    def gone_elsewhere(self, room: LiveRoom) -> list[Participant]:
        """Those who left the other rooms; of all rooms together no more than of one: the last ones."""
        gone = (one for other in self.rooms.values() if other is not room for one in other.gone.values())
        return heapq.nlargest(MAX_LEAVERS, gone, key=_left_at)

    def find(self, participant_id: ParticipantId) -> Participant | None:
        """Somebody in any room."""
        found = (room.present.get(participant_id) for room in self.rooms.values())
        return next((participant for participant in found if participant is not None), None)

    def user_of(self, participant_id: ParticipantId) -> UserId | None:
        """The account of somebody in any room, or who waits, or who left; None for guests and strangers."""
        there = self.find(participant_id) or self.waiting.get(participant_id)
        if there is None:
            return self.users_gone.get(participant_id)
        user = there.session.admission.user
        return None if user is None else user.id

    def remember_user(self, participant: Participant) -> None:
        """Somebody goes: its account can still be banned."""
        user = participant.session.admission.user
        if user is not None:
            self.users_gone.pop(participant.id, None)
            if len(self.users_gone) >= MAX_LEAVERS:
                del self.users_gone[next(iter(self.users_gone))]
            self.users_gone[participant.id] = user.id

    def last_seen(self, participant_id: ParticipantId) -> Participant | None:
        """Who somebody was that comes back: the last of those who left a room here with its id."""
        found = [room.gone[participant_id] for room in self.rooms.values() if participant_id in room.gone]
        return max(found, key=_left_at, default=None)

    @property
    def is_empty(self) -> bool:
        """Nobody is in, and nobody waits."""
        return not self.waiting and not any(room.present for room in self.rooms.values())

    def remember_accepted(self, participant_id: ParticipantId, until: float) -> None:
        """Somebody who was let in went: until then it may come back without waiting."""
        if len(self.accepted) >= MAX_LEAVERS:
            del self.accepted[next(iter(self.accepted))]
        self.accepted[participant_id] = until

    def was_accepted(self, participant_id: ParticipantId, now: float) -> bool:
        """Whether somebody need not wait again. True once."""
        return now < self.accepted.pop(participant_id, now)


def _left_at(participant: Participant) -> int:
    return 0 if participant.left_at is None else participant.left_at.nanoseconds


class Rooms:
    """The meetings that are live."""

    def __init__(self) -> None:
        self.live: dict[RoomId, Meeting] = {}

    def open(self, room: StoredRoom) -> Meeting:
        """The meeting in ``room``, which the first join brings up."""
        if room.id not in self.live:
            self.live[room.id] = Meeting(room, room.waiting_room)
        return self.live[room.id]

    def discard(self, meeting: Meeting) -> None:
        """The last one left: hands, leavers and all are forgotten."""
        self.live.pop(meeting.room.id, None)
