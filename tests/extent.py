"""How far long tests go: a part of the way in `make test`, which people wait for, all of it in `make soak`.

`make soak` runs what is marked ``soak``, and all properties, with Hypothesis' profile ``soak``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from hypothesis import settings

T = TypeVar("T")
WHOLE: Final = settings.get_current_profile_name() == "soak"


def extent(*, whole: int, part: int) -> int:
    """How much of something to do in this run."""
    return whole if WHOLE else part


def cases(all_of_them: Iterable[T], *, part: int) -> tuple[T, ...]:
    """Which cases to run, for `parametrize`: the first ones here, where each is a program of its own, or all."""
    return tuple(all_of_them)[: None if WHOLE else part]
