"""Namespace `timer`: one stopwatch or countdown for all (signaling.md § 10)."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from attrs import frozen

from m3core.messages.base import Command, Event, Value
from m3core.values import ParticipantId, TimerId, Timestamp


class TimerErrorCode(Enum):
    """Why the server refused a `timer` command (signaling.md § 10)."""

    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"
    INVALID_DURATION = "invalid_duration"
    TIMER_ALREADY_RUNNING = "timer_already_running"


class TimerKind(Enum):
    """What a timer counts."""

    STOPWATCH = "stopwatch"
    COUNTDOWN = "countdown"


class TimerStopKind(Enum):
    """Why a timer stopped. ``creator_left`` is only in the documentation of R."""

    BY_MODERATOR = "by_moderator"
    EXPIRED = "expired"
    CREATOR_LEFT = "creator_left"


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """The timer that runs. Wire: ``join_success.timer`` (R; ``ready_status``, your own, L)."""

    timer_id: TimerId
    started_at: Timestamp
    kind: TimerKind
    ends_at: Timestamp | None = None
    style: str | None = None
    title: str | None = None
    ready_check_enabled: bool
    ready_status: bool | None = None


@frozen(kw_only=True, weakref_slot=False)
class PeerData(Value):
    """Whether a participant is ready. Wire: ``timer`` of an entry of `join_success` (R)."""

    ready_status: bool


@frozen(kw_only=True, weakref_slot=False)
class Start(Command):
    """Start a timer. Wire: `start` (R).

    ``duration``: seconds of a countdown. ``style``: free text; the web client knows ``normal`` and ``coffee-break``.
    """

    NAMESPACE: ClassVar[str] = "timer"
    ACTION: ClassVar[str] = "start"

    kind: TimerKind
    duration: int | None = None
    style: str | None = None
    title: str | None = None
    enable_ready_check: bool = False


@frozen(kw_only=True, weakref_slot=False)
class Stop(Command):
    """Stop the timer. Wire: `stop` (R)."""

    NAMESPACE: ClassVar[str] = "timer"
    ACTION: ClassVar[str] = "stop"

    timer_id: TimerId
    reason: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class UpdateReadyStatus(Command):
    """Say whether you are ready. Wire: `update_ready_status` (R)."""

    NAMESPACE: ClassVar[str] = "timer"
    ACTION: ClassVar[str] = "update_ready_status"

    timer_id: TimerId
    status: bool


@frozen(kw_only=True, weakref_slot=False)
class Started(Event):
    """A timer runs; only countdowns have ``ends_at``. Wire: `started` (R)."""

    NAMESPACE: ClassVar[str] = "timer"
    MESSAGE: ClassVar[str] = "started"

    timer_id: TimerId
    started_at: Timestamp
    kind: TimerKind
    ends_at: Timestamp | None = None
    style: str | None = None
    title: str | None = None
    ready_check_enabled: bool


@frozen(kw_only=True, weakref_slot=False)
class Stopped(Event):
    """The timer stopped. Wire: `stopped` (R). ``participant_id``: the moderator who stopped it."""

    NAMESPACE: ClassVar[str] = "timer"
    MESSAGE: ClassVar[str] = "stopped"

    timer_id: TimerId
    kind: TimerStopKind
    participant_id: ParticipantId | None = None
    reason: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class UpdatedReadyStatus(Event):
    """Somebody, perhaps you, is ready or not. Wire: `updated_ready_status` (R)."""

    NAMESPACE: ClassVar[str] = "timer"
    MESSAGE: ClassVar[str] = "updated_ready_status"

    timer_id: TimerId
    participant_id: ParticipantId
    status: bool


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused something. Wire: `error` (R)."""

    NAMESPACE: ClassVar[str] = "timer"
    MESSAGE: ClassVar[str] = "error"

    error: TimerErrorCode
