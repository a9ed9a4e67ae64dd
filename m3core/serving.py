"""The embedded controller, served: what event loops do alike between sockets and `m3core.controller.front`."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from attrs import evolve

from m3core.account import Tokens
from m3core.client.account import Account
from m3core.client.alarm import Alarm
from m3core.client.loop import Backend, Signal, Tasks
from m3core.controller.config import ControllerConfig, TokenTable, User
from m3core.controller.engine import Controller
from m3core.controller.front import Front, Shut, Write
from m3core.controller.sfu import SfuCommand
from m3core.errors import LocalProtocolError, MediaError, TransportError
from m3core.io import ConnectionId, Failed, HttpReply, HttpRequest, HttpResponse, MediaReport
from m3core.limits import MAX_WRITE_QUEUE
from m3core.rest.link import is_local
from m3core.values import Secret, UserId, format_uuid

SHUTDOWN_TIMEOUT = 1.0
"""Seconds that open connections get to take their last bytes."""


class Peer(Protocol):
    """One TCP connection. It tells the server of its bytes (`Server.received`) and its end (`Server.lost`)."""

    @property
    def waiting(self) -> int:
        """Bytes that the system has not taken yet."""
        ...

    def write(self, data: bytes) -> None:
        """Send, in order. Never blocks; ignored once the connection is closing."""
        ...

    def close(self) -> None:
        """Close once all is written; abort after `limits.CLOSE_TIMEOUT`."""
        ...

    def abort(self) -> None:
        """Close at once."""
        ...


class MediaServer(Protocol):
    """An SFU. See `m3core.controller.sfu`."""

    def start(self) -> None:
        """Begin."""
        ...

    def submit(self, command: SfuCommand) -> None:
        """Carry out a command; never blocks. Raises `MediaError` when it has died."""
        ...

    def close(self) -> None:
        """Free all. May block."""
        ...


class Listener(Protocol):
    """A listening socket."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it is bound."""
        ...

    async def start(self, server: Server) -> None:
        """Take connections: each is a `Peer` that is told by `Server.opened`."""
        ...

    def close(self) -> None:
        """Take no more."""
        ...


class Listen(Protocol):
    """Binds a socket."""

    async def __call__(self, tasks: Tasks, host: str, port: int) -> Listener:
        """Bind; connections may run in ``tasks``. Raises `OSError`."""
        ...


class MediaServerFactory(Protocol):
    """Makes SFUs."""

    def __call__(self, report: Callable[[MediaReport], None], *, loopback: bool) -> MediaServer:
        """An SFU that calls ``report`` in a thread of its own. ``loopback``: offer 127.0.0.1 alone."""
        ...


class Host:
    """What an adapter gives so that a controller can be served. `serve` is its public name."""

    def __init__(
        self,
        backend: Backend,
        account: type[Account],
        listen: Listen,
        media_server_factory: Callable[[], MediaServerFactory],
    ) -> None:
        self.backend = backend
        self.account = account
        self._listen = listen
        self._media_server_factory = media_server_factory
        """Imports it, which may take long. Raises `LocalProtocolError` where its extra is missing."""

    @asynccontextmanager
    async def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        public_url: str | None = None,
        web_url: str | None = None,
        owner: User | None = None,
        owner_token: str | None = None,
        config: ControllerConfig | None = None,
    ) -> AsyncIterator[Server]:
        """Run a controller with its SFU: ``async with m3.serve() as server``.

        ``port`` 0 takes a free one. ``public_url`` is how guests reach it, if not at ``host``: they refuse plain http
        beyond their own machine, so that is usually https, with a proxy in between. Media is offered at 127.0.0.1 if
        guests are on this machine, else at its real addresses. ``web_url``: where a web client is, `https://host[:port]`,
        that invitation links open; else that of ``config`` if it names one, else links lead to the controller. There is
        one user with an account, ``owner``, whose token is ``owner_token`` or a random one (`Server.owner`).
        ``config``: how the controller behaves. Raises `TransportError`; `LocalProtocolError` for two web clients.
        """
        if web_url and config is not None and config.web_url not in ("", web_url):
            raise LocalProtocolError("web_url and config.web_url name different web clients")
        backend = self.backend
        user = owner or User(
            id=UserId(format_uuid(backend.entropy(16))), email="owner@m3.invalid", display_name="Owner"
        )
        token = Secret(owner_token or backend.entropy(32).hex())
        async with backend.tasks() as tasks:
            try:
                listener = await self._listen(tasks, host, port)
            except OSError as error:
                reason = error.strerror or "no such address"
                raise TransportError(f"cannot listen on {host} port {port}: {reason}") from None
            try:
                address, bound = listener.address
                settings = config or ControllerConfig(web_url="")
                public = (public_url or settings.public_url).rstrip("/")
                base_url = public or f"http://{_reachable(address)}:{bound}"
                web = (web_url or settings.web_url or base_url).rstrip("/")
                controller = Controller(
                    evolve(settings, web_url=web, public_url=public),
                    TokenTable({token: user}),
                    entropy=backend.entropy,
                    utc_at_zero=backend.utc_now() - dt.timedelta(seconds=backend.now()),
                )
                server = Server(
                    base_url,
                    Tokens(token),
                    controller,
                    self,
                    tasks,
                    await self._load_media(),
                    web_url=web,
                    address=(address, bound),
                )
                try:
                    await listener.start(server)
                    yield server
                finally:
                    listener.close()
                    await backend.shielded(server.aclose())
            finally:
                listener.close()

    async def _load_media(self) -> MediaServerFactory:
        """Import the media server before anybody is served: nobody would be for as long as that takes."""
        try:
            return await self.backend.in_thread(self._media_server_factory)
        except LocalProtocolError as error:
            return _no_media(str(error))


class Server:
    """A controller that runs in this event loop. Made by `serve`."""

    def __init__(
        self,
        base_url: str,
        owner: Tokens,
        controller: Controller,
        host: Host,
        tasks: Tasks,
        media_server: MediaServerFactory,
        *,
        web_url: str,
        address: tuple[str, int],
    ) -> None:
        self.base_url = base_url
        """Where guests reach the controller."""
        self.web_url = web_url
        """Where its invitation links lead: a web client, or the controller."""
        self.address = address
        """Where it listens: the IP address and the port that were bound, also behind a ``public_url``."""
        self.owner = owner
        """Tokens of the one user with an account, for `Account(server.base_url, server.owner)`."""
        self._controller = controller
        self._front = Front(controller)
        self._host = host
        self._backend = host.backend
        self._portal = self._backend.portal()
        self._alarm = Alarm(self._backend, tasks, self._deadline, self._advance)
        self._peers: dict[ConnectionId, Peer] = {}
        self._last = 0
        self._make_media_server = media_server
        self._sfu: MediaServer | None = None
        self._closing = False
        self._closed = False
        self._gone = Signal(self._backend)

    def account(self) -> Account:
        """The owner's account, for this very process: no network in between, so that it works behind any proxy."""
        http = _Inside(self._controller, self._backend.now)
        account = self._host.account(self.base_url, self.owner, allow_private=True, http=http)
        account.web_url = self.web_url
        return account

    # -- for the connections ---
    def opened(self, peer: Peer) -> ConnectionId:
        """A TCP connection came in."""
        self._last += 1
        connection = ConnectionId(self._last)
        self._peers[connection] = peer
        if self._closing:  # it was accepted before the listener closed
            peer.abort()
            return connection
        self._front.connection_made(connection, self._backend.now())
        self._drain()
        return connection

    def received(self, connection: ConnectionId, data: bytes) -> None:
        """Bytes; empty ones are the end of what the peer sends."""
        if not self._closed:
            self._front.data_received(connection, data, self._backend.now())
            self._drain()

    def lost(self, connection: ConnectionId) -> None:
        """A TCP connection is gone."""
        del self._peers[connection]
        if not self._peers:
            self._gone.set()
        if not self._closed:
            self._front.connection_lost(connection, self._backend.now())
            self._drain()

    # -- performing ---
    def _drain(self) -> set[ConnectionId]:
        """Perform what the front says; the connections that were written to."""
        written: set[ConnectionId] = set()
        failures: deque[MediaReport] = deque()
        while True:
            for output in self._front.outputs():
                match output:
                    case Write(connections=connections, data=data):
                        written.update(connections)
                        for connection in connections:
                            self._write(connection, data)
                    case Shut(connection=connection, abort=abort):
                        self._shut(connection, abort=abort)
                    case SfuCommand():
                        failures.extend(self._submit(output))
            if not failures:
                break
            self._front.sfu_report(failures.popleft(), self._backend.now())
        self._alarm.arm()
        return written

    def _submit(self, command: SfuCommand) -> Iterator[MediaReport]:
        """Hand it over; a media server that has died, or is not installed, is a report, as one that fails is."""
        try:
            self._media_server().submit(command)
        except MediaError as error:
            yield Failed(command.id, command.peer, str(error))

    def _deadline(self) -> float | None:
        return None if self._closed else self._front.deadline

    def _advance(self) -> None:
        self._front.advance(self._backend.now())
        self._drain()

    def _write(self, connection: ConnectionId, data: bytes) -> None:
        peer = self._peers.get(connection)
        if peer is not None:
            peer.write(data)
            if peer.waiting > MAX_WRITE_QUEUE:
                peer.abort()  # `lost` follows: a reader that is too slow loses the connection

    def _shut(self, connection: ConnectionId, *, abort: bool) -> None:
        peer = self._peers.get(connection)
        if peer is not None:
            peer.abort() if abort else peer.close()

    def _media_server(self) -> MediaServer:
        if self._sfu is None:
            self._sfu = self._make_media_server(self._sfu_report, loopback=is_local(self.base_url))
            self._sfu.start()
        return self._sfu

    def _sfu_report(self, report: MediaReport) -> None:
        """Called in the media server's thread."""
        self._portal(lambda: self._take_report(report))

    def _take_report(self, report: MediaReport) -> None:
        if not self._closed:
            self._front.sfu_report(report, self._backend.now())
            self._drain()

    async def _all_gone(self) -> None:
        while self._peers:
            await self._gone.wait()

    async def aclose(self) -> None:
        """Say good-bye to all (1001), give them a moment, and end. To be shielded."""
        if self._closing:
            return
        self._closing = True
        self._front.shut_down(self._backend.now())
        told = self._drain()
        for connection in self._peers.keys() - told:  # an HTTP connection that waits for its next request
            self._shut(connection, abort=False)
        with suppress(TimeoutError):
            async with self._backend.timeout(SHUTDOWN_TIMEOUT):
                await self._all_gone()
        self._closed = True
        for connection in tuple(self._peers):
            self._shut(connection, abort=True)
        await self._all_gone()
        if self._sfu is not None:
            await self._backend.in_thread(self._sfu.close)


def _reachable(address: str) -> str:
    """How to write the bound ``address`` in a URL; all addresses of this machine include that of itself."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - it is not bound here
    return f"[{address}]" if ":" in address else address


def _no_media(reason: str) -> MediaServerFactory:
    """In place of a media server that is not installed: all else is served, and who publishes is told."""

    def refuse(report: Callable[[MediaReport], None], *, loopback: bool) -> MediaServer:
        del report, loopback
        raise MediaError(reason)

    return refuse


class _Inside:
    """HTTP without a network, for the process that serves (see `transports.HttpTransport`)."""

    def __init__(self, controller: Controller, now: Callable[[], float]) -> None:
        self._controller = controller
        self._now = now

    async def request(self, request: HttpRequest) -> HttpResponse:
        """Give the request to the controller and take its reply."""
        path = request.url.partition("://")[2].partition("/")[2].partition("?")[0]
        self._controller.http_request(
            request.id, request.method, f"/{path}", request.headers, request.body, self._now()
        )
        replies = [output.response for output in self._controller.outputs() if isinstance(output, HttpReply)]
        return replies[0]

    async def aclose(self) -> None:
        """Nothing is open."""
