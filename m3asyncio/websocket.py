"""WebSockets with the `websockets` library (see `m3core.client.transports`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect, get_proxy, parse_uri  # type: ignore[attr-defined]
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from m3asyncio.tls import shared_context
from m3core.client.transports import WebSocketRefused, awaiting, not_opened
from m3core.errors import TransportError
from m3core.guard import Guard
from m3core.limits import (
    CLOSE_GRACE,
    CLOSE_TIMEOUT,
    CONNECT_TIMEOUT,
    MAX_MESSAGE,
    MAX_TEXTS_OF_A_TURN,
    MAX_WRITE_QUEUE,
)
from m3core.rest.link import is_local

# The library logs its handshake at DEBUG, with the ticket in it. So it gets a logger without handlers or a parent.
_SILENT = logging.Logger("m3.websocket", level=logging.CRITICAL + 1)


class _ConnectOnce(connect):
    """Treats every redirect as a refusal: the ticket must not be sent to another address."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Connection(ClientConnection):
    """Passes what the server sends through a guard, and closes TCP soon after the close frames.

    The library waits for the server to close TCP, as RFC 6455 s.7.1.1 says, and some servers never do.
    """

    on_ping: Callable[[], None] | None = None
    _is_ending = False

    def __init__(self, guard: Guard, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.guard = guard

    def data_received(self, data: bytes) -> None:
        if passed := self.guard.receive(data):
            super().data_received(passed)
        # The library answers each ping at once, also while the server does not read.
        if self.guard.violation or self.transport.get_write_buffer_size() > MAX_WRITE_QUEUE:
            self.transport.abort()
            return
        if self.guard.frames.is_pinged and self.on_ping is not None:
            self.on_ping()
        if self.guard.frames.close_code is not None and not self._is_ending:
            self._is_ending = True
            # `close` would wait, on TLS, until the server closes TLS as well.
            self.loop.call_later(CLOSE_GRACE, self.transport.abort)

    def eof_received(self) -> None:
        if passed := self.guard.receive(b""):
            super().data_received(passed)
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.receive(b"")
        super().connection_lost(exc)


class LibraryWebSocket:
    """One connection of the `websockets` library, as a `WebSocket`."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._guard = connection.guard

    @property
    def on_ping(self) -> Callable[[], None] | None:
        return self._connection.on_ping

    @on_ping.setter
    def on_ping(self, on_ping: Callable[[], None] | None) -> None:
        self._connection.on_ping = on_ping

    @property
    def close_code(self) -> int | None:
        return self._guard.frames.close_code

    async def send(self, data: bytes) -> None:
        try:
            await self._connection.send(data, text=True)
        except ConnectionClosed:
            raise TransportError("the message was not sent: the WebSocket is closed") from None

    async def ping(self, payload: bytes) -> None:
        with awaiting(self._guard, payload):
            try:
                await (await self._connection.ping(payload))
            except ConnectionClosed:
                raise TransportError("no pong will come: the WebSocket is closed") from None

    async def messages(self) -> AsyncIterator[bytes]:
        taken = 0
        try:
            while True:
                yield await self._connection.recv(decode=False)
                taken += 1
                if taken % MAX_TEXTS_OF_A_TURN == 0:  # `recv` does not wait while there are messages
                    await asyncio.sleep(0)
        except ConnectionClosed:
            if self._guard.violation:
                raise TransportError(self._guard.violation) from None

    async def close(self, code: int | None) -> None:
        if code is None:
            self._connection.transport.abort()
            await self._connection.wait_closed()
        else:
            await self._connection.close(code)


async def connect_websocket(url: str, subprotocols: tuple[str, ...]) -> LibraryWebSocket:
    """Open a WebSocket. Compression is off: it costs more than it saves with messages of 300 bytes."""
    guard = Guard(subprotocols)
    try:
        proxy = None if is_local(url) else get_proxy(parse_uri(url))
        tls = await _tls(url, proxy)
        connection = await _ConnectOnce(
            url,
            subprotocols=[Subprotocol(name) for name in subprotocols],
            compression=None,
            max_size=MAX_MESSAGE,
            ping_interval=None,
            open_timeout=CONNECT_TIMEOUT,
            close_timeout=CLOSE_TIMEOUT,
            logger=_SILENT,
            proxy=proxy,
            create_connection=cast(type[ClientConnection], partial(_Connection, guard)),
            **tls,
        )
    except InvalidStatus as error:
        answer = error.response
        headers = tuple((name.lower(), value) for name, value in answer.headers.raw_items())
        raise WebSocketRefused(answer.status_code, bytes(answer.body or b""), headers) from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise not_opened(guard, error) from None
    return LibraryWebSocket(cast(_Connection, connection))  # made by `create_connection` above


async def _tls(url: str, proxy: str | None) -> dict[str, Any]:
    """The TLS context, as arguments of the library, for the server and for the proxy if they speak TLS.

    Without these arguments the library makes a new context for each connection.
    """
    secure = {"ssl": url.startswith("wss:"), "proxy_ssl": proxy is not None and proxy.startswith("https:")}
    names = [name for name, speaks in secure.items() if speaks]
    return dict.fromkeys(names, await shared_context(asyncio.to_thread)) if names else {}
