"""The embedded controller on asyncio sockets: passes bytes between sockets and `m3core.serving`."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from m3asyncio.client import Account
from m3asyncio.loop import BACKEND
from m3asyncio.media_factory import media_server_factory
from m3core.client.loop import Tasks
from m3core.io import ConnectionId
from m3core.limits import CLOSE_TIMEOUT
from m3core.serving import Host, Server


class _Protocol(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: ConnectionId | None = None
        self.transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None
        """The timer that aborts a connection whose client does not read the last bytes."""

    # -- for the server ---
    def write(self, data: bytes) -> int:
        """Send ``data``, or queue it; it is dropped on a connection that is closing. Returns how many bytes wait."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return 0
        transport.write(data)
        return transport.get_write_buffer_size()

    def half_close(self) -> None:
        """Close our side as soon as everything is sent."""
        if self.transport is not None and not self.transport.is_closing():
            with suppress(OSError):  # the client has just reset the connection
                self.transport.write_eof()

    def close(self) -> None:
        """Close as soon as everything is sent, or after `CLOSE_TIMEOUT` seconds."""
        if self.transport is not None:
            self.transport.close()
            self._patience = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self.transport.abort)

    def abort(self) -> None:
        """Close at once; what waits is not sent."""
        if self.transport is not None:
            self.transport.abort()

    def pause(self) -> None:
        """Read nothing until `resume`."""
        if self.transport is not None:
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self.transport is not None:
            self.transport.resume_reading()

    # -- for asyncio ---
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport
        peername = transport.get_extra_info("peername")
        address = str(peername[0]) if isinstance(peername, tuple) else ""  # it is None if the client is gone already
        self._connection = self._server.opened(self, address)

    def data_received(self, data: bytes) -> None:
        if self._connection is not None:
            self._server.received(self._connection, data)

    def eof_received(self) -> bool:
        if self._connection is not None:
            self._server.received(self._connection, b"")
        return True  # keep the transport open: the front decides when to close

    def connection_lost(self, _error: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        if self._connection is not None:
            self._server.lost(self._connection)


_BACKLOG = 0xFFFF
"""Connections that wait to be accepted. It is the default of trio; the system may have a lower limit."""


class _Listener:
    """A listening socket. Connections that come before `start` wait in the queue of the system."""

    def __init__(self) -> None:
        self._servers: list[Server] = []
        self._listener: asyncio.Server | None = None
        self._bound = ("", 0)

    async def bind(self, host: str, port: int) -> None:
        """Take the address. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                lambda: _Protocol(self._servers[0]), host, port, start_serving=False
            )
        except socket.gaierror:
            raise
        except OSError as error:
            # The text of asyncio repeats the address, which the caller adds to the message.
            raise OSError(error.errno, os.strerror(error.errno or 0)) from None
        address, bound, *_ = self._listener.sockets[0].getsockname()
        self._bound = (address, bound)

    @property
    def address(self) -> tuple[str, int]:
        """The address that it is bound to: host and port."""
        return self._bound

    async def start(self, server: Server) -> None:
        """Accept connections."""
        self._servers.append(server)
        if self._listener is not None:
            await self._listener.start_serving()
            # asyncio has one number for the queue of the system and for the connections that it accepts in one turn of
            # the loop. A large one would let a burst of connections hold up all others, so the queue is set here.
            for listening in self._listener.sockets:
                with listening.dup() as same:
                    same.listen(_BACKLOG)

    def close(self) -> None:
        """Accept no more connections; those that are open remain."""
        if self._listener is not None:
            self._listener.close()


async def _listen(tasks: Tasks, host: str, port: int) -> _Listener:
    del tasks
    listener = _Listener()
    await listener.bind(host, port)
    return listener


serve = Host(BACKEND, Account, _listen, media_server_factory).serve
