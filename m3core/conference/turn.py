"""ICE servers before the first peer, and new credentials before the old ones expire (rest.md, TURN)."""

from __future__ import annotations

import datetime as dt

from m3core.io import IceServer
from m3core.limits import TURN_LEAD, TURN_RETRY, TURN_RETRY_CAP


class TurnSchedule:
    """When to ask for ICE servers again. ``utc_at_zero`` is the instant of ``now`` = 0; without it: never."""

    def __init__(self, utc_at_zero: dt.datetime | None) -> None:
        self._unix_at_zero = None if utc_at_zero is None else utc_at_zero.timestamp()
        self._vain = 0
        self.due: float | None = None
        """When to ask; ``None``: nothing expires, or we asked."""

    def answered(self, servers: tuple[IceServer, ...], now: float) -> None:
        """``servers`` were told. Those that have expired already, by our clock, are as good as none."""
        expiries = [server.expires_at for server in servers if server.expires_at]
        if self._unix_at_zero is None or not expiries:
            self.due = None
            return
        self.due = min(expiries) - self._unix_at_zero - TURN_LEAD
        if self.due > now:
            self._vain = 0
        else:
            self.failed(now)

    def asked(self) -> None:
        """The answer is under way."""
        self.due = None

    def failed(self, now: float) -> None:
        """There was no answer: the old ones stay, and we ask again."""
        self.due = now + min(TURN_RETRY * 2**self._vain, TURN_RETRY_CAP)
        self._vain = min(self._vain + 1, 16)
