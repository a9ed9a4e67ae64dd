"""trio, as the coroutines of `m3core.client` want it (see `m3core.client.loop`)."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

import trio

from m3asyncio.http import HttpxTransport
from m3asyncio.media_factory import media_factory
from m3core.client.loop import Backend, Event, Portal
from m3core.client.media import MediaFactory
from m3core.client.transports import HttpTransport
from m3core.client.websocket import StreamWebSocket, connect
from m3trio.websocket import NETWORK

T = TypeVar("T")


class TrioTasks:
    """Tasks in a nursery. Each has a shielded scope of its own, because a cancelled conference must still leave."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._running: set[trio.CancelScope] = set()
        self._gone = trio.Event()

    def spawn(self, work: Coroutine[Any, Any, None]) -> trio.CancelScope:
        """Start ``work``; the scope cancels it."""
        scope = trio.CancelScope(shield=True)
        self._running.add(scope)
        self._nursery.start_soon(self._run, scope, work)
        return scope

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> StreamWebSocket:
        return await connect_websocket(url, subprotocols)

    async def _run(self, scope: trio.CancelScope, work: Coroutine[Any, Any, None]) -> None:
        try:
            if scope.cancel_called:
                work.close()  # Python warns of coroutines that were never awaited
            with scope:
                if not scope.cancel_called:
                    await work
        finally:
            self._running.discard(scope)
            if not self._running:
                self._gone.set()

    async def close(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        while self._running:  # a task that ends may have started another
            self._gone = trio.Event()
            for scope in self._running:
                scope.cancel()
            await self._gone.wait()


class _Place:
    """A nursery that raises no exception groups: what its block raises leaves it unchanged."""

    async def __aenter__(self) -> TrioTasks:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        self._tasks = TrioTasks(self._nursery)
        return self._tasks

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        with trio.CancelScope(shield=True):
            await self._tasks.close()
        # If it is not cancelled, no task had a bug. Then the nursery does not get the error of the block, because it
        # would rebuild an exception group.
        if not self._nursery.cancel_scope.cancel_called:
            await self._manager.__aexit__(None, None, None)
            return False
        try:
            return bool(await self._manager.__aexit__(kind, error, traceback))
        except BaseExceptionGroup as group:
            if error is None or error not in group.exceptions:
                raise group.exceptions[0] from None  # a task failed; users do not know of the nursery
            error.__context__ = group  # the block failed as well: its error is raised, and this one is seen beside it
            return False


class TrioBackend(Backend):
    """trio and httpx."""

    def now(self) -> float:
        """trio's clock, which tests may replace."""
        return trio.current_time()

    def utc_now(self) -> dt.datetime:
        """The system's date and time."""
        return dt.datetime.now(dt.UTC)

    def entropy(self, size: int) -> bytes:
        """The system's randomness."""
        return secrets.token_bytes(size)

    def event(self) -> Event:
        """A `trio.Event`."""
        return trio.Event()

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[trio.CancelScope]:
        """A cancel scope that raises `TimeoutError` when its time is over."""
        with trio.CancelScope(deadline=math.inf if seconds is None else trio.current_time() + seconds) as scope:
            yield scope
        if scope.cancelled_caught:
            raise TimeoutError

    async def checkpoint(self) -> None:
        """A checkpoint of trio."""
        await trio.lowlevel.checkpoint()

    async def shielded(self, work: Awaitable[T]) -> T:
        """Await ``work`` in a shielded scope. A cancellation from outside is raised at the next checkpoint after it."""
        done: list[T] = []
        with trio.CancelScope(shield=True):
            done.append(await work)
        return done[0]

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Call ``function`` in a worker thread of trio."""
        return await trio.to_thread.run_sync(function)

    def portal(self) -> Portal:
        """Calls functions in this run of trio from any thread, by `run_sync_soon`."""
        token = trio.lowlevel.current_trio_token()

        def call(function: Callable[[], object]) -> None:
            with contextlib.suppress(trio.RunFinishedError):  # the run is over, and its conferences with it
                token.run_sync_soon(function)

        return call

    def tasks(self) -> _Place:
        """A nursery that raises no groups."""
        return _Place()

    def http(self, *, local: bool) -> HttpTransport:
        """A transport of httpx, which works on trio."""
        return HttpxTransport(self, local=local)

    def media_factory(self) -> MediaFactory:
        """aiortc, in a thread with an asyncio loop of its own."""
        return media_factory()


BACKEND = TrioBackend()


async def connect_websocket(url: str, subprotocols: tuple[str, ...]) -> StreamWebSocket:
    """Open a WebSocket of this loop: a `WebSocketConnect`."""
    return await connect(BACKEND, NETWORK, url, subprotocols)
