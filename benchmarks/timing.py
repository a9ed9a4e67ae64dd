"""Measures two ways to do the same in turns, so that noise hits both; the result is their ratio or their difference."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

from attrs import frozen

SHORTEST = 0.005
"""Seconds. Work that takes less is repeated until it takes so long, since shorter runs measure the clock."""


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
        """The figure as text."""
        return f"{self.ratio:.2f}"

    @property
    def promised(self) -> str:
        """The promise as text; empty if there is none."""
        return "" if self.target is None else f"{self.target:.1f}"


@frozen
class Delay:
    """``name`` takes ``milliseconds`` longer than ``peer``; the README promises no more than ``target``."""

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
        """The figure as text."""
        return f"+{self.milliseconds:.0f} ms"

    @property
    def promised(self) -> str:
        """The promise as text."""
        return f"+{self.target:.0f} ms"


@frozen
class Wait:
    """Under the attack ``name`` an answer took ``seconds``, and without one (``peer``) it takes ``idle``."""

    name: str
    peer: str
    seconds: float
    idle: float
    target: float

    @property
    def ratio(self) -> float:
        """How many times as long the answer took."""
        return self.seconds / self.idle

    @property
    def ok(self) -> bool:
        """Whether the promise is kept."""
        return self.ratio <= self.target

    @property
    def measured(self) -> str:
        """The figure as text."""
        return f"{self.ratio:.0f} x"

    @property
    def promised(self) -> str:
        """The promise as text."""
        return f"{self.target:.0f} x"


@frozen
class Cost:
    """``name`` takes ``factor`` times the processor time of ``peer``; the README promises no more than ``target``."""

    name: str
    peer: str
    factor: float
    target: float

    @property
    def ok(self) -> bool:
        """Whether the promise is kept."""
        return self.factor <= self.target

    @property
    def measured(self) -> str:
        """The figure as text."""
        return f"x {self.factor:.2f}"

    @property
    def promised(self) -> str:
        """The promise as text."""
        return f"x {self.target:.2f}"


@frozen
class Load:
    """``name`` takes ``milliseconds`` of processor time; ``peer`` says for what. Nothing is promised."""

    name: str
    peer: str
    milliseconds: float

    @property
    def ok(self) -> bool:
        """True, since nothing is promised."""
        return True

    @property
    def measured(self) -> str:
        """The figure as text."""
        return f"{self.milliseconds:.2f} ms"

    @property
    def promised(self) -> str:
        """Empty, since nothing is promised."""
        return ""


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
    """The median ratio of ``rounds`` pairs. The two of a pair are measured one after the other, in alternating order.

    Both are called twice before, so that work that happens only once is not measured.
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
    """The median difference of ``rounds`` pairs; ``target`` is in milliseconds.

    Both are called twice before, so that their files are in the cache of the system.
    """
    for _ in range(2):
        ours(), theirs()
    return Delay(
        name, peer, statistics.median(_seconds(ours, 1) - _seconds(theirs, 1) for _ in range(rounds)) * 1e3, target
    )
