"""Things that are due later: heartbeats, the ends of polls, timers and breakout rooms. Knows no module."""

from __future__ import annotations

import heapq
from collections.abc import Callable

_SLACK = 64
"""So many cancelled alarms may remain in the heap; beyond that, at most as many as there are live ones."""


class Alarm:
    """One thing that is due at ``when``, monotonic seconds. It may be cancelled more than once, and after it rang."""

    def __init__(self, alarms: Alarms, when: float, order: int, ring: Callable[[], None]) -> None:
        self._alarms = alarms
        self.when = when
        self._order = order
        self._ring: Callable[[], None] | None = ring

    @property
    def is_set(self) -> bool:
        """Whether it will ring."""
        return self._ring is not None

    def cancel(self) -> None:
        """Forget what is due."""
        if self._ring is not None:
            self._ring = None
            self._alarms.note_cancelled()

    def ring(self) -> None:
        """Do what is due, once."""
        ring, self._ring = self._ring, None
        if ring is not None:
            ring()

    def __lt__(self, other: Alarm) -> bool:
        return (self.when, self._order) < (other.when, other._order)


class Alarms:
    """All alarms of one controller, the earliest first; those of one instant in the order in which they were set."""

    def __init__(self) -> None:
        self._heap: list[Alarm] = []
        self._last = 0
        self._cancelled = 0

    def at(self, when: float, ring: Callable[[], None]) -> Alarm:
        """Call ``ring`` at ``when``."""
        self._last += 1
        alarm = Alarm(self, when, self._last, ring)
        heapq.heappush(self._heap, alarm)
        return alarm

    @property
    def deadline(self) -> float | None:
        """When the next one rings; None: nothing is due, ever."""
        # Cancelled alarms remain in the heap until they come to its top: a heap cannot drop one from its middle.
        while self._heap and not self._heap[0].is_set:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0].when if self._heap else None

    def ring_due(self, now: float) -> None:
        """Ring all that are due, in order. An alarm that one of them sets for a time before ``now`` rings as well."""
        while (when := self.deadline) is not None and when <= now:
            heapq.heappop(self._heap).ring()

    def note_cancelled(self) -> None:
        """An alarm was cancelled. Once cancelled ones are the majority, drop them all.

        A client that starts and stops timers in a loop would fill the heap otherwise.
        """
        self._cancelled += 1
        if self._cancelled > _SLACK + len(self._heap) // 2:
            self._heap = [alarm for alarm in self._heap if alarm.is_set]
            heapq.heapify(self._heap)
            self._cancelled = 0
