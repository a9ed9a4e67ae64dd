"""The WebSockets of both loops, on their libraries: they report the same, whatever the library does."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from odd_controller import OddController, Say, close, frame, hold, odd_controller, received, text
from odd_refusals import says
from places import ADAPTERS, BACKENDS
from running import run

from m3core.client.transports import WebSocket, WebSocketRefused
from m3core.errors import TransportError
from m3core.limits import MAX_TEXTS_OF_A_TURN

pytestmark = pytest.mark.usefixtures("nothing_is_left", "soon")
each_loop = pytest.mark.parametrize("loop", ADAPTERS)
PROTOCOLS = ("ticket#" + "T" * 64, "k3k-signaling-json-v1.0")


def sends(data: bytes, *, hangs_up: bool = False) -> Say:
    """Complete the handshake, then send ``data`` as soon as the client has sent something."""

    def say(controller: OddController, stream: socket.socket, _path: str) -> None:
        stream.sendall(controller.accepted)
        received(stream)
        stream.sendall(data)
        if not hangs_up:
            hold(stream)

    return say


@asynccontextmanager
async def opened(loop: str, say: Say) -> AsyncIterator[WebSocket]:
    """A WebSocket to such a server."""
    with odd_controller(upgrade=say) as there:
        async with BACKENDS[loop].tasks() as tasks:
            connection = await tasks.connect(f"ws://127.0.0.1:{there.port}/signaling", PROTOCOLS)
            try:
                yield connection
            finally:
                await connection.close(None)


async def taken(connection: WebSocket) -> tuple[list[bytes], str]:
    """All messages, and why there are no more."""
    messages: list[bytes] = []
    try:
        async for data in connection.messages():
            messages.append(data)  # noqa: PERF401 - they count if an error follows
    except TransportError as error:
        return messages, str(error)
    return messages, ""


def each(scenario: Callable[[str], Awaitable[None]]) -> Callable[[str], None]:
    """A test of ``scenario`` on both loops."""

    @each_loop
    def test(loop: str) -> None:
        async def main() -> None:
            await scenario(loop)

        run(loop, main)

    test.__doc__ = scenario.__doc__
    return test


@each
async def test_what_comes_before_a_fault_counts(loop: str) -> None:
    async with opened(loop, sends(text("1") * 20 + text(b"\xff") + text("2"))) as connection:
        await connection.send(b"{}")
        assert await taken(connection) == ([b"1"] * 20, "the server sent a text that is not UTF-8")
        assert connection.close_code is None
        with pytest.raises(TransportError):
            await connection.send(b"{}")


@each
async def test_the_close_code_of_the_server(loop: str) -> None:
    async with opened(loop, sends(text("1") + close(4000) + text("2"))) as connection:
        await connection.send(b"{}")
        assert await taken(connection) == ([b"1"], "")
        assert connection.close_code == 4000


@each
async def test_a_close_code_of_ours_is_not_taken_for_the_servers(loop: str) -> None:
    async with opened(loop, sends(b"", hangs_up=True)) as connection:
        await connection.close(1000)
        assert connection.close_code is None


@each
async def test_a_pong_ends_its_ping_among_pongs_that_nobody_asked_for(loop: str) -> None:
    pongs = frame(10, b"x") * 1_000 + frame(10, b"a") + frame(10) * 1_000
    async with opened(loop, sends(pongs + text("1") + close(1000))) as connection:
        pings: list[int] = []
        connection.on_ping = lambda: pings.append(0)
        await connection.ping(b"a")
        assert await taken(connection) == ([b"1"], "")
        assert pings == []


@each
async def test_two_pings_do_not_wait_for_the_same_pong(loop: str) -> None:
    async with opened(loop, sends(b"")) as connection, anyio.create_task_group() as group:

        async def first() -> None:
            with pytest.raises(TransportError, match="no pong will come"):
                await connection.ping(b"a")

        group.start_soon(first)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(TransportError, match="another ping"):
            await connection.ping(b"a")
        await connection.close(None)


@each
async def test_a_ping_is_reported_also_behind_a_message(loop: str) -> None:
    async with opened(loop, sends(text("1") + frame(9, b"x") * 100)) as connection:
        pinged = anyio.Event()
        connection.on_ping = pinged.set
        await connection.send(b"{}")
        await pinged.wait()


@each
async def test_a_refusal_without_a_length_is_whole(loop: str) -> None:
    page = b"HTTP/1.0 503 No\r\nretry-after: 5\r\n\r\n<html>"
    with pytest.raises(WebSocketRefused) as caught:
        async with opened(loop, says(page)):
            pytest.fail("opened")
    assert (caught.value.status, caught.value.body) == (503, b"<html>")
    assert ("retry-after", "5") in caught.value.headers


@each
async def test_others_run_while_many_messages_are_taken(loop: str) -> None:
    turns: list[int] = []
    async with opened(loop, sends(text("1") * 6_400, hangs_up=True)) as connection, anyio.create_task_group() as group:

        async def bystander() -> None:
            while True:
                await anyio.lowlevel.checkpoint()
                turns.append(0)

        group.start_soon(bystander)
        await connection.send(b"{}")
        messages, _ = await taken(connection)
        assert len(messages) == 6_400
        group.cancel_scope.cancel()
    assert len(turns) >= 6_400 // MAX_TEXTS_OF_A_TURN


def test_pongs_that_the_server_does_not_read_end_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only on asyncio: trio-websocket reads nothing while it writes a pong."""

    async def scenario() -> None:
        async with opened("asyncio", sends(frame(9, b"x"))) as connection:
            monkeypatch.setattr("m3asyncio.websocket.MAX_WRITE_QUEUE", -1)
            await connection.send(b"{}")
            assert await taken(connection) == ([], "")

    run("asyncio", scenario)
