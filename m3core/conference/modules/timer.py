"""Namespace `timer`: one stopwatch or countdown for the room, and who is ready (signaling.md § 10)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import evolve, field, frozen

from m3core.conference.common import Participant
from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, T, known, rule
from m3core.messages import Event, timer
from m3core.messages.control import JoinSuccess
from m3core.messages.timer import TimerKind, TimerStopKind
from m3core.values import ParticipantId, TimerId, Timestamp

_ZERO = dt.timedelta()


# -- state: `ConferenceState.timer` is a `Timer`, or None ---
@frozen(kw_only=True)
class Timer:
    """A running timer. Its instants are of the server's clock."""

    id: TimerId
    kind: TimerKind
    started_at: Timestamp
    ends_at: Timestamp | None = None
    """When the countdown ends; None: a stopwatch."""
    title: str | None = None
    style: str | None = None
    """Free text; the web client knows ``normal`` and ``coffee-break``."""
    ready_check: bool = False
    """Whether participants are asked if they are ready."""
    ready: Mapping[ParticipantId, bool] = field(factory=lambda: MappingProxyType({}))
    """Who said to be ready (True), or not to be (False), perhaps ourselves."""
    own_ready: bool | None = None
    """What we said; None: nothing."""

    def remaining(self, now_utc: dt.datetime) -> dt.timedelta | None:
        """The rest of a countdown, at least zero; None: a stopwatch. ``now_utc`` is aware."""
        return None if self.ends_at is None else max(self.ends_at.datetime - now_utc, _ZERO)

    def elapsed(self, now_utc: dt.datetime) -> dt.timedelta:
        """The time since the start, at least zero. ``now_utc`` is aware."""
        return max(now_utc - self.started_at.datetime, _ZERO)


# -- events ---
@frozen(kw_only=True)
class TimerStarted(ConferenceEvent):
    """A timer runs."""

    timer: Timer


@frozen(kw_only=True)
class TimerStopped(ConferenceEvent):
    """The timer is over. ``participant`` stopped it; None: nobody did, or somebody who is unknown here."""

    timer: Timer
    kind: TimerStopKind
    participant: Participant | None = None
    reason: str | None = None


@frozen(kw_only=True)
class TimerReadyChanged(ConferenceEvent):
    """Somebody, perhaps we, said to be ready or not to be ready."""

    participant: Participant
    is_ready: bool


# -- the module ---
class TimerModule(ClientModule[Timer | None]):
    """The running timer."""

    NAMESPACE = "timer"
    RULES: ClassVar[Rules] = MappingProxyType(
        {
            timer.Start: rule("insufficient_permissions", "invalid_duration", "timer_already_running", answered=True),
            timer.Stop: rule("insufficient_permissions"),
        }
    )
    _running: Timer | None = None
    _missed = False
    """Whether the timer began while the connection was lost."""

    def build(self) -> Timer | None:
        return self._running

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            timer.Started: self._started,
            timer.Stopped: self._stopped,
            timer.UpdatedReadyStatus: self._ready,
            timer.Error: lambda event: self._refuse(event.error.value),
        }

    def entered(self, join: JoinSuccess) -> None:
        before, self._running = self._running, None
        if join.timer is not None:
            self._missed = before is None or before.id != join.timer.timer_id
            ready = {
                entry.id: entry.timer.ready_status
                for entry in join.participants
                if entry.timer is not None and entry.control.left_at is None
            }
            if join.timer.ready_status is not None:
                ready[join.id] = join.timer.ready_status
            running = _timer(join.timer)
            self._running = evolve(running, ready=MappingProxyType(ready), own_ready=join.timer.ready_status)

    def left(self) -> None:
        self._running = None

    def participant_left(self, participant_id: ParticipantId) -> None:
        # Ready states end with leaving (signaling.md § 10).
        if self._running is not None and participant_id in self._running.ready:
            self.touch()
            ready = {who: is_ready for who, is_ready in self._running.ready.items() if who != participant_id}
            self._running = evolve(self._running, ready=MappingProxyType(ready))

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        return () if self._running is None else (TimerStarted(timer=self._running),)

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        return self.present_events() if self._missed else ()

    def _started(self, event: timer.Started) -> None:
        running = self._running = _timer(event)
        self._notify(TimerStarted(timer=running))
        self._acknowledge(
            timer.Start, lambda command: command.kind is event.kind and command.title == event.title, result=running
        )

    def _stopped(self, event: timer.Stopped) -> None:
        running = self._running
        if running is not None and running.id == event.timer_id:
            self._running = None
            who = None if event.participant_id is None else self._participant(event.participant_id)
            self._notify(TimerStopped(timer=running, kind=event.kind, participant=who, reason=event.reason))
        self._acknowledge(timer.Stop, lambda command: command.timer_id == event.timer_id)

    def _ready(self, event: timer.UpdatedReadyStatus) -> None:
        running, who = self._running, self._participant(event.participant_id)
        if running is None or running.id != event.timer_id or who is None or not who.is_here:
            return
        ready = MappingProxyType({**running.ready, who.id: event.status})
        is_own = who.id == self._own().id
        self._running = evolve(running, ready=ready, own_ready=event.status if is_own else running.own_ready)
        self._notify(TimerReadyChanged(participant=who, is_ready=event.status))
        if is_own:
            self._acknowledge(timer.UpdateReadyStatus, lambda command: command.status is event.status)


def _timer(told: timer.Started | timer.JoinData) -> Timer:
    """Raises `MalformedMessage` for instants that are none, so that `Timer.remaining` never does."""
    for instant in (told.started_at, told.ends_at):
        if instant is not None:
            _ = instant.datetime
    return Timer(
        id=told.timer_id,
        kind=told.kind,
        started_at=told.started_at,
        ends_at=told.ends_at,
        title=told.title,
        style=told.style,
        ready_check=told.ready_check_enabled,
    )


# -- commands ---
class TimerCommands(CommandGroup[T]):
    """`start` and `stop` are for moderators."""

    def start(
        self,
        duration: int | None = None,
        *,
        title: str | None = None,
        style: str | None = None,
        ready_check: bool = False,
    ) -> T:
        """Start a countdown of ``duration`` seconds, or a stopwatch without one; done with the `Timer`.

        Refused: `timer_already_running`, `invalid_duration`, `insufficient_permissions`.
        """
        kind = TimerKind.STOPWATCH if duration is None else TimerKind.COUNTDOWN
        return self._perform(
            timer.Start(kind=kind, duration=duration, title=title, style=style, enable_ready_check=ready_check)
        )

    def stop(self, reason: str | None = None) -> T:
        """Stop the timer. Raises `LocalProtocolError` if none runs. Refused: `insufficient_permissions`."""
        return self._perform(timer.Stop(timer_id=self._running().id, reason=reason))

    def set_ready(self, is_ready: bool = True) -> T:
        """Say whether we are ready. Servers ignore it if the timer has no ready check.

        Raises `LocalProtocolError` if no timer runs.
        """
        return self._perform(timer.UpdateReadyStatus(timer_id=self._running().id, status=is_ready))

    def _running(self) -> Timer:
        return known(self._state().of(TimerModule), "no timer runs; start one first")
