"""The server's front: bytes of many TCP connections become inputs of the controller, and its outputs become bytes.

An engine like all others (`m3core.io`): a socket server feeds it and performs its outputs. It owns connections, HTTP
requests in flight and their timers; it knows nothing of rooms.

The project has a front of its own because ASGI servers hide pings, pongs and aborts from their applications, and the
heartbeat of the protocol needs all three (signaling.md § 2).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias

from attrs import define, field, frozen

from m3core.controller.http import (
    NEED_DATA,
    Closed,
    ConnectionEvent,
    HttpConnection,
    Phase,
    PongReceived,
    Requested,
    TextReceived,
    WebSocketRequested,
    frame_text,
)
from m3core.controller.sfu import SfuCommand
from m3core.io import (
    Accept,
    Close,
    ConnectionId,
    Headers,
    HttpReply,
    MediaReport,
    Notify,
    Ping,
    Reject,
    RequestId,
    SendText,
)
from m3core.limits import CLOSE_TIMEOUT, HTTP_TIMEOUT, MAX_CONNECTIONS

ControllerOutput: TypeAlias = HttpReply | Accept | Reject | SendText | Ping | Close | SfuCommand | Notify


class ControllerEngine(Protocol):
    """What the front needs of a controller: an engine of whole requests and messages."""

    @property
    def deadline(self) -> float | None:
        """When `advance` is due; None: not at all."""

    def http_request(
        self, request: RequestId, method: str, target: str, headers: Headers, body: bytes, now: float, /
    ) -> None:
        """A REST request; answer with `HttpReply(request)`."""

    def websocket_requested(self, connection: ConnectionId, target: str, headers: Headers, now: float, /) -> None:
        """A WebSocket handshake; answer with `Accept` or `Reject`."""

    def receive_text(self, connection: ConnectionId, data: bytes, now: float, /) -> None:
        """One message of an accepted WebSocket."""

    def pong(self, connection: ConnectionId, payload: bytes, now: float, /) -> None:
        """The answer to a ping."""

    def connection_lost(self, connection: ConnectionId, now: float, code: int | None = None, /) -> None:
        """The WebSocket is over, whoever ended it. Called once, but not after a `Reject`."""

    def sfu_report(self, report: MediaReport, now: float, /) -> None:
        """A report of the media server."""

    def advance(self, now: float, /) -> None:
        """Time has passed."""

    def shut_down(self, now: float, /) -> None:
        """The server stops: end all sessions."""

    def outputs(self) -> Iterable[ControllerOutput]:
        """All outputs since the last call, in order. They must be taken before the next input."""


@frozen
class Write:
    """Write ``data`` to each of ``connections``."""

    connections: tuple[ConnectionId, ...]
    data: bytes = field(repr=lambda data: f"<{len(data)}>")


@frozen
class Shut:
    """Close the TCP connection once all is written, or with ``abort`` at once. No output for it follows."""

    connection: ConnectionId
    abort: bool


FrontOutput: TypeAlias = Write | Shut | SfuCommand | Notify


@define(eq=False)
class _Socket:
    http: HttpConnection = field(factory=HttpConnection)
    request: RequestId | None = None
    """The request that the controller has not answered yet."""
    is_websocket: bool = False
    """The controller knows of this connection, and expects `connection_lost` for it."""
    timed: tuple[Phase, int] | None = None
    """The phase and the cycle of ``http`` for which ``deadline`` was set."""
    deadline: float | None = None
    alarm: float | None = None
    """When its entry among the alarms is due: no later than the deadline."""


class Front:
    """The sans-IO server in front of ``controller``: `Write` and `Shut` are for sockets, other outputs are passed on.

    Data of connections that are shut, lost or unknown is ignored.
    """

    def __init__(self, controller: ControllerEngine, *, max_connections: int = MAX_CONNECTIONS) -> None:
        self._controller = controller
        self._max_connections = max_connections
        self._sockets: dict[ConnectionId, _Socket] = {}
        self._requests: dict[RequestId, ConnectionId] = {}
        self._last_request = 0
        self._alarms: list[tuple[float, ConnectionId]] = []
        self._ready: dict[ConnectionId, None] = {}
        """Connections whose state may have changed, in order; a dictionary, so that each stands here once."""
        self._outputs: list[FrontOutput] = []

    @property
    def connections(self) -> int:
        """How many TCP connections are open."""
        return len(self._sockets)

    @property
    def deadline(self) -> float | None:
        """When to call `advance`; None: not at all. It may be too early, and is never too late."""
        own = self._alarms[0][0] if self._alarms else None
        other = self._controller.deadline
        if own is None or other is None:
            return other if own is None else own
        return min(own, other)

    def outputs(self) -> Iterator[FrontOutput]:
        """All outputs since the last call, in order."""
        outputs, self._outputs = self._outputs, []
        return iter(outputs)

    # -- inputs ---
    def connection_made(self, connection: ConnectionId, now: float) -> None:
        """A client has connected. ``connection`` is a number that was never used before."""
        if len(self._sockets) >= self._max_connections:
            # Without an answer: beyond the limit a connection may cost nothing more (docs/limits.md).
            self._outputs.append(Shut(connection, abort=True))
            return
        self._sockets[connection] = _Socket()
        self._ready[connection] = None
        self._settle(now)

    def data_received(self, connection: ConnectionId, data: bytes, now: float) -> None:
        """Bytes from a client; empty bytes mean that it has closed its side."""
        socket = self._sockets.get(connection)
        if socket is not None:
            socket.http.receive_data(data)
            self._ready[connection] = None
            self._settle(now)

    def connection_lost(self, connection: ConnectionId, now: float) -> None:
        """The TCP connection is gone, or its reader was too slow. No `Shut` follows."""
        socket = self._sockets.pop(connection, None)
        if socket is not None:
            self._forget(connection, socket, now, None)
            self._settle(now)

    def sfu_report(self, report: MediaReport, now: float) -> None:
        """A report of the media server."""
        self._controller.sfu_report(report, now)
        self._perform_all()
        self._settle(now)

    def shut_down(self, now: float) -> None:
        """The server stops: the controller ends its sessions. HTTP connections are left to who drives the front."""
        self._controller.shut_down(now)
        self._perform_all()
        self._settle(now)

    def advance(self, now: float) -> None:
        """Time has passed: end connections that took too long, and let the controller do what is due."""
        while self._alarms and self._alarms[0][0] <= now:
            due, connection = heapq.heappop(self._alarms)
            socket = self._sockets.get(connection)
            if socket is None or socket.alarm != due:
                continue
            socket.alarm = None
            if socket.deadline is not None and socket.deadline <= now:
                socket.http.expire()
            self._ready[connection] = None  # also where the deadline has moved: `_arm` sets the next alarm
        self._controller.advance(now)
        self._perform_all()
        self._settle(now)

    # -- the way in ---
    def _settle(self, now: float) -> None:
        """Pass events of connections on to the controller until no connection has any.

        The controller takes one input at a time, so its outputs are performed after each. That may change further
        connections, which then are ready as well.
        """
        while self._ready:
            connection = next(iter(self._ready))
            del self._ready[connection]
            socket = self._sockets.get(connection)
            if socket is None:
                continue
            while (event := socket.http.next_event()) is not NEED_DATA:
                # First what the connection answers by itself (a pong, a close frame), then what the controller does
                # about the event: the peer sees both in the order in which they came to be.
                self._flush(connection, socket)
                self._deliver(connection, socket, event, now)
            self._flush(connection, socket)
            if socket.http.phase is Phase.DONE:
                del self._sockets[connection]
                self._outputs.append(Shut(connection, abort=socket.http.dropped))
                self._forget(connection, socket, now, None)
            else:
                self._arm(connection, socket, now)

    def _deliver(self, connection: ConnectionId, socket: _Socket, event: ConnectionEvent, now: float) -> None:
        controller = self._controller
        match event:
            case TextReceived(data):
                controller.receive_text(connection, data, now)
            case PongReceived(payload):
                controller.pong(connection, payload, now)
            case Requested(method, target, headers, body):
                self._last_request += 1
                socket.request = RequestId(self._last_request)
                self._requests[socket.request] = connection
                controller.http_request(socket.request, method, target, headers, body, now)
            case WebSocketRequested(target, headers):
                socket.is_websocket = True
                controller.websocket_requested(connection, target, headers, now)
            case Closed(code):
                self._forget(connection, socket, now, code)
        self._perform_all()

    def _forget(self, connection: ConnectionId, socket: _Socket, now: float, code: int | None) -> None:
        if socket.request is not None:
            self._requests.pop(socket.request, None)
        if socket.is_websocket:
            socket.is_websocket = False  # `Closed` may come before the TCP connection is gone: the loss is told once
            self._controller.connection_lost(connection, now, code)
            self._perform_all()

    def _arm(self, connection: ConnectionId, socket: _Socket, now: float) -> None:
        """Set the deadline anew when the connection begins to wait for something else.

        More bytes of the same request do not move it: a client that sends one byte a second has to be done in time.
        """
        timed = (socket.http.phase, socket.http.cycle)
        if timed != socket.timed:
            socket.timed = timed
            match socket.http.phase:
                case Phase.IDLE | Phase.READING:
                    socket.deadline = now + HTTP_TIMEOUT
                case Phase.CLOSING:
                    socket.deadline = now + CLOSE_TIMEOUT
                case _:
                    # An open WebSocket has the heartbeat of the controller (signaling.md § 2). An answer is ours.
                    socket.deadline = None
        # An alarm that is due early is cheaper than moving it: a connection that is used often would move it each time.
        if socket.deadline is not None and (socket.alarm is None or socket.deadline < socket.alarm):
            socket.alarm = socket.deadline
            heapq.heappush(self._alarms, (socket.deadline, connection))
            if len(self._alarms) > 2 * len(self._sockets) + 64:  # most are of connections that are gone
                alarms = [(known.alarm, number) for number, known in self._sockets.items() if known.alarm is not None]
                heapq.heapify(alarms)
                self._alarms = alarms

    # -- the way out ---
    def _perform_all(self) -> None:
        for output in self._controller.outputs():
            self._perform(output)

    def _perform(self, output: ControllerOutput) -> None:
        match output:
            case SendText(connections, data):
                sockets, is_open = self._sockets, Phase.OPEN  # local names: this runs once for each receiver
                receivers = tuple(
                    [
                        each
                        for each in connections
                        if (known := sockets.get(each)) is not None and known.http.phase is is_open
                    ]
                )
                if receivers:
                    # Framed once: frames of a server are not masked, and so the same for all (RFC 6455 s.5.1).
                    self._outputs.append(Write(receivers, frame_text(data)))
            case HttpReply(request, response):
                connection = self._requests.pop(request, None)
                if connection is not None:
                    socket = self._sockets[connection]
                    socket.request = None
                    socket.http.reply(response)
                    self._touched(connection, socket)
            case Accept(connection) | Reject(connection) | Ping(connection) | Close(connection):
                if (known := self._sockets.get(connection)) is not None and known.is_websocket:
                    self._perform_on(known, output)
                    self._touched(connection, known)
            case _:
                self._outputs.append(output)

    def _perform_on(self, socket: _Socket, output: Accept | Reject | Ping | Close) -> None:
        match output:
            case Accept(_, subprotocol):
                socket.http.accept(subprotocol)
            case Reject(_, response) if socket.http.phase is Phase.ANSWERING:
                socket.is_websocket = False  # it never was one, and the controller expects no `connection_lost`
                socket.http.reject(response)
            case Reject():
                pass  # too late: the WebSocket is open
            case Ping(_, payload):
                socket.http.ping(payload)
            case _:
                socket.http.close(output.code)

    def _touched(self, connection: ConnectionId, socket: _Socket) -> None:
        self._flush(connection, socket)
        self._ready[connection] = None

    def _flush(self, connection: ConnectionId, socket: _Socket) -> None:
        if data := socket.http.data_to_send():
            self._outputs.append(Write((connection,), data))
