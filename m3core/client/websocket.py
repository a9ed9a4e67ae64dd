"""The client's end of a WebSocket on any byte stream, written once for all event loops.

`WebSocketExchange` decides what bytes mean: which ones break a rule, what the server is told then, and whose close code
ended the connection. So all adapters report the same. An adapter fills two ports, `Network` and `ByteStream`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Protocol

from m3core.client.loop import Backend, Event, Signal
from m3core.client.transports import WebSocketRefused
from m3core.client.tunnel import Proxy, open_tunnel
from m3core.conference.http import Opened, Origin, Refused, WebSocketExchange
from m3core.errors import TransportError
from m3core.frames import Closed, PingReceived, PongReceived, TextReceived
from m3core.io import Connect, ConnectionId
from m3core.limits import CLOSE_GRACE, CLOSE_TIMEOUT, CONNECT_TIMEOUT, MAX_EVENTS_OF_A_TURN


class ByteStream(Protocol):
    """A TCP connection, at first without TLS."""

    async def start_tls(self, host: str) -> None:
        """Speak TLS from here on, and check the certificate for ``host``. Raises `TransportError`."""
        ...

    async def receive(self) -> bytes:
        """The next bytes; ``b""`` when the peer has closed its side, or when the connection is broken or closed."""
        ...

    async def send(self, data: bytes) -> None:
        """Write all of ``data``; waits while the peer does not read. Raises `TransportError` if it cannot be written.

        Only one task calls it at a time.
        """
        ...

    async def close(self) -> None:
        """Close at once, without waiting for the peer. A task that uses the stream meanwhile gets its end."""
        ...


class Network(Protocol):
    """Opens TCP connections in an event loop."""

    async def open(self, host: str, port: int) -> ByteStream:
        """Connect to a name or an address. Raises `TransportError`."""
        ...

    def proxy(self, origin: Origin) -> Proxy | None:
        """The proxy that the environment names for WebSockets to ``origin``. Raises `TransportError` if it is none."""
        ...


class StreamWebSocket:
    """One WebSocket (see `m3core.client.transports.WebSocket`). Pongs and closes come only while somebody reads."""

    def __init__(self, backend: Backend, stream: ByteStream, exchange: WebSocketExchange) -> None:
        self._backend = backend
        self._stream = stream
        self._exchange = exchange
        self._written = Signal(backend)
        self._is_writing = False
        self._is_broken = False
        """Whether a write failed or was cancelled. Perhaps half of a frame was written, so nothing may follow it."""
        self._is_reading = False
        self._is_ending = False
        """Whether a close frame was sent or received: no message is sent any more."""
        self._is_heard = False
        """Whether a ping came with what was read last."""
        self._over = backend.event()
        self._pongs: dict[bytes, Event] = {}
        """The pings that wait for a pong, by payload, in order."""
        self._close_code: int | None = None
        self.on_ping: Callable[[], None] | None = None

    @property
    def close_code(self) -> int | None:
        """The code of the server's close frame; None without one. A close frame of ours does not count."""
        return self._close_code

    async def open(self) -> None:
        """Do the handshake. Raises `WebSocketRefused` or `TransportError`."""
        await self._flush()
        while True:
            match self._exchange.next_event():
                case Opened():
                    return
                case Refused(response):
                    raise WebSocketRefused(response.status, response.body)
                case Closed():
                    raise TransportError(f"the WebSocket could not be opened ({self._exchange.failure})")
                case _:
                    self._exchange.receive_data(await self._stream.receive())

    async def send(self, data: bytes) -> None:
        """Send one text message. Raises `TransportError` if the connection is closed."""
        if self._is_ending:
            raise TransportError("the message was not sent: the WebSocket is closed")
        self._exchange.send_text(data)
        await self._flush()

    async def ping(self, payload: bytes) -> None:
        """Send a ping and wait for its pong. Raises `TransportError` if the connection ends before."""
        if payload in self._pongs:
            raise TransportError("another ping with the same payload waits for its pong")
        if not self._is_ending:
            answered = self._pongs[payload] = self._backend.event()
            try:
                self._exchange.ping(payload)
                await self._flush()
                await answered.wait()
                if self._pongs.get(payload) is not answered:
                    return
            finally:
                if self._pongs.get(payload) is answered:
                    del self._pongs[payload]
        raise TransportError("no pong will come: the WebSocket is closed")

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """The messages of the server, until the connection is closed. Raises `TransportError` if it broke a rule."""
        self._is_reading = True
        turn = 0
        try:
            while not self._over.is_set():
                turn += 1
                if turn % MAX_EVENTS_OF_A_TURN == 0:
                    await self._backend.checkpoint()
                match self._exchange.next_event():
                    case TextReceived(data):
                        yield data
                    case PingReceived():
                        self._pinged()
                    case PongReceived(payload):
                        self._ponged(payload)
                    case Closed(code):
                        self._close_code = code
                        await self._linger()
                        break
                    case _:
                        await self._read()
        finally:
            self._is_reading = False
            self._end()
        if self._exchange.failure:
            raise TransportError(self._exchange.failure)

    async def close(self, code: int | None) -> None:
        """Close with ``code``, or abort if it is None. Returns when the socket is closed, in bounded time."""
        try:
            if code is not None:
                self._is_ending = True
                self._exchange.close(code)
                with suppress(TransportError, TimeoutError):
                    async with self._backend.timeout(CLOSE_TIMEOUT):
                        await self._flush()
                        await self._until_over()
        finally:
            self._end()
            await self._stream.close()

    async def _until_over(self) -> None:
        if self._is_reading:
            await self._over.wait()
        else:
            async for _ in self.messages():
                pass

    async def _read(self) -> None:
        with suppress(TransportError):  # what the server sent before the connection broke is still to be read
            await self._flush()  # pongs
        self._is_heard = False
        self._exchange.receive_data(await self._stream.receive())

    async def _linger(self) -> None:
        """Give the server time to read our close frame, and to close TCP first (RFC 6455 s.7.1.1).

        Some servers never close. And the network discards what it has not delivered yet when a socket is closed on
        which data arrives (RFC 2525 s.2.17).
        """
        self._is_ending = True
        with suppress(TransportError, TimeoutError):
            async with self._backend.timeout(CLOSE_GRACE):
                await self._flush()
                while await self._stream.receive():
                    pass

    async def _flush(self) -> None:
        """Write what the exchange has to send. A peer that does not read holds up those who write, and the reader.

        So a server that only sends pings cannot make pongs pile up: nothing is read while a pong cannot be written.
        """
        while self._is_writing:
            await self._written.wait()
        if self._is_broken:
            raise TransportError("nothing can be sent: the WebSocket is broken")
        data = self._exchange.data_to_send()
        if not data:
            return
        self._is_writing = True
        try:
            await self._stream.send(data)
        except BaseException:
            self._is_broken = self._is_ending = True
            raise
        finally:
            self._is_writing = False
            self._written.set()

    def _pinged(self) -> None:
        """Tell of one ping for each read: more of them say nothing more, and each costs an input of the engine."""
        if self.on_ping is not None and not self._is_heard:
            self._is_heard = True
            self.on_ping()

    def _ponged(self, payload: bytes) -> None:
        """A pong also answers the pings before its own: the server may omit theirs (RFC 6455 s.5.5.3)."""
        if payload not in self._pongs:
            return
        for earlier in list(self._pongs):
            self._pongs.pop(earlier).set()
            if earlier == payload:
                break

    def _end(self) -> None:
        self._is_ending = True
        self._over.set()
        for waiting in self._pongs.values():
            waiting.set()


async def connect(backend: Backend, network: Network, url: str, subprotocols: tuple[str, ...]) -> StreamWebSocket:
    """Open a WebSocket in bounded time. It follows no redirect, because the ticket is for this address only."""
    exchange = WebSocketExchange(Connect(ConnectionId(0), url, subprotocols), backend.entropy)
    try:
        async with backend.timeout(CONNECT_TIMEOUT):
            return await _open(backend, network, exchange)
    except TimeoutError:
        raise TransportError(
            f"the WebSocket could not be opened within {CONNECT_TIMEOUT:g} s: the server is slow or gone; try again"
        ) from None


async def _open(backend: Backend, network: Network, exchange: WebSocketExchange) -> StreamWebSocket:
    origin = exchange.origin
    proxy = network.proxy(origin)
    first = origin if proxy is None else proxy.origin
    stream = await network.open(first.host, first.port)
    try:
        if first.tls:
            await stream.start_tls(first.host)
        if proxy is not None:
            await open_tunnel(stream, origin, proxy)
            if origin.tls:
                await stream.start_tls(origin.host)
        socket = StreamWebSocket(backend, stream, exchange)
        await socket.open()
    except BaseException:
        await backend.shielded(stream.close())
        raise
    return socket
