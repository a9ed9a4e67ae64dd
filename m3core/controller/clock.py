"""The time of a controller: monotonic seconds, and the timestamps of its messages."""

from __future__ import annotations

import datetime as dt

from m3core.values import Timestamp


class Clock:
    """Knows the time of the current input. ``utc_at_zero`` is the UTC instant of ``now`` = 0."""

    def __init__(self, utc_at_zero: dt.datetime) -> None:
        self.now = 0.0
        self._utc_at_zero = utc_at_zero
        self._relayed = (self.now, self.in_utc(0.0, digits=0))
        """The last answer of `relayed`: a message to many rooms asks for it many times in one instant."""

    def set(self, now: float) -> None:
        """The time is ``now``. It never goes back, so that timestamps of messages do not either."""
        self.now = max(self.now, now)

    def direct(self) -> Timestamp:
        """Now, with nanoseconds."""
        return self.in_utc(0.0)

    def relayed(self) -> Timestamp:
        """Now, in whole seconds."""
        at, told = self._relayed
        if at != self.now:
            told = self.in_utc(0.0, digits=0)
            self._relayed = (self.now, told)
        return told

    def in_utc(self, seconds: float, *, digits: int = 9) -> Timestamp:
        """The instant ``seconds`` from now. Raises `OverflowError` after the year 9999."""
        return Timestamp.of(self._utc_at_zero + dt.timedelta(seconds=self.now + seconds), digits=digits)
