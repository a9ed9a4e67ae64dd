"""What one turn of the event loop writes to a connection leaves in one piece at its end, on either loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
from attrs import define, field
from places import ADAPTERS
from running import run

from m3core.io import ConnectionId
from m3core.limits import MAX_WRITE_QUEUE
from m3core.serving import MAX_TURN, Peer, Server

pytestmark = [pytest.mark.usefixtures("nothing_is_left"), pytest.mark.parametrize("loop", ADAPTERS)]
REQUEST = b"GET /v1/nothing HTTP/1.1\r\nhost: x\r\n\r\n"
"""Its answer has the status 404."""


@define
class Noted:
    """A `Peer` that notes its calls, and passes them on."""

    peer: Peer
    calls: list[str] = field(factory=list)

    @property
    def waiting(self) -> int:
        return self.peer.waiting

    def write(self, data: bytes | bytearray) -> None:
        self.calls.append(f"write {data.count(b' 404 ')}")
        self.peer.write(data)

    def close(self) -> None:
        self.calls.append("close")
        self.peer.close()

    def abort(self) -> None:
        self.calls.append("abort")
        self.peer.abort()


@asynccontextmanager
async def two(
    server: Server,
) -> AsyncIterator[tuple[list[tuple[ConnectionId, Noted]], list[anyio.abc.SocketStream]]]:
    """Two connections with their peers, and the streams of the clients."""
    streams = [await anyio.connect_tcp(*server.address) for _ in range(2)]
    while len(server._peers) < len(streams):
        await anyio.lowlevel.checkpoint()
    peers = {connection: Noted(peer) for connection, peer in server._peers.items()}
    server._peers.update(peers)
    try:
        yield list(peers.items()), streams
    finally:
        for stream in streams:
            await stream.aclose()


async def read(stream: anyio.abc.SocketStream, answers: int) -> bytes:
    """All bytes until there are so many answers."""
    found = b""
    while found.count(b" 404 ") < answers:
        found += await stream.receive()
    return found


async def rest(stream: anyio.abc.SocketStream) -> bytes:
    """All bytes until the end."""
    found = b""
    while True:
        try:
            found += await stream.receive()
        except anyio.EndOfStream:
            return found


def test_one_turn_is_one_write(loop: str) -> None:
    async def scenario() -> None:
        async with ADAPTERS[loop].serve() as server, two(server) as (peers, streams):
            for _ in range(3):
                for connection, _peer in peers:
                    server.received(connection, REQUEST)
            assert [peer.calls for _, peer in peers] == [[], []]
            for stream in streams:
                await read(stream, 3)
            assert [peer.calls for _, peer in peers] == [["write 3"], ["write 3"]]
            server.received(peers[0][0], REQUEST)  # the next turn is another
            await read(streams[0], 1)
            assert [peer.calls for _, peer in peers] == [["write 3", "write 1"], ["write 3"]]

    run(loop, scenario)


def test_much_leaves_before_the_end_of_the_turn(loop: str) -> None:
    """Else the size of what waits, which `MAX_WRITE_QUEUE` limits, would not be known."""

    async def scenario() -> None:
        async with ADAPTERS[loop].serve() as server, two(server) as (peers, _):
            (connection, peer), _other = peers
            half = b"x" * (MAX_TURN // 2 + 1)
            server._write((connection,), half)
            assert peer.calls == []
            server._write((connection,), half)
            assert peer.calls == ["write 0"]
            written = len(half) * 2
            while "abort" not in peer.calls:
                server._write((connection,), half)
                written += len(half)
                assert peer.waiting <= MAX_WRITE_QUEUE + MAX_TURN + len(half)
            assert written > MAX_WRITE_QUEUE
            while connection in server._peers:
                await anyio.lowlevel.checkpoint()
            assert connection not in server._turn

    run(loop, scenario)


def test_what_was_written_before_the_end_of_a_connection_comes_before_it(loop: str) -> None:
    async def scenario() -> None:
        async with ADAPTERS[loop].serve() as server, two(server) as (peers, streams):
            (one, peer), (other, _) = peers
            last = REQUEST.replace(b"host", b"connection: close\r\nhost")
            server.received(one, REQUEST + last)
            assert peer.calls == ["write 2", "close"]
            server.received(other, b"nonsense\r\n\r\n")
            assert (await rest(streams[0])).count(b" 404 ") == 2
            assert (await rest(streams[1])).count(b" 400 ") == 1

    run(loop, scenario)


def test_nothing_is_written_to_a_connection_that_was_lost_in_the_same_turn(loop: str) -> None:
    async def scenario() -> None:
        async with ADAPTERS[loop].serve() as server, two(server) as (peers, streams):
            (one, peer), (other, _) = peers
            server.received(one, REQUEST)
            server.received(other, REQUEST)
            server.lost(one)
            await read(streams[1], 1)
            assert peer.calls == []
            server._peers[one] = peer  # its socket ends by itself, once

    run(loop, scenario)


def test_what_the_last_turn_wrote_leaves_when_the_server_ends(loop: str) -> None:
    async def scenario() -> None:
        async with ADAPTERS[loop].serve() as server:
            streams = [await anyio.connect_tcp(*server.address)]
            while not server._peers:
                await anyio.lowlevel.checkpoint()
            (connection,) = server._peers
            server.received(connection, REQUEST)
        assert (await rest(streams[0])).count(b" 404 ") == 1
        await streams[0].aclose()

    run(loop, scenario)
