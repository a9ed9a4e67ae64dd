"""The server's front: bytes of many TCP connections become inputs of the controller, and its outputs become bytes.

An engine like all others (`m3core.io`): a socket server feeds it and performs its outputs. It owns connections, HTTP
requests in flight and their timers; it knows nothing of rooms.

The project has a front of its own because ASGI servers hide pings, pongs and aborts from their applications, and the
heartbeat of the protocol needs all three (signaling.md § 2).

Connections take turns. A turn reads a bounded number of events and bytes of one connection. What is left waits here,
and the deadline of the front is due at once. So its driver can serve other sockets before it calls `Front.advance`,
which gives the next connection in the queue its turn. If a client sends faster than it gets turns, the driver reads
nothing from it for a while (`Pause`), so that TCP slows the client down.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

from attrs import define, field

from m3core.controller.addresses import TrustedProxies
from m3core.controller.budget import Budget
from m3core.controller.front_port import (
    ControllerEngine,
    ControllerOutput,
    FrontOutput,
    HalfClose,
    Pause,
    Resume,
    Shut,
    Write,
)
from m3core.controller.http import (
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
from m3core.controller.proxy_protocol import ProxyPreface
from m3core.errors import RemoteProtocolError
from m3core.io import (
    Accept,
    Close,
    ConnectionId,
    HttpReply,
    MediaReport,
    Ping,
    Reject,
    RequestId,
    SendText,
)
from m3core.limits import (
    CLOSE_TIMEOUT,
    HTTP_TIMEOUT,
    MAX_CONNECTIONS,
    MAX_READ_AHEAD,
    TURN_BYTES,
    TURN_EVENTS,
    TURN_WRITES,
)

_HTTP_PIECE = 4 << 10
"""Bytes that `HttpConnection` gets at once before it is a WebSocket: as many are read in vain at most if it refuses."""


@define(eq=False)
class _Socket:
    address: str
    """The address of the client, or of the last HTTP proxy before us; empty if it is not known."""
    preface: ProxyPreface | None
    """Takes the bytes before the first request, on a connection of a trusted proxy."""
    has_many_clients: bool
    """A trusted HTTP proxy sends the requests of all its clients here: each has the budget of its own address."""
    budget: Budget
    """For work that the controller does not charge: HTTP, and a WebSocket that it has dismissed."""
    http: HttpConnection = field(factory=HttpConnection)
    waiting: bytearray = field(factory=bytearray)
    """Bytes of the client that ``http`` has not got yet."""
    has_ended: bool = False
    """The client has closed its side; ``http`` learns of it after what waits."""
    steps: int = 0
    size: int = 0
    writes: int = 0
    """What the current turn has cost: pieces that were read, bytes that ``http`` got, writes that they caused."""
    is_paused: bool = False
    request: RequestId | None = None
    """The request that the controller has not answered yet."""
    is_half_closed: bool = False
    is_websocket: bool = False
    """The controller knows of this connection, and expects `connection_lost` for it."""
    timed: tuple[Phase, int] | None = None
    """The phase and the cycle of ``http`` for which ``deadline`` was set."""
    deadline: float | None = None
    alarm: float | None = None
    """When its entry among the alarms is due: no later than the deadline."""

    @property
    def is_over(self) -> bool:
        """Whether the turn has reached a limit, apart from that of bytes."""
        return self.steps >= TURN_EVENTS or self.writes >= TURN_WRITES

    @property
    def is_half_over(self) -> bool:
        """Whether the turn has reached half of a limit."""
        return 2 * self.steps > TURN_EVENTS or 2 * self.writes > TURN_WRITES or 2 * self.size > TURN_BYTES

    def begin_turn(self) -> None:
        """Begin another turn. Of the bytes that ``http`` got, it may not have read the last ones."""
        self.size = self.size if self.is_over else 0
        self.steps = self.writes = 0


class Front:
    """The sans-IO server in front of ``controller``.

    `Write`, `Shut`, `Pause` and `Resume` are for sockets, other outputs are passed on.
    Data of connections that are shut, lost or unknown is ignored.
    """

    def __init__(
        self,
        controller: ControllerEngine,
        *,
        max_connections: int = MAX_CONNECTIONS,
        trusted_proxies: tuple[str, ...] = (),
    ) -> None:
        self._controller = controller
        self._proxies = TrustedProxies(trusted_proxies)
        self._max_connections = max_connections
        self._sockets: dict[ConnectionId, _Socket] = {}
        self._requests: dict[RequestId, ConnectionId] = {}
        self._last_request = 0
        self._alarms: list[tuple[float, ConnectionId]] = []
        self._ready: dict[ConnectionId, None] = {}
        """Connections whose state may have changed, in order; a dictionary, so that each stands here once."""
        self._queue: dict[ConnectionId, None] = {}
        """Connections that have used up their turn and may have more to read; the first is the next one."""
        self._spent: set[ConnectionId] = set()
        """Connections with nothing more to read that have used up half of a turn; `advance` begins another."""
        self._queued_at = 0.0
        self._written = 0
        """Writes to connections that the current event has caused."""
        self._outputs: list[FrontOutput] = []

    @property
    def connections(self) -> int:
        """How many TCP connections are open."""
        return len(self._sockets)

    @property
    def deadline(self) -> float | None:
        """When to call `advance`; None: not at all. It may be too early, and is never too late."""
        if self._queue or self._spent:
            return self._queued_at
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
    def connection_made(self, connection: ConnectionId, now: float, address: str = "") -> None:
        """A client has connected from ``address``, an IP address without a port; empty: not known, as of a Unix socket.

        ``connection`` is a number that was never used before.
        """
        if len(self._sockets) >= self._max_connections:
            # Without an answer: beyond the limit a connection may cost nothing more (docs/limits.md).
            self._outputs.append(Shut(connection, abort=True))
            return
        preface = ProxyPreface() if self._proxies.trusts(address) else None
        self._sockets[connection] = _Socket(address, preface, preface is not None, Budget(now))
        self._ready[connection] = None
        self._settle(now)

    def data_received(self, connection: ConnectionId, data: bytes, now: float) -> None:
        """Bytes from a client; empty bytes mean that it has closed its side."""
        socket = self._sockets.get(connection)
        if socket is not None:
            rest = data if socket.preface is None else self._read_preface(socket, socket.preface, data)
            socket.waiting += rest
            socket.has_ended |= not data
            self._ready[connection] = None
            self._settle(now)

    def connection_lost(self, connection: ConnectionId, now: float) -> None:
        """The TCP connection is gone, or its reader was too slow. No `Shut` follows."""
        socket = self._sockets.pop(connection, None)
        if socket is not None:
            self._drop(connection)
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
        """Time has passed: end connections that took too long, let the controller do what is due, and take a turn."""
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
        for connection in self._spent:
            self._sockets[connection].begin_turn()
        self._spent.clear()
        if self._queue:  # one turn only: the driver serves other sockets before the next
            connection = next(iter(self._queue))
            del self._queue[connection]
            self._sockets[connection].begin_turn()
            self._ready[connection] = None
        self._settle(now)

    # -- the way in ---
    def _settle(self, now: float) -> None:
        """Give each connection that is ready a turn, unless it waits for its turn in the queue.

        The controller takes one input at a time, so its outputs are performed after each. That may change further
        connections, which then are ready as well.
        """
        while self._ready:
            connection = next(iter(self._ready))
            del self._ready[connection]
            socket = self._sockets.get(connection)
            if socket is None:
                continue
            if connection not in self._queue:
                self._spent.discard(connection)
                if not self._take_turn(connection, socket, now):
                    self._queue[connection] = None
                    self._queued_at = now
                elif socket.is_half_over:
                    self._spent.add(connection)
                    self._queued_at = now
            self._flush(connection, socket)
            if socket.http.phase is Phase.LINGERING and not socket.is_half_closed:
                socket.is_half_closed = True
                self._outputs.append(HalfClose(connection))
            if socket.http.phase is Phase.DONE:
                del self._sockets[connection]
                self._drop(connection)
                self._outputs.append(Shut(connection, abort=socket.http.dropped))
                self._forget(connection, socket, now, None)
            else:
                self._arm(connection, socket, now)
                self._slow_down(connection, socket)

    def _take_turn(self, connection: ConnectionId, socket: _Socket, now: float) -> bool:
        """Read what has come, within the limits of a turn. Returns False if there may be more to read.

        What comes in several pieces may share one turn: a driver can give us the next piece before it looks at the
        others. Only when it calls `advance` has it looked at them, and another turn begins.
        """
        while True:
            event = socket.http.take_event()
            if event is not None:
                # First what the connection answers by itself (a pong, a close frame), then what the controller does
                # about the event: the peer sees both in the order in which they came to be.
                self._flush(connection, socket)
                self._written = 0
                self._deliver(connection, socket, event, now)
                socket.writes += self._written
            elif socket.is_over:
                return False
            elif socket.http.step():
                socket.steps += 1
                self._charge(connection, socket, now)
            elif fed := self._feed(socket, TURN_BYTES - socket.size):
                socket.size += fed
                self._charge(connection, socket, now)
            else:
                return socket.size < TURN_BYTES or not socket.waiting

    def _drop(self, connection: ConnectionId) -> None:
        """Take a connection that is over out of the queue."""
        self._queue.pop(connection, None)
        self._spent.discard(connection)

    def _feed(self, socket: _Socket, room: int) -> int:
        """Give ``http`` the next bytes, at most ``room``. Returns how many, 1 for the end, and 0 if it gets nothing."""
        if socket.http.phase in {Phase.ANSWERING, Phase.DONE}:
            return 0  # h11 keeps bytes after a request without a limit, and copies them
        if socket.http.phase is Phase.LINGERING:
            room = len(socket.waiting)  # it is dropped, which costs nothing
        size = min(room, _HTTP_PIECE) if socket.http.phase in {Phase.IDLE, Phase.READING} else room
        if socket.waiting:
            if size <= 0:
                return 0
            data = bytes(socket.waiting[:size])
            del socket.waiting[:size]  # bytearrays drop their first bytes without copying the rest
            socket.http.receive_data(data)
            return len(data)
        if socket.has_ended:
            socket.has_ended = False
            socket.http.receive_data(b"")
            return 1
        return 0

    def _charge(self, connection: ConnectionId, socket: _Socket, now: float) -> None:
        """Charge for the work of the last step, before its event is delivered."""
        units = socket.http.take_work()
        if not units:
            return
        if socket.http.phase is Phase.OPEN:
            self._controller.charge(connection, units, now)
            self._perform_all()
        elif socket.has_many_clients and socket.http.phase is not Phase.CLOSING:
            return
        elif not socket.budget.take(now, units):
            socket.http.overload(math.ceil(socket.budget.wait(now, units)))

    def _slow_down(self, connection: ConnectionId, socket: _Socket) -> None:
        """Stop reading from a client that sends faster than it gets turns, and begin again."""
        is_full = len(socket.waiting) > MAX_READ_AHEAD
        if is_full is not socket.is_paused:
            socket.is_paused = is_full
            self._outputs.append(Pause(connection) if is_full else Resume(connection))

    def _read_preface(self, socket: _Socket, preface: ProxyPreface, data: bytes) -> bytes:
        """Take what a trusted proxy says about its client; returns what the client itself has sent."""
        try:
            rest = preface.receive_data(data)
        except RemoteProtocolError:
            socket.http.close(None)
            return b""
        if preface.is_over:
            socket.preface = None
            socket.address = preface.address or socket.address
            socket.has_many_clients = preface.address is None  # the PROXY protocol has one client for each connection
        return rest

    def _deliver(self, connection: ConnectionId, socket: _Socket, event: ConnectionEvent, now: float) -> None:
        controller = self._controller
        match event:
            case TextReceived(data, is_charged):
                controller.receive_text(connection, data, now, is_charged=is_charged)
            case PongReceived(payload):
                controller.pong(connection, payload, now)
            case Requested(method, target, headers, body):
                self._last_request += 1
                socket.request = RequestId(self._last_request)
                self._requests[socket.request] = connection
                client = self._proxies.client(socket.address, headers)
                controller.http_request(socket.request, method, target, headers, body, now, client)
            case WebSocketRequested(target, headers):
                socket.is_websocket = True
                client = self._proxies.client(socket.address, headers)
                controller.websocket_requested(connection, target, headers, now, client)
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
                case Phase.CLOSING | Phase.LINGERING:
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
                    self._written += len(receivers)
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
