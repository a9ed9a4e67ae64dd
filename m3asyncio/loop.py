"""asyncio, as the coroutines of `m3core.client` want it (see `m3core.client.loop`)."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from m3asyncio.http import HttpxTransport
from m3asyncio.media_factory import media_factory
from m3asyncio.websocket import LibraryWebSocket, connect_websocket
from m3core.client.loop import Backend, Event, Portal
from m3core.client.media import MediaFactory
from m3core.client.transports import HttpTransport

T = TypeVar("T")


async def unbroken(work: Awaitable[T]) -> T:
    """Finish ``work`` even if we are cancelled meanwhile, however often; then be cancelled."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # seen: being cancelled is what matters now
        raise cancelled
    return task.result()


class _Timeout:
    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout

    def cancel(self) -> None:
        """End the block now."""
        self._timeout.reschedule(asyncio.get_running_loop().time())


class AsyncioTasks:
    """Tasks that nobody outside cancels: asyncio's are so by themselves."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin ``work``."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> LibraryWebSocket:
        """Open a WebSocket of the `websockets` library."""
        return await connect_websocket(url, subprotocols)

    async def close(self) -> None:
        """Cancel all, and wait for their ends."""
        while tasks := tuple(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            # Not left to the callbacks of `spawn`: of tasks that were done before, they run in a later turn.
            self._tasks.difference_update(tasks)


class AsyncioBackend(Backend):
    """asyncio, httpx, websockets."""

    def now(self) -> float:
        """The loop's clock."""
        return asyncio.get_running_loop().time()

    def utc_now(self) -> dt.datetime:
        """The system's calendar."""
        return dt.datetime.now(dt.UTC)

    def entropy(self, size: int) -> bytes:
        """The system's randomness."""
        return secrets.token_bytes(size)

    def event(self) -> Event:
        """asyncio's own."""
        return asyncio.Event()

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[_Timeout]:
        """asyncio's own."""
        async with asyncio.timeout(seconds) as timeout:
            yield _Timeout(timeout)

    async def checkpoint(self) -> None:
        """One turn of the loop."""
        await asyncio.sleep(0)

    async def shielded(self, work: Awaitable[T]) -> T:
        """See `unbroken`."""
        return await unbroken(work)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """In a thread of the loop's pool."""
        return await unbroken(asyncio.to_thread(function))

    def portal(self) -> Portal:
        """`call_soon_threadsafe` of the running loop."""
        loop = asyncio.get_running_loop()

        def call(function: Callable[[], object]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
                loop.call_soon_threadsafe(function)

        return call

    @contextlib.asynccontextmanager
    async def tasks(self) -> AsyncIterator[AsyncioTasks]:
        """A set of tasks."""
        tasks = AsyncioTasks()
        try:
            yield tasks
        finally:
            await unbroken(tasks.close())

    def http(self, *, local: bool) -> HttpTransport:
        """httpx."""
        return HttpxTransport(self, local=local)

    def media_factory(self) -> MediaFactory:
        """aiortc, in a thread of its own."""
        return media_factory()


BACKEND = AsyncioBackend()
