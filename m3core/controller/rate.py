"""The rate limit of messages: a token bucket. Knows no messages."""

from __future__ import annotations

from m3core.limits import MESSAGE_BURST, MESSAGE_RATE


class RateLimit:
    """The allowance of one connection: `MESSAGE_BURST` messages, refilled at `MESSAGE_RATE` per second."""

    def __init__(self, now: float) -> None:
        self._tokens = float(MESSAGE_BURST)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one more message is within the limit; it counts if it is."""
        self._tokens = min(MESSAGE_BURST, self._tokens + (now - self._at) * MESSAGE_RATE)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
