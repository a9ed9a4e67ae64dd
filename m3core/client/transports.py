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
    """One open WebSocket, as a client. Pings of the server are answered by the implementation."""

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


WebSocketConnect: TypeAlias = Callable[[str, tuple[str, ...]], Awaitable[WebSocket]]
"""Opens a WebSocket to a URL, offering subprotocols; raises `WebSocketRefused` or `TransportError`."""
