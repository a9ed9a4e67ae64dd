"""A conference on plain sockets, sans-IO: its HTTP requests and its WebSocket as the bytes of TCP connections.

`Wire` is an engine around the client engine, as `m3core.controller.front` is around that of the server, with the
contract of `m3core.io`. Its driver opens sockets, moves bytes, and sleeps until the deadline. It needs no HTTP or
WebSocket library: h11 and wsproto do that part without I/O. See docs/embedding.md.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import NewType, TypeAlias

from attrs import define, field, frozen

from m3core.conference.engine import Conference
from m3core.conference.http import HttpExchange, Opened, Origin, Refused, WebSocketExchange
from m3core.conference.outbox import Output
from m3core.conference.state import Phase
from m3core.errors import LocalProtocolError, TransportError
from m3core.frames import NEED_DATA, PingReceived, PongReceived, TextReceived
from m3core.io import (
    Authorization,
    CallDone,
    Close,
    Connect,
    ConnectionId,
    HttpRequest,
    MediaCommand,
    Notify,
    Ping,
    RequestId,
    SendText,
)
from m3core.limits import CLOSE_TIMEOUT, REQUEST_TIMEOUT

SocketId = NewType("SocketId", int)
"""One TCP connection. Never used twice."""


@frozen
class Open:
    """Open a TCP connection, with TLS if ``origin`` says so (and then check the certificate for its host).

    Report one that cannot be opened by `Wire.socket_lost`. A `Write` follows at once: keep it until the socket is open.
    """

    socket: SocketId
    origin: Origin


@frozen
class Write:
    """Write ``data``, in order. Do not wait until it is written: the next output may be for another socket."""

    socket: SocketId
    data: bytes = field(repr=lambda data: f"<{len(data)}>")


@frozen
class Shut:
    """Close the socket once all is written, or with ``abort`` at once.

    No output for it follows, and none of its data, nor its end, needs to be reported.
    """

    socket: SocketId
    abort: bool


WireOutput: TypeAlias = Open | Write | Shut | HttpRequest | MediaCommand | Notify | CallDone
"""An `HttpRequest` is an output only if it needs an account. Its response goes to `Conference.http_response`."""


@define(eq=False)
class _Request:
    """A socket that carries a request."""

    request: RequestId
    exchange: HttpExchange
    deadline: float


@define(eq=False)
class _WebSocket:
    """A socket that carries a WebSocket."""

    connection: ConnectionId
    exchange: WebSocketExchange
    deadline: float | None = None
    """When a close that the server does not answer becomes an abort."""


class Wire:
    """The bytes of ``conference``. Give commands to the conference itself, and drain the `outputs` of this object then.

    ``entropy`` gives that many random bytes, new ones for each call (`os.urandom`), for the masks of WebSocket frames
    (RFC 6455 s.5.3). Data of sockets that are shut, lost or unknown is ignored.
    """

    def __init__(self, conference: Conference, *, entropy: Callable[[int], bytes]) -> None:
        self.conference = conference
        self._entropy = entropy
        self._sockets: dict[SocketId, _Request | _WebSocket] = {}
        self._last = 0
        self._queue: deque[WireOutput] = deque()
        self._later: deque[Callable[[float], None]] = deque()
        """Inputs of the conference that performing its outputs led to. Each waits until the conference is drained."""

    # -- the contract ---
    def outputs(self) -> Iterator[WireOutput]:
        """The outputs to perform, in order. Drain them after every input, also after those of the conference."""
        self._settle()
        while self._queue:
            yield self._queue.popleft()

    @property
    def deadline(self) -> float | None:
        """When to call `advance`; ``None`` if nothing is due at any time."""
        deadlines = [socket.deadline for socket in self._sockets.values()]
        return min((at for at in (self.conference.deadline, *deadlines) if at is not None), default=None)

    @property
    def is_over(self) -> bool:
        """Whether the conference has ended and every socket was shut or lost: the driver can stop."""
        return self.conference.phase is Phase.ENDED and not self._sockets

    # -- inputs ---
    def data_received(self, socket: SocketId, data: bytes, now: float) -> None:
        """Bytes from the server came; ``b""`` when it has closed its side."""
        self._begin()
        entry = self._sockets.get(socket)
        if isinstance(entry, _Request):
            self._receive_response(socket, entry, data, now)
        elif entry is not None:
            entry.exchange.receive_data(data)
            self._read(socket, entry, now)
        self._settle()

    def socket_lost(self, socket: SocketId, now: float) -> None:
        """The socket is closed or could not be opened. No `Shut` for it follows."""
        self._begin()
        entry = self._sockets.pop(socket, None)
        if isinstance(entry, _Request):
            error = TransportError("the controller could not be reached, or hung up")
            self.conference.http_failed(entry.request, error, now)
        elif entry is not None:
            self.conference.connection_lost(entry.connection, now)
        self._settle()

    def advance(self, now: float) -> None:
        """Do what is due at ``now``; call it at `deadline`."""
        self._begin()
        while (socket := self._due(now)) is not None:
            entry = self._shut(socket, abort=True)
            if isinstance(entry, _Request):
                self.conference.http_failed(entry.request, TransportError("the controller did not answer"), now)
            else:
                self.conference.connection_lost(entry.connection, now)
            self._collect()
        self.conference.advance(now)
        self._settle()

    def _due(self, now: float) -> SocketId | None:
        deadlines = ((number, entry.deadline) for number, entry in self._sockets.items())
        return next((number for number, deadline in deadlines if deadline is not None and deadline <= now), None)

    def _begin(self) -> None:
        if self._queue:
            raise LocalProtocolError("drain the outputs of an input before the next one")
        self._collect()  # commands that the user gave to the conference itself may have left outputs

    # -- from the server ---
    def _receive_response(self, socket: SocketId, entry: _Request, data: bytes, now: float) -> None:
        try:
            response = entry.exchange.receive_data(data)
        except TransportError as error:
            self._shut(socket, abort=True)
            self.conference.http_failed(entry.request, error, now)
        else:
            if response is not None:
                self._shut(socket, abort=False)
                self.conference.http_response(entry.request, response, now)

    def _read(self, socket: SocketId, entry: _WebSocket, now: float) -> None:
        """Give the conference all events that one piece of data held."""
        conference, connection = self.conference, entry.connection
        while socket in self._sockets and (event := entry.exchange.next_event()) is not NEED_DATA:
            self._flush(socket, entry)
            match event:
                case Opened():
                    conference.connected(connection, now)
                case TextReceived(data):
                    conference.receive_text(connection, data, now)
                case PingReceived():
                    conference.pinged(connection, now)
                case PongReceived(payload):
                    conference.pong(connection, payload, now)
                case Refused(response):
                    self._shut(socket, abort=False)
                    conference.connect_refused(connection, response.status, response.body, now, response.headers)
                case _:
                    self._shut(socket, abort=entry.exchange.dropped)
                    conference.connection_lost(connection, now, code=event.code, reason=entry.exchange.failure)
            self._collect()
        if socket in self._sockets:
            self._flush(socket, entry)

    # -- to the server ---
    def _settle(self) -> None:
        """Perform the outputs of the conference, and the inputs that they lead to, until there are none."""
        self._collect()
        while self._later:
            self._later.popleft()(self.conference.now)
            self._collect()
        if self.conference.phase is Phase.ENDED:
            for socket, entry in list(self._sockets.items()):
                if isinstance(entry, _Request):  # the conference ignores its response
                    self._shut(socket, abort=True)

    def _collect(self) -> None:
        for output in self.conference.outputs():
            self._perform(output)

    def _perform(self, output: Output) -> None:
        match output:
            case HttpRequest(authorization=Authorization.ACCOUNT):
                self._queue.append(output)
            case HttpRequest() | Connect():
                self._open(output)
            case SendText(connections=connections):
                self._perform_on(connections, output)
            case Ping(connection=connection) | Close(connection=connection):
                self._perform_on((connection,), output)
            case _:
                self._queue.append(output)

    def _open(self, wanted: HttpRequest | Connect) -> None:
        conference = self.conference
        entry: _Request | _WebSocket
        try:
            if isinstance(wanted, HttpRequest):
                entry = _Request(wanted.id, HttpExchange.of(wanted), conference.now + REQUEST_TIMEOUT)
            else:
                entry = _WebSocket(wanted.connection, WebSocketExchange(wanted, self._entropy))
        except TransportError as error:
            if isinstance(wanted, HttpRequest):
                self._later.append(partial(conference.http_failed, wanted.id, error))
            else:
                self._later.append(partial(conference.connection_lost, wanted.connection))
            return
        self._last += 1
        socket = SocketId(self._last)
        self._sockets[socket] = entry
        self._queue.append(Open(socket, entry.exchange.origin))
        self._queue.append(Write(socket, entry.exchange.data_to_send()))

    def _perform_on(self, connections: tuple[ConnectionId, ...], output: SendText | Ping | Close) -> None:
        for socket, entry in list(self._sockets.items()):
            if not isinstance(entry, _WebSocket) or entry.connection not in connections:
                continue
            match output:
                case SendText(data=data):
                    entry.exchange.send_text(data)
                case Ping(payload=payload):
                    entry.exchange.ping(payload)
                case _:
                    self._close(socket, entry, output.code)
            self._flush(socket, entry)

    def _close(self, socket: SocketId, entry: _WebSocket, code: int | None) -> None:
        if code is None:
            self._shut(socket, abort=True)
        elif entry.exchange.is_open:
            entry.exchange.close(code)
            entry.deadline = self.conference.now + CLOSE_TIMEOUT
            self._flush(socket, entry)
        else:  # before the handshake has succeeded there is no close frame
            self._shut(socket, abort=True)
            self._later.append(partial(self.conference.connection_lost, entry.connection))

    def _flush(self, socket: SocketId, entry: _WebSocket) -> None:
        if data := entry.exchange.data_to_send():
            self._queue.append(Write(socket, data))

    def _shut(self, socket: SocketId, *, abort: bool) -> _Request | _WebSocket:
        self._queue.append(Shut(socket, abort))
        return self._sockets.pop(socket)
