"""Session descriptions against `aiortc.sdp`: ours checks the grammar, keeps every byte, and parses the rest on demand.

Both run in this process on the eight recorded descriptions, round by round in turn; the ratio is the median of the
ratios of the rounds, so that a slow moment of the machine hits both. Run: ``python -m benchmarks.sdp``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import aiortc.sdp

from m3core.sdp import SessionDescription

VECTORS: Final = Path(__file__).parents[1] / "tests" / "vectors" / "sdp"
ROUNDS: Final = 60


class Result(NamedTuple):
    """One comparison; times in microseconds for each description, ``ratio`` how many times faster ours is."""

    name: str
    ours: float
    theirs: float
    ratio: float


def _parse(text: str) -> object:
    return SessionDescription.parse(text)


def _round_trip(text: str) -> object:
    return SessionDescription.parse(text).serialize()


def _typical(text: str) -> object:
    """What a client reads of every description."""
    description = SessionDescription.parse(text)
    description.trickled()
    return [(media.mid, media.direction, media.ice_credentials, media.fingerprints) for media in description.media]


def _validate(text: str) -> object:
    description = SessionDescription.parse(text)
    description.validate()
    return description


def _theirs_parse(text: str) -> object:
    return aiortc.sdp.SessionDescription.parse(text)


def _theirs_round_trip(text: str) -> object:
    return str(aiortc.sdp.SessionDescription.parse(text))


CASES: Final[tuple[tuple[str, Callable[[str], object], Callable[[str], object]], ...]] = (
    ("parse", _parse, _theirs_parse),
    ("parse + serialise", _round_trip, _theirs_round_trip),
    ("parse + typical access", _typical, _theirs_parse),
    ("parse + validate everything", _validate, _theirs_parse),
)


def _time(work: Callable[[str], object], texts: list[str]) -> float:
    start = time.perf_counter()
    for text in texts:
        work(text)
    return (time.perf_counter() - start) * 1e6 / len(texts)


def run() -> list[Result]:
    """All comparisons; about two seconds."""
    texts = [path.read_bytes().decode() for path in sorted(VECTORS.glob("*.sdp"))]
    results = []
    for name, ours, theirs in CASES:
        pairs = [(_time(ours, texts), _time(theirs, texts)) for _ in range(ROUNDS)]
        results.append(
            Result(
                name,
                statistics.median(mine for mine, _ in pairs),
                statistics.median(other for _, other in pairs),
                statistics.median(other / mine for mine, other in pairs),
            )
        )
    return results


def byte_exact() -> tuple[int, int, int]:
    """How many descriptions survive a round trip byte for byte: (of ours, of aiortc, of all)."""
    texts = [path.read_bytes().decode() for path in sorted(VECTORS.glob("*.sdp"))]
    return (
        sum(_round_trip(text) == text for text in texts),
        sum(_theirs_round_trip(text) == text for text in texts),
        len(texts),
    )


def main() -> None:
    """Print the comparisons."""
    for result in run():
        print(f"{result.name:<30} {result.ours:7.1f} us   aiortc {result.theirs:7.1f} us   x {result.ratio:.1f}")
    print("byte-exact round trips: {} and {} of {}".format(*byte_exact()))


if __name__ == "__main__":
    main()
