"""Sessions, participants, rooms and meetings: who is where. Decides nothing, knows no messages.

These classes are one module because they refer to each other: a participant has a room, and a room has participants.
"The whole room" of signaling.md is a `Meeting`; its "all" are the participants of one `LiveRoom`.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from attrs import Attribute, define, field, setters

from m3core.controller.alarms import Alarm
from m3core.controller.budget import Budget
from m3core.controller.focus import FocusQueue
from m3core.controller.peers import Publisher, Subscription
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
    budget: Budget
    is_resumable: bool = True
    """Whether the end of this connection is one from which its client may come back as the same participant."""
    one_by_one: bool = False
    """Whether its client learns of streams one at a time, see `controller.one_by_one`."""
    participant: Participant | None = field(default=None, repr=False)
    """The participant of this connection, once it has joined or waits."""


@define
class EncodedEntries:
    """The entry of one participant as JSON, in the form of each kind of receiver. `controller.entries` fills it."""

    version: tuple[int, int, int]
    """`Participant.version`, and those of the states of the participant and of its room, when the forms were made."""
    forms: dict[Hashable, bytes] = field(factory=dict)


def _raise_version(participant: Participant, _attribute: Attribute[Any], value: object) -> object:
    participant.version += 1
    return value


@define(eq=False, on_setattr=_raise_version)
class Participant:
    """Somebody who is in a room, waits for it, or has left it."""

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
    """A moderator let it in: it skips the waiting room when it comes back (signaling.md § 6)."""
    was_inside: bool = False
    """A moderator sent it from the room into the waiting room. When it enters again it keeps its flags, and takes over
    none of an earlier session."""
    hand_is_up: bool = False
    left_at: Timestamp | None = None
    publishers: dict[MediaSessionType, Publisher] = field(factory=dict)
    announced: Mapping[MediaSessionType, StreamState] = field(factory=dict)
    """The streams that entries show. The participant has announced them, and there need not be a publisher (media.md
    § 2, publish_complete). `announce` changes them."""
    subscriptions: dict[MediaSessionKey, Subscription] = field(factory=dict)
    focus: FocusQueue = field(factory=FocusQueue)
    states: States = field(factory=States)
    version: int = field(default=0, on_setattr=setters.NO_OP)
    """How often an attribute was set. Entries that were encoded before the last time are made anew."""
    encoded: EncodedEntries | None = field(default=None, repr=False, on_setattr=setters.NO_OP)

    def announce(self, kind: MediaSessionType, state: StreamState | None) -> None:
        """Set what entries show of the stream ``kind``; None: it has ended, or was never there."""
        if state is None:
            self.announced = {other: known for other, known in self.announced.items() if other is not kind}
        else:
            self.announced = {**self.announced, kind: state}

    @property
    def is_moderator(self) -> bool:
        """Whether it has the role of a moderator, as the owner or by a grant."""
        return self.role is Role.MODERATOR

    @property
    def groups(self) -> tuple[str, ...] | None:
        """The names of the user's groups; None without an account."""
        user = self.session.admission.user
        return None if user is None else user.groups

    @property
    def is_owner(self) -> bool:
        """Whether its user created the room."""
        user = self.session.admission.user
        return user is not None and user.id == self.session.admission.room.owner

    @property
    def is_visible(self) -> bool:
        """Whether others learn of it: not of recorders (signaling.md § 5)."""
        return self.kind is not ParticipationKind.RECORDER


@define(eq=False)
class LiveRoom:
    """The main room of a meeting, or one of its breakout rooms, with its participants."""

    meeting: Meeting = field(repr=False)
    breakout: BreakoutRoomId | None = None
    """None: it is the main room."""
    _present: dict[ParticipantId, Participant] = field(factory=dict)
    gone: dict[ParticipantId, Participant] = field(factory=dict)
    """Participants who left, oldest first; at most `MAX_LEAVERS`."""
    states: States = field(factory=States)

    @property
    def present(self) -> Mapping[ParticipantId, Participant]:
        """Who is in it. Only `enter` and `leave` change it, because `Meeting.visible` counts them."""
        return self._present

    def others(self, participant: Participant) -> Iterator[Participant]:
        """Everybody present but ``participant``."""
        return (other for other in self._present.values() if other is not participant)

    def enter(self, participant: Participant) -> None:
        """Add ``participant``, which is then no longer one of those who left."""
        self._present[participant.id] = participant
        self.meeting.visible += participant.is_visible
        self.gone.pop(participant.id, None)

    def leave(self, participant: Participant) -> None:
        """Move ``participant`` to those who left. Beyond `MAX_LEAVERS` the oldest of these is forgotten."""
        del self._present[participant.id]
        if not participant.is_visible:
            return
        self.meeting.visible -= 1
        if len(self.gone) >= MAX_LEAVERS:
            del self.gone[next(iter(self.gone))]
        self.gone[participant.id] = participant


@define(eq=False)
class Breakouts:
    """The breakout rooms of a meeting, from their start until nobody may be in them (signaling.md § 8)."""

    names: Mapping[BreakoutRoomId, str]
    expires: Timestamp | None
    is_over: bool = False
    """They were stopped or have expired: nobody may enter any more, and participants inside have to leave."""
    alarm: Alarm | None = None
    """The time at which they expire or, once they are over, at which participants inside are disconnected."""


@define(eq=False)
class Meeting:
    """The live state of a room. It exists from the first join until nobody is in it or waits (signaling.md § 5.4)."""

    room: StoredRoom
    waiting_room_enabled: bool
    raise_hands_enabled: bool = True
    rooms: dict[BreakoutRoomId | None, LiveRoom] = field(factory=dict)
    visible: int = 0
    """How many participants are in its rooms or wait, without those of whom others do not learn."""
    _waiting: dict[ParticipantId, Participant] = field(factory=dict)
    banned: set[UserId] = field(factory=set)
    accepted: dict[ParticipantId, float] = field(factory=dict)
    """Participants who left and need not wait when they come back, with the time until which that holds; at most
    `MAX_LEAVERS`."""
    users_gone: dict[ParticipantId, UserId] = field(factory=dict)
    """Users who left and can still be banned, oldest first; at most `MAX_LEAVERS`."""
    breakouts: Breakouts | None = None
    closes_at: Timestamp | None = None
    time_limit: Alarm | None = None
    states: States = field(factory=States)

    @property
    def waiting(self) -> Mapping[ParticipantId, Participant]:
        """Who is in the waiting room. Only `wait` and `end_wait` change it, because ``visible`` counts them."""
        return self._waiting

    def wait(self, participant: Participant) -> None:
        """Add ``participant``, which is in no room, to the waiting room."""
        participant.is_waiting = True
        self._waiting[participant.id] = participant
        self.visible += participant.is_visible

    def end_wait(self, participant: Participant) -> None:
        """Take ``participant`` out of the waiting room."""
        participant.is_waiting = False
        del self._waiting[participant.id]
        self.visible -= participant.is_visible

    def room_for(self, breakout: BreakoutRoomId | None) -> LiveRoom:
        """The main room or a breakout room. It is made when it is first asked for."""
        if breakout not in self.rooms:
            self.rooms[breakout] = LiveRoom(self, breakout)
        return self.rooms[breakout]

    def joined(self) -> Iterator[Participant]:
        """Everybody in any room of the meeting."""
        return (participant for room in self.rooms.values() for participant in room.present.values())

    def everyone(self) -> Iterator[Participant]:
        """Everybody in any room of the meeting, and those who wait."""
        yield from self.joined()
        yield from self.waiting.values()

    def elsewhere(self, room: LiveRoom) -> Iterator[Participant]:
        """Everybody in the rooms other than ``room``."""
        return (participant for participant in self.joined() if participant.room is not room)

    def gone_elsewhere(self, room: LiveRoom) -> list[Participant]:
        """Those who left the rooms other than ``room``: the last `MAX_LEAVERS` of all these rooms together."""
        gone = (one for other in self.rooms.values() if other is not room for one in other.gone.values())
        return heapq.nlargest(MAX_LEAVERS, gone, key=_left_at)

    def gone(self) -> Iterator[Participant]:
        """Those who left a room of the meeting."""
        return (participant for room in self.rooms.values() for participant in room.gone.values())

    def find(self, participant_id: ParticipantId) -> Participant | None:
        """The participant with this id, in any room of the meeting."""
        found = (room.present.get(participant_id) for room in self.rooms.values())
        return next((participant for participant in found if participant is not None), None)

    def user_of(self, participant_id: ParticipantId) -> UserId | None:
        """The user with this participant id, present, waiting or gone; None for guests and unknown ids."""
        there = self.find(participant_id) or self.waiting.get(participant_id)
        if there is None:
            return self.users_gone.get(participant_id)
        user = there.session.admission.user
        return None if user is None else user.id

    def remember_user(self, participant: Participant) -> None:
        """``participant`` leaves. Keep its user, so that a moderator can still ban it."""
        user = participant.session.admission.user
        if user is not None:
            self.users_gone.pop(participant.id, None)
            if len(self.users_gone) >= MAX_LEAVERS:
                del self.users_gone[next(iter(self.users_gone))]
            self.users_gone[participant.id] = user.id

    def last_seen(self, participant_id: ParticipantId) -> Participant | None:
        """The participant whose session a newcomer with the same id resumes: the one that left last, of all rooms."""
        found = [room.gone[participant_id] for room in self.rooms.values() if participant_id in room.gone]
        return max(found, key=_left_at, default=None)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is in any room, and nobody waits."""
        return not self.waiting and not any(room.present for room in self.rooms.values())

    def remember_accepted(self, participant_id: ParticipantId, until: float) -> None:
        """An accepted participant left: until ``until`` it may come back without waiting."""
        if len(self.accepted) >= MAX_LEAVERS:
            del self.accepted[next(iter(self.accepted))]
        self.accepted[participant_id] = until

    def was_accepted(self, participant_id: ParticipantId, now: float) -> bool:
        """Whether the participant need not wait. The answer uses the acceptance up."""
        return now < self.accepted.pop(participant_id, now)


def _left_at(participant: Participant) -> int:
    return 0 if participant.left_at is None else participant.left_at.nanoseconds


class Rooms:
    """The meetings of all rooms that are in use, by room."""

    def __init__(self) -> None:
        self.live: dict[RoomId, Meeting] = {}

    def open(self, room: StoredRoom) -> Meeting:
        """The meeting in ``room``. It is made when there is none."""
        if room.id not in self.live:
            self.live[room.id] = Meeting(room, room.waiting_room)
        return self.live[room.id]

    def discard(self, meeting: Meeting) -> None:
        """Forget ``meeting`` with all its state (signaling.md § 5.4)."""
        self.live.pop(meeting.room.id, None)
