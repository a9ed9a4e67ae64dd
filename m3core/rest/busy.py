"""Answers of a server that is busy (429, 503): whether and when the request is repeated.

Such an answer passes, unlike other refusals (rest.md § 1). It may say in `Retry-After` how long that takes.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from m3core.errors import ApiError, M3Error
from m3core.io import Headers
from m3core.limits import BUSY_PATIENCE, MAX_RETRY_AFTER, RECONNECT_MIN

BUSY: Final = frozenset({429, 503})

_SECONDS: Final = re.compile(r"[0-9]+", re.ASCII)
_DATE: Final = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([0-9]{4}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT",
    re.ASCII,
)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def retry_after(headers: Headers) -> float | None:
    """The seconds of `Retry-After` (RFC 9110 s.10.2.3); None if there is none, or one that is malformed.

    A date is read in the one form that servers still send (RFC 9110 s.5.6.7, IMF-fixdate). It counts from the `Date` of
    the same answer, so that no clock of ours is needed, and none that is wrong does harm. Without a `Date` it is None.
    """
    told = _only(headers, "retry-after")
    if told is None:
        return None
    if _SECONDS.fullmatch(told):
        return float(told)
    until, now = _date(told), _date(_only(headers, "date") or "")
    return None if until is None or now is None else max(0.0, (until - now).total_seconds())


def _only(headers: Headers, name: str) -> str | None:
    """The value of the field ``name``; None if it is missing or repeated."""
    values = [value.strip() for key, value in headers if key == name]
    return values[0] if len(values) == 1 else None


def _date(text: str) -> dt.datetime | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    day, month, *rest = found.groups()
    year, hour, minute, second = (int(part) for part in rest)
    try:
        return dt.datetime(year, _MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=dt.UTC)
    except ValueError:  # a 31st of February, or a second 61
        return None


def is_busy(error: M3Error) -> bool:
    """Whether the server refused only because it was asked too often, or because it is overloaded."""
    return isinstance(error, ApiError) and error.status in BUSY


def asked_wait(error: M3Error) -> float:
    """The seconds that a busy server wants us to wait, at most `MAX_RETRY_AFTER`; 0 if it names none."""
    told = error.retry_after if isinstance(error, ApiError) and is_busy(error) else None
    return min(told or 0.0, MAX_RETRY_AFTER)


class Patience:
    """The waits for one thing that a user wants, as long as the server is busy: at most `BUSY_PATIENCE` in sum."""

    def __init__(self) -> None:
        self._left = BUSY_PATIENCE
        self._next = RECONNECT_MIN
        """The next wait if the server names none. Each of these is twice as long as the one before."""

    def wait(self, error: M3Error) -> float | None:
        """The seconds until the next attempt after one that failed with ``error``; None: the error is final."""
        if not is_busy(error):
            return None
        wait = max(asked_wait(error), RECONNECT_MIN)
        if isinstance(error, ApiError) and error.retry_after is None:
            wait = min(self._next, MAX_RETRY_AFTER)
            self._next *= 2
        if wait > self._left:
            return None
        self._left -= wait
        return wait
