"""The front and time: connections that linger after the last answer, timers, and the number of connections."""

from __future__ import annotations

from typing import Any

import pytest
from test_front import _A, _B, _C, _GET, _Controller, _deadline, _open, _willing

from m3core.controller.front import Front
from m3core.controller.front_port import ControllerOutput, HalfClose, Shut, Write
from m3core.io import Close, ConnectionId, HttpReply, HttpResponse, PeerId, RequestId, Up
from m3core.limits import CLOSE_TIMEOUT, HTTP_TIMEOUT, MAX_LINGERING

# -- the time after the last answer ---
_LAST = {
    "a refused request": b"?\r\n\r\n" + _GET,
    "a request to close": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + _GET,
    "a broken frame": b"\xff\xff",
    "a close frame": b"\x88\x80abcd\xff\xff",
}
"""What a client sends last. Frames are for a WebSocket."""
_ends = pytest.mark.parametrize("last", _LAST)


def _ended(last: str) -> tuple[Front, _Controller]:
    """A front that has half-closed the connection `_A`."""

    def react(values: tuple[Any, ...]) -> list[ControllerOutput]:
        return [HttpReply(values[1], HttpResponse(200))] if values[0] == "http" else _willing(values)

    controller = _Controller(react)
    front = Front(controller)
    if last.endswith("frame"):
        _open(front, controller, _A)
    else:
        front.connection_made(_A, 0.0)
    front.data_received(_A, _LAST[last], 1.0)
    written, half_close = front.outputs()
    assert isinstance(written, Write)
    assert half_close == HalfClose(_A)
    assert [values[0] for values in controller.taken()] in ([], ["http"], ["lost"])
    return front, controller


@_ends
def test_a_connection_lingers_until_the_client_closes_its_side(last: str) -> None:
    front, controller = _ended(last)
    front.data_received(_A, _GET, 2.0)
    front.data_received(_A, b"\x81\x80abcd" + b"x" * (MAX_LINGERING - len(_GET) - 6), 2.0)
    front.sfu_report(Up(PeerId(1)), 2.0)
    assert list(front.outputs()) == []
    assert front.connections == 1
    front.data_received(_A, b"", 2.0)
    assert list(front.outputs()) == [Shut(_A, abort=False)]
    front.connection_lost(_A, 2.0)
    assert [values[0] for values in controller.taken()] == ["sfu"]


@_ends
def test_a_connection_lingers_no_longer_than_a_close_takes(last: str) -> None:
    front, _ = _ended(last)
    assert _deadline(front) == 1.0 + CLOSE_TIMEOUT
    front.data_received(_A, _GET, CLOSE_TIMEOUT)
    front.advance(CLOSE_TIMEOUT)
    assert list(front.outputs()) == []
    front.advance(1.0 + CLOSE_TIMEOUT)
    assert list(front.outputs()) == [Shut(_A, abort=True)]


@_ends
def test_a_client_that_sends_too_much_after_the_end_is_dropped(last: str) -> None:
    front, _ = _ended(last)
    front.data_received(_A, b"x" * MAX_LINGERING, 2.0)
    assert list(front.outputs()) == []
    front.data_received(_A, b"x", 2.0)
    assert list(front.outputs()) == [Shut(_A, abort=True)]


@pytest.mark.parametrize("broken", ["request", "websocket"])
def test_no_connection_lingers_whose_client_has_closed_its_side(broken: str) -> None:
    controller = _Controller(_willing)
    front = Front(controller)
    if broken == "websocket":
        _open(front, controller, _A)
        front.data_received(_A, b"\x88\x80abc", 1.0)
    else:
        front.connection_made(_A, 0.0)
        front.data_received(_A, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", 1.0)
    assert list(front.outputs()) == []
    front.data_received(_A, b"", 1.0)
    assert list(front.outputs())[-1] == Shut(_A, abort=False)


# -- timers and limits ---
def test_idle_and_unfinished_requests_time_out() -> None:
    controller = _Controller(_willing)
    front = Front(controller)
    assert _deadline(front) is None
    front.connection_made(_A, 10.0)
    assert _deadline(front) == 10.0 + HTTP_TIMEOUT
    front.data_received(_A, _GET[:5], 20.0)
    front.advance(10.0 + HTTP_TIMEOUT)
    assert list(front.outputs()) == []
    assert _deadline(front) == 20.0 + HTTP_TIMEOUT
    front.data_received(_A, _GET[5:-1], 45.0)
    front.advance(20.0 + HTTP_TIMEOUT)
    assert list(front.outputs()) == [Shut(_A, abort=False)]
    assert _deadline(front) is None


def test_keep_alive_restarts_the_timer_and_answers_may_take_long() -> None:
    controller = _Controller()
    front = Front(controller)
    front.connection_made(_A, 0.0)
    front.data_received(_A, _GET, 1.0)
    front.advance(1_000.0)
    assert list(front.outputs()) == []
    assert _deadline(front) is None
    controller.queue.append(HttpReply(RequestId(1), HttpResponse(204)))
    front.advance(1_001.0)
    assert _deadline(front) == 1_001.0 + HTTP_TIMEOUT
    list(front.outputs())
    front.advance(1_001.0 + HTTP_TIMEOUT)
    assert list(front.outputs()) == [Shut(_A, abort=False)]


def test_an_open_websocket_has_no_timer_of_the_front() -> None:
    controller = _Controller(_willing)
    front = Front(controller)
    _open(front, controller, _A)
    front.advance(HTTP_TIMEOUT)
    assert _deadline(front) is None
    front.advance(1e6)
    assert list(front.outputs()) == []
    assert front.connections == 1


def test_a_close_that_is_not_answered_becomes_an_abort() -> None:
    controller = _Controller(_willing)
    front = Front(controller)
    _open(front, controller, _A)
    controller.queue.append(Close(_A, 1000))
    front.advance(2.0)
    assert _deadline(front) == 2.0 + CLOSE_TIMEOUT
    assert isinstance(next(front.outputs()), Write)
    controller.taken()
    front.advance(2.0 + CLOSE_TIMEOUT)
    assert list(front.outputs()) == [Shut(_A, abort=True)]
    assert ("lost", _A, None) in controller.taken()
    front.advance(1e6)  # the alarm that the close overtook
    assert list(front.outputs()) == []


def test_the_deadline_is_the_earlier_one() -> None:
    controller = _Controller()
    front = Front(controller)
    controller.deadline = 5.0
    assert _deadline(front) == 5.0
    front.connection_made(_A, 0.0)
    assert _deadline(front) == 5.0
    controller.deadline = 1e9
    assert _deadline(front) == HTTP_TIMEOUT
    front.advance(5.0)
    assert controller.taken() == [("advance", 5.0)]


def test_the_number_of_connections_just_under_and_over() -> None:
    front = Front(_Controller(), max_connections=2)
    front.connection_made(_A, 0.0)
    front.connection_made(_B, 0.0)
    assert list(front.outputs()) == []
    front.connection_made(_C, 0.0)
    assert list(front.outputs()) == [Shut(_C, abort=True)]
    front.data_received(_C, _GET, 0.0)
    front.connection_lost(_A, 0.0)
    front.connection_made(ConnectionId(4), 0.0)
    assert list(front.outputs()) == []


def test_inputs_for_unknown_connections_are_ignored() -> None:
    front = Front(_Controller())
    front.data_received(_A, _GET, 0.0)
    front.connection_lost(_A, 0.0)
    assert list(front.outputs()) == []
