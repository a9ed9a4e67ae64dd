"""A `World` that participants of any adapter can enter: a controller in memory behind transports, without sockets.

    stage = Stage(backend)
    async with stage.join("Bob") as bob:           # an adapter's conference
        ada = stage.joined("Ada")[0]               # an engine of the world

Everything except the adapter's participants happens at once, in the order of the messages, at the time of the world.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from attrs import evolve

from m3core.account import Tokens
from m3core.client import account
from m3core.client.joining import Joiner, Joining
from m3core.client.loop import Backend, Event, Portal, Signal, Tasks, Timeout
from m3core.client.media import MediaFactory
from m3core.client.transports import HttpTransport, WebSocket, WebSocketRefused
from m3core.controller.config import ControllerConfig
from m3core.controller.engine import Output as ServerOutput
from m3core.errors import TransportError
from m3core.io import (
    Accept,
    Close,
    ConnectionId,
    HttpRequest,
    HttpResponse,
    MediaReport,
    Ping,
    Reject,
    SendText,
)
from m3core.testing.client import seeded_entropy
from m3core.testing.memory_media import MemoryMedia
from m3core.testing.pair import BASE_URL, OWNER_TOKEN, World

T = TypeVar("T")


class StagedBackend(Backend):
    """The backend of an adapter, but with the same randomness in every run, and with `MemoryMedia`."""

    def __init__(self, real: Backend) -> None:
        self.engines: list[MemoryMedia] = []
        """Every media engine that was made, in order."""
        self._real = real
        self._entropy = seeded_entropy("stage")

    def now(self) -> float:
        return self._real.now()

    def utc_now(self) -> dt.datetime:
        return self._real.utc_now()

    def entropy(self, size: int) -> bytes:
        return self._entropy(size)

    def event(self) -> Event:
        return self._real.event()

    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[Timeout]:
        return self._real.timeout(seconds)

    async def checkpoint(self) -> None:
        await self._real.checkpoint()

    async def shielded(self, work: Awaitable[T]) -> T:
        return await self._real.shielded(work)

    async def in_thread(self, function: Callable[[], T]) -> T:
        return await self._real.in_thread(function)

    def portal(self) -> Portal:
        return self._real.portal()

    def tasks(self) -> AbstractAsyncContextManager[Tasks]:
        return self._real.tasks()

    def http(self, *, local: bool) -> HttpTransport:
        return self._real.http(local=local)

    def media_factory(self) -> MediaFactory:
        return self._media

    def _media(self, report: Callable[[MediaReport], None], *, loopback: bool) -> MemoryMedia:
        engine = MemoryMedia(report, loopback=loopback)
        self.engines.append(engine)
        return engine


class Stage(World):
    """A `World` for the adapter of ``backend``, which is wrapped in a `StagedBackend`."""

    def __init__(self, backend: Backend, config: ControllerConfig | None = None) -> None:
        super().__init__(config)
        self.backend = StagedBackend(backend)
        self.sockets: dict[ConnectionId, MemorySocket] = {}
        """The open connections of the participants of the adapter."""
        self.link = f"{BASE_URL}/invite/{self.invite_code}"

    def join(self, name: str, **more: Any) -> Joining:
        """Join as a guest with the adapter. ``more`` are arguments of `Joiner.join`."""
        given: dict[str, Any] = {"http": self, "connect": self.connect, **more}
        return Joiner(self.backend).join(self.link, display_name=name, **given)

    def account(self) -> account.Account:
        """The owner's account."""

        class Account(account.Account):
            backend = self.backend

        return Account(BASE_URL, Tokens(OWNER_TOKEN), http=self)

    # -- transports ---
    async def request(self, request: HttpRequest) -> HttpResponse:
        """Answer a request; `m3core.client.transports.HttpTransport`."""
        await self.backend.checkpoint()
        if not self.is_reachable:
            raise TransportError("the controller cannot be reached")
        answers: list[HttpResponse] = []
        self._ask(request.method, request.url, request.headers, request.body, answers.append)
        self.run()
        await self.backend.checkpoint()
        return answers[0]

    async def aclose(self) -> None:
        """Does nothing: no connection is open."""

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        """Open a WebSocket; `m3core.client.transports.WebSocketConnect`."""
        del url
        await self.backend.checkpoint()
        if not self.is_reachable:
            raise TransportError("the controller cannot be reached")
        self._last_connection += 1
        socket = MemorySocket(self, ConnectionId(self._last_connection))
        self.sockets[socket.connection] = socket
        headers = (("sec-websocket-protocol", ", ".join(subprotocols)),)
        self.controller.websocket_requested(socket.connection, "/signaling", headers, self.now)
        self.settle()
        if socket.refusal is not None:
            raise WebSocketRefused(socket.refusal.status, socket.refusal.body, socket.refusal.headers)
        return socket

    def settle(self) -> None:
        """Perform the outputs of the controller, and deliver everything, until nothing is under way."""
        self.drain_server()
        self.run()

    def cut_all(self) -> None:
        """Break the connections of all participants of the adapter."""
        for socket in tuple(self.sockets.values()):
            socket.lost(None)
            self.controller.connection_lost(socket.connection, self.now)
        self.settle()

    # -- performing ---
    def _perform_server(self, output: ServerOutput) -> None:
        match output:
            case SendText(connections=connections, data=data):
                for connection in connections:
                    if connection in self.sockets:
                        self.sockets[connection].put(data)
                others = tuple(connection for connection in connections if connection in self._links)
                super()._perform_server(evolve(output, connections=others))
            case Accept(connection=connection) if connection in self.sockets:
                pass
            case Reject(connection=connection, response=response) if connection in self.sockets:
                self.sockets.pop(connection).refusal = response
            case Ping(connection=connection, payload=payload) if connection in self.sockets:
                self._queue("outside", connection, lambda: self._pong(connection, payload))
            case Close(connection=connection, code=code) if connection in self.sockets:
                self.sockets[connection].lost(code)
            case Accept() | Reject() | Ping() | Close() if output.connection not in self._links:
                pass  # the connection is closed already
            case _:
                super()._perform_server(output)


class MemorySocket:
    """The client's end of a connection without a network; `m3core.client.transports.WebSocket`."""

    def __init__(self, stage: Stage, connection: ConnectionId) -> None:
        self.connection = connection
        self.refusal: HttpResponse | None = None
        self.close_code: int | None = None
        self.on_ping: Callable[[], None] | None = None
        self._stage = stage
        self._waiting: list[bytes] = []
        self._changed = Signal(stage.backend)
        self._is_open = True

    def put(self, data: bytes) -> None:
        """Let a message of the server arrive."""
        self._waiting.append(data)
        self._changed.set()

    def lost(self, code: int | None) -> None:
        """End the connection, with the code of the server's close frame, if any."""
        self._stage.sockets.pop(self.connection, None)
        self._is_open = False
        self.close_code = code
        self._changed.set()

    async def send(self, data: bytes) -> None:
        """Send a message; everything that follows from it in the world happens before this returns."""
        await self._stage.backend.checkpoint()
        if not self._is_open:
            raise TransportError("the connection is closed")
        self._stage.controller.receive_text(self.connection, data, self._stage.now)
        self._stage.settle()

    async def ping(self, payload: bytes) -> None:
        """Return at once, as if the pong had come."""
        del payload
        await self._stage.backend.checkpoint()
        if not self._is_open:
            raise TransportError("the connection is closed")

    async def messages(self) -> AsyncIterator[bytes]:
        while self._waiting or self._is_open:
            if self._waiting:
                yield self._waiting.pop(0)
            else:
                await self._changed.wait()

    async def close(self, code: int | None) -> None:
        if self._is_open:
            self.lost(code)
            self._stage.controller.connection_lost(self.connection, self._stage.now, code)
            self._stage.settle()
        await self._stage.backend.checkpoint()
