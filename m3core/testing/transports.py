"""Transports for tests: `Recorder` records a transcript, `Replay` plays it back, `Faulty` fails at a chosen operation.

All implement `m3core.client.transports`, for any event loop: pass the object as ``http`` and its ``connect`` to `join`
or `Account`. A transcript holds tickets and tokens, and must not leave the tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from attrs import define, field, frozen

from m3core.client.loop import Backend, Signal
from m3core.client.transports import (
    HttpTransport,
    WebSocket,
    WebSocketConnect,
    WebSocketRefused,
    WrappedWebSocket,
)
from m3core.errors import TransportError
from m3core.io import HttpRequest, HttpResponse
from m3core.strict_json import read


@frozen
class Exchange:
    """One HTTP request with its response; None: the request failed."""

    method: str
    url: str
    body: bytes
    response: HttpResponse | None


@frozen
class Sent:
    """A message from the client."""

    data: bytes


@frozen
class Received:
    """A message from the server."""

    data: bytes


@frozen
class Closed:
    """The client closed the connection with ``code``; None: it aborted the connection."""

    code: int | None


Entry = Sent | Received | Closed


@define
class Line:
    """One WebSocket: its address and subprotocols, and its messages in order. ``refused``: the HTTP status, if any."""

    url: str
    subprotocols: tuple[str, ...]
    refused: int | None = None
    entries: list[Entry] = field(factory=list)
    close_code: int | None = None
    """The code of the server's close frame."""

    @property
    def sent(self) -> tuple[bytes, ...]:
        """The messages of the client, in order."""
        return tuple(entry.data for entry in self.entries if isinstance(entry, Sent))

    @property
    def received(self) -> tuple[bytes, ...]:
        """The messages of the server, in order."""
        return tuple(entry.data for entry in self.entries if isinstance(entry, Received))


@define
class Transcript:
    """Everything that a client sent and received. Concurrent requests may end in any order."""

    exchanges: list[Exchange] = field(factory=list)
    lines: list[Line] = field(factory=list)


class Recorder:
    """Passes everything on to other transports, and records it in ``transcript``."""

    def __init__(self, http: HttpTransport, connect: WebSocketConnect) -> None:
        self.transcript = Transcript()
        self._http = http
        self._connect = connect

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Perform and record a request."""
        try:
            response = await self._http.request(request)
        except TransportError:
            self.transcript.exchanges.append(Exchange(request.method, request.url, request.body, None))
            raise
        self.transcript.exchanges.append(Exchange(request.method, request.url, request.body, response))
        return response

    async def aclose(self) -> None:
        """Close the transport below."""
        await self._http.aclose()

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        """Open a WebSocket whose messages are recorded."""
        line = Line(url, subprotocols)
        self.transcript.lines.append(line)
        try:
            return _RecordedSocket(await self._connect(url, subprotocols), line)
        except WebSocketRefused as refused:
            line.refused = refused.status
            raise


class _RecordedSocket(WrappedWebSocket):
    def __init__(self, socket: WebSocket, line: Line) -> None:
        super().__init__(socket)
        self._line = line

    @property
    def close_code(self) -> int | None:
        self._line.close_code = super().close_code
        return self._line.close_code

    async def send(self, data: bytes) -> None:
        self._line.entries.append(Sent(data))
        await super().send(data)

    async def messages(self) -> AsyncIterator[bytes]:
        async for data in super().messages():
            self._line.entries.append(Received(data))
            yield data

    async def close(self, code: int | None) -> None:
        self._line.entries.append(Closed(code))
        await super().close(code)


class Replay:
    """Plays a transcript back: each message of the server comes after the client has sent what was sent before it.

    ``mismatches`` lists what the client sent that is not in the transcript; sending it raises `TransportError`.
    ``silent`` lists what the client has not sent yet.
    """

    def __init__(self, backend: Backend, transcript: Transcript) -> None:
        self.mismatches: list[str] = []
        self.open = 0
        """How many connections are open."""
        self._backend = backend
        self._exchanges = list(transcript.exchanges)
        self._lines = list(transcript.lines)
        self._sockets: list[_ReplayedSocket] = []

    @property
    def silent(self) -> list[str]:
        """What the client has not sent, although it is in the transcript."""
        unsaid = [f"{one.method} {one.url}" for one in self._exchanges] + [line.url for line in self._lines]
        return unsaid + [f"{entry}" for socket in self._sockets for entry in socket.unsaid()]

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Answer as in the transcript."""
        await self._backend.checkpoint()
        for exchange in self._exchanges:
            if (exchange.method, exchange.url, exchange.body) == (request.method, request.url, request.body):
                self._exchanges.remove(exchange)
                if exchange.response is None:
                    raise TransportError("the transcript has no answer")
                return exchange.response
        self.mismatches.append(f"{request.method} {request.url}")
        raise TransportError("not in the transcript")

    async def aclose(self) -> None:
        """Does nothing: there are no connections."""

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        """Open a WebSocket, or refuse it, as in the transcript."""
        await self._backend.checkpoint()
        if not self._lines or (self._lines[0].url, self._lines[0].subprotocols) != (url, subprotocols):
            self.mismatches.append(url)
            raise TransportError("not in the transcript")
        line = self._lines.pop(0)
        if line.refused is not None:
            raise WebSocketRefused(line.refused, b"{}")
        socket = _ReplayedSocket(self, self._backend, line)
        self._sockets.append(socket)
        self.open += 1
        return socket


class _ReplayedSocket:
    def __init__(self, replay: Replay, backend: Backend, line: Line) -> None:
        self.on_ping: Callable[[], None] | None = None
        self._replay = replay
        self._backend = backend
        self._line = line
        self._entries = list(line.entries)
        self._changed = Signal(backend)
        self._is_closed = False

    def unsaid(self) -> list[Entry]:
        """What was sent in the transcript, and has not been sent here."""
        return [entry for entry in self._entries if isinstance(entry, Sent)]

    @property
    def close_code(self) -> int | None:
        return self._line.close_code

    async def send(self, data: bytes) -> None:
        await self._backend.checkpoint()
        expected = next((entry for entry in self._entries if isinstance(entry, Sent)), None)
        if expected is None or read(expected.data) != read(data):
            self._replay.mismatches.append(data.decode())
            raise TransportError("not in the transcript")
        self._entries.remove(expected)
        self._changed.set()

    async def ping(self, payload: bytes) -> None:
        del payload
        await self._backend.checkpoint()

    async def messages(self) -> AsyncIterator[bytes]:
        while not self._is_closed:
            await self._backend.checkpoint()
            entry = self._entries[0] if self._entries else Closed(None)
            if isinstance(entry, Received):
                self._entries.pop(0)
                yield entry.data
            elif self._entries == [] and self._line.close_code is not None and not self._ends_by_client():
                return
            else:
                await self._changed.wait()

    def _ends_by_client(self) -> bool:
        return any(isinstance(entry, Closed) and entry.code is not None for entry in self._line.entries)

    async def close(self, code: int | None) -> None:
        del code
        if not self._is_closed:
            self._is_closed = True
            self._replay.open -= 1
            self._entries = [entry for entry in self._entries if isinstance(entry, Sent)]
            self._changed.set()
        await self._backend.checkpoint()


class Faulty:
    """Passes ``after`` operations on to other transports; all later ones fail with `TransportError`.

    An operation is a request, a connect, a send, a ping, or a message that arrives. ``done`` counts them.
    """

    def __init__(self, http: HttpTransport, connect: WebSocketConnect, *, after: int) -> None:
        self.done = 0
        self._http = http
        self._connect = connect
        self._after = after

    def step(self) -> None:
        """Count one operation. Raises `TransportError` when it is one too many."""
        if self.done >= self._after:
            raise TransportError("the cable is cut")
        self.done += 1

    async def request(self, request: HttpRequest) -> HttpResponse:
        self.step()
        return await self._http.request(request)

    async def aclose(self) -> None:
        """Close the transport below."""
        await self._http.aclose()

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        """Open a WebSocket that fails later, or fail now."""
        self.step()
        return _FaultySocket(self, await self._connect(url, subprotocols))


class _FaultySocket(WrappedWebSocket):
    def __init__(self, faulty: Faulty, socket: WebSocket) -> None:
        super().__init__(socket)
        self._faulty = faulty

    async def send(self, data: bytes) -> None:
        await self._step()
        await super().send(data)

    async def ping(self, payload: bytes) -> None:
        await self._step()
        await super().ping(payload)

    async def _step(self) -> None:
        try:
            self._faulty.step()
        except TransportError:
            await self.close(None)  # the reader notices the loss, as with a real WebSocket
            raise

    async def messages(self) -> AsyncIterator[bytes]:
        async for data in super().messages():
            try:
                await self._step()
            except TransportError:
                continue  # messages that still arrive are lost
            yield data
