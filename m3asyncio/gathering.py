"""Server-reflexive and relayed candidates of one ICE transport. All servers are asked at once.

Each candidate is used and reported as soon as it is there, so that nothing waits for a server that is silent.
`ice_servers` says which servers there are, and which are worth asking.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from aioice import Candidate, ice, stun
from aiortc import RTCIceTransport

from m3asyncio import ice_private
from m3asyncio.ice_private import Releases
from m3asyncio.ice_servers import IceAddress, IceServers

logger = logging.getLogger("m3.media")

GATHER_TIMEOUT: Final = 5.0
"""Seconds after which a server counts as silent. TURN over TLS needs five round trips before its candidate."""
_NO_ANSWER: Final = "no answer"
_ANSWERED: Final = "answered"
_REFUSED_CREDENTIALS: Final = frozenset({401, 403, 438, 441})

Tell: TypeAlias = Callable[[Candidate | None], None]


class Gathering:
    """Asks ``addresses`` for candidates of one ICE transport. From its creation to its end ICE does not fail.

    ``said`` is what became of each address, for people. It holds no text that a server has sent.
    """

    def __init__(
        self, transport: RTCIceTransport, addresses: Sequence[IceAddress], servers: IceServers, releases: Releases
    ) -> None:
        self.said = {address: _NO_ANSWER if address.is_supported else "not supported" for address in addresses}
        self._transport = transport
        self._connection = ice_private.connection_of(transport)
        self._servers = servers
        self._releases = releases
        self._mapped: set[tuple[str, int]] = set()
        self._task: asyncio.Task[None] | None = None
        ice_private.hold(self._connection)

    def is_for(self, transport: RTCIceTransport) -> bool:
        """Whether the candidates are for ``transport``."""
        return transport is self._transport

    def start(self, tell: Tell) -> None:
        """Ask all servers. ``tell`` is called with each candidate, and at the end with None."""
        self._task = asyncio.get_running_loop().create_task(self._ask_all(tell))

    def stop(self) -> None:
        """End. ``tell`` is not called any more."""
        if self._task is not None:
            self._task.cancel()

    async def _ask_all(self, tell: Tell) -> None:
        try:
            await asyncio.gather(
                *(
                    # The local preference (RFC 8445 s.5.1.2.1): relays are tried in the order of the controller.
                    self._ask(address, tell, (1 << 16) - 1 - index)
                    for index, address in enumerate(self.said)
                    if address.is_supported
                )
            )
            tell(None)
        finally:
            ice_private.let_go(self._connection)

    async def _ask(self, address: IceAddress, tell: Tell, preference: int) -> None:
        try:
            async with asyncio.timeout(GATHER_TIMEOUT):
                if address.is_relay:
                    await self._relay(address, tell, preference)
                else:
                    await self._reflect(address, tell)
        except (TimeoutError, stun.TransactionTimeout):
            self._servers.was_silent(address)
        except Exception as error:  # noqa: BLE001 - a server may send anything, and must not stop the others
            logger.debug("a server gave no candidate: %s", type(error).__name__)
            if self.said[address] != _ANSWERED:
                self.said[address] = _in_words(error)

    def _answered(self, address: IceAddress) -> None:
        self.said[address] = _ANSWERED
        self._servers.answered(address)

    async def _relay(self, address: IceAddress, tell: Tell, preference: int) -> None:
        tls = await asyncio.to_thread(_tls_context) if address.is_encrypted else None
        relay = await ice_private.open_relay(self._connection, address, tls, self._releases, preference)
        self._answered(address)
        if ice_private.is_decided(self._connection):  # a pair was found meanwhile: the relay is not needed
            await relay.close()
        else:
            ice_private.join(self._connection, relay)
            tell(relay.local_candidate)

    async def _reflect(self, address: IceAddress, tell: Tell) -> None:
        found = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port, family=socket.AF_INET, type=socket.SOCK_DGRAM
        )
        server = (str(found[0][4][0]), address.port)
        sockets = [one for one in ice_private.host_sockets(self._connection) if _reaches(one, server[0])]
        if not sockets:
            self.said[address] = "not asked: no address leads there"
            return
        asked = [self._reflect_from(one, server, address, tell) for one in sockets]
        failed = [one for one in await asyncio.gather(*asked, return_exceptions=True) if one is not None]
        if len(failed) == len(asked):
            raise failed[0]

    async def _reflect_from(
        self, host: ice.StunProtocol, server: tuple[str, int], address: IceAddress, tell: Tell
    ) -> None:
        candidate, _ = await ice.server_reflexive_candidate(host, server)
        self._answered(address)
        mapped = (candidate.host, candidate.port)
        # A candidate that equals the host candidate, or that of another server, is redundant (RFC 8445 s.5.1.3).
        own = host.local_candidate
        is_new = mapped not in self._mapped and mapped != (own.host, own.port)
        self._mapped.add(mapped)
        if is_new and not ice_private.is_decided(self._connection):
            tell(candidate)


def _reaches(host: ice.StunProtocol, server: str) -> bool:
    """Whether ``server`` can be reached from the socket ``host``; a loopback address reaches only this machine."""
    own = ipaddress.ip_address(host.local_candidate.host)
    return own.version == 4 and (not own.is_loopback or ipaddress.ip_address(server).is_loopback)


def _in_words(error: Exception) -> str:
    if isinstance(error, stun.TransactionFailed):
        code = error.response.error_code
        if code in _REFUSED_CREDENTIALS:
            return f"refused the credentials ({code})"
        return "refused" if code is None else f"refused ({code})"
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    return "cannot be reached" if isinstance(error, OSError) else "its answer makes no sense"


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """The context for TURN over TLS. Takes 20 ms, and is therefore called in a thread."""
    return ssl.create_default_context()
