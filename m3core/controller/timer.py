"""The server's side of namespace `timer`: one stopwatch or countdown in each room (signaling.md § 10)."""

from __future__ import annotations

from attrs import define, frozen

from m3core.controller.alarms import Alarm
from m3core.controller.features import Feature
from m3core.controller.module import Module, Occasion
from m3core.controller.room import LiveRoom, Participant
from m3core.controller.surroundings import Surroundings
from m3core.controller.texts import cut
from m3core.limits import MAX_TIMER_TEXT
from m3core.messages import timer
from m3core.messages.timer import TimerErrorCode, TimerKind, TimerStopKind
from m3core.values import ParticipantId, TimerId, Timestamp


@define(eq=False)
class _Running:
    """State of a room: the timer that runs."""

    told: timer.JoinData
    alarm: Alarm | None = None
    """The end of a countdown; None for a stopwatch."""

    def silence(self) -> None:
        """Cancel the alarm of a countdown."""
        if self.alarm is not None:
            self.alarm.cancel()


@frozen
class _Ready:
    """State of a participant: its last answer to a ready check. It counts as long as that timer runs."""

    timer_id: TimerId
    status: bool


DEFAULT_STYLE = "normal"
"""The style of a timer that was started without one (`Feature.TIMER_STYLE`)."""


class TimerModule(Module):
    """Handles timers and ready checks."""

    NAMESPACE = "timer"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._handlers = {
            timer.Start: self._start,
            timer.Stop: self._stop,
            timer.UpdateReadyStatus: self._update_ready_status,
        }

    def join_data(self, joiner: Participant) -> timer.JoinData | None:
        """The timer that runs, if there is one. It has no `ready_status`: a joiner has not answered yet."""
        running = joiner.room.states.find(_Running)
        return None if running is None else running.told

    def peer_data(self, peer: Participant, occasion: Occasion, receiver: Participant | None) -> timer.PeerData | None:
        """Whether ``peer`` is ready; only in `join_success`, since the others got `updated_ready_status`."""
        del receiver
        running, ready = peer.room.states.find(_Running), peer.states.find(_Ready)
        if occasion is not Occasion.JOIN_SUCCESS or running is None or ready is None:
            return None
        return timer.PeerData(ready_status=ready.status) if ready.timer_id == running.told.timer_id else None

    def leaving(self, participant: Participant) -> None:
        """Forget the answer: a participant that comes back is not ready (signaling.md § 10)."""
        participant.states.drop(_Ready)

    def closing(self, room: LiveRoom) -> None:
        """The timer ends with its room, without a `stopped`: nobody is there to receive it."""
        running = room.states.find(_Running)
        if running is not None:
            running.silence()

    def _start(self, sender: Participant, command: timer.Start) -> None:
        room, around = sender.room, self._around
        is_countdown = command.kind is TimerKind.COUNTDOWN
        seconds = command.duration if is_countdown else 0
        if not sender.is_moderator:
            self._refuse(sender, TimerErrorCode.INSUFFICIENT_PERMISSIONS)
            return
        if seconds is None or seconds < 0:
            return  # malformed: a countdown needs a duration of 0 or more (signaling.md § 10)
        ends_at = self._instant(seconds)
        if ends_at is None:
            self._refuse(sender, TimerErrorCode.INVALID_DURATION)
        elif room.states.find(_Running) is not None:
            self._refuse(sender, TimerErrorCode.TIMER_ALREADY_RUNNING)
        else:
            told = timer.JoinData(
                timer_id=TimerId(around.new_id()),
                started_at=around.direct(),
                kind=command.kind,
                ends_at=ends_at if is_countdown else None,
                style=_shortened(self._style(command.style)),
                title=_shortened(command.title),
                ready_check_enabled=command.enable_ready_check,
            )
            running = _Running(told)
            if is_countdown:
                running.alarm = around.after(seconds, lambda: self._end(room, running, TimerStopKind.EXPIRED))
            room.states.put(running)
            around.tell_all(room.present.values(), self._started(told))

    def _style(self, style: str | None) -> str | None:
        return style or DEFAULT_STYLE if self._around.has(Feature.TIMER_STYLE) else style

    def _started(self, told: timer.JoinData) -> timer.Started:
        return timer.Started(
            timer_id=told.timer_id,
            started_at=told.started_at,
            kind=told.kind,
            ends_at=told.ends_at,
            style=told.style,
            title=told.title,
            ready_check_enabled=told.ready_check_enabled,
            timestamp=self._around.relayed(),
        )

    def _instant(self, seconds: int) -> Timestamp | None:
        """The instant ``seconds`` from now; None if it is after the year 9999."""
        try:
            return self._around.in_utc(seconds)
        except OverflowError:
            return None

    def _stop(self, sender: Participant, command: timer.Stop) -> None:
        running = sender.room.states.find(_Running)
        if not sender.is_moderator:
            self._refuse(sender, TimerErrorCode.INSUFFICIENT_PERMISSIONS)
        elif running is not None and running.told.timer_id == command.timer_id:
            self._end(sender.room, running, TimerStopKind.BY_MODERATOR, sender.id, _shortened(command.reason))

    def _end(
        self,
        room: LiveRoom,
        running: _Running,
        kind: TimerStopKind,
        by: ParticipantId | None = None,
        reason: str | None = None,
    ) -> None:
        running.silence()
        room.states.drop(_Running)
        event = timer.Stopped(
            timer_id=running.told.timer_id,
            kind=kind,
            participant_id=by,
            reason=reason,
            timestamp=self._around.relayed(),
        )
        self._around.tell_all(room.present.values(), event)

    def _update_ready_status(self, sender: Participant, command: timer.UpdateReadyStatus) -> None:
        running = sender.room.states.find(_Running)
        if running is None or not running.told.ready_check_enabled or running.told.timer_id != command.timer_id:
            return
        sender.states.put(_Ready(command.timer_id, command.status))
        event = timer.UpdatedReadyStatus(
            timer_id=command.timer_id,
            participant_id=sender.id,
            status=command.status,
            timestamp=self._around.relayed(),
        )
        self._around.tell_all(sender.room.present.values(), event)

    def _refuse(self, sender: Participant, code: TimerErrorCode) -> None:
        self._around.tell(sender.session, timer.Error(error=code, timestamp=self._around.direct()))


def _shortened(text: str | None) -> str | None:
    return None if text is None else cut(text, MAX_TIMER_TEXT)
