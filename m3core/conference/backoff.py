"""Whether to try again after a lost connection, and when.

The waits are random shares of a window. The window doubles with each attempt up to a cap, and after
`RECONNECT_PATIENCE` the conference gives up.
"""

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
from m3core.rest.busy import is_busy

NORMAL_CLOSURE: Final = 1000
"""RFC 6455 s.7.4.1."""
INTERNAL_ERROR: Final = 1011
"""RFC 6455 s.7.4.1. Also the close code for a client that enters a breakout room that is over (signaling.md § 2)."""
MESSAGE_TOO_BIG: Final = 1009
"""RFC 6455 s.7.4.1."""
BROKEN: Final = frozenset({None, 1001, 1005, 1006, 1007, 1012, 1013, 4999})
"""Close codes after which the web client reconnects; ``None``: no close frame. Others are final (signaling.md § 2)."""
_RUNNING: Final = "session_running"
_TEMPORARY: Final = frozenset({_RUNNING, "invalid_ticket"})
"""Refusals that end by themselves: the server has not noticed the loss yet, or it restarted and lost the ticket."""


def is_temporary(error: M3Error) -> bool:
    """Whether the next attempt may succeed although this one failed with ``error``."""
    if isinstance(error, ApiError):
        # A 4xx is a decision about us (a ban, a deleted room), except 429; anything else is trouble of the server.
        return error.code in _TEMPORARY or is_busy(error) or not 400 <= error.status < 500
    return not isinstance(error, AuthError | CallRefused | CallCancelled)


def is_session_running(error: M3Error) -> bool:
    """Whether the server refused because it takes our old session for alive (signaling.md § 3)."""
    return isinstance(error, ApiError) and error.code == _RUNNING


class BackOff:
    """Counts the attempts of one conference. ``jitter`` gives a float in [0, 1), a new one for each call."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._attempts = 0
        self._connected_at: float | None = None
        self.gives_up_at: float | None = None
        """When to give up; ``None`` while the connection lives."""
        self._lost_at = 0.0

    def connected(self, now: float) -> None:
        """A connection is inside the room again. `lost` decides later whether it lasted long enough to count."""
        self._connected_at = now
        self.gives_up_at = None

    def lost(self, now: float) -> None:
        """The connection broke."""
        # A connection that broke soon after it was made goes on with the long waits: a controller that restarts again
        # and again must not be met by all of its clients at once.
        if self._connected_at is not None and now - self._connected_at >= RECONNECT_STABLE:
            self._attempts = 0
        self._connected_at = None
        self._lost_at = now
        self.gives_up_at = now + RECONNECT_PATIENCE

    def is_loss_noticed(self, now: float) -> bool:
        """Whether a living server must have noticed the loss by now."""
        # Its heartbeat takes at most 35 s for that: 20 s without a pong, seen at a tick of 15 s (signaling.md § 2).
        return now - self._lost_at >= SESSION_RUNNING_PATIENCE

    def next(self, now: float, *, running: bool = False) -> float:
        """When to make the next attempt. ``running``: the last one was refused with `session_running`."""
        window = RECONNECT_WINDOW
        for _ in range(self._attempts):
            window = min(window * 2, RECONNECT_CAP)
        if window < RECONNECT_CAP:
            self._attempts += 1
        share = min(max(self._jitter(), 0.0), 1.0)
        due = now + _within(share, window)
        if running:
            # The server is there, so a long wait would spare it nothing: come soon after the moment from which on
            # `session_running` means a crash, and a new participant is the way in (signaling.md § 3).
            soon = _within(share, RECONNECT_WINDOW)
            due = min(due, max(now, self._lost_at + SESSION_RUNNING_PATIENCE) + soon)
        return due


def _within(share: float, window: float) -> float:
    return RECONNECT_MIN + share * (window - RECONNECT_MIN)
