"""Two ways to do the same, measured in turns, so that noise hits both; only the ratio is worth telling."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable


def once(work: Callable[[], object]) -> float:
    """Seconds of one call, after a garbage collection."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratio(reference: Callable[[], object], ours: Callable[[], object], *, rounds: int = 41) -> float:
    """How many times faster ``ours`` is than ``reference``: medians of ``rounds`` runs each, interleaved.

    Both are called once before. Give them work of some 10 ms: shorter calls measure the clock.
    """
    reference()
    ours()
    theirs_seconds: list[float] = []
    our_seconds: list[float] = []
    for index in range(rounds):
        pair = [(reference, theirs_seconds), (ours, our_seconds)]
        for work, seconds in pair if index % 2 else reversed(pair):
            seconds.append(once(work))
    return statistics.median(theirs_seconds) / statistics.median(our_seconds)
