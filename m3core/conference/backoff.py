"""Whether to try again after a lost connection, and when: exponential, with jitter, capped, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from m3core.errors import ApiError, AuthError, CallCancelled, CallRefused, M3Error
from m3core.limits import RECONNECT_CAP, RECONNECT_MIN, RECONNECT_PATIENCE, RECONNECT_STABLE, RECONNECT_WINDOW

NORMAL_CLOSURE: Final = 1000
"""RFC 6455 s.7.4.1."""
INTERNAL_ERROR: Final = 1011
"""RFC 6455 s.7.4.1. Also for who enters a breakout room when there are none any more (signaling.md § 2)."""
MESSAGE_TOO_BIG: Final = 1009
"""RFC 6455 s.7.4.1."""
BROKEN: Final = frozenset({None, 1001, 1005, 1006, 1007, 1012, 1013, 4999})
"""Close codes after which the web client comes back; any other, and 1000, is for good (signaling.md § 2)."""
_HEALS: Final = frozenset({"session_running", "invalid_ticket"})
"""Refusals that time heals: the server has not noticed yet that we are gone, or it restarted and lost the ticket."""


def may_pass(error: M3Error) -> bool:
    """Whether what kept an attempt from coming back may be over at the next one: all but a no of the server."""
    if isinstance(error, ApiError):
        return error.code in _HEALS or not 400 <= error.status < 500
    return not isinstance(error, AuthError | CallRefused | CallCancelled)


class BackOff:
    """The attempts of one conference. ``jitter`` gives a float in [0, 1), anew each time."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._attempts = 0
        self._connected_at: float | None = None
        self.gives_up_at: float | None = None
        """When a loss has lasted too long; ``None`` while nothing is lost."""

    def connected(self, now: float) -> None:
        """We are in again. Only time will tell for how long."""
        self._connected_at = now
        self.gives_up_at = None

    def lost(self, now: float) -> None:
        """The connection broke. What was stable begins with short waits, what flaps goes on with long ones."""
        if self._connected_at is not None and now - self._connected_at >= RECONNECT_STABLE:
            self._attempts = 0
        self._connected_at = None
        self.gives_up_at = now + RECONNECT_PATIENCE

    def next(self, now: float) -> float:
        """When to make the next attempt."""
        window = RECONNECT_WINDOW
        for _ in range(self._attempts):
            window = min(window * 2, RECONNECT_CAP)
        if window < RECONNECT_CAP:
            self._attempts += 1
        share = min(max(self._jitter(), 0.0), 1.0)
        return now + RECONNECT_MIN + share * (window - RECONNECT_MIN)
