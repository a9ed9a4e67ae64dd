"""How far long tests go: a part of the way in `make test`, which people wait for, all of it in `make soak`.

`make soak` runs what is marked ``soak``, and all properties, with Hypothesis' profile ``soak``.
"""

from __future__ import annotations

from typing import Final

from hypothesis import settings

from m3core.controller.features import FeatureLevel

WHOLE: Final = settings.get_current_profile_name() == "soak"


LEVELS: Final = tuple(FeatureLevel) if WHOLE else (FeatureLevel.CAPTURE, tuple(FeatureLevel)[-1])
"""The feature levels at which whole programs are run: all in `make soak`, else the first and the newest."""


def extent(*, whole: int, part: int) -> int:
    """How much of something to do in this run."""
    return whole if WHOLE else part
