"""The server's side of namespace `breakout`: rooms beside the main room (signaling.md § 8).

The meeting holds the rooms (`room.Breakouts`); `joining` and the REST API decide who may enter one. A participant moves
by leaving one room and joining another with its resumption token, so this module only tells the other rooms of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from m3core.controller.features import Feature
from m3core.controller.joining import NORMAL_CLOSURE
from m3core.controller.module import Module
from m3core.controller.room import Breakouts, LiveRoom, Meeting, Participant
from m3core.controller.surroundings import Surroundings
from m3core.errors import InvalidName
from m3core.limits import BREAKOUT_GRACE, MAX_BREAKOUT_DURATION, MAX_BREAKOUT_ROOMS
from m3core.messages import breakout
from m3core.messages.breakout import BreakoutErrorCode
from m3core.names import check_room_name
from m3core.values import BreakoutRoomId, ParticipantId


class BreakoutModule(Module):
    """Handles the commands of moderators, and tells each room who joins and leaves the others."""

    NAMESPACE = "breakout"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._handlers = {
            breakout.Start: self._start,
            breakout.Stop: lambda sender, _: self._stop(sender),
        }

    def join_data(self, joiner: Participant) -> breakout.JoinData | None:
        """The joiner's room and the participants of the other rooms; None while no breakout rooms are active."""
        room = joiner.room
        breakouts = _active(room.meeting)
        if breakouts is None:
            return None
        return breakout.JoinData(
            current=room.breakout,
            expires=breakouts.expires,
            rooms=_rooms(breakouts),
            participants=tuple(self._participant(one) for one in self._elsewhere(room)),
        )

    def _elsewhere(self, room: LiveRoom) -> list[Participant]:
        there = [one for one in room.meeting.elsewhere(room) if one.is_visible]
        if not self._around.has(Feature.BREAKOUT_OMITS_NULLS):  # R also lists those who left the other rooms
            there += room.meeting.gone_elsewhere(room)
            there.sort(key=lambda one: one.room.breakout is not None)  # the main room first
        return there

    def entered(self, participant: Participant) -> None:
        """Tell the other rooms who joined which room."""
        room = participant.room
        if participant.is_visible and _active(room.meeting) is not None:
            event = breakout.Joined(
                breakout_room=room.breakout,
                id=participant.id,
                display_name=participant.display_name,
                role=participant.role,
                avatar_url=participant.avatar_url,
                participation_kind=participant.kind,
                joined_at=self._around.direct(),  # with a fraction of a second, as R sends it here and nowhere else
                is_short=self._around.has(Feature.BREAKOUT_OMITS_NULLS),
                timestamp=self._around.relayed(),
            )
            self._around.tell_all(room.meeting.elsewhere(room), event)

    def left(self, participant: Participant) -> None:
        """Tell the other rooms who left which room. Once breakout rooms are over, tell only the main room."""
        room = participant.room
        told: Iterable[Participant] = ()
        if _active(room.meeting) is not None:
            told = room.meeting.elsewhere(room)
        elif room.breakout is not None and (main := room.meeting.rooms.get(None)) is not None:
            told = main.present.values()
        if participant.is_visible:
            event = breakout.Left(breakout_room=room.breakout, id=participant.id, timestamp=self._around.relayed())
            self._around.tell_all(told, event)

    # -- commands ---
    def _start(self, sender: Participant, command: breakout.Start) -> None:
        """Set up rooms in place of active ones. Participants in an old room remain there until the new ones end."""
        if not sender.is_moderator:
            self._refuse(sender, BreakoutErrorCode.INSUFFICIENT_PERMISSIONS)
            return
        if not _is_sensible(command):
            return  # `breakout` has no error for it; R ignores a start without rooms (signaling.md § 8)
        around, meeting = self._around, sender.room.meeting
        seconds = command.duration
        rooms = [(BreakoutRoomId(around.new_id()), plan) for plan in command.rooms]
        breakouts = Breakouts(
            names={room_id: plan.name for room_id, plan in rooms},
            expires=None if seconds is None else around.in_utc(seconds),
        )
        self._cancel(meeting)  # else the end of the replaced rooms would end these
        meeting.breakouts = breakouts
        if seconds is not None:
            breakouts.alarm = around.after(seconds, lambda: self._expire(meeting, breakouts))
        assigned = {one: room_id for room_id, plan in rooms for one in plan.assignments}
        self._tell_started(meeting, breakouts, assigned)

    def _tell_started(
        self, meeting: Meeting, breakouts: Breakouts, assigned: dict[ParticipantId, BreakoutRoomId]
    ) -> None:
        """Tell each participant its own assignment. The message is encoded once for all who have the same."""
        audiences: dict[BreakoutRoomId | None, list[Participant]] = {}
        for participant in meeting.joined():
            audiences.setdefault(assigned.get(participant.id), []).append(participant)
        for assignment, audience in audiences.items():
            event = breakout.Started(
                rooms=_rooms(breakouts),
                expires=breakouts.expires,
                assignment=assignment,
                timestamp=self._around.relayed(),
            )
            self._around.tell_all(audience, event)

    def _stop(self, sender: Participant) -> None:
        meeting = sender.room.meeting
        breakouts = _active(meeting)
        if not sender.is_moderator:
            self._refuse(sender, BreakoutErrorCode.INSUFFICIENT_PERMISSIONS)
        elif breakouts is None:
            self._refuse(sender, BreakoutErrorCode.INACTIVE)
        else:
            self._around.tell_all(meeting.joined(), breakout.Stopped(timestamp=self._around.relayed()))
            self._wind_up(meeting, breakouts)

    # -- the end ---
    def _expire(self, meeting: Meeting, breakouts: Breakouts) -> None:
        self._around.tell_all(meeting.joined(), breakout.Expired(timestamp=self._around.direct()))
        self._wind_up(meeting, breakouts)

    def _wind_up(self, meeting: Meeting, breakouts: Breakouts) -> None:
        """Let nobody enter any more. Participants inside have `BREAKOUT_GRACE` left (signaling.md § 8)."""
        self._cancel(meeting)
        breakouts.is_over = True
        breakouts.alarm = self._around.after(BREAKOUT_GRACE, lambda: self._put_out(meeting))

    def _put_out(self, meeting: Meeting) -> None:
        meeting.breakouts = None
        inside = [one.session for one in meeting.joined() if one.room.breakout is not None]
        self._around.dismiss(inside, NORMAL_CLOSURE)

    def _cancel(self, meeting: Meeting) -> None:
        if meeting.breakouts is not None and meeting.breakouts.alarm is not None:
            meeting.breakouts.alarm.cancel()

    # -- helpers ---
    def _participant(self, participant: Participant) -> breakout.BreakoutParticipant:
        return breakout.BreakoutParticipant(
            breakout_room=participant.room.breakout,
            id=participant.id,
            display_name=participant.display_name,
            role=participant.role,
            avatar_url=participant.avatar_url,
            participation_kind=participant.kind,
            joined_at=participant.joined_at,
            left_at=participant.left_at,
            is_short=self._around.has(Feature.BREAKOUT_OMITS_NULLS),
        )

    def _refuse(self, sender: Participant, code: BreakoutErrorCode) -> None:
        self._around.tell(sender.session, breakout.Error(error=code, timestamp=self._around.direct()))


def _active(meeting: Meeting) -> Breakouts | None:
    breakouts = meeting.breakouts
    return None if breakouts is None or breakouts.is_over else breakouts


def _rooms(breakouts: Breakouts) -> tuple[breakout.BreakoutRoom, ...]:
    return tuple(breakout.BreakoutRoom(id=room_id, name=name) for room_id, name in breakouts.names.items())


def _is_sensible(command: breakout.Start) -> bool:
    return (
        0 < len(command.rooms) <= MAX_BREAKOUT_ROOMS
        and all(_may_be_named(plan.name) for plan in command.rooms)
        and (command.duration is None or 0 < command.duration <= MAX_BREAKOUT_DURATION)
    )


def _may_be_named(name: str) -> bool:
    try:
        check_room_name(name)
    except InvalidName:
        return False
    return True
