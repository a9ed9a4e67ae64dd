"""What an address may ask of the server: requests without a login, and guesses of room passwords.

A guest has neither an account nor a name, so that the address of the client is the only thing to count by. The budgets
of a connection (`m3core.controller.budget`) do not help here, because a client may open another connection.

Addresses are texts, as sockets give them. An empty text is an address that is not known, such as that of a Unix socket.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable
from typing import Final, Generic, TypeAlias, TypeVar

from m3core.controller.budget import Budget
from m3core.io import Headers
from m3core.limits import (
    ADDRESS_BUDGET,
    ADDRESS_BUDGET_RATE,
    MAX_ADDRESSES,
    MAX_PROXY_HOPS,
    PASSWORD_GUESSES,
    PASSWORD_PERIOD,
)
from m3core.values import RoomId

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
KeyT = TypeVar("KeyT", bound=Hashable)

_SITE: Final = 64
"""Bits of the prefix that one customer gets at least (RFC 6177 s.2): within it, an address costs nothing."""
_KEPT: Final = 15 / 16
"""The share of a table that remains when it is full and no budget in it is."""


def parse_address(text: str) -> Address | None:
    """The address ``text``, or None if it is none. One of IPv4 in the form of IPv6 is the one of IPv4."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # without the zone of a link-local one (RFC 4007 s.11)
    except ValueError:
        return None
    # A socket that listens on both protocols reports clients of IPv4 in this form (RFC 4291 s.2.5.5.2).
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


class AddressBudgets(Generic[KeyT]):
    """A `Budget` for each key, of ``size`` units that come back at ``rate`` per second; at most ``limit`` budgets."""

    def __init__(self, *, size: float, rate: float, limit: int = MAX_ADDRESSES) -> None:
        self._size = size
        self._rate = rate
        self._limit = limit
        self._budgets: dict[KeyT, Budget] = {}
        """In the order in which they were used last."""

    def __len__(self) -> int:
        return len(self._budgets)

    def wait(self, key: KeyT, now: float) -> float:
        """Seconds until ``key`` has a unit again; 0 if it has one."""
        budget = self._budgets.get(key)
        return 0.0 if budget is None else budget.wait(now)

    def take(self, key: KeyT, now: float) -> float:
        """Take a unit of ``key``, and return 0. If none is left, return the seconds until there is one."""
        budget = self._budgets.pop(key, None)
        if budget is None:
            if len(self._budgets) >= self._limit:
                self._make_room(now)
            budget = Budget(now, size=self._size, rate=self._rate)
        self._budgets[key] = budget
        return 0.0 if budget.take(now) else budget.wait(now)

    def _make_room(self, now: float) -> None:
        """Drop all budgets that are full, since they say nothing, and then those that were used least lately.

        Each call drops a share of the table, so that many addresses that come one after the other do not make each of
        them cost a walk through it.
        """
        self._budgets = {key: budget for key, budget in self._budgets.items() if budget.wait(now, self._size) > 0}
        excess = len(self._budgets) - int(self._limit * _KEPT)
        for key in list(self._budgets)[: max(0, excess)]:
            del self._budgets[key]


class AddressLimits:
    """All budgets of addresses of one controller. Methods return seconds to wait; 0 means that it is allowed.

    Programs on this machine have none, unless ``limit_loopback``: they are those of the operator, or a proxy that was
    not named as one (`TrustedProxies`), whose clients must not use up each other's budget.
    """

    def __init__(self, *, limit_loopback: bool = False) -> None:
        self._limit_loopback = limit_loopback
        self._requests: AddressBudgets[str] = AddressBudgets(size=ADDRESS_BUDGET, rate=ADDRESS_BUDGET_RATE)
        self._passwords: AddressBudgets[tuple[str, RoomId]] = AddressBudgets(
            size=PASSWORD_GUESSES, rate=PASSWORD_GUESSES / PASSWORD_PERIOD
        )

    def request(self, address: str, now: float) -> float:
        """A request without a login comes from ``address``."""
        site = self._site(address)
        return 0.0 if site is None else self._requests.take(site, now)

    def password_wait(self, address: str, room: RoomId, now: float) -> float:
        """Somebody at ``address`` gives a password for ``room``, which has not been looked at."""
        site = self._site(address)
        return 0.0 if site is None else self._passwords.wait((site, room), now)

    def wrong_password(self, address: str, room: RoomId, now: float) -> None:
        """The password for ``room`` was wrong."""
        site = self._site(address)
        if site is not None:
            self._passwords.take((site, room), now)

    def _site(self, text: str) -> str | None:
        """The key of the budgets of an address; None if it has none."""
        address = parse_address(text)
        if address is None:
            return text if self._limit_loopback else None
        if address.is_loopback:
            return str(address) if self._limit_loopback else None
        if isinstance(address, ipaddress.IPv4Address):
            return str(address)
        return str(ipaddress.IPv6Network((address, _SITE), strict=False))


class TrustedProxies:
    """The proxies that are believed about the address of their client. ``networks`` are as in `parse_network`."""

    def __init__(self, networks: tuple[str, ...] = ()) -> None:
        self._networks = tuple(parse_network(text) for text in networks)

    def trusts(self, address: str) -> bool:
        """Whether ``address`` is that of a trusted proxy."""
        found = parse_address(address) if self._networks else None
        return found is not None and self._contains(found)

    def client(self, address: str, headers: Headers) -> str:
        """The address of the client whose request came from ``address`` with ``headers``.

        Each proxy appends the address that it was asked from to `X-Forwarded-For`. So the entries are believed from the
        right to the left, as long as the one that wrote them is a trusted proxy. The client may have sent the rest.
        """
        if not self.trusts(address):
            return address
        told = ",".join(value for name, value in headers if name == "x-forwarded-for")
        for entry in reversed(told.rsplit(",", MAX_PROXY_HOPS)[-MAX_PROXY_HOPS:]):
            found = parse_address(_without_port(entry.strip()))
            if found is None:  # `unknown`, or a text that is no address: it is not known who asked that proxy
                break
            address = str(found)
            if not self._contains(found):
                break
        return address

    def _contains(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def parse_network(text: str) -> Network:
    """The network ``text`` (`10.0.0.0/8`, `fd00::/8`), or one address. Raises `ValueError`, which says why."""
    return ipaddress.ip_network(text)


def _without_port(entry: str) -> str:
    """The address of an entry of `X-Forwarded-For`: some proxies write the port behind it, or brackets around it."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
