"""Budgets: what a peer may make the server do. Token buckets, which know nothing of messages."""

from __future__ import annotations

from m3core.limits import BUDGET, BUDGET_RATE


def cost(size: int) -> int:
    """The units that ``size`` bytes cost, received as one: 1, and 1 for each KiB after the first."""
    return max(1, (size + 1023) // 1024)


class Budget:
    """At most ``size`` units at once, refilled at ``rate`` units per second. A connection has `BUDGET` of them."""

    def __init__(self, now: float, *, size: float = BUDGET, rate: float = BUDGET_RATE) -> None:
        self._size = size
        self._rate = rate
        self._left = float(size)
        self._at = now

    def take(self, now: float, units: float = 1) -> bool:
        """Whether ``units`` are left; they are taken if they are."""
        self._refill(now)
        if self._left < units:
            return False
        self._left -= units
        return True

    def wait(self, now: float, units: float = 1) -> float:
        """Seconds until ``units`` are left; 0 if they are."""
        self._refill(now)
        return max(0.0, (units - self._left) / self._rate)

    def _refill(self, now: float) -> None:
        self._left = min(self._size, self._left + (now - self._at) * self._rate)
        self._at = now
