"""Connections of the server on trio: what is sent at once, what waits, and how they end; and TLS in its place."""

from __future__ import annotations

import errno
import math
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.lowlevel
from tls_places import certificate
from trio.testing import MockClock, wait_all_tasks_blocked
from trio_house import house, in_trio

from m3core.io import ConnectionId
from m3core.limits import CLOSE_TIMEOUT
from m3core.serving import Server
from m3trio.server import _Peer
from m3trio.wire import Wire

MUCH = bytes(range(256)) * 16_384
"""More than the system takes for a peer that does not read."""


class Log:
    """In place of a `Server`: what a connection tells it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ends = 0
        self.losses = 0

    def received(self, connection: ConnectionId, data: bytes) -> None:
        self.data += data
        self.ends += not data

    def lost(self, connection: ConnectionId) -> None:
        self.losses += 1


@asynccontextmanager
async def connected(
    wire: Wire | None = None, before: bytes = b""
) -> AsyncIterator[tuple[_Peer, Log, trio.SocketStream]]:
    """A connection, what it has told, and its other end. ``before`` is written before its task runs.

    The connection has to end at the end of the block, by itself and once.
    """
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    log, peer = Log(), _Peer(ours, wire)
    if before:
        peer.write(before)
    other = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
    async with other, trio.open_nursery() as nursery:
        nursery.start_soon(peer.run, cast(Server, log), ConnectionId(1))
        yield peer, log, other
    assert log.losses == 1
    assert ours.fileno() == -1


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    """Everything until the end of the stream."""
    found = bytearray()
    async for data in stream:
        found += data
    return bytes(found)


@in_trio
async def test_what_the_system_takes_is_sent_at_once_without_a_task() -> None:
    async with connected() as (peer, _, other):
        await wait_all_tasks_blocked()
        tasks = trio.lowlevel.current_statistics().tasks_living
        assert peer.write(b"one ") == 0
        assert peer.write(b"two") == 0
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        assert await other.receive_some() == b"one two"
        peer.close()
        assert await other.receive_some() == b""


@in_trio
async def test_what_the_system_does_not_take_follows_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3trio.server.CLOSE_TIMEOUT", math.inf)  # the end comes with the last byte, and not with it
    async with connected() as (peer, log, other):
        waited = peer.write(MUCH)
        assert 0 < waited < len(MUCH)
        assert peer.write(b"last") == waited + len(b"last")
        peer.close()
        assert peer.write(b"too late") == 0
        await wait_all_tasks_blocked()
        assert not log.losses  # it closes when all is sent
        assert await read_all(other) == MUCH + b"last"


@in_trio
async def test_nothing_overtakes_what_waits_when_the_system_has_room_again() -> None:
    async with connected() as (peer, _, other):
        peer.write(MUCH)
        begun = os.read(other.socket.fileno(), 1 << 20)  # without a turn in which the task could send
        peer.write(b"last")
        peer.close()
        assert begun + await read_all(other) == MUCH + b"last"


@in_trio
async def test_what_was_written_before_its_task_ran_is_sent() -> None:
    async with connected(before=MUCH) as (peer, _, other):
        peer.close()
        assert await read_all(other) == MUCH


@in_trio
async def test_a_connection_sends_again_after_all_was_sent() -> None:
    async with connected() as (peer, _, other):
        for _ in range(2):
            assert peer.write(MUCH)
            got = 0
            while got < len(MUCH):
                got += len(await other.receive_some())
            await wait_all_tasks_blocked()
            assert peer.write(b"") == 0
        peer.close()


def test_a_client_that_does_not_read_the_rest_is_aborted() -> None:
    async def main() -> None:
        async with connected() as (peer, log, _):
            peer.write(MUCH)
            peer.close()
            await trio.sleep(CLOSE_TIMEOUT - 0.1)
            assert not log.losses
            peer.close()  # a second one does not prolong the first
            await trio.sleep(0.2)
            assert log.losses

    trio.run(main, clock=MockClock(autojump_threshold=0))


@in_trio
async def test_an_abort_drops_what_waits() -> None:
    async with connected() as (peer, log, other):
        waited = peer.write(MUCH)
        peer.abort()
        peer.write(b"too late")
        while not log.losses:
            await trio.lowlevel.checkpoint()
        assert await read_all(other) == MUCH[:-waited]


@in_trio
async def test_a_client_that_has_closed_its_side_still_gets_answers() -> None:
    async with connected() as (peer, log, other):
        await other.send_all(b"question")
        await other.send_eof()
        await wait_all_tasks_blocked()
        assert (bytes(log.data), log.ends, log.losses) == (b"question", 1, 0)
        peer.write(b"answer")
        peer.close()
        assert await read_all(other) == b"answer"


@pytest.mark.parametrize("writes", [True, False])
@in_trio
async def test_a_client_that_is_gone_ends_the_connection(writes: bool) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    ours, _ = listener.accept()
    listener.close()
    ours.settimeout(0)
    log, peer = Log(), _Peer(ours)
    if writes:
        while not peer.write(MUCH):
            pass
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()  # a reset
    await peer.run(cast(Server, log), ConnectionId(1))
    peer.write(b"too late")
    assert (log.losses, log.ends) == (1, 0)
    assert ours.fileno() == -1


@in_trio
async def test_a_write_to_a_client_that_is_gone_ends_the_connection() -> None:
    async with connected() as (peer, _, other):
        await other.aclose()
        peer.write(b"into the void")
        peer.write(b"and again")


@in_trio
async def test_descriptors_that_run_out_end_neither_the_server_nor_its_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next connection is accepted when the system has descriptors again."""
    failures = [errno.EMFILE, errno.ENFILE]
    accept = trio.SocketListener.accept

    async def scarce(listener: trio.SocketListener) -> trio.SocketStream:
        if failures:
            raise OSError(failures.pop(), "none left")
        return await accept(listener)

    monkeypatch.setattr(trio.SocketListener, "accept", scarce)
    monkeypatch.setattr("m3trio.server._PAUSE", 0.0)
    async with house() as here:
        assert here.link
        assert not failures


class Tls:
    """TLS as a `Wire`: what a later server needs fits in."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._early = bytearray()
        self._is_up = False

    def receive(self, data: bytes) -> bytes:
        self._in.write(data)
        found = bytearray()
        try:
            if not self._is_up:
                self._tls.do_handshake()
                self._is_up = True
                self.send(b"")
            while got := self._tls.read(1 << 16):
                found += got
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return bytes(found)

    def send(self, data: bytes) -> None:
        self._early += data
        if self._is_up and self._early:
            self._tls.write(self._early)
            self._early.clear()

    def close(self) -> None:
        with suppress(ssl.SSLWantReadError):  # our part of the end is written; nobody waits for the other
            self._tls.unwrap()

    def data_to_send(self) -> bytes:
        return self._out.read()


@in_trio
async def test_tls_fits_between_a_connection_and_its_socket(tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    trusting = ssl.create_default_context(cafile=str(pem))
    async with connected(Tls(serving)) as (peer, log, other):
        peer.write(b"before the handshake ")
        client = trio.SSLStream(other, trusting, server_hostname="127.0.0.1", https_compatible=False)
        await client.send_all(b"question")
        assert await client.receive_some() == b"before the handshake "
        await wait_all_tasks_blocked()
        assert (bytes(log.data), log.ends) == (b"question", 0)  # a handshake is neither data nor an end
        peer.write(MUCH)
        peer.close()
        assert await read_all(client) == MUCH


@in_trio
async def test_a_fault_in_tls_aborts_the_connection(tmp_path: Path) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate(tmp_path))
    async with connected(Tls(serving)) as (_, log, other):
        await other.send_all(b"GET / HTTP/1.1\r\n\r\n")
        while not log.losses:
            await trio.lowlevel.checkpoint()
        assert not log.data
