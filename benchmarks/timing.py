"""Two ways to do the same, measured in turns, so that noise hits both; what is told is their ratio or difference."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

from attrs import frozen

SHORTEST = 0.005
"""Seconds that each measured piece of work takes at least: it is repeated, since shorter ones measure the clock."""


@frozen
class Comparison:
    """``name`` runs ``ratio`` times as fast as ``peer``. ``target``: what the README promises, None for nothing."""

    name: str
    peer: str
    ratio: float
    target: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the promise is kept."""
        return self.target is None or self.ratio >= self.target

    @property
    def measured(self) -> str:
        """The figure."""
        return f"{self.ratio:.2f}"

    @property
    def promised(self) -> str:
        """The promise; empty for none."""
        return "" if self.target is None else f"{self.target:.1f}"


@frozen
class Delay:
    """``name`` takes ``milliseconds`` longer than ``peer``; no more than ``target`` are promised."""

    name: str
    peer: str
    milliseconds: float
    target: float

    @property
    def ok(self) -> bool:
        """Whether the promise is kept."""
        return self.milliseconds <= self.target

    @property
    def measured(self) -> str:
        """The figure."""
        return f"+{self.milliseconds:.0f} ms"

    @property
    def promised(self) -> str:
        """The promise."""
        return f"+{self.target:.0f} ms"


def _seconds(work: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


def compare(
    name: str,
    ours: Callable[[], object],
    peer: str,
    theirs: Callable[[], object],
    *,
    rounds: int,
    target: float | None = None,
) -> Comparison:
    """The median of the ratios of ``rounds`` pairs, each measured one after the other, in alternating order.

    Both are called twice before, so that nothing is measured that happens once.
    """
    _seconds(ours, 1), _seconds(theirs, 1)
    gc.collect()
    our_times = round(SHORTEST / _seconds(ours, 1)) + 1
    their_times = round(SHORTEST / _seconds(theirs, 1)) + 1
    ratios = []
    for index in range(rounds):
        if index % 2:
            mine = _seconds(ours, our_times)
            other = _seconds(theirs, their_times)
        else:
            other = _seconds(theirs, their_times)
            mine = _seconds(ours, our_times)
        ratios.append(other / mine)
    return Comparison(name, peer, statistics.median(ratios), target)


def delay(
    name: str, ours: Callable[[], object], peer: str, theirs: Callable[[], object], *, rounds: int, target: float
) -> Delay:
    """The median of the differences of ``rounds`` pairs; ``target`` in milliseconds.

    Both are called twice before, so that files are in the cache of the system.
    """
    for _ in range(2):
        ours(), theirs()
    return Delay(
        name, peer, statistics.median(_seconds(ours, 1) - _seconds(theirs, 1) for _ in range(rounds)) * 1e3, target
    )
