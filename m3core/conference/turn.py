"""ICE servers before the first peer, and new credentials before the old ones expire (rest.md, TURN)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from m3core.conference.context import Context
from m3core.conference.entrance import Entering
from m3core.errors import M3Error
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
        """There was no answer. The old servers are used on, and we ask again."""
        self.due = now + min(TURN_RETRY * 2**self._vain, TURN_RETRY_CAP)
        self._vain = min(self._vain + 1, 16)


class TurnServers:
    """Asks for the ICE servers of a conference, and asks again before their credentials expire.

    ``told`` is called after each answer, and after each failure.
    """

    def __init__(
        self, context: Context, entering: Entering, utc_at_zero: dt.datetime | None, told: Callable[[], None]
    ) -> None:
        self._context = context
        self._entering = entering
        self._schedule = TurnSchedule(utc_at_zero)
        self._told = told
        self.is_known = False
        """Whether the first question was answered, if only by a refusal."""

    @property
    def due(self) -> float | None:
        """When to ask again; ``None``: never, or the answer is under way."""
        return self._schedule.due

    def ask(self) -> None:
        """Ask now."""
        self._schedule.asked()
        self._entering.ask_turn(self._answered, self._failed)

    def ask_if_due(self) -> None:
        """Ask if it is time to."""
        if self.due is not None and self.due <= self._context.now:
            self.ask()

    def stop(self) -> None:
        """The conference is over."""
        self._schedule.asked()

    def _answered(self, servers: tuple[IceServer, ...]) -> None:
        self._context.ice_servers = servers
        self._schedule.answered(servers, self._context.now)
        self.is_known = True
        self._told()

    def _failed(self, _error: M3Error) -> None:
        # The first peer connections do without, later ones use the old servers. Only old servers are asked for again.
        if self.is_known and self._context.ice_servers:
            self._schedule.failed(self._context.now)
        self.is_known = True
        self._told()
