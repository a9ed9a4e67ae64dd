"""Every private name of aioice that this package touches, in one place (those of aiortc: `aiortc_private`).

aioice gathers all candidates or none, knows one TURN server, and checks no candidate that comes after its checks have
ended. The functions here add candidates to a connection while it runs. Where the private names do not exist,
`available` is False, and peers gather as aiortc does: one TURN server, for which the description waits.
tests/media/test_aiortc_private.py asserts that the names exist.
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
"""Seconds that a TURN server gets to confirm the release of an allocation. Closing does not wait for it."""
REFUSED_FOR: Final = 1.0
"""Seconds with nothing but refusals (ICMP) after which a TURN server counts as gone, with its allocations."""
_METHODS: Final = ("_pair_remote_candidate", "_end_remote_candidates", "sort_check_list")
_ATTRIBUTES: Final = (
    "_remote_candidates_resolving", "_remote_candidates_end", "_remote_candidates", "_local_candidates", "_protocols",
    "_check_list_done", "_closing", "_nominated",
)  # fmt: skip


def available() -> bool:
    """Whether this aioice has all the private names that late candidates need."""
    return (
        all(callable(getattr(Connection, name, None)) for name in _METHODS)
        and {*_ATTRIBUTES} <= {*Connection.__init__.__code__.co_names}
        and callable(getattr(turn.TurnTransport, "_connect", None))
        and hasattr(ice, "StunProtocol")
    )


def connection_of(transport: RTCIceTransport) -> Connection:
    """The connection of aioice in an ICE transport of aiortc."""
    return transport._connection


def is_flowing(transport: RTCIceTransport) -> bool:
    """Whether data can be sent. When the consent of the peer is lost (RFC 7675), it is False before aiortc notices."""
    connection = connection_of(transport)
    return bool(connection._nominated) and not connection._closing


def hold(connection: Connection) -> None:
    """Until `let_go`, ICE neither fails nor ends its checks."""
    # aioice counts the mDNS names of the peer that it resolves, and waits for them: this is one more of them.
    connection._remote_candidates_resolving += 1


def let_go(connection: Connection) -> None:
    """Undo `hold`: no local candidate follows."""
    connection._remote_candidates_resolving -= 1
    if connection._remote_candidates_end and not connection._remote_candidates_resolving and not connection._closing:
        connection._end_remote_candidates()


def is_decided(connection: Connection) -> bool:
    """Whether ICE has found its pair, or has ended, so that another candidate is of no use."""
    return connection._check_list_done or connection._closing


def host_sockets(connection: Connection) -> list[ice.StunProtocol]:
    """The sockets of the host candidates."""
    return [one for one in connection._protocols if one.local_candidate.type == "host"]


def join(connection: Connection, relay: ice.StunProtocol) -> None:
    """Add a relayed candidate: it is checked with every remote candidate that is known or will come."""
    connection._protocols.append(relay)
    connection._local_candidates.append(relay.local_candidate)
    for remote in connection._remote_candidates:
        connection._pair_remote_candidate(remote)
    connection.sort_check_list()


class Releases:
    """The TURN allocations that are being released while their connections are already closed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def add(self, task: asyncio.Task[Any]) -> None:
        """Note a release that has begun."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self, grace: float) -> None:
        """Give the releases under way ``grace`` seconds, then cancel them."""
        if tasks := set(self._tasks):
            await asyncio.wait(tasks, timeout=grace)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Client(turn.TurnClientMixin):
    """A client of a TURN server. Its release is sent, and its answer is not waited for (aioice waits up to 30 s)."""

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
        """Ask the server to release the allocation (RFC 8656 s.7), in bounded time."""
        task = asyncio.current_task()
        if task is not None:
            self._releases.add(task)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_TIMEOUT):
                await super().delete()

    def give_up(self) -> None:
        """Close the socket of an allocation that failed or was cancelled."""
        if self.refresh_task is not None:
            self.refresh_task.cancel()
        self.transport.close()


class _UdpClient(_Client, turn.TurnClientUdpProtocol):
    """Over UDP. A refusal is an ICMP message, which is a hard error (RFC 8489 s.6.2.1)."""

    transport: asyncio.DatagramTransport
    _refused_since: float | None = None

    def datagram_received(self, data: bytes | str, addr: tuple[str, int]) -> None:
        self._refused_since = None
        super().datagram_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        if not isinstance(exc, ConnectionRefusedError):
            return
        if not self.refused.done():
            self.refused.set_result(None)
        now = asyncio.get_running_loop().time()
        if self._refused_since is None:
            self._refused_since = now
        elif now - self._refused_since > REFUSED_FOR:
            # A server that starts again has forgotten its allocations: nothing is relayed any more.
            self.transport.close()


class _TcpClient(_Client, turn.TurnClientTcpProtocol):
    """Over TCP or TLS."""

    transport: asyncio.Transport


class _Relay(ice.StunProtocol):
    """The socket of a relayed candidate. `close` does not wait for the answer of the TURN server."""

    async def close(self) -> None:
        self.transport.close()
        await asyncio.sleep(0)  # the release is sent in the next turn of the loop


async def open_relay(
    connection: Connection, address: IceAddress, tls: ssl.SSLContext | None, releases: Releases, preference: int
) -> ice.StunProtocol:
    """Allocate a relayed candidate for ``connection``, which `join` adds to it.

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
        # Candidates that one server gives over UDP and over TCP have different foundations (RFC 8445 s.5.1.1.3).
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
