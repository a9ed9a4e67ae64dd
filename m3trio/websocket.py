"""WebSockets by trio-websocket (see `m3core.client.transports`).

What that library leaves to its users, and is done here: nobody is left waiting when the peer dies during the handshake
or before a pong; the socket is closed whoever ended the conversation; a refusal is raised where one connects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream
from wsproto.connection import ConnectionState

from m3asyncio.tls import shared_context
from m3core.client.transports import WebSocketRefused, trouble
from m3core.errors import TransportError
from m3core.limits import CLOSE_TIMEOUT, CONNECT_TIMEOUT, MAX_MESSAGE

_RECEIVE = 1 << 16
_PING = b"\x89"
"""The first byte of a ping (RFC 6455 s.5.2)."""


class _Line(trio.abc.Stream):
    """The stream below a WebSocket, which tells when the peer is gone, and of pings."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.on_end: Callable[[], None] = lambda: None
        self.on_ping: Callable[[], None] = lambda: None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data: bytes | bytearray = b""
        try:
            data = await self._stream.receive_some(max_bytes)
        finally:
            if not data:
                self.on_end()
        if data[:1] == _PING:  # the library keeps pings to itself; behind something else they tell nothing new
            self.on_ping()
        return data

    async def aclose(self) -> None:
        self.on_end()
        await self._stream.aclose()


class TrioWebSocket:
    """One connection. Its task runs in the place that was given to `connector`."""

    def __init__(self) -> None:
        self._connection: WebSocketConnection | None = None
        self._error: TransportError = TransportError("the WebSocket could not be opened")
        self._opened = trio.Event()
        """It is open, or never will be."""
        self._over = trio.Event()
        self._scope = trio.CancelScope(shield=True)
        self._pings: set[trio.CancelScope] = set()
        self._is_closing = False
        self.on_ping: Callable[[], None] | None = None

    async def run(self, stream: trio.abc.Stream, host: str, target: str, subprotocols: tuple[str, ...]) -> None:
        """The handshake, then the library's reader, until `close`."""
        line = _Line(stream)
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    line.on_end = nursery.cancel_scope.cancel  # during the handshake; the library would wait for ever
                    self._connection = await wrap_client_stream(
                        nursery,
                        cast(trio.SocketStream, line),  # any stream will do
                        host,
                        target,
                        subprotocols=subprotocols,
                        max_message_size=MAX_MESSAGE,
                        receive_buffer_size=_RECEIVE,
                    )
                    line.on_end, line.on_ping = self._end_pings, self._pinged
                    self._opened.set()
        except* ConnectionRejected as group:
            error = group.exceptions[0]
            if isinstance(error, ConnectionRejected):
                self._error = WebSocketRefused(error.status_code, error.body or b"")
        except* Exception as group:  # noqa: BLE001 - whatever it was, the connection is over, and that is told
            self._error = TransportError(f"the WebSocket could not be opened ({type(group.exceptions[0]).__name__})")
        finally:
            self._opened.set()
            self._end_pings()
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)
            self._over.set()

    async def opened(self) -> None:
        """Wait for the end of the handshake; raises `WebSocketRefused` or `TransportError`."""
        await self._opened.wait()
        if self._connection is None:
            raise self._error

    @property
    def close_code(self) -> int | None:
        """The code of the server's close frame.

        The library gives the code of a close frame of ours as well, which went to a server that broke the protocol or
        sent too much; only the state of the handshake tells them apart.
        """
        connection = self._connection
        if connection is None or connection.closed is None:
            return None
        has_closed: bool = connection._wsproto.state is ConnectionState.CLOSED  # noqa: SLF001 - see above
        return int(connection.closed.code) if has_closed else None

    async def send(self, data: bytes) -> None:
        """Send one text message."""
        try:
            await self._open().send_message(data.decode())
        except ConnectionClosed:
            raise TransportError("the connection is closed") from None

    async def ping(self, payload: bytes) -> None:
        """Send a ping and wait for its pong."""
        connection = self._open()
        with trio.CancelScope() as scope:
            self._pings.add(scope)
            try:
                await connection.ping(payload)
            except (ConnectionClosed, ValueError):  # closed, or one with that payload is under way
                raise TransportError("the connection is closed, or a ping like that is under way") from None
            finally:
                self._pings.discard(scope)
        if scope.cancelled_caught:
            raise TransportError("the connection is closed")

    async def messages(self) -> AsyncIterator[bytes]:
        """The messages that come in, until the connection is closed."""
        connection = self._open()
        try:
            while True:
                message = await connection.get_message()
                yield message.encode() if isinstance(message, str) else message
        except ConnectionClosed:
            if self._is_closing:  # by us: it is closed when the peer has answered
                await self._over.wait()

    async def close(self, code: int | None) -> None:
        """Close with ``code``; ``None`` aborts. Returns when the socket is closed, in bounded time."""
        self._is_closing = True
        try:
            if code is not None:
                with trio.move_on_after(CLOSE_TIMEOUT), suppress(ConnectionClosed):
                    await self._open().aclose(code)
        finally:
            self._scope.cancel()
        await self._over.wait()

    def abort(self) -> None:
        """Close at once; do not wait."""
        self._scope.cancel()

    def _open(self) -> WebSocketConnection:
        if self._connection is None or self._over.is_set():
            raise TransportError("the connection is closed")
        return self._connection

    def _pinged(self) -> None:
        if self.on_ping is not None:
            self.on_ping()

    def _end_pings(self) -> None:
        for scope in self._pings:
            scope.cancel()


def connector(
    spawn: Callable[[Coroutine[Any, Any, None]], object],
) -> Callable[[str, tuple[str, ...]], Awaitable[TrioWebSocket]]:
    """A `WebSocketConnect` whose connections run where ``spawn`` puts them: ``nursery`` of yours, or a conference's."""

    async def connect(url: str, subprotocols: tuple[str, ...]) -> TrioWebSocket:
        """Open a WebSocket. No proxy is asked; the ticket follows no redirect, and is written to no log."""
        socket = TrioWebSocket()
        with trio.move_on_after(CONNECT_TIMEOUT):
            parts = urlsplit(url)
            stream = await _stream(parts.hostname or "", parts.port, tls=parts.scheme == "wss")
            target = parts.path or "/"
            spawn(socket.run(stream, parts.netloc, f"{target}?{parts.query}" if parts.query else target, subprotocols))
            try:
                await socket.opened()
            except BaseException:
                socket.abort()
                await trio.aclose_forcefully(stream)  # its task may never have begun
                raise
            return socket
        raise TransportError("the WebSocket could not be opened (TimeoutError)")

    return connect


async def _stream(host: str, port: int | None, *, tls: bool) -> trio.abc.Stream:
    """A connection. Raises `TransportError`, with the reason if TLS is what fails."""
    context = await shared_context(trio.to_thread.run_sync) if tls else None
    try:
        stream: trio.SocketStream = await trio.open_tcp_stream(host, port or (443 if tls else 80))
    except OSError as error:
        raise trouble("the WebSocket could not be opened", error) from None
    if context is None:
        return stream
    secure = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    try:
        await secure.do_handshake()
    except BaseException as error:
        await trio.aclose_forcefully(stream)
        if isinstance(error, trio.BrokenResourceError):
            raise trouble("the WebSocket could not be opened", error.__cause__ or error) from None
        raise
    return secure
