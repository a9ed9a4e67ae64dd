"""Asks for ICE servers before the first peer connection, and again before their credentials expire (rest.md, TURN)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from m3core.conference.context import Context
from m3core.conference.entrance import Entering
from m3core.errors import M3Error
from m3core.io import IceServer
from m3core.limits import TURN_LEAD, TURN_RETRY, TURN_RETRY_CAP
from m3core.rest.busy import asked_wait, is_busy


class TurnSchedule:
    """When to ask for ICE servers again.

    ``utc_at_zero`` is the instant of ``now`` = 0. Without it the expiry of credentials is unknown: `due` is ``None``.
    """

    def __init__(self, utc_at_zero: dt.datetime | None) -> None:
        self._unix_at_zero = None if utc_at_zero is None else utc_at_zero.timestamp()
        self._failures = 0
        self.due: float | None = None
        """When to ask; ``None`` if nothing expires, or if an answer is awaited."""

    def answered(self, servers: tuple[IceServer, ...], now: float) -> None:
        """The answer ``servers`` came."""
        expiries = [server.expires_at for server in servers if server.expires_at]
        if self._unix_at_zero is None or not expiries:
            self.due = None
            return
        self.due = min(expiries) - self._unix_at_zero - TURN_LEAD
        if self.due > now:
            self._failures = 0
        else:  # expired already, by our clock: ask again, but less and less often
            self.failed(now)

    def asked(self) -> None:
        """A request was sent: its answer decides when to ask again."""
        self.due = None

    def failed(self, now: float, at_least: float = 0.0) -> None:
        """The request failed: ask again after a wait that doubles with each failure, and is ``at_least`` so long."""
        self.due = now + max(min(TURN_RETRY * 2**self._failures, TURN_RETRY_CAP), at_least)
        self._failures = min(self._failures + 1, 16)


class TurnServers:
    """The requests for the ICE servers of one conference. ``told`` is called after each answer and each failure."""

    def __init__(
        self, context: Context, entering: Entering, utc_at_zero: dt.datetime | None, told: Callable[[], None]
    ) -> None:
        self._context = context
        self._entering = entering
        self._schedule = TurnSchedule(utc_at_zero)
        self._told = told
        self.is_known = False
        """Whether the first request has ended, with an answer or with a failure."""

    @property
    def due(self) -> float | None:
        """When to ask again; ``None`` if nothing expires, or if an answer is awaited."""
        return self._schedule.due

    def ask(self) -> None:
        """Send a request now."""
        self._schedule.asked()
        self._entering.ask_turn(self._answered, self._failed)

    def ask_if_due(self) -> None:
        """Send a request if one is due."""
        if self.due is not None and self.due <= self._context.now:
            self.ask()

    def stop(self) -> None:
        """Ask no more: the conference has ended."""
        self._schedule.asked()

    def _answered(self, servers: tuple[IceServer, ...]) -> None:
        self._context.ice_servers = servers
        self._schedule.answered(servers, self._context.now)
        self.is_known = True
        self._told()

    def _failed(self, error: M3Error) -> None:
        # Without servers, peer connections have only the candidates of this host. The request is repeated only if there
        # are old servers, whose credentials expire, or if the server was only busy. The join does not wait for that.
        if is_busy(error) or (self.is_known and self._context.ice_servers):
            self._schedule.failed(self._context.now, asked_wait(error))
        self.is_known = True
        self._told()
