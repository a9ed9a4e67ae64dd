"""A `m3 serve` on each loop, for all tests of this folder that need nothing special of it (`pytest_plugins`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stranger_place import LOOPS, Place, serving


@pytest.fixture(scope="session", params=LOOPS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Where strangers meet; it must end well, too."""
    with serving(request.param) as here:
        yield here
