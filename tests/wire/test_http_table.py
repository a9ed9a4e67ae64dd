"""Every row of the table of HTTP, against a controller without sockets."""

from __future__ import annotations

import pytest
from http_table import HTTP_CASES, PROBE, After, HttpCase
from wire import InMemory, Pieces, statuses


@pytest.fixture(scope="module")
def place() -> InMemory:
    return InMemory()


@pytest.mark.parametrize("pieces", Pieces)
@pytest.mark.parametrize("case", HTTP_CASES, ids=lambda case: case.name)
def test_a_row(place: InMemory, case: HttpCase, pieces: Pieces) -> None:
    line = place.connect()
    line.send(case.data, pieces)
    assert statuses(line.received) == case.statuses
    assert line.is_ended is (case.after is After.CLOSED)
    if case.after is not After.WAITS:
        line.send(PROBE)
        assert statuses(line.received) == (*case.statuses, *([200] if case.after is After.OPEN else []))


def test_rows_have_different_names() -> None:
    assert len({case.name for case in HTTP_CASES}) == len(HTTP_CASES) >= 80
