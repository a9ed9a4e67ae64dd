"""What one turn of the event loop writes to a connection leaves in one piece at its end, on either loop."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
from attrs import define, field
from places import ADAPTERS
from running import run

from m3core.controller.front_port import Write
from m3core.io import ConnectionId
from m3core.serving import MAX_TURN, Peer, Server

pytestmark = [pytest.mark.usefixtures("nothing_is_left"), pytest.mark.parametrize("loop", ADAPTERS)]
REQUEST = b"GET /v1/nothing HTTP/1.1\r\nhost: x\r\n\r\n"
"""Its answer has the status 404."""


@define
class Noted:
    """A `Peer` that notes its calls, and passes them on."""

    peer: Peer
    calls: list[str] = field(factory=list)

    def write(self, data: bytes) -> int:
        self.calls.append(f"write {data.count(b' 404 ')}")
        return self.peer.write(data)

    def half_close(self) -> None:
        self.calls.append("half close")
        self.peer.half_close()

    def pause(self) -> None:
        self.peer.pause()

    def resume(self) -> None:
        self.peer.resume()

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
            half = Write((connection,), b"x" * (MAX_TURN // 2 + 1))
            server._at_the_end(half)
            assert peer.calls == []
            server._at_the_end(half)
            assert peer.calls[0] == "write 0"
            while "abort" not in peer.calls:
                server._at_the_end(half)
            while connection in server._peers:
                await anyio.lowlevel.checkpoint()

    run(loop, scenario)


def test_what_was_written_before_the_end_of_a_connection_comes_before_it(loop: str) -> None:
    async def scenario() -> None:
        async with ADAPTERS[loop].serve() as server, two(server) as (peers, streams):
            (one, _), (other, _) = peers
            last = REQUEST.replace(b"host", b"connection: close\r\nhost")
            server.received(one, REQUEST + last)
            server.received(other, b"nonsense\r\n\r\n")
            assert (await rest(streams[0])).count(b" 404 ") == 2
            assert (await rest(streams[1])).count(b" 400 ") == 1
            assert [one.calls for _, one in peers] == [["write 2", "half close"], ["write 0", "half close"]]

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


def test_a_turn_does_not_count_what_earlier_ones_wrote(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with ADAPTERS[loop].serve() as server, two(server) as (peers, streams):
            connection, peer = peers[0]
            for _ in range(2):
                server.received(connection, REQUEST)
                size = len(await read(streams[0], 1))
            monkeypatch.setattr("m3core.serving.MAX_TURN", size * 3 // 2)
            for _ in range(2):
                server.received(connection, REQUEST)
                await read(streams[0], 1)
            server.received(connection, REQUEST)
            server.received(connection, REQUEST)  # together they are too much for one turn
            server.received(connection, REQUEST)
            await read(streams[0], 3)
            assert peer.calls == ["write 1"] * 4 + ["write 2", "write 1"]

    run(loop, scenario)


def test_pieces_of_one_turn_keep_their_order(loop: str) -> None:
    async def scenario() -> None:
        async with ADAPTERS[loop].serve() as server, two(server) as (peers, streams):
            for target in (b"/v1/auth/login", b"/v1/nothing", b"/v1/nothing"):
                server.received(peers[0][0], REQUEST.replace(b"/v1/nothing", target))
            answers = await read(streams[0], 2)
            assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404", b"404"]

    run(loop, scenario)


def test_the_close_frame_of_a_server_that_ends_comes_before_the_end(loop: str) -> None:
    """A participant is not lost: it is told, and answers."""

    async def scenario() -> None:
        m3 = ADAPTERS[loop]
        async with m3.serve() as server:
            async with server.account() as account:
                link = await (await account.create_meeting(title="Stand-up")).invite()
            async with m3.join(link, display_name="Gus") as guest:
                before = dict(server._peers)
                noted = {connection: Noted(peer) for connection, peer in before.items()}
                server._peers.update(noted)
                await server.aclose()
                assert guest.own.display_name == "Gus"
            told = [peer.calls for peer in noted.values() if peer.calls[0] == "write 0"]
            assert told == [["write 0", "half close", "close"]]

    run(loop, scenario)
