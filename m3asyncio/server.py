"""The embedded controller on asyncio sockets: bytes in and out of `m3core.controller.front`, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import evolve

from m3asyncio.account import Account
from m3asyncio.driver import unbroken
from m3asyncio.websocket import is_local
from m3core.account import Tokens
from m3core.controller.config import ControllerConfig, TokenTable, User
from m3core.controller.engine import Controller
from m3core.controller.front import Front, Shut, Write
from m3core.controller.sfu import SfuCommand
from m3core.errors import TransportError
from m3core.io import ConnectionId, HttpReply, HttpRequest, HttpResponse, MediaReport
from m3core.limits import CLOSE_TIMEOUT, MAX_WRITE_QUEUE
from m3core.values import Secret, UserId, format_uuid

if TYPE_CHECKING:
    from m3asyncio.sfu import EmbeddedSfu

SHUTDOWN_TIMEOUT = 1.0
"""Seconds that open connections get to take their last bytes."""


class Server:
    """A controller that runs in this event loop. Made by `serve`."""

    def __init__(self, base_url: str, owner: Tokens, controller: Controller, *, loopback: bool) -> None:
        self.base_url = base_url
        self.owner = owner
        """Tokens of the one user with an account, for `Account(server.base_url, server.owner)`."""
        self._controller = controller
        self._front = Front(controller)
        self._loopback = loopback
        self._loop = asyncio.get_running_loop()
        self._protocols: dict[ConnectionId, _Protocol] = {}
        self._last = 0
        self._timer: asyncio.TimerHandle | None = None
        self._sfu: EmbeddedSfu | None = None
        self._closing = False
        self._closed = False
        self._is_empty = asyncio.Event()

    def account(self) -> Account:
        """The owner's account, for this very process: no network in between, so that it works behind any proxy."""
        return Account(self.base_url, self.owner, http=_Inside(self._controller, self._loop.time))

    # -- for the protocols ---
    def opened(self, protocol: _Protocol) -> ConnectionId:
        """A TCP connection came in."""
        self._last += 1
        connection = ConnectionId(self._last)
        self._protocols[connection] = protocol
        self._is_empty.clear()
        if self._closing:  # it was accepted before the listener closed
            self._shut(connection, abort=True)
            return connection
        self._front.connection_made(connection, self._loop.time())
        self._drain()
        return connection

    def received(self, connection: ConnectionId, data: bytes) -> None:
        """Bytes; empty ones are the end of what the peer sends."""
        if not self._closed:
            self._front.data_received(connection, data, self._loop.time())
            self._drain()

    def lost(self, connection: ConnectionId) -> None:
        """A TCP connection is gone."""
        del self._protocols[connection]
        if not self._protocols:
            self._is_empty.set()
        if not self._closed:
            self._front.connection_lost(connection, self._loop.time())
            self._drain()

    # -- performing ---
    def _drain(self) -> set[ConnectionId]:
        """Perform what the front says; the connections that were written to."""
        written: set[ConnectionId] = set()
        for output in self._front.outputs():
            match output:
                case Write(connections=connections, data=data):
                    written.update(connections)
                    for connection in connections:
                        self._write(connection, data)
                case Shut(connection=connection, abort=abort):
                    self._shut(connection, abort=abort)
                case SfuCommand():
                    self._media_server().submit(output)
        self._arm()
        return written

    def _arm(self) -> None:
        deadline = None if self._closed else self._front.deadline
        if self._timer is not None:
            if self._timer.when() == deadline:
                return
            self._timer.cancel()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._advance)

    def _advance(self) -> None:
        self._timer = None
        self._front.advance(self._loop.time())
        self._drain()

    def _write(self, connection: ConnectionId, data: bytes) -> None:
        protocol = self._protocols.get(connection)
        if protocol is None or protocol.transport is None or protocol.transport.is_closing():
            return
        protocol.transport.write(data)
        if protocol.transport.get_write_buffer_size() > MAX_WRITE_QUEUE:
            protocol.transport.abort()  # `lost` follows: a reader that is too slow loses the connection

    def _shut(self, connection: ConnectionId, *, abort: bool) -> None:
        protocol = self._protocols.get(connection)
        if protocol is None or protocol.transport is None:
            return
        if abort:
            protocol.transport.abort()
        else:
            protocol.transport.close()
            protocol.patience = self._loop.call_later(CLOSE_TIMEOUT, protocol.transport.abort)

    def _media_server(self) -> EmbeddedSfu:
        if self._sfu is None:
            from m3asyncio.sfu import EmbeddedSfu

            self._sfu = EmbeddedSfu(self._sfu_report, loopback=self._loopback)
            self._sfu.start()
        return self._sfu

    def _sfu_report(self, report: MediaReport) -> None:
        """Called in the media server's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            self._loop.call_soon_threadsafe(self._take_report, report)

    def _take_report(self, report: MediaReport) -> None:
        if not self._closed:
            self._front.sfu_report(report, self._loop.time())
            self._drain()

    async def _all_gone(self) -> None:
        if self._protocols:
            await self._is_empty.wait()

    async def aclose(self) -> None:
        """Say good-bye to all (1001), give them a moment, and end."""
        if self._closing:
            return
        self._closing = True
        self._drain()
        self._controller.shut_down(self._loop.time())
        self._front.advance(self._loop.time())
        told = self._drain()
        for connection in self._protocols.keys() - told:  # an HTTP connection that waits for its next request
            self._shut(connection, abort=False)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_TIMEOUT):
                await self._all_gone()
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for connection in tuple(self._protocols):
            self._shut(connection, abort=True)
        await self._all_gone()
        if self._sfu is not None:
            await asyncio.to_thread(self._sfu.close)


class _Protocol(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: ConnectionId | None = None
        self.transport: asyncio.Transport | None = None
        self.patience: asyncio.TimerHandle | None = None
        """Ends a close whose last bytes nobody reads."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport
        self._connection = self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._connection is not None:
            self._server.received(self._connection, data)

    def eof_received(self) -> bool:
        if self._connection is not None:
            self._server.received(self._connection, b"")
        return True  # the front decides when to close

    def connection_lost(self, _error: Exception | None) -> None:
        if self.patience is not None:
            self.patience.cancel()
        if self._connection is not None:
            self._server.lost(self._connection)


@asynccontextmanager
async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    public_url: str | None = None,
    owner: User | None = None,
    owner_token: str | None = None,
    config: ControllerConfig | None = None,
) -> AsyncIterator[Server]:
    """Run a controller with its SFU: ``async with m3.serve() as server``.

    ``port`` 0 takes a free one. ``public_url`` is how guests reach it, if not at ``host``: they refuse plain http
    beyond their own machine, so that is usually https, with a proxy in between. Media is offered at 127.0.0.1 if guests
    are on this machine, else at its real addresses. There is one user with an account, ``owner``, whose token is
    ``owner_token`` or a random one (`Server.owner`). ``config``: how the controller behaves; its ``web_url`` is that of
    the server, whatever it says. Raises `TransportError`.
    """
    loop = asyncio.get_running_loop()
    user = owner or User(id=UserId(format_uuid(secrets.token_bytes(16))), email="owner@localhost", display_name="Owner")
    token = Secret(owner_token or secrets.token_urlsafe(32))
    holder: list[Server] = []
    try:
        listener = await loop.create_server(lambda: _Protocol(holder[0]), host, port, start_serving=False)
    except OSError as error:
        raise TransportError(f"cannot listen on {host} port {port}: {error.strerror or 'no such address'}") from None
    bound = listener.sockets[0].getsockname()
    base_url = public_url or f"http://{_reachable(bound[0])}:{bound[1]}"
    controller = Controller(
        ControllerConfig(web_url=base_url) if config is None else evolve(config, web_url=base_url),
        TokenTable({token: user}),
        entropy=secrets.token_bytes,
        utc_at_zero=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=loop.time()),
    )
    server = Server(base_url, Tokens(token), controller, loopback=is_local(base_url))
    holder.append(server)
    try:
        await listener.start_serving()
        yield server
    finally:
        listener.close()
        await unbroken(server.aclose())


def _reachable(address: str) -> str:
    """How to write the bound ``address`` in a URL; all addresses of this machine include that of itself."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - it is not bound here
    return f"[{address}]" if ":" in address else address


class _Inside:
    """HTTP without a network, for the process that serves (see `transports.HttpTransport`)."""

    def __init__(self, controller: Controller, now: Callable[[], float]) -> None:
        self._controller = controller
        self._now = now

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Give the request to the controller and take its reply."""
        target = urlsplit(request.url).path
        self._controller.http_request(request.id, request.method, target, request.headers, request.body, self._now())
        replies = [output.response for output in self._controller.outputs() if isinstance(output, HttpReply)]
        return replies[0]

    async def aclose(self) -> None:
        """Nothing is open."""
