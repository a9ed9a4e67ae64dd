"""WebSockets by the `websockets` library (see `m3core.client.transports`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from websockets.asyncio.client import ClientConnection, connect, get_proxy, parse_uri  # type: ignore[attr-defined]
from websockets.exceptions import ConcurrencyError, ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from m3asyncio.tls import shared_context
from m3core.client.transports import WebSocketRefused, trouble
from m3core.errors import TransportError
from m3core.limits import CLOSE_TIMEOUT, CONNECT_TIMEOUT, MAX_MESSAGE
from m3core.rest.link import is_local

# The library prints the handshake at DEBUG, and with it the ticket: it gets a logger that no handler hears.
_SILENT = logging.Logger("m3.websocket", level=logging.CRITICAL + 1)


class _ConnectOnce(connect):
    """The ticket must not follow a redirect."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Every redirect is a refusal."""
        return exc


class LibraryWebSocket:
    """One connection of the `websockets` library."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    @property
    def close_code(self) -> int | None:
        """The code of the server's close frame."""
        received = self._connection.protocol.close_rcvd
        return None if received is None else received.code

    async def send(self, data: bytes) -> None:
        """Send one text message."""
        try:
            await self._connection.send(data, text=True)
        except ConnectionClosed:
            raise TransportError("the connection is closed") from None

    async def ping(self, payload: bytes) -> None:
        """Send a ping and wait for its pong."""
        try:
            await (await self._connection.ping(payload))
        except (ConnectionClosed, ConcurrencyError):
            raise TransportError("the connection is closed, or a ping like that is under way") from None

    async def messages(self) -> AsyncIterator[bytes]:
        """The messages that come in, until the connection is closed."""
        try:
            while True:
                yield await self._connection.recv(decode=False)
        except ConnectionClosed:
            return

    async def close(self, code: int | None) -> None:
        """Close with ``code``; ``None`` aborts. Returns when the socket is closed."""
        if code is None:
            self._connection.transport.abort()
            await self._connection.wait_closed()
        else:
            await self._connection.close(code)


async def connect_websocket(url: str, subprotocols: tuple[str, ...]) -> LibraryWebSocket:
    """Open a WebSocket; compression is off (it costs more than it saves on 300-byte messages)."""
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
            **tls,
        )
    except InvalidStatus as error:
        raise WebSocketRefused(error.response.status_code, bytes(error.response.body or b"")) from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise trouble("the WebSocket could not be opened", error) from None
    return LibraryWebSocket(connection)


async def _tls(url: str, proxy: str | None) -> dict[str, Any]:
    """The context for what speaks TLS, server or proxy, as arguments of the library; it would make one for each."""
    secure = {"ssl": url.startswith("wss:"), "proxy_ssl": proxy is not None and proxy.startswith("https:")}
    names = [name for name, speaks in secure.items() if speaks]
    return dict.fromkeys(names, await shared_context(asyncio.to_thread)) if names else {}
