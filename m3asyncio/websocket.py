"""TCP and TLS of asyncio for WebSockets (see `m3core.client.websocket`)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from m3asyncio.http import websocket_proxy
from m3asyncio.tls import shared_context
from m3core.client.transports import trouble
from m3core.client.tunnel import Proxy
from m3core.conference.http import Origin

_RECEIVE = 1 << 16


class AsyncioStream:
    """A pair of asyncio's streams, as a `ByteStream`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def start_tls(self, host: str) -> None:
        context = await shared_context(asyncio.to_thread)
        try:
            await self._writer.start_tls(context, server_hostname=host)
        except OSError as error:
            raise trouble("the WebSocket could not be opened", error) from None

    async def receive(self) -> bytes:
        try:
            return await self._reader.read(_RECEIVE)
        except OSError:
            return b""

    async def send(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise trouble("the connection is broken", error) from None

    async def close(self) -> None:
        self._writer.transport.abort()
        await asyncio.shield(self._closed())  # a wait that is cancelled would cancel the future of all later ones

    async def _closed(self) -> None:
        with suppress(OSError):
            await self._writer.wait_closed()


class AsyncioNetwork:
    """Opens connections in the running loop."""

    async def open(self, host: str, port: int) -> AsyncioStream:
        try:
            return AsyncioStream(*await asyncio.open_connection(host, port))
        except OSError as error:
            raise trouble("the WebSocket could not be opened", error) from None

    def proxy(self, origin: Origin) -> Proxy | None:
        return websocket_proxy(origin)


NETWORK = AsyncioNetwork()
