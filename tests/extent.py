"""How much of a long test runs: a part in `make test`, for which people wait, and all of it in `make soak`.

`make soak` runs what is marked ``soak``, and all properties, with Hypothesis' profile ``soak``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from hypothesis import settings

T = TypeVar("T")
WHOLE: Final = settings.get_current_profile_name() == "soak"


def extent(*, whole: int, part: int) -> int:
    """How many times to do something: ``whole`` in `make soak`, ``part`` in `make test`."""
    return whole if WHOLE else part


def cases(all_of_them: Iterable[T], *, part: int) -> tuple[T, ...]:
    """Cases for `parametrize`: all of them in `make soak`, and the first ``part`` in `make test`."""
    return tuple(all_of_them)[: None if WHOLE else part]
