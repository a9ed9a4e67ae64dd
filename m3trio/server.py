"""The embedded controller on trio: sockets for `m3core.serving`, which has everything else."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

import trio

from m3asyncio.media_factory import media_server_factory
from m3core.client.loop import Tasks
from m3core.io import ConnectionId
from m3core.limits import CLOSE_TIMEOUT
from m3core.serving import Host, Server
from m3trio.client import Account
from m3trio.loop import BACKEND
from m3trio.wire import Wire

_RECEIVE = 1 << 16
_FULL = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
"""Errors of `accept` that pass: the system has no resources for another connection now."""
_PAUSE = 0.1
"""Seconds until the next `accept` after such an error."""


class _Peer:
    """One TCP connection, a `m3core.serving.Peer`.

    Its socket is one of the standard library, because `write` has to send at once: with a socket of trio each message
    would wake a task for each of its receivers, and that costs several times as much as the sending.
    """

    def __init__(self, connected: socket.socket, wire: Wire | None = None) -> None:
        self._socket = connected
        self._wire = wire
        self._waiting = bytearray()
        self._nursery: trio.Nursery | None = None
        self._is_sending = False
        """Whether a task sends what waits."""
        self._is_half_closing = False
        self._is_closing = False
        self._may_read = trio.Event()
        self._may_read.set()
        self._scope = trio.CancelScope()

    @property
    def address(self) -> str:
        """The IP address of the client; empty if the client is gone already."""
        try:
            peername = self._socket.getpeername()
        except OSError:
            return ""
        return str(peername[0])

    # -- for the server ---
    def write(self, data: bytes) -> int:
        """Send ``data``, in order, but not after `half_close`, `close` or `abort`. Returns how many bytes wait."""
        if self._is_half_closing or self._is_closing:
            return 0
        if self._wire is not None:
            self._wire.send(data)
            data = self._wire.data_to_send()
        self._send(data)
        return len(self._waiting)

    def half_close(self) -> None:
        """Close our side when all is sent."""
        self._is_half_closing = True
        if not self._waiting:
            self._end_side()

    def close(self) -> None:
        """Close when all is sent, or after `CLOSE_TIMEOUT` if the client does not read."""
        if self._is_closing:
            return
        if self._wire is not None:
            self._wire.close()
            self._send(self._wire.data_to_send())
        self._is_closing = True
        if self._waiting:
            self._scope.deadline = trio.current_time() + CLOSE_TIMEOUT
        else:
            self._scope.cancel()

    def abort(self) -> None:
        """Close at once; bytes that wait are lost."""
        self._is_closing = True
        self._scope.cancel()

    def pause(self) -> None:
        """Read nothing until `resume`."""
        if self._may_read.is_set():
            self._may_read = trio.Event()

    def resume(self) -> None:
        """Read again."""
        self._may_read.set()

    # -- sending ---
    def _send(self, data: bytes) -> None:
        sent = 0
        if data and not self._waiting:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                pass  # the buffer of the system is full
            except OSError:
                self.abort()
                return
        if sent < len(data):
            self._waiting += data[sent:]
            self._begin_sending()

    def _begin_sending(self) -> None:
        if self._nursery is not None and not self._is_sending:
            self._is_sending = True
            self._nursery.start_soon(self._send_waiting)

    async def _send_waiting(self) -> None:
        while self._waiting:
            await trio.lowlevel.wait_writable(self._socket)
            try:
                sent = self._socket.send(self._waiting)
            except BlockingIOError:
                continue
            except OSError:
                self.abort()
                return
            del self._waiting[:sent]
        self._is_sending = False
        if self._is_closing:
            self._scope.cancel()
        elif self._is_half_closing:
            self._end_side()

    def _end_side(self) -> None:
        with suppress(OSError):  # the client is gone already
            self._socket.shutdown(socket.SHUT_WR)

    # -- its task ---
    async def run(self, server: Server, connection: ConnectionId) -> None:
        """Read, and send what waits, until either side closes the connection."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    self._nursery = nursery
                    try:
                        if self._waiting:  # written before this task began
                            self._begin_sending()
                        await self._read(server, connection)
                        await trio.sleep_forever()  # the client has closed its side; the front decides about ours
                    finally:
                        self._nursery = None  # a nursery that ends takes no more tasks
        finally:
            self._socket.close()
            server.lost(connection)

    async def _read(self, server: Server, connection: ConnectionId) -> None:
        while True:
            if not self._may_read.is_set():
                await self._may_read.wait()
            await trio.lowlevel.wait_readable(self._socket)
            try:
                data = self._socket.recv(_RECEIVE)
                is_end = not data
                if self._wire is not None:
                    data = self._wire.receive(data)
                    self._send(self._wire.data_to_send())
            except BlockingIOError:
                continue
            except OSError:
                self.abort()
                return
            if data or is_end:
                server.received(connection, data)
            if is_end:
                return


class _Listener:
    """The listening sockets of one server: a host name may have several addresses."""

    def __init__(self, tasks: Tasks, listeners: list[trio.SocketListener]) -> None:
        self._tasks = tasks
        self._listeners = listeners

    @property
    def address(self) -> tuple[str, int]:
        """Address and port of the first socket."""
        address, port, *_ = self._listeners[0].socket.getsockname()
        return str(address), int(port)

    async def start(self, server: Server) -> None:
        """Accept connections, in a task for each socket."""
        for listener in self._listeners:
            self._tasks.spawn(self._accept(listener, server))
        await trio.lowlevel.checkpoint()  # as every async function of trio does

    def close(self) -> None:
        """Close the listening sockets; open connections are not affected."""
        for listener in self._listeners:
            listener.socket.close()

    async def _accept(self, listener: trio.SocketListener, server: Server) -> None:
        while True:
            try:
                stream = await listener.accept()
            except trio.ClosedResourceError:
                return
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                await trio.sleep(_PAUSE)  # the next try would fail at once, and the loop would use all of a processor
                continue
            peer = _Peer(_detached(stream.socket))
            self._tasks.spawn(peer.run(server, server.opened(peer, peer.address)))


def _detached(connected: trio.socket.SocketType) -> socket.socket:
    """The standard socket in place of ``connected``, which may not be used any more."""
    # All arguments are given, because the constructor would ask the system for those that are missing.
    found = socket.socket(connected.family, connected.type, connected.proto, connected.detach())
    found.settimeout(0)  # it never blocks
    return found


async def _listen(tasks: Tasks, host: str, port: int) -> _Listener:
    return _Listener(tasks, await trio.open_tcp_listeners(port, host=host))


serve = Host(BACKEND, Account, _listen, media_server_factory).serve
