"""A `m3 serve` on each loop, for all tests of this folder that need nothing special of it (`pytest_plugins`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stranger_place import LOOPS, Place, serving


@pytest.fixture(scope="session", params=LOOPS)
def served(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Most of a second goes by until a server runs: all tests of a process share one."""
    with serving(request.param) as here:
        yield here


@pytest.fixture
def place(served: Place) -> Iterator[Place]:
    """Where strangers meet; whatever they do, it has nothing to say of it to its operator."""
    yield served
    assert served.complaints() == ""
