"""The embedded controller, served: what all event loops share between their sockets and `m3core.controller.front`."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from attrs import evolve

from m3core.account import Tokens
from m3core.arguments import checked
from m3core.client.account import Account
from m3core.client.alarm import Alarm
from m3core.client.loop import Backend, Signal, Task, Tasks
from m3core.controller.config import ControllerConfig, TokenTable, User
from m3core.controller.engine import Controller
from m3core.controller.front import Front
from m3core.controller.front_port import HalfClose, Pause, Resume, Shut, Write
from m3core.controller.ice_policy import default_for
from m3core.controller.sfu import SfuCommand
from m3core.errors import LocalProtocolError, MediaError, TransportError
from m3core.io import ConnectionId, Failed, HttpReply, HttpRequest, HttpResponse, MediaReport
from m3core.limits import MAX_WRITE_QUEUE
from m3core.rest.link import is_local
from m3core.values import Secret, UserId, format_uuid

SHUTDOWN_TIMEOUT = 1.0
"""Seconds in which open connections can take their last bytes."""
MAX_TURN = 1 << 22
"""Bytes that wait for the end of a turn of the event loop. If there are more, they leave before it."""


class Peer(Protocol):
    """One TCP connection. It gives its bytes to `Server.received`, and calls `Server.lost` at its end."""

    def write(self, data: bytes) -> int:
        """Send ``data`` after what was written before. Never blocks; does nothing once the connection is closing.

        Returns the number of bytes that were written and that the operating system has not taken yet.
        """
        ...

    def half_close(self) -> None:
        """Close our side once all is written, and go on reading. No `write` follows."""
        ...

    def close(self) -> None:
        """Close once all is written, or abort after `limits.CLOSE_TIMEOUT`."""
        ...

    def abort(self) -> None:
        """Close at once, without writing the rest."""
        ...

    def pause(self) -> None:
        """Read nothing until `resume`, so that TCP slows the client down."""
        ...

    def resume(self) -> None:
        """Read again."""
        ...


class MediaServer(Protocol):
    """An SFU. See `m3core.controller.sfu`."""

    def start(self) -> None:
        """Start. Called once, before the first command."""
        ...

    def submit(self, command: SfuCommand) -> None:
        """Queue a command. It never blocks. Raises `MediaError` when the media server has died."""
        ...

    def close(self) -> None:
        """End all peers and free all resources. It may block."""
        ...


class Listener(Protocol):
    """A listening socket."""

    @property
    def address(self) -> tuple[str, int]:
        """The IP address and the port that were bound."""
        ...

    async def start(self, server: Server) -> None:
        """Accept connections, and give each as a `Peer` to `Server.opened`."""
        ...

    def close(self) -> None:
        """Accept no more connections. Open ones remain open."""
        ...


class Listen(Protocol):
    """Binds a socket."""

    async def __call__(self, tasks: Tasks, host: str, port: int) -> Listener:
        """Bind ``host`` and ``port``; connections may run in ``tasks``. Raises `OSError`."""
        ...


class MediaServerFactory(Protocol):
    """Makes SFUs."""

    def __call__(self, report: Callable[[MediaReport], None], *, loopback: bool) -> MediaServer:
        """An SFU that calls ``report`` in a thread of its own. With ``loopback`` it offers only 127.0.0.1."""
        ...


class Host:
    """The parts of an adapter that serve a controller. Adapters publish its method `serve`."""

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
        """Imports the media server, which may take long. Raises `LocalProtocolError` if its extra is missing."""

    @checked
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

        ``port`` 0 takes a free one. ``public_url`` is the address at which guests reach the controller, if that is not
        ``host``: clients refuse plain http beyond their own machine, so it is usually https, with a proxy in between.
        If that address is on this machine, media is offered at 127.0.0.1, else at the real addresses of the machine.
        ``web_url``, `https://host[:port]`, is the web client that invitation links open. Without it that is
        ``config.web_url``, and without both links lead to the controller. One user has an account, ``owner``, whose
        token is ``owner_token`` or a random one (`Server.owner`). ``config`` has the controller's settings.

        Raises `TransportError` if it cannot listen, and `LocalProtocolError` if the two web clients differ.
        """
        if web_url and config is not None and config.web_url not in ("", web_url):
            raise LocalProtocolError("web_url and config.web_url name different web clients: give one of them")
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
                    evolve(
                        settings,
                        web_url=web,
                        public_url=public,
                        ice_candidates=settings.ice_candidates or default_for(address),
                        own_ports=(*settings.own_ports, bound),
                    ),
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
        """Import the media server before the first connection: it takes half a second, which would block all."""
        try:
            return await self.backend.in_thread(self._media_server_factory)
        except LocalProtocolError as error:
            return _no_media(str(error))


class Server:
    """A controller that runs in this event loop. `serve` makes it."""

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
        """The address at which guests reach the controller."""
        self.web_url = web_url
        """The address that its invitation links open: a web client, or the controller."""
        self.address = address
        """The IP address and the port that were bound. They may differ from ``base_url``, behind a proxy."""
        self.owner = owner
        """Tokens of the one user with an account, for `Account(server.base_url, server.owner)`."""
        self._controller = controller
        self._front = Front(controller, trusted_proxies=controller.config.trusted_proxies)
        self._host = host
        self._backend = host.backend
        self._portal = self._backend.portal()
        self._alarm = Alarm(self._backend, tasks, self._deadline, self._advance)
        self._peers: dict[ConnectionId, Peer] = {}
        self._tasks = tasks
        self._turn: list[Write | HalfClose | Shut] = []
        """What is performed at the end of this turn of the event loop."""
        self._turn_size = 0
        """The bytes in it; those for many connections count once. So no connection waits for more."""
        self._turn_begun = Signal(self._backend)
        self._ending: Task | None = None
        self._last = 0
        self._make_media_server = media_server
        self._sfu: MediaServer | None = None
        self._closing = False
        self._closed = False
        self._gone = Signal(self._backend)

    def account(self) -> Account:
        """The owner's account, for use in this process.

        Its requests go to the controller without a network, so it works behind any proxy.
        """
        http = _Inside(self._controller, self._backend.now)
        account = self._host.account(self.base_url, self.owner, allow_private=True, http=http)
        account.web_url = self.web_url
        return account

    # -- for the connections ---
    def opened(self, peer: Peer, address: str) -> ConnectionId:
        """A TCP connection was accepted. ``address`` is the IP address of its client; empty: not known."""
        self._last += 1
        connection = ConnectionId(self._last)
        self._peers[connection] = peer
        if self._closing:  # accepted just before the listener was closed
            peer.abort()
            return connection
        self._front.connection_made(connection, self._backend.now(), address)
        self._drain()
        return connection

    def received(self, connection: ConnectionId, data: bytes) -> None:
        """Bytes of a connection; empty bytes mean that the peer has closed its side."""
        if not self._closed:
            self._front.data_received(connection, data, self._backend.now())
            self._drain()

    def lost(self, connection: ConnectionId) -> None:
        """A TCP connection is gone, whoever ended it. Call it once for each `opened`."""
        del self._peers[connection]
        if not self._peers:
            self._gone.set()
        if not self._closed:
            self._front.connection_lost(connection, self._backend.now())
            self._drain()

    # -- performing ---
    def _drain(self) -> None:
        """Perform the outputs of the front; what they write and shut, at the end of the turn."""
        # A command that fails at once is a report, and so a further input. It has to wait until all outputs before it
        # are performed (docs/architecture.md, the engine contract).
        failures: deque[MediaReport] = deque()
        while True:
            for output in self._front.outputs():
                match output:
                    case Write() | HalfClose() | Shut():
                        self._at_the_end(output)
                    case Pause(connection=connection):
                        self._peers[connection].pause()
                    case Resume(connection=connection):
                        self._peers[connection].resume()
                    case SfuCommand():
                        failures.extend(self._submit(output))
            if not failures:
                break
            self._front.sfu_report(failures.popleft(), self._backend.now())
        self._alarm.arm()

    def _submit(self, command: SfuCommand) -> Iterator[MediaReport]:
        """Give a command to the media server. Yields a report if there is none, or if it has died."""
        try:
            self._media_server().submit(command)
        except MediaError as error:
            yield Failed(command.id, command.peer, str(error))

    def _deadline(self) -> float | None:
        return None if self._closed else self._front.deadline

    def _advance(self) -> None:
        self._front.advance(self._backend.now())
        self._drain()

    # -- the end of a turn ---
    def _at_the_end(self, output: Write | HalfClose | Shut) -> None:
        """Perform ``output`` at the end of this turn of the event loop.

        All that the turn writes to one connection leaves in one piece. The kernel takes about as long for a small piece
        as for a large one, and when many join at once each of them hears of all others within a few turns.
        """
        if not self._turn:
            if self._ending is None:
                self._ending = self._tasks.spawn(self._end_turns())
            self._turn_begun.set()
        self._turn.append(output)
        if isinstance(output, Write):
            self._turn_size += len(output.data)
            if self._turn_size > MAX_TURN:
                self._end_turn()

    async def _end_turns(self) -> None:
        while True:
            self._end_turn()
            await self._turn_begun.wait()

    def _end_turn(self) -> None:
        turn, self._turn, self._turn_size = self._turn, [], 0
        if len(turn) == 1 and isinstance(turn[0], Write):  # one message, perhaps for many: the most frequent turn
            self._write(turn[0].connections, turn[0].data)
            return
        pieces: dict[ConnectionId, list[bytes]] = {}
        for output in turn:
            if isinstance(output, Write):
                for connection in output.connections:
                    pieces.setdefault(connection, []).append(output.data)
            else:
                # What was written before the end of a connection comes before it.
                if written := pieces.pop(output.connection, None):
                    self._write((output.connection,), b"".join(written))
                self._end(output)
        for connection, written in pieces.items():
            self._write((connection,), b"".join(written))

    def _write(self, connections: Iterable[ConnectionId], data: bytes) -> None:
        peers = self._peers
        for connection in connections:
            peer = peers.get(connection)
            if peer is not None and peer.write(data) > MAX_WRITE_QUEUE:
                peer.abort()  # the reader is too slow (docs/limits.md); `lost` follows

    def _end(self, output: HalfClose | Shut) -> None:
        if isinstance(output, Shut):
            self._shut(output.connection, abort=output.abort)
        elif (peer := self._peers.get(output.connection)) is not None:
            peer.half_close()

    def _shut(self, connection: ConnectionId, *, abort: bool) -> None:
        peer = self._peers.get(connection)
        if peer is not None:
            peer.abort() if abort else peer.close()

    def _media_server(self) -> MediaServer:
        if self._sfu is None:  # made for the first publisher (docs/architecture.md, The server)
            self._sfu = self._make_media_server(self._sfu_report, loopback=is_local(self.base_url))
            self._sfu.start()
        return self._sfu

    def _sfu_report(self, report: MediaReport) -> None:
        """Called in the thread of the media server: the report has to come back to the event loop."""
        self._portal(lambda: self._take_report(report))

    def _take_report(self, report: MediaReport) -> None:
        if not self._closed:
            self._front.sfu_report(report, self._backend.now())
            self._drain()

    async def _all_gone(self) -> None:
        while self._peers:
            await self._gone.wait()

    async def aclose(self) -> None:
        """Close all WebSockets with 1001, wait a moment for the answers, and abort the rest. Call it shielded."""
        if self._closing:
            return
        self._closing = True
        self._end_turn()
        self._front.shut_down(self._backend.now())
        self._drain()
        told = {connection for output in self._turn if isinstance(output, Write) for connection in output.connections}
        # Connections that were written to get their close frame first, and close when it is answered. Others are HTTP
        # connections between two requests.
        for connection in self._peers.keys() - told:
            self._shut(connection, abort=False)
        self._end_turn()
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
    """The bound ``address`` as a URL has it. For "all addresses" that is the loopback address, which is one of them."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 - it is not bound here
    return f"[{address}]" if ":" in address else address


def _no_media(reason: str) -> MediaServerFactory:
    """In place of a media server that is not installed: publishing fails with ``reason``, all else is served."""

    def refuse(report: Callable[[MediaReport], None], *, loopback: bool) -> MediaServer:
        del report, loopback
        raise MediaError(reason)

    return refuse


class _Inside:
    """An `HttpTransport` without a network: it asks the controller of this process."""

    def __init__(self, controller: Controller, now: Callable[[], float]) -> None:
        self._controller = controller
        self._now = now

    async def request(self, request: HttpRequest) -> HttpResponse:
        path = request.url.partition("://")[2].partition("/")[2].partition("?")[0]
        self._controller.http_request(
            request.id, request.method, f"/{path}", request.headers, request.body, self._now()
        )
        replies = [output.response for output in self._controller.outputs() if isinstance(output, HttpReply)]
        return replies[0]

    async def aclose(self) -> None:
        """Do nothing: there is no connection to close."""
