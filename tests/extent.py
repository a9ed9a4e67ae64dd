"""How far long tests go: a part of the way in `make test`, which people wait for, all of it in `make soak`.

`make soak` runs what is marked ``soak``, and all properties, with Hypothesis' profile ``soak``.
"""

from __future__ import annotations

from typing import Final

from hypothesis import settings

WHOLE: Final = settings.get_current_profile_name() == "soak"


def extent(*, whole: int, part: int) -> int:
    """How much of something to do in this run."""
    return whole if WHOLE else part
