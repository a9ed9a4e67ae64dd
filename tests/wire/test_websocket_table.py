"""Every row of the table of WebSocket frames, against a controller without sockets."""

from __future__ import annotations

import pytest
from http_table import After
from websocket_table import FRAME_CASES, PROBE, PROBE_ANSWER, FrameCase
from wire import InMemory, Pieces
from wire_frames import answers, upgrade


@pytest.fixture(scope="module")
def place() -> InMemory:
    return InMemory()


@pytest.mark.parametrize("pieces", Pieces)
@pytest.mark.parametrize("case", FRAME_CASES, ids=lambda case: case.name)
def test_a_row(place: InMemory, case: FrameCase, pieces: Pieces) -> None:
    line = place.connect()
    line.send(upgrade(place.ticket()))
    line.send(case.data, pieces)
    assert answers(line.received) == case.answers
    assert line.is_ended is (case.after is After.CLOSED)
    if case.after is not After.WAITS:
        line.send(PROBE)
        assert answers(line.received) == (*case.answers, *([PROBE_ANSWER] if case.after is After.OPEN else []))


def test_rows_have_different_names() -> None:
    assert len({case.name for case in FRAME_CASES}) == len(FRAME_CASES) >= 95
