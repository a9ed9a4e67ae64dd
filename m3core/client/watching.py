"""Shows the text frames of the signaling to a function of the user: the argument ``wire`` of `join`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Literal, TypeAlias

from m3core.client.transports import WebSocket, WebSocketConnect, WrappedWebSocket

FrameDirection: TypeAlias = Literal["sent", "received"]
WatchFrames: TypeAlias = Callable[[FrameDirection, str], None]


class Watch:
    """Wraps a `WebSocketConnect` so that ``see`` gets each text frame before it is written or acted upon.

    When ``see`` raises, the error is kept in ``error``, and ``see`` is not called again: a recorder that fails must not
    end the conference.
    """

    def __init__(self, see: WatchFrames, connect: WebSocketConnect) -> None:
        self.error: Exception | None = None
        self._see = see
        self._connect = connect

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        """Open a WebSocket that is watched; the `WebSocketConnect` to use."""
        return _WatchedSocket(self, await self._connect(url, subprotocols))

    def show(self, direction: FrameDirection, data: bytes) -> None:
        """Show one frame. Bytes that are not UTF-8 are replaced: a server may send any bytes."""
        if self.error is None:
            try:
                self._see(direction, data.decode(errors="replace"))
            except Exception as error:  # noqa: BLE001 - the user's function; it is raised when the block ends
                self.error = error


class _WatchedSocket(WrappedWebSocket):
    def __init__(self, watch: Watch, socket: WebSocket) -> None:
        super().__init__(socket)
        self._watch = watch

    async def send(self, data: bytes) -> None:
        self._watch.show("sent", data)
        await super().send(data)

    async def messages(self) -> AsyncIterator[bytes]:
        async for data in super().messages():
            self._watch.show("received", data)
            yield data
