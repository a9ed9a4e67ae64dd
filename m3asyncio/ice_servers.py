"""The STUN and TURN servers of a conference: their addresses, and which of them were silent.

Pure values and rules, without sockets. No text and no repr shows credentials.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from attrs import field, frozen

from m3core.io import IceServer
from m3core.limits import MAX_ICE_ADDRESSES
from m3core.values import Secret

_URL: Final = re.compile(
    r"(stuns?|turns?):(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?(?:\?transport=(udp|tcp))?",
    re.IGNORECASE | re.ASCII,
)


@frozen
class IceAddress:
    """One address of a server (RFC 7064, 7065). `str` gives it as a URI, for people."""

    scheme: str
    host: str
    port: int
    transport: str
    username: str = field(default="", repr=False)
    credential: Secret = field(default=Secret(""), repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}:{host}:{self.port}" + (f"?transport={self.transport}" if self.is_relay else "")

    @property
    def is_relay(self) -> bool:
        """Whether it is a TURN server, which relays."""
        return self.scheme.startswith("turn")

    @property
    def is_encrypted(self) -> bool:
        """Whether it is spoken to over TLS or DTLS."""
        return self.scheme.endswith("s")

    @property
    def is_supported(self) -> bool:
        """Whether it can be asked; aioice has no STUN over TLS, and no DTLS."""
        return not self.is_encrypted or (self.is_relay and self.transport == "tcp")


def addresses(servers: Sequence[IceServer]) -> tuple[IceAddress, ...]:
    """The addresses of ``servers``, each once, in order. URLs that are invalid, or beyond the limit, are left out."""
    found: dict[str, IceAddress] = {}
    for server in servers:
        for url in server.urls:
            address = _parse(url, server)
            if address is not None and len(found) < MAX_ICE_ADDRESSES:
                found.setdefault(str(address), address)
    return tuple(found.values())


def _parse(url: str, server: IceServer) -> IceAddress | None:
    match = _URL.fullmatch(url)
    if match is None:
        return None
    scheme = match[1].lower()
    is_relay, is_encrypted = scheme.startswith("turn"), scheme.endswith("s")
    port = int(match[3] or (5349 if is_encrypted else 3478))
    if not 0 < port < 1 << 16 or (match[4] and not is_relay):
        return None
    transport = (match[4] or ("tcp" if is_encrypted else "udp")).lower()
    return IceAddress(scheme, match[2].strip("[]"), port, transport, server.username, server.credential)


class IceServers:
    """Remembers which servers of one conference were silent: those are not asked again as long as media flows.

    A server that has answered once is always asked. Everything is forgotten when the controller names other servers;
    `forget` forgets which were silent.
    """

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()
        self._silent: set[str] = set()
        self._answered: set[str] = set()

    def choose(self, servers: Sequence[IceServer]) -> tuple[tuple[IceAddress, ...], tuple[IceAddress, ...]]:
        """The addresses to ask, and the addresses to leave out because they were silent."""
        all_of_them = addresses(servers)
        names = frozenset(map(str, all_of_them))
        if names != self._names:
            self._names = names
            self._answered.clear()
            self.forget()
        left_out = tuple(address for address in all_of_them if str(address) in self._silent)
        return tuple(address for address in all_of_them if address not in left_out), left_out

    def answered(self, address: IceAddress) -> None:
        """Note that the server has given a candidate."""
        self._answered.add(str(address))
        self._silent.discard(str(address))

    def was_silent(self, address: IceAddress) -> None:
        """Note that the server has not answered within its time."""
        if str(address) not in self._answered:
            self._silent.add(str(address))

    def forget(self) -> None:
        """Forget which servers were silent. For a connection that failed: it may need one of them."""
        self._silent.clear()
