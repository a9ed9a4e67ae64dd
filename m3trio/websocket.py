"""WebSockets by trio-websocket (see `m3core.client.transports`).

This module adds what the library leaves to its users. A wait for the handshake or for a pong ends when the peer dies.
The socket is closed, whichever side ended the conversation. A refused handshake is raised by the call that connects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit

import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream

from m3asyncio.tls import shared_context
from m3core.client.transports import WebSocketRefused, awaiting, not_opened, trouble
from m3core.errors import TransportError
from m3core.guard import Guard
from m3core.limits import CLOSE_TIMEOUT, CONNECT_TIMEOUT, MAX_MESSAGE

_RECEIVE = 1 << 16


class _Line(trio.abc.Stream):
    """The byte stream of a WebSocket, behind a guard. It calls ``on_end`` at its end, and ``on_ping`` for pings."""

    def __init__(self, stream: trio.abc.Stream, guard: Guard) -> None:
        self._stream = stream
        self._guard = guard
        self.on_end: Callable[[], None] = lambda: None
        self.on_ping: Callable[[], None] = lambda: None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        passed = b""
        try:
            while not passed and not self._guard.violation:
                data: bytes | bytearray = b""
                try:
                    data = await self._stream.receive_some(max_bytes)
                finally:
                    passed = self._guard.receive(bytes(data))
                if self._guard.frames.is_pinged:
                    self.on_ping()
                if not data:
                    break
        finally:
            if not passed:
                self.on_end()
        return passed

    async def aclose(self) -> None:
        self.on_end()
        await self._stream.aclose()


class TrioWebSocket:
    """One connection. Its task, `run`, is started by the ``spawn`` that was given to `connector`."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._connection: WebSocketConnection | None = None
        self._error: TransportError | None = None
        self._opened = trio.Event()
        """Set when the handshake is over, whether it succeeded or failed."""
        self._over = trio.Event()
        self._scope = trio.CancelScope(shield=True)  # a cancelled conference still closes it properly
        self._pings: set[trio.CancelScope] = set()
        self._is_closing = False
        self.on_ping: Callable[[], None] | None = None

    async def run(self, stream: trio.abc.Stream, host: str, target: str, subprotocols: tuple[str, ...]) -> None:
        """Do the handshake, then run the reader of trio-websocket until `close` or until the peer is gone."""
        line = _Line(stream, self._guard)
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    # When the peer closes during the handshake, the library would wait for ever.
                    line.on_end = nursery.cancel_scope.cancel
                    self._connection = await wrap_client_stream(
                        nursery,
                        cast(trio.SocketStream, line),  # the annotation is too narrow: any stream works
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
                headers = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in error.headers)
                self._error = WebSocketRefused(error.status_code, error.body or b"", tuple(headers))
        except* Exception as group:  # noqa: BLE001 - any error ends the connection, and `opened` raises it
            self._error = not_opened(self._guard, group.exceptions[0])
        finally:
            self._opened.set()
            self._end_pings()
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)
            self._over.set()

    async def opened(self) -> None:
        """Wait for the end of the handshake. Raises `WebSocketRefused` or `TransportError` if it failed."""
        await self._opened.wait()
        if self._connection is None:
            raise self._error or not_opened(self._guard, None)

    @property
    def close_code(self) -> int | None:
        return self._guard.frames.close_code

    async def send(self, data: bytes) -> None:
        """Send one text message. Raises `TransportError` if the connection is closed."""
        try:
            await self._open().send_message(data.decode())
        except ConnectionClosed:
            raise TransportError("the message was not sent: the WebSocket is closed") from None

    async def ping(self, payload: bytes) -> None:
        """Send a ping and wait for its pong. Raises `TransportError` if the connection ends before."""
        connection = self._open()
        with awaiting(self._guard, payload), trio.CancelScope() as scope:
            self._pings.add(scope)
            try:
                await connection.ping(payload)
            except ConnectionClosed:
                raise TransportError("no pong will come: the WebSocket is closed") from None
            finally:
                self._pings.discard(scope)
        if scope.cancelled_caught:  # by `_end_pings`: the library itself would wait for ever
            raise TransportError("no pong will come: the WebSocket is closed")

    async def messages(self) -> AsyncIterator[bytes]:
        """The messages that arrive, as UTF-8, until the connection is closed."""
        connection = self._open()
        try:
            while True:
                message = await connection.get_message()
                yield message.encode() if isinstance(message, str) else message
        except ConnectionClosed:
            if self._is_closing:  # we sent the close frame: the end is when the peer has answered it
                await self._over.wait()
            if self._guard.violation:
                raise TransportError(self._guard.violation) from None

    async def close(self, code: int | None) -> None:
        """Close with ``code``, or abort if it is None. Returns when the socket is closed, in bounded time."""
        self._is_closing = True
        try:
            if code is not None:
                with trio.move_on_after(CLOSE_TIMEOUT), suppress(ConnectionClosed):
                    await self._open().aclose(code)
        finally:
            self._scope.cancel()
        await self._over.wait()

    def abort(self) -> None:
        """Close the socket without a close frame, and do not wait for it."""
        self._scope.cancel()

    def _open(self) -> WebSocketConnection:
        if self._connection is None or self._over.is_set():
            raise TransportError("the WebSocket is closed")
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
    """A `WebSocketConnect`. ``spawn`` starts the task of each connection: in a nursery of yours, or a conference's."""

    async def connect(url: str, subprotocols: tuple[str, ...]) -> TrioWebSocket:
        """Open a WebSocket. It uses no proxy, follows no redirect, and writes the ticket to no log."""
        guard = Guard(subprotocols)
        socket = TrioWebSocket(guard)
        with trio.move_on_after(CONNECT_TIMEOUT):
            parts = urlsplit(url)
            stream = await _stream(parts.hostname or "", parts.port, tls=parts.scheme == "wss")
            target = parts.path or "/"
            spawn(socket.run(stream, parts.netloc, f"{target}?{parts.query}" if parts.query else target, subprotocols))
            try:
                await socket.opened()
            except BaseException:
                socket.abort()
                await trio.aclose_forcefully(stream)  # if the task has not started yet, it will not close the stream
                raise
            return socket
        raise not_opened(guard, TimeoutError())

    return connect


async def _stream(host: str, port: int | None, *, tls: bool) -> trio.abc.Stream:
    """A TCP connection, with TLS on top if ``tls``. Raises `TransportError`, with the reason if TLS fails."""
    context = await shared_context(trio.to_thread.run_sync) if tls else None
    try:
        stream: trio.SocketStream = await trio.open_tcp_stream(host, port or (443 if tls else 80))
    except OSError as error:
        raise trouble("the WebSocket could not be opened", error) from None
    if context is None:
        return stream
    # https_compatible: a server that closes the socket without the closing message of TLS is no error.
    secure = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    try:
        await secure.do_handshake()
    except BaseException as error:
        await trio.aclose_forcefully(stream)
        if isinstance(error, trio.BrokenResourceError):
            raise trouble("the WebSocket could not be opened", error.__cause__ or error) from None
        raise
    return secure
