"""Session descriptions, compared with `aiortc.sdp`. Ours checks the grammar, keeps every byte, parses on demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiortc.sdp

from benchmarks.timing import Comparison, compare
from m3core.sdp import SessionDescription

VECTORS: Final = Path(__file__).parents[1] / "tests" / "vectors" / "sdp"


def _parse(text: str) -> object:
    return SessionDescription.parse(text)


def _round_trip(text: str) -> str:
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


CASES: Final[tuple[tuple[str, Callable[[str], object], Callable[[str], object], float | None], ...]] = (
    ("SDP: parse + serialise", _round_trip, _theirs_round_trip, 6.0),
    ("SDP: parse", _parse, _theirs_parse, None),
    ("SDP: parse + typical access", _typical, _theirs_parse, None),
    ("SDP: parse + validate everything", _validate, _theirs_parse, None),
)


def run(rounds: int = 31) -> tuple[Comparison, ...]:
    """All comparisons. It first checks that every recorded description is serialised byte for byte as it was parsed."""
    texts = [path.read_bytes().decode() for path in sorted(VECTORS.glob("*.sdp"))]
    if len(texts) != 8 or [_round_trip(text) for text in texts] != texts:
        raise AssertionError("not eight descriptions that come back byte for byte")

    def each(work: Callable[[str], object]) -> Callable[[], object]:
        return lambda: [work(text) for text in texts]

    return tuple(
        compare(name, each(ours), "aiortc.sdp", each(theirs), rounds=rounds, target=target)
        for name, ours, theirs, target in CASES
    )
