"""Our clients on both loops, for tests with the controller of `manners`."""

from __future__ import annotations

import pytest
from places import ADAPTERS, BACKENDS
from running import run
from stranger_place import LOOPS

__all__ = ["ADAPTERS", "BACKENDS", "each_loop", "run"]
each_loop = pytest.mark.parametrize("loop", LOOPS)
