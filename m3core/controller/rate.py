"""How much one client may say: a token bucket. Knows no messages."""

from __future__ import annotations

from m3core.limits import MESSAGE_BURST, MESSAGE_RATE


class RateLimit:
    """One connection's allowance: a burst, refilled at a steady rate."""

    def __init__(self, now: float) -> None:
        self._tokens = float(MESSAGE_BURST)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one more message is within the limit."""
        self._tokens = min(MESSAGE_BURST, self._tokens + (now - self._at) * MESSAGE_RATE)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
