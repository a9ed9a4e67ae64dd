"""What a busy server says about the next attempt (RFC 9110 s.10.2.3), and how often a client asks it again."""

from __future__ import annotations

import math

import pytest

from m3core.errors import ApiError, M3Error, TransportError
from m3core.io import HttpResponse
from m3core.limits import BUSY_PATIENCE, MAX_RETRY_AFTER
from m3core.rest.busy import Patience, asked_wait, is_busy, retry_after
from m3core.rest.errors import api_error, too_many_requests

NOW = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("007", 7.0),
        ("9" * 400, math.inf),
        ("Wed, 21 Oct 2015 07:28:05 GMT", 5.0),
        ("Thu, 22 Oct 2015 00:00:00 GMT", 59520.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1e3", None),
        ("0x10", None),
        ("1 s", None),
        ("\u0663", None),
        ("soon", None),
        ("nan", None),
        ("wed, 21 oct 2015 07:28:05 gmt", None),
        ("Wed, 21 Oct 2015 07:28:05 +0000", None),
        ("Wed, 21 Oct 15 07:28:05 GMT", None),
        ("Wed, 31 Feb 2015 07:28:05 GMT", None),
        ("Wed, 21 Oct 2015 25:28:05 GMT", None),
        ("Wed, 21 Oct 0000 07:28:05 GMT", None),
        ("2015-10-21T07:28:05Z", None),
    ],
)
def test_the_wait_that_a_server_asks_for(told: str, seconds: float | None) -> None:
    assert retry_after((("content-length", "0"), ("date", NOW), ("retry-after", told))) == seconds


def test_a_date_counts_from_that_of_the_answer() -> None:
    later = ("retry-after", "Wed, 21 Oct 2015 07:28:05 GMT")
    assert retry_after((later,)) is None
    assert retry_after((later, ("date", "now"))) is None
    assert retry_after((later, ("date", NOW), ("date", NOW))) is None


def test_a_field_that_is_repeated_or_missing_says_nothing() -> None:
    assert retry_after((("retry-after", "1"), ("retry-after", "2"))) is None
    assert retry_after(()) is None


def test_an_error_has_what_the_server_said() -> None:
    error = api_error(HttpResponse(429, (("retry-after", "7"),)), "request")
    assert (error.retry_after, asked_wait(error), is_busy(error)) == (7.0, 7.0, True)
    assert asked_wait(_error(429, math.inf)) == MAX_RETRY_AFTER
    assert asked_wait(_error(429, None)) == 0
    for other in (_error(500, 7.0), _error(404, 7.0), TransportError("no network")):
        assert (asked_wait(other), is_busy(other)) == (0, False)


@pytest.mark.parametrize(("seconds", "told"), [(0.02, "1"), (1.0, "1"), (5.1, "6")])
def test_a_server_says_whole_seconds_and_no_fewer(seconds: float, told: str) -> None:
    assert too_many_requests(seconds).response().headers[1] == ("retry-after", told)


# -- patience ---
def _error(status: int, told: float | None) -> ApiError:
    return ApiError(status, retry_after=told)


def _waits(error: M3Error) -> list[float]:
    """The waits of a client that gets this error each time, in the order in which they come."""
    patience = Patience()
    waits = [patience.wait(error) for _ in range(100)]
    assert waits[-1] is None, "a client gives up at last"
    return [wait for wait in waits if wait is not None]


@pytest.mark.parametrize("status", [429, 503])
def test_the_waits_of_a_client(status: int) -> None:
    assert _waits(_error(status, None)) == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert _waits(_error(status, 25.0)) == [25.0, 25.0]
    assert _waits(_error(status, 3600.0)) == [MAX_RETRY_AFTER] * 2
    assert _waits(_error(status, 0.0)) == [1.0] * int(BUSY_PATIENCE)


@pytest.mark.parametrize("error", [_error(400, 1.0), _error(401, 1.0), _error(500, 1.0), TransportError("no network")])
def test_other_errors_are_final(error: M3Error) -> None:
    assert _waits(error) == []


def test_patience_is_for_all_waits_together() -> None:
    patience = Patience()
    assert patience.wait(_error(429, 30.0)) == 30.0
    assert patience.wait(_error(503, 29.0)) == 29.0
    assert patience.wait(_error(429, 2.0)) is None
    assert patience.wait(_error(429, 1.0)) == 1.0
