"""Namespace `breakout`: rooms beside the main room, and who is in which (signaling.md § 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import evolve, field, frozen

from m3core.conference.common import Participant
from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, Someone, T, id_of, rule
from m3core.conference.modules.conversations import instant
from m3core.errors import LimitExceeded, WrongValue
from m3core.limits import BREAKOUT_EXPIRY, MAX_PARTICIPANTS
from m3core.messages import Event, breakout
from m3core.messages.breakout import BreakoutRoom
from m3core.messages.control import JoinSuccess
from m3core.names import check_room_name
from m3core.values import BreakoutRoomId, ParticipantId, Timestamp


# -- state ---
@frozen(kw_only=True)
class BreakoutMember:
    """Somebody who is in another room of the meeting than we are."""

    participant: Participant
    room_id: BreakoutRoomId | None
    """None: the main room."""


@frozen(kw_only=True)
class BreakoutState:
    """The breakout rooms, and who is in which. `ConferenceState.participants` has those in our own room."""

    rooms: tuple[BreakoutRoom, ...] = ()
    """Empty while no breakout rooms are open."""
    current: BreakoutRoomId | None = None
    """The room that we are in; None: the main room."""
    assignment: BreakoutRoomId | None = None
    """The room that a moderator assigned us to. Nothing forces us to go there."""
    expires: Timestamp | None = None
    """When the rooms close by themselves; None: somebody has to close them."""
    is_closing: bool = False
    """The rooms were closed. Participants in breakout rooms have 5 minutes to leave them."""
    elsewhere: Mapping[ParticipantId, BreakoutMember] = field(factory=lambda: MappingProxyType({}))
    """Who is in another room than we are; at most `MAX_PARTICIPANTS`, further ones are not kept."""

    @property
    def is_active(self) -> bool:
        """Whether breakout rooms are open."""
        return bool(self.rooms)

    def room(self, room_id: BreakoutRoomId) -> BreakoutRoom:
        """The room of that id. A room that the server has not listed has an empty name."""
        return next((room for room in self.rooms if room.id == room_id), BreakoutRoom(id=room_id, name=""))

    def members(self, room_id: BreakoutRoomId | None) -> tuple[Participant, ...]:
        """Who is in a room that is not ours; None: the main room."""
        return tuple(member.participant for member in self.elsewhere.values() if member.room_id == room_id)


# -- events ---
@frozen(kw_only=True)
class BreakoutStarted(ConferenceEvent):
    """Breakout rooms are open, perhaps in place of earlier ones. ``assignment``: the room that we should go to."""

    rooms: tuple[BreakoutRoom, ...]
    assignment: BreakoutRoom | None = None
    expires: Timestamp | None = None


@frozen(kw_only=True)
class BreakoutStopped(ConferenceEvent):
    """The breakout rooms are closed: in 5 minutes the server ends the connections of those who are still in them.

    ``expired``: the time of the rooms was up, nobody closed them. The event also comes when their time is up and the
    server does not say so.
    """

    expired: bool


@frozen(kw_only=True)
class BreakoutRoomJoined(ConferenceEvent):
    """Somebody entered a room that is not ours. ``room``: None is the main room."""

    participant: Participant
    room: BreakoutRoom | None


@frozen(kw_only=True)
class BreakoutRoomLeft(ConferenceEvent):
    """Somebody left a room that is not ours, and may come to ours. ``room``: None is the main room."""

    participant: Participant
    room: BreakoutRoom | None


# -- the module ---
class BreakoutModule(ClientModule[BreakoutState]):
    """The breakout rooms, and who is in another room than we are."""

    NAMESPACE = "breakout"
    RULES: ClassVar[Rules] = MappingProxyType(
        {
            breakout.Start: rule("insufficient_permissions", answered=True),
            breakout.Stop: rule("insufficient_permissions", "inactive", answered=True),
        }
    )
    _state = BreakoutState()
    _assigned: BreakoutRoomId | None = None
    """Our assignment, kept while we change rooms, because `join_success` does not have it (signaling.md § 8)."""
    _missed: tuple[ConferenceEvent, ...] = ()
    # `deadline` is the instant at which `expired` should have come, with some time for its way.

    def advance(self) -> None:
        # The rooms have expired. Servers of the capture era send `expired` only to those who came after the start
        # (signaling.md § 8).
        self.touch()
        self._close(expired=True)

    def build(self) -> BreakoutState:
        return self._state

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            breakout.Started: self._started,
            breakout.Stopped: self._stopped,
            breakout.Expired: lambda _: self._close(expired=True),
            breakout.Joined: self._joined,
            breakout.Left: self._left_room,
            breakout.Error: self._error,
        }

    def entered(self, join: JoinSuccess) -> None:
        before, self._state, self._missed = self._state, BreakoutState(), ()
        was_due, self.deadline = self.deadline, None
        told = join.breakout
        if told is None:
            if before.is_active:  # without rooms `join_success` has no key of this namespace (signaling.md § 8)
                self._missed = (BreakoutStopped(expired=self._is_up(was_due)),)
            return
        self.deadline = self._end_of(told.expires, join.timestamp)
        assignment = self._assigned if any(room.id == self._assigned for room in told.rooms) else None
        self._state = BreakoutState(rooms=told.rooms, current=told.current, assignment=assignment, expires=told.expires)
        elsewhere = {one.id: _member(one) for one in told.participants if one.left_at is None}
        _check(len(elsewhere))
        self._state = evolve(self._state, elsewhere=MappingProxyType(elsewhere))
        if told.rooms != before.rooms:
            self._missed = self.present_events()
        else:
            moved = [one for who, one in elsewhere.items() if one != before.elsewhere.get(who)]
            self._missed = tuple(self._joined_room(one) for one in moved)

    def left(self) -> None:
        self._state, self.deadline = BreakoutState(), None

    def participant_came(self, participant_id: ParticipantId) -> None:
        # One who is in our room is in no other, even if the server has not sent `breakout.left`.
        gone = self._state.elsewhere.get(participant_id)
        if gone is not None:
            self.touch()
            self._is_gone(gone)

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        if not self._state.is_active:
            return ()
        return (self._news(), *map(self._joined_room, self._state.elsewhere.values()))

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        return self._missed

    def _started(self, event: breakout.Started) -> None:
        self._assigned = event.assignment
        self.deadline = self._end_of(event.expires, event.timestamp)
        self._state = evolve(
            self._state, rooms=event.rooms, assignment=event.assignment, expires=event.expires, is_closing=False
        )
        self._notify(self._news())
        names = sorted(room.name for room in event.rooms)
        self._acknowledge(
            breakout.Start, lambda command: sorted(room.name for room in command.rooms) == names, result=event.rooms
        )

    def _end_of(self, expires: Timestamp | None, timestamp: Timestamp | None) -> float | None:
        """When to expect the end at ``expires``, in monotonic seconds. ``timestamp``: when the server sent that.

        Both instants are of the server's clock, from which ours may differ: only their difference counts.
        """
        end, told_at = instant(expires), instant(timestamp)
        return self._around.now + max(end - told_at, 0) / 1e9 + BREAKOUT_EXPIRY if end and told_at else None

    def _is_up(self, over_at: float | None) -> bool:
        """Whether rooms with the deadline ``over_at`` that are over now have expired. Else somebody stopped them."""
        return over_at is not None and over_at - 2 * BREAKOUT_EXPIRY <= self._around.now

    def over(self) -> None:
        """There are no rooms any more, as the server says by an error or by the end of our room, without `stopped`."""
        self.touch()
        if self._state.is_active:
            self._close(expired=self._is_up(self.deadline))

    def _stopped(self, _: breakout.Stopped) -> None:
        self._close(expired=False)
        self._acknowledge(breakout.Stop)

    def _error(self, event: breakout.Error) -> None:
        self._refuse(event.error.value)
        if event.error is breakout.BreakoutErrorCode.INACTIVE:
            self.over()

    def _close(self, *, expired: bool) -> None:
        was_active, self.deadline = self._state.is_active, None
        self._state = BreakoutState(current=self._state.current, is_closing=True)
        if was_active:
            self._notify(BreakoutStopped(expired=expired))

    def _joined(self, event: breakout.Joined) -> None:
        others = {who: one for who, one in self._state.elsewhere.items() if who != event.id}
        if event.left_at is None:
            _check(len(others) + 1)
            others[event.id] = _member(event)
        self._state = evolve(self._state, elsewhere=MappingProxyType(others))
        if event.left_at is None:
            self._notify(self._joined_room(others[event.id]))

    def _left_room(self, event: breakout.Left) -> None:
        gone = self._state.elsewhere.get(event.id)
        if gone is None or gone.room_id != event.breakout_room:  # they have entered yet another room already
            return
        self._is_gone(gone)

    def _is_gone(self, gone: BreakoutMember) -> None:
        others = {who: one for who, one in self._state.elsewhere.items() if who != gone.participant.id}
        self._state = evolve(self._state, elsewhere=MappingProxyType(others))
        self._notify(BreakoutRoomLeft(participant=gone.participant, room=self._room(gone.room_id)))

    def _room(self, room_id: BreakoutRoomId | None) -> BreakoutRoom | None:
        return None if room_id is None else self._state.room(room_id)

    def _joined_room(self, member: BreakoutMember) -> BreakoutRoomJoined:
        return BreakoutRoomJoined(participant=member.participant, room=self._room(member.room_id))

    def _news(self) -> BreakoutStarted:
        state = self._state
        return BreakoutStarted(rooms=state.rooms, assignment=self._room(state.assignment), expires=state.expires)


def _member(told: breakout.Joined | breakout.BreakoutParticipant) -> BreakoutMember:
    participant = Participant(
        id=told.id,
        display_name=told.display_name,
        role=told.role,
        kind=told.participation_kind,
        avatar_url=told.avatar_url,
        joined_at=told.joined_at,
    )
    return BreakoutMember(participant=participant, room_id=told.breakout_room)


def _check(members: int) -> None:
    if members > MAX_PARTICIPANTS:
        raise LimitExceeded("participants of breakout rooms", MAX_PARTICIPANTS, members, "participants")


# -- commands ---
class BreakoutCommands(CommandGroup[T]):
    """All commands are for moderators."""

    def start(self, rooms: Mapping[str, Iterable[Someone]], duration: int | None = None) -> T:
        """Open breakout rooms, in place of those that are open. ``duration``: seconds; None: until `stop`.

        ``rooms``: the names of the rooms, each with the participants who are assigned to it. Done with a tuple of
        `BreakoutRoom`. Raises `LocalProtocolError` for no room, and `InvalidName`. Refused: `insufficient_permissions`.
        """
        plans = tuple(
            breakout.RoomPlan(name=name, assignments=tuple(map(id_of, members))) for name, members in rooms.items()
        )
        if not plans:
            raise WrongValue("name at least one room: servers ignore a start without rooms")
        for plan in plans:
            check_room_name(plan.name)  # servers ignore such a start, and the call would time out
        return self._perform(breakout.Start(rooms=plans, duration=duration))

    def stop(self) -> T:
        """Close all breakout rooms. Participants have 5 minutes to leave them.

        Refused: `inactive`, `insufficient_permissions`.
        """
        return self._perform(breakout.Stop())
