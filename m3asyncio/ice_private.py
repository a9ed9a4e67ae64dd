"""Every private name of aioice that this package touches, in one place (those of aiortc: `aiortc_private`).

aioice gathers all candidates or none, has one TURN server, and gives up, or starts no check for what comes after its
checks have ended. Here candidates join a connection while it runs. Where the names do not exist, `available` is False,
and peers gather as aiortc does: one server, and everybody waits for it.
tests/media/test_aiortc_private.py asserts that they exist.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any, Final

from aioice import Candidate, Connection, ice, turn
from aioice.candidate import candidate_foundation, candidate_priority
from aiortc import RTCIceTransport

from m3asyncio.ice_servers import IceAddress

RELEASE_TIMEOUT: Final = 2.0
"""Seconds for a TURN server to confirm that it releases an allocation; nobody waits for that."""
REFUSED_FOR: Final = 1.0
"""Seconds of nothing but refusals (ICMP) after which a TURN server is gone, and its allocations with it."""
_METHODS: Final = ("_pair_remote_candidate", "_end_remote_candidates", "sort_check_list")
_ATTRIBUTES: Final = (
    "_remote_candidates_resolving", "_remote_candidates_end", "_remote_candidates", "_local_candidates", "_protocols",
    "_check_list_done", "_closing", "_nominated",
)  # fmt: skip


def available() -> bool:
    """Whether this aioice has all the names that candidates need to join late."""
    return (
        all(callable(getattr(Connection, name, None)) for name in _METHODS)
        and {*_ATTRIBUTES} <= {*Connection.__init__.__code__.co_names}
        and callable(getattr(turn.TurnTransport, "_connect", None))
        and hasattr(ice, "StunProtocol")
    )


def connection_of(transport: RTCIceTransport) -> Connection:
    """What aiortc's ICE transport runs on."""
    return transport._connection


def is_flowing(transport: RTCIceTransport) -> bool:
    """Whether data can be sent. False a moment before aiortc says so when the peer's consent is lost (RFC 7675)."""
    connection = connection_of(transport)
    return bool(connection._nominated) and not connection._closing


def hold(connection: Connection) -> None:
    """ICE neither fails nor stops to look for pairs until `let_go`: as if a remote name were being resolved."""
    connection._remote_candidates_resolving += 1


def let_go(connection: Connection) -> None:
    """No local candidate follows."""
    connection._remote_candidates_resolving -= 1
    if connection._remote_candidates_end and not connection._remote_candidates_resolving and not connection._closing:
        connection._end_remote_candidates()


def is_decided(connection: Connection) -> bool:
    """Whether ICE has found its pair, or ended: another candidate is of no use."""
    return connection._check_list_done or connection._closing


def host_sockets(connection: Connection) -> list[ice.StunProtocol]:
    """The sockets behind its host candidates."""
    return [one for one in connection._protocols if one.local_candidate.type == "host"]


def join(connection: Connection, relay: ice.StunProtocol) -> None:
    """Use a relayed candidate: check it with every remote candidate that is known, and with those that come."""
    connection._protocols.append(relay)
    connection._local_candidates.append(relay.local_candidate)
    for remote in connection._remote_candidates:
        connection._pair_remote_candidate(remote)
    connection.sort_check_list()


class Releases:
    """TURN allocations that are being given back, which nobody waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def add(self, task: asyncio.Task[Any]) -> None:
        """One begins."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self, grace: float) -> None:
        """Give those that are under way ``grace`` seconds, and end them."""
        if tasks := set(self._tasks):
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Client(turn.TurnClientMixin):
    """A client of a TURN server, whose last word waits for nobody."""

    transport: asyncio.BaseTransport

    def __init__(self, address: IceAddress, releases: Releases) -> None:
        super().__init__(
            (address.host, address.port),
            address.username or None,
            address.credential.reveal() or None,
            turn.DEFAULT_ALLOCATION_LIFETIME,
            turn.DEFAULT_CHANNEL_REFRESH_TIME,
        )
        self._releases = releases
        self.refused = asyncio.get_running_loop().create_future()

    async def delete(self) -> None:
        """Ask the server to release the allocation (RFC 8656 s.7): at once, and for a bounded time."""
        task = asyncio.current_task()
        if task is not None:
            self._releases.add(task)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_TIMEOUT):
                await super().delete()

    def give_up(self) -> None:
        """Nothing came of it."""
        if self.refresh_task is not None:
            self.refresh_task.cancel()
        self.transport.close()


class _UdpClient(_Client, turn.TurnClientUdpProtocol):
    """Over UDP, where a refusal is an ICMP message, and a hard error (RFC 8489 s.6.2.1)."""

    transport: asyncio.DatagramTransport
    _refused_since: float | None = None

    def datagram_received(self, data: bytes | str, addr: tuple[str, int]) -> None:
        self._refused_since = None
        super().datagram_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        """The server's machine says that nobody listens there: one that comes back has forgotten all allocations."""
        if not isinstance(exc, ConnectionRefusedError):
            return
        if not self.refused.done():
            self.refused.set_result(None)
        now = asyncio.get_running_loop().time()
        if self._refused_since is None:
            self._refused_since = now
        elif now - self._refused_since > REFUSED_FOR:
            self.transport.close()


class _TcpClient(_Client, turn.TurnClientTcpProtocol):
    """Over TCP or TLS."""

    transport: asyncio.Transport


class _Relay(ice.StunProtocol):
    """The socket of a relayed candidate, closed without waiting for what the TURN server says to it."""

    async def close(self) -> None:
        self.transport.close()
        await asyncio.sleep(0)  # the release is sent in the next turn


async def open_relay(
    connection: Connection, address: IceAddress, tls: ssl.SSLContext | None, releases: Releases, preference: int
) -> ice.StunProtocol:
    """Allocate a relayed candidate for ``connection``; `join` puts it to use.

    Candidates of a higher ``preference`` (0 to 65535) are tried first. Raises `stun.TransactionError` and `OSError`.
    """
    client = await _reach(address, tls, releases)
    relay, endpoint = _Relay(connection), turn.TurnTransport(client)
    connecting = asyncio.ensure_future(endpoint._connect(relay))
    try:
        await asyncio.wait({connecting, client.refused}, return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            raise ConnectionRefusedError
        await connecting
    except BaseException:
        connecting.cancel()
        client.give_up()
        raise
    host, port = endpoint.get_extra_info("sockname")
    related = endpoint.get_extra_info("related_address")
    relay.local_candidate = Candidate(
        # One server gives candidates of different foundations over UDP and TCP (RFC 8445 s.5.1.1.3).
        foundation=candidate_foundation("relay", str(address), host),
        component=1,
        transport="udp",
        priority=candidate_priority(1, "relay", preference),
        host=host,
        port=port,
        type="relay",
        related_address=related[0],
        related_port=related[1],
    )
    return relay


async def _reach(address: IceAddress, tls: ssl.SSLContext | None, releases: Releases) -> _UdpClient | _TcpClient:
    loop = asyncio.get_running_loop()
    if address.transport == "tcp":
        _, client = await loop.create_connection(
            lambda: _TcpClient(address, releases), address.host, address.port, ssl=tls
        )
        return client
    transport, udp_client = await loop.create_datagram_endpoint(
        lambda: _UdpClient(address, releases), remote_addr=(address.host, address.port)
    )
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, turn.UDP_SOCKET_BUFFER_SIZE)
    return udp_client
