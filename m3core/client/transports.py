"""The two small protocols behind which HTTP and WebSocket libraries stand, so that users can bring their own.

Both raise `TransportError` for network trouble, and nothing else; both are cancelled as anything in their event loop.
The same protocols serve asyncio and trio; `m3core.testing` has transports that record, replay and fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeAlias

from m3core.errors import TransportError
from m3core.io import HttpRequest, HttpResponse


def trouble(what: str, error: BaseException) -> TransportError:
    """``what`` failed by ``error``: the class of it, and what TLS has against a certificate. Texts may hold secrets."""
    reason = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        complaint = getattr(cause, "verify_message", None)  # `ssl.SSLCertVerificationError`
        if isinstance(complaint, str):
            reason = f"{reason}: {complaint}"
            break
        cause = cause.__cause__ or cause.__context__
    return TransportError(f"{what} ({reason})")


class HttpTransport(Protocol):
    """Performs requests. Follows no redirects, and reads no body beyond `limits.MAX_HTTP_BODY`."""

    async def request(self, request: HttpRequest) -> HttpResponse:
        """One request and its response; header names in lower case."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class WebSocketRefused(TransportError):
    """The handshake was answered with an HTTP error."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"the WebSocket handshake was refused: HTTP {status}")
        self.status = status
        self.body = body


class WebSocket(Protocol):
    """One open WebSocket, as a client. Pings of the server are answered by the implementation.

    ``on_ping`` is None until it is set by who uses the WebSocket. It is to be called in the event loop for each ping of
    the server that comes: a server that only pings is alive all the same. One that never calls it costs a question
    every `limits.KEEPALIVE_INTERVAL` of silence, and an outage of some seconds may end the connection.
    """

    on_ping: Callable[[], None] | None

    @property
    def close_code(self) -> int | None:
        """The code of the close frame that ended it, if any."""
        ...

    async def send(self, data: bytes) -> None:
        """Send one text message of UTF-8 ``data``; may wait for the network."""
        ...

    async def ping(self, payload: bytes) -> None:
        """Send a ping and wait for its pong."""
        ...

    def messages(self) -> AsyncIterator[bytes]:
        """The text messages that come in, until the connection is closed."""
        ...

    async def close(self, code: int | None) -> None:
        """Close with ``code``; ``None`` aborts the connection."""
        ...


class WrappedWebSocket:
    """Another WebSocket, as it is: what subclasses do not change goes to it and comes from it."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    @property
    def on_ping(self) -> Callable[[], None] | None:
        """See `WebSocket`."""
        return self._socket.on_ping

    @on_ping.setter
    def on_ping(self, on_ping: Callable[[], None] | None) -> None:
        self._socket.on_ping = on_ping

    @property
    def close_code(self) -> int | None:
        """See `WebSocket`."""
        return self._socket.close_code

    async def send(self, data: bytes) -> None:
        """See `WebSocket`."""
        await self._socket.send(data)

    async def ping(self, payload: bytes) -> None:
        """See `WebSocket`."""
        await self._socket.ping(payload)

    def messages(self) -> AsyncIterator[bytes]:
        """See `WebSocket`."""
        return self._socket.messages()

    async def close(self, code: int | None) -> None:
        """See `WebSocket`."""
        await self._socket.close(code)


WebSocketConnect: TypeAlias = Callable[[str, tuple[str, ...]], Awaitable[WebSocket]]
"""Opens a WebSocket to a URL, offering subprotocols; raises `WebSocketRefused` or `TransportError`."""
