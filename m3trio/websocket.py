"""TCP and TLS of trio for WebSockets (see `m3core.client.websocket`)."""

from __future__ import annotations

import trio

from m3asyncio.http import websocket_proxy
from m3asyncio.tls import shared_context
from m3core.client.transports import trouble
from m3core.client.tunnel import Proxy
from m3core.conference.http import Origin

_RECEIVE = 1 << 16


class TrioStream:
    """A stream of trio, as a `ByteStream`."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def start_tls(self, host: str) -> None:
        context = await shared_context(trio.to_thread.run_sync)
        # https_compatible: a server that closes the socket without the closing message of TLS is no error.
        secure = trio.SSLStream(self._stream, context, server_hostname=host, https_compatible=True)
        try:
            await secure.do_handshake()
        except trio.BrokenResourceError as error:
            raise trouble("the WebSocket could not be opened", error.__cause__ or error) from None
        self._stream = secure

    async def receive(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(_RECEIVE))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    async def send(self, data: bytes) -> None:
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise trouble("the connection is broken", error) from None

    async def close(self) -> None:
        await trio.aclose_forcefully(self._stream)


class TrioNetwork:
    """Opens connections in the run of trio that calls it."""

    async def open(self, host: str, port: int) -> TrioStream:
        try:
            return TrioStream(await trio.open_tcp_stream(host, port))
        except OSError as error:
            raise trouble("the WebSocket could not be opened", error) from None

    def proxy(self, origin: Origin) -> Proxy | None:
        return websocket_proxy(origin)


NETWORK = TrioNetwork()
