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
from m3trio.websocket import TrioWebSocket, connector

T = TypeVar("T")


class TrioTasks:
    """Tasks in a nursery, each in a shielded scope of its own: a cancelled conference must still be able to leave."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._running: set[trio.CancelScope] = set()
        self._gone = trio.Event()

    def spawn(self, work: Coroutine[Any, Any, None]) -> trio.CancelScope:
        """Begin ``work``."""
        scope = trio.CancelScope(shield=True)
        self._running.add(scope)
        self._nursery.start_soon(self._run, scope, work)
        return scope

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> TrioWebSocket:
        """Open a WebSocket of trio-websocket."""
        return await connector(self.spawn)(url, subprotocols)

    async def _run(self, scope: trio.CancelScope, work: Coroutine[Any, Any, None]) -> None:
        try:
            if scope.cancel_called:
                work.close()
            with scope:
                if not scope.cancel_called:
                    await work
        finally:
            self._running.discard(scope)
            if not self._running:
                self._gone.set()

    async def close(self) -> None:
        """Cancel all, and wait for their ends."""
        while self._running:
            self._gone = trio.Event()
            for scope in self._running:
                scope.cancel()
            await self._gone.wait()


class _Place:
    """A nursery whose groups of errors nobody sees: what the block raised leaves it as it is."""

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
        if not self._nursery.cancel_scope.cancel_called:  # no task had a bug, and a nursery rebuilds groups it is given
            await self._manager.__aexit__(None, None, None)
            return False
        try:
            return bool(await self._manager.__aexit__(kind, error, traceback))
        except BaseExceptionGroup as group:
            if error is None or error not in group.exceptions:
                raise group.exceptions[0] from None
            error.__context__ = group
            return False


class TrioBackend(Backend):
    """trio, httpx, trio-websocket."""

    def now(self) -> float:
        """The clock of the run."""
        return trio.current_time()

    def utc_now(self) -> dt.datetime:
        """The system's calendar."""
        return dt.datetime.now(dt.UTC)

    def entropy(self, size: int) -> bytes:
        """The system's randomness."""
        return secrets.token_bytes(size)

    def event(self) -> Event:
        """trio's own."""
        return trio.Event()

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[trio.CancelScope]:
        """A cancel scope that tells of its end by `TimeoutError`."""
        with trio.CancelScope(deadline=math.inf if seconds is None else trio.current_time() + seconds) as scope:
            yield scope
        if scope.cancelled_caught:
            raise TimeoutError

    async def checkpoint(self) -> None:
        """trio's own."""
        await trio.lowlevel.checkpoint()

    async def shielded(self, work: Awaitable[T]) -> T:
        """In a shielded scope; who was cancelled meanwhile is told at the next checkpoint."""
        done: list[T] = []
        with trio.CancelScope(shield=True):
            done.append(await work)
        return done[0]

    async def in_thread(self, function: Callable[[], T]) -> T:
        """In a thread of trio's."""
        return await trio.to_thread.run_sync(function)

    def portal(self) -> Portal:
        """`run_sync_soon` of this run."""
        token = trio.lowlevel.current_trio_token()

        def call(function: Callable[[], object]) -> None:
            with contextlib.suppress(trio.RunFinishedError):  # nobody is left to hear it
                token.run_sync_soon(function)

        return call

    def tasks(self) -> _Place:
        """A nursery."""
        return _Place()

    def http(self, *, local: bool) -> HttpTransport:
        """httpx."""
        return HttpxTransport(self, local=local)

    def media_factory(self) -> MediaFactory:
        """aiortc, in a thread of its own with a loop of its own."""
        return media_factory()


BACKEND = TrioBackend()
