"""What goes over a WebSocket, shown to a function of the user: `join`'s ``wire``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Literal, TypeAlias

from m3core.client.transports import WebSocket, WebSocketConnect, WrappedWebSocket

FrameDirection: TypeAlias = Literal["sent", "received"]
WatchFrames: TypeAlias = Callable[[FrameDirection, str], None]


class Watch:
    """A `WebSocketConnect` that shows each text frame, before it is written, and before it is acted upon.

    What ``see`` raises is kept in ``error``, and that is the last that it sees: a recorder that fails ends no
    conference.
    """

    def __init__(self, see: WatchFrames, connect: WebSocketConnect) -> None:
        self.error: Exception | None = None
        self._see = see
        self._connect = connect

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        """Connect, and watch."""
        return _WatchedSocket(self, await self._connect(url, subprotocols))

    def show(self, direction: FrameDirection, data: bytes) -> None:
        """One frame. What is no UTF-8 (or was sent as binary) is shown as well as may be."""
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
