"""Whether to try again after a lost connection, and when: exponential, with jitter, capped, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from m3core.errors import ApiError, AuthError, CallCancelled, CallRefused, M3Error
from m3core.limits import (
    RECONNECT_CAP,
    RECONNECT_MIN,
    RECONNECT_PATIENCE,
    RECONNECT_STABLE,
    RECONNECT_WINDOW,
    SESSION_RUNNING_PATIENCE,
)

NORMAL_CLOSURE: Final = 1000
"""RFC 6455 s.7.4.1."""
INTERNAL_ERROR: Final = 1011
"""RFC 6455 s.7.4.1. Also for who enters a breakout room when there are none any more (signaling.md § 2)."""
MESSAGE_TOO_BIG: Final = 1009
"""RFC 6455 s.7.4.1."""
BROKEN: Final = frozenset({None, 1001, 1005, 1006, 1007, 1012, 1013, 4999})
"""Close codes after which the web client comes back; any other, and 1000, is for good (signaling.md § 2)."""
_RUNNING: Final = "session_running"
_HEALS: Final = frozenset({_RUNNING, "invalid_ticket"})
"""Refusals that time heals: the server has not noticed yet that we are gone, or it restarted and lost the ticket."""


def may_pass(error: M3Error) -> bool:
    """Whether what kept an attempt from coming back may be over at the next one: all but a no of the server."""
    if isinstance(error, ApiError):
        return error.code in _HEALS or not 400 <= error.status < 500
    return not isinstance(error, AuthError | CallRefused | CallCancelled)


def is_running(error: M3Error) -> bool:
    """Whether the server takes our old session for alive: it has not noticed yet, or crashed and never will."""
    return isinstance(error, ApiError) and error.code == _RUNNING


class BackOff:
    """The attempts of one conference. ``jitter`` gives a float in [0, 1), anew each time."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._attempts = 0
        self._connected_at: float | None = None
        self.gives_up_at: float | None = None
        """When a loss has lasted too long; ``None`` while nothing is lost."""
        self._lost_at = 0.0

    def connected(self, now: float) -> None:
        """We are in again. Only time will tell for how long."""
        self._connected_at = now
        self.gives_up_at = None

    def lost(self, now: float) -> None:
        """The connection broke. What was stable begins with short waits, what flaps goes on with long ones."""
        if self._connected_at is not None and now - self._connected_at >= RECONNECT_STABLE:
            self._attempts = 0
        self._connected_at = None
        self._lost_at = now
        self.gives_up_at = now + RECONNECT_PATIENCE

    def is_old(self, now: float) -> bool:
        """Whether a living server must have noticed the loss by now (signaling.md § 2: a heartbeat, at most 35 s)."""
        return now - self._lost_at >= SESSION_RUNNING_PATIENCE

    def next(self, now: float, *, running: bool = False) -> float:
        """When to make the next attempt. ``running``: the server takes our old session for alive.

        Then it comes no later than `is_old`, and soon after that: it is known that the server is there.
        """
        window = RECONNECT_WINDOW
        for _ in range(self._attempts):
            window = min(window * 2, RECONNECT_CAP)
        if window < RECONNECT_CAP:
            self._attempts += 1
        share = min(max(self._jitter(), 0.0), 1.0)
        due = now + _within(share, window)
        if running:
            soon = _within(share, RECONNECT_WINDOW)
            due = min(due, max(now, self._lost_at + SESSION_RUNNING_PATIENCE) + soon)
        return due


def _within(share: float, window: float) -> float:
    return RECONNECT_MIN + share * (window - RECONNECT_MIN)
