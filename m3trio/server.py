"""The embedded controller on trio: sockets for `m3core.serving`, which has everything else."""

from __future__ import annotations

import errno
from contextlib import suppress

import trio

from m3asyncio.media_factory import media_server_factory
from m3core.client.loop import Tasks
from m3core.io import ConnectionId
from m3core.limits import CLOSE_TIMEOUT
from m3core.serving import Host, Server
from m3trio.client import Account
from m3trio.loop import BACKEND

_RECEIVE = 1 << 16
_FULL = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
"""Errors of `accept` that pass: the system has no resources for another connection now."""
_PAUSE = 0.1
"""Seconds until the next `accept` after such an error."""


class _Peer:
    """One TCP connection, a `m3core.serving.Peer`."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._waiting = bytearray()
        self._sending = 0
        self._changed = trio.Event()
        self._is_half_closing = False
        self._is_closing = False
        self._may_read = trio.Event()
        self._may_read.set()
        self._scope = trio.CancelScope()

    @property
    def address(self) -> str:
        """The IP address of the client; empty if the client is gone already."""
        try:
            peername = self._stream.socket.getpeername()
        except OSError:
            return ""
        return str(peername[0])

    # -- for the server ---
    @property
    def waiting(self) -> int:
        """Bytes that trio has not sent yet."""
        return len(self._waiting) + self._sending

    def write(self, data: bytes) -> None:
        """Send ``data``, in order; after `half_close`, `close` or `abort` it is ignored."""
        if not (self._is_half_closing or self._is_closing):
            self._waiting += data
            self._changed.set()

    def half_close(self) -> None:
        """Close our side when all is sent."""
        self._is_half_closing = True
        self._changed.set()

    def close(self) -> None:
        """Close when all is sent, or after `CLOSE_TIMEOUT` if the client does not read."""
        self._is_closing = True
        self._scope.deadline = trio.current_time() + CLOSE_TIMEOUT
        self._changed.set()

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

    # -- its tasks ---
    async def run(self, server: Server, connection: ConnectionId) -> None:
        """Read and write until either side closes the connection."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read, server, connection)
                    nursery.start_soon(self._write)
        finally:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(self._stream)
            server.lost(connection)

    async def _read(self, server: Server, connection: ConnectionId) -> None:
        try:
            while data := await self._stream.receive_some(_RECEIVE):
                server.received(connection, bytes(data))
                if not self._may_read.is_set():
                    await self._may_read.wait()
        except trio.BrokenResourceError:
            self._scope.cancel()
        else:
            server.received(connection, b"")  # the client has closed its side; the front decides when we close ours

    async def _write(self) -> None:
        has_ended = False
        with suppress(trio.BrokenResourceError):
            while self._waiting or not self._is_closing:
                if self._waiting:
                    data, self._waiting = self._waiting, bytearray()
                    self._sending = len(data)
                    await self._stream.send_all(data)
                    self._sending = 0
                elif self._is_half_closing and not has_ended:
                    has_ended = True
                    await self._stream.send_eof()
                else:
                    self._changed = trio.Event()
                    await self._changed.wait()
        self._scope.cancel()


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
                peer = _Peer(await listener.accept())
            except trio.ClosedResourceError:
                return
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                await trio.sleep(_PAUSE)  # the next try would fail at once, and the loop would use all of a processor
                continue
            self._tasks.spawn(peer.run(server, server.opened(peer, peer.address)))


async def _listen(tasks: Tasks, host: str, port: int) -> _Listener:
    return _Listener(tasks, await trio.open_tcp_listeners(port, host=host))


serve = Host(BACKEND, Account, _listen, media_server_factory).serve
