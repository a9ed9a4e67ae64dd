"""A running `m3 serve` on each loop, for the tests of this folder that need no special options (`pytest_plugins`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stranger_place import LOOPS, Place, serving


@pytest.fixture(scope="session", params=LOOPS)
def served(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A server needs most of a second to start, so all tests of a process share one."""
    with serving(request.param) as here:
        yield here


@pytest.fixture
def place(served: Place) -> Iterator[Place]:
    """The running server. Fails if it printed anything for its operator."""
    yield served
    assert served.complaints() == ""
