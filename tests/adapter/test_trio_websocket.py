"""trio-websocket behind our protocol: what ends a connection is told where one waits, as `TransportError`."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from trio_house import house, in_trio
from wsproto.utilities import generate_accept_token

import m3trio as m3
from m3asyncio.http import HttpxTransport
from m3core.client.transports import WebSocketRefused
from m3core.io import HttpRequest, RequestId
from m3core.limits import MAX_HTTP_BODY, MAX_MESSAGE
from m3trio.loop import BACKEND
from m3trio.websocket import TrioWebSocket, connector

PROTOCOLS = ("ticket#" + "T" * 64, "k3k-signaling-json-v1.0")
Script = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def listening(script: Script) -> AsyncIterator[tuple[str, Callable[[], Awaitable[TrioWebSocket]]]]:
    """A server that does with each connection what the script says; its address, and how to connect to it."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        address = f"127.0.0.1:{listener.socket.getsockname()[1]}"

        async def served(stream: trio.SocketStream) -> None:
            async with stream:
                await script(stream)

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            async def run() -> None:
                await work

            nursery.start_soon(run)

        nursery.start_soon(trio.serve_listeners, served, [listener])
        yield address, lambda: connector(spawn)(f"ws://{address}/signaling", PROTOCOLS)
        nursery.cancel_scope.cancel()


async def head(stream: trio.SocketStream) -> bytes:
    """Read a request."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += bytes(await stream.receive_some())
    return data


async def accept(stream: trio.SocketStream) -> None:
    """Complete the handshake."""
    (line,) = [line for line in (await head(stream)).split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")]
    accepted = generate_accept_token(line.partition(b":")[2].strip())
    await stream.send_all(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-protocol: "
        b"k3k-signaling-json-v1.0\r\nsec-websocket-accept: " + accepted + b"\r\n\r\n"
    )


def answers(data: bytes) -> Script:
    """Read a request, and say that."""

    async def script(stream: trio.SocketStream) -> None:
        await head(stream)
        await stream.send_all(data)

    return script


async def _nothing(stream: trio.SocketStream) -> None:
    """Close at once."""


@pytest.mark.parametrize(
    "script",
    [
        _nothing,
        answers(b""),
        answers(b"not HTTP at all\r\n\r\n"),
        answers(b"HTTP/1.1 101 Switching"),
        answers(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        answers(b"HTTP/1.1 401 No\r\ncontent-length: 10\r\n\r\nshort"),
    ],
)
@in_trio
async def test_handshakes_that_are_none(script: Script) -> None:
    async with listening(script) as (_, connect):
        with pytest.raises(m3.TransportError):
            await connect()


@pytest.mark.parametrize("status", [401, 302, 503])
@in_trio
async def test_a_refusal_is_raised_where_one_connects(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = (
        b"HTTP/1.1 %d No\r\nlocation: http://elsewhere.example/\r\nRetry-After: 7\r\ncontent-length: 2\r\n\r\n{}"
        % status
    )
    async with listening(answers(answer)) as (_, connect):
        with pytest.raises(WebSocketRefused) as caught:
            await connect()
        assert (caught.value.status, caught.value.body) == (status, b"{}")
        assert ("retry-after", "7") in caught.value.headers
    assert "T" * 64 not in caplog.text


@in_trio
async def test_a_peer_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3trio.websocket.CONNECT_TIMEOUT", 0.05)

    async def script(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with listening(script) as (_, connect):
        with pytest.raises(m3.TransportError, match="could not be opened within"):
            await connect()


@in_trio
async def test_a_peer_that_dies_in_the_middle_of_a_frame() -> None:
    async def script(stream: trio.SocketStream) -> None:
        await accept(stream)
        await stream.send_all(b"\x81\x02{}" + b"\x81\x05{")

    async with listening(script) as (_, connect):
        connection = await connect()
        assert [data async for data in connection.messages()] == [b"{}"]
        assert connection.close_code is None
        await connection.close(None)
        for broken in (connection.send(b"{}"), connection.ping(b"p"), connection.close(1000)):
            with pytest.raises(m3.TransportError):
                await broken


@in_trio
async def test_a_pong_that_never_comes_ends_with_the_connection() -> None:
    gone = trio.Event()

    async def script(stream: trio.SocketStream) -> None:
        await accept(stream)
        await gone.wait()

    async with listening(script) as (_, connect), trio.open_nursery() as nursery:
        connection = await connect()

        async def ping() -> None:
            with pytest.raises(m3.TransportError, match="no pong will come"):
                await connection.ping(b"p")

        nursery.start_soon(ping)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(m3.TransportError, match="another ping with the same payload"):
            await connection.ping(b"p")
        gone.set()
        assert [data async for data in connection.messages()] == []
        await connection.close(None)


@in_trio
async def test_a_close_that_nobody_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3trio.websocket.CLOSE_TIMEOUT", 0.05)

    async def script(stream: trio.SocketStream) -> None:
        await accept(stream)
        await trio.sleep_forever()

    async with listening(script) as (_, connect):
        connection = await connect()
        await connection.close(1000)
        await connection.close(None)


@in_trio
async def test_a_message_beyond_the_limit_ends_the_connection() -> None:
    size = MAX_MESSAGE + 1

    async def script(stream: trio.SocketStream) -> None:
        await accept(stream)
        await stream.send_all(b"\x81\x7f" + size.to_bytes(8, "big") + b"x" * size)
        await trio.sleep_forever()

    async with listening(script) as (_, connect):
        connection = await connect()
        with pytest.raises(m3.TransportError, match="a message of more than"):
            assert [data async for data in connection.messages()] == []
        await connection.close(None)


@in_trio
async def test_nobody_listens() -> None:
    async with listening(_nothing) as (address, _):
        pass
    for scheme in ("ws", "wss"):
        with pytest.raises(m3.TransportError, match="could not be opened"):
            await connector(lambda _work: None)(f"{scheme}://{address}/signaling", PROTOCOLS)


@in_trio
async def test_a_half_open_connection_is_noticed_and_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that swallows everything from some moment on, and tells nobody."""
    monkeypatch.setattr("m3core.client.joining.Joining._random", lambda _: 0.0)
    swallow: list[trio.SocketStream] = []
    async with house() as here:
        host, _, port = here.server.base_url.removeprefix("http://").partition(":")

        async def relay(stream: trio.SocketStream) -> None:
            async with await trio.open_tcp_stream(host, int(port)) as server, trio.open_nursery() as nursery:
                nursery.start_soon(passing, stream, server, stream)
                servers.append(server)
                await passing(server, stream, stream)
                if stream in swallow:
                    await trio.sleep_forever()
                nursery.cancel_scope.cancel()

        async def passing(source: trio.SocketStream, sink: trio.SocketStream, client: trio.SocketStream) -> None:
            try:
                while data := await source.receive_some():
                    if client not in swallow:
                        lines.append(client)
                        await sink.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

        lines: list[trio.SocketStream] = []
        servers: list[trio.SocketStream] = []
        async with listening(relay) as (address, _), trio.open_nursery() as nursery:

            def spawn(work: Coroutine[Any, Any, None]) -> None:
                async def run() -> None:
                    await work

                nursery.start_soon(run)

            async def connect(_url: str, subprotocols: tuple[str, ...]) -> TrioWebSocket:
                return await connector(spawn)(f"ws://{address}/signaling", subprotocols)

            async with m3.join(here.link, display_name="Gus", connect=connect) as guest:
                async with guest.events(m3.ConnectionLost, m3.Resumed) as told:
                    with monkeypatch.context() as impatient:
                        for name in ("KEEPALIVE_INTERVAL", "KEEPALIVE_TIMEOUT"):
                            impatient.setattr(f"m3core.conference.keepalive.{name}", 0.05)
                        await guest.chat("hello")  # what comes back begins the shorter silence
                        swallow.append(lines[-1])
                        await servers[-1].aclose()  # the server knows, and we do not
                        assert isinstance(await anext(told), m3.ConnectionLost)
                    assert isinstance(await anext(told), m3.Resumed)
                await guest.raise_hand()


@in_trio
async def test_tls_that_fails_is_told() -> None:
    async def script(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"this is not TLS")

    async with listening(script) as (address, _):
        with pytest.raises(m3.TransportError, match=r"could not be opened \(SSLError\)"):
            await connector(lambda _work: None)(f"wss://{address}/signaling", PROTOCOLS)
    assert issubclass(ssl.SSLError, OSError)


@in_trio
async def test_the_socket_of_a_conference() -> None:
    async with house() as here, trio.open_nursery() as nursery:
        sockets: list[TrioWebSocket] = []

        def spawn(work: Coroutine[Any, Any, None]) -> None:
            async def run() -> None:
                await work

            nursery.start_soon(run)

        async def connect(url: str, subprotocols: tuple[str, ...]) -> TrioWebSocket:
            sockets.append(await connector(spawn)(url, subprotocols))
            return sockets[-1]

        async with m3.join(here.link, display_name="Gus", connect=connect):
            await sockets[0].ping(b"ping")
            assert sockets[0].close_code is None
        assert sockets[0].close_code == 1000


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"x" * (MAX_HTTP_BODY + 1),
    ],
)
@in_trio
async def test_answers_that_are_none(answer: bytes) -> None:
    async def script(stream: trio.SocketStream) -> None:
        await head(stream)
        try:
            await stream.send_all(answer)
        except trio.BrokenResourceError:
            return

    async with listening(script) as (address, _):
        transport = HttpxTransport(BACKEND, local=True)
        with pytest.raises(m3.TransportError):
            await transport.request(HttpRequest(RequestId(1), "GET", f"http://{address}"))
        await transport.aclose()
