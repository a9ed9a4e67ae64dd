"""The protocols of HTTP and WebSocket transports, so that users can bring their own.

A transport raises `TransportError` for network trouble, and nothing else. It is cancelled as every coroutine of its
event loop is. The same protocols serve asyncio and trio; `m3core.testing` has transports that record, replay and fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from m3core.errors import TransportError
from m3core.guard import Guard
from m3core.handshake import NO_HANDSHAKE
from m3core.io import Headers, HttpRequest, HttpResponse
from m3core.limits import CONNECT_TIMEOUT


def trouble(what: str, error: BaseException) -> TransportError:
    """The `TransportError` that says that ``what`` failed: with the class of ``error``, and the reason of TLS if any.

    The text of ``error`` itself is left out: libraries quote addresses and headers in it, which may hold secrets.
    """
    reason = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        complaint = getattr(cause, "verify_message", None)  # `ssl.SSLCertVerificationError`
        if isinstance(complaint, str):
            reason = f"{reason}: {complaint}"
            break
        cause = cause.__cause__ or cause.__context__
    return TransportError(f"{what} ({reason})")


def not_opened(guard: Guard, error: BaseException | None) -> TransportError:
    """Why a WebSocket was not opened: what the server did wrong by ``guard``, or else what ``error`` of a library says.

    A refusal is not meant: it is a `WebSocketRefused`.
    """
    if isinstance(error, TimeoutError):
        return TransportError(
            f"the WebSocket could not be opened within {CONNECT_TIMEOUT:g} s: the server is slow or gone; try again"
        )
    if guard.violation:
        return TransportError(guard.violation)
    if guard.is_answered:
        return TransportError(NO_HANDSHAKE)
    return trouble("the WebSocket could not be opened", error or EOFError())


@contextmanager
def awaiting(guard: Guard, payload: bytes) -> Iterator[None]:
    """Let the pong with ``payload`` pass, for the time of the block. Raises `TransportError` if another ping has it."""
    awaited = guard.frames.awaited
    if payload in awaited:
        raise TransportError("another ping with the same payload waits for its pong")
    awaited.add(payload)
    try:
        yield
    finally:
        awaited.discard(payload)


class HttpTransport(Protocol):
    """Performs requests. It follows no redirects, and reads no body beyond `limits.MAX_HTTP_BODY`."""

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Send ``request``. The names of the response's headers are in lower case."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class WebSocketRefused(TransportError):
    """The handshake was answered with an HTTP error. The names of ``headers`` are in lower case."""

    def __init__(self, status: int, body: bytes, headers: Headers = ()) -> None:
        super().__init__(f"the WebSocket handshake was refused: HTTP {status}")
        self.status = status
        self.body = body
        self.headers = headers


class WebSocket(Protocol):
    """The client's end of an open WebSocket. The implementation answers pings of the server.

    The driver sets ``on_ping``, which is None before. The implementation calls it in the event loop for each ping of
    the server, because a server that only pings is alive, too. With an implementation that never calls it, the client
    asks for an echo after every `limits.KEEPALIVE_INTERVAL` of silence, and an outage of some seconds may end the
    connection.
    """

    on_ping: Callable[[], None] | None

    @property
    def close_code(self) -> int | None:
        """The code of the close frame that the server sent; None without one."""
        ...

    async def send(self, data: bytes) -> None:
        """Send one text message, ``data`` in UTF-8; may wait for the network."""
        ...

    async def ping(self, payload: bytes) -> None:
        """Send a ping and wait for its pong."""
        ...

    def messages(self) -> AsyncIterator[bytes]:
        """Yield the text messages of the server as UTF-8; ends when the connection is closed.

        Raises `TransportError` if there is more to say of the end than `close_code` says.
        """
        ...

    async def close(self, code: int | None) -> None:
        """Close with ``code``; None aborts the connection without a close frame."""
        ...


class WrappedWebSocket:
    """Passes everything on to another WebSocket; subclasses change what they override."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    @property
    def on_ping(self) -> Callable[[], None] | None:
        return self._socket.on_ping

    @on_ping.setter
    def on_ping(self, on_ping: Callable[[], None] | None) -> None:
        self._socket.on_ping = on_ping

    @property
    def close_code(self) -> int | None:
        return self._socket.close_code

    async def send(self, data: bytes) -> None:
        await self._socket.send(data)

    async def ping(self, payload: bytes) -> None:
        await self._socket.ping(payload)

    def messages(self) -> AsyncIterator[bytes]:
        return self._socket.messages()

    async def close(self, code: int | None) -> None:
        await self._socket.close(code)


WebSocketConnect: TypeAlias = Callable[[str, tuple[str, ...]], Awaitable[WebSocket]]
"""Opens a WebSocket to a URL, offering subprotocols; raises `WebSocketRefused` or `TransportError`."""

SendSigned: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponse]]
"""Signs a request with the tokens of an account and sends it; raises `TransportError` or `AuthError`."""
