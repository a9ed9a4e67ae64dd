"""The backend for asyncio: implements `m3core.client.loop` with asyncio and httpx."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from m3asyncio.http import HttpxTransport
from m3asyncio.media_factory import media_factory
from m3asyncio.websocket import NETWORK
from m3core.client.loop import Backend, Event, Portal
from m3core.client.media import MediaFactory
from m3core.client.transports import HttpTransport
from m3core.client.websocket import StreamWebSocket, connect

T = TypeVar("T")


async def unbroken(work: Awaitable[T]) -> T:
    """Finish ``work`` even if the caller is cancelled meanwhile, however often; then raise the cancellation."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # mark it as seen, or asyncio logs it; the cancellation is raised in its place
        raise cancelled
    return task.result()


class _Timeout:
    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout

    def cancel(self) -> None:
        self._timeout.reschedule(asyncio.get_running_loop().time())


class AsyncioTasks:
    """The tasks of one conference. A task of asyncio is not cancelled with the task that started it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> StreamWebSocket:
        return await connect_websocket(url, subprotocols)

    async def close(self) -> None:
        while tasks := tuple(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            # For tasks that were done before, the callbacks of `spawn` run in a later turn, and `wait` does not wait.
            self._tasks.difference_update(tasks)


class AsyncioBackend(Backend):
    """asyncio and httpx."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def utc_now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def entropy(self, size: int) -> bytes:
        return secrets.token_bytes(size)

    def event(self) -> Event:
        return asyncio.Event()

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float | None) -> AsyncIterator[_Timeout]:
        async with asyncio.timeout(seconds) as timeout:
            yield _Timeout(timeout)

    async def checkpoint(self) -> None:
        await asyncio.sleep(0)

    async def shielded(self, work: Awaitable[T]) -> T:
        return await unbroken(work)

    async def in_thread(self, function: Callable[[], T]) -> T:
        return await unbroken(asyncio.to_thread(function))

    def portal(self) -> Portal:
        loop = asyncio.get_running_loop()

        def call(function: Callable[[], object]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nothing waits in it
                loop.call_soon_threadsafe(function)

        return call

    @contextlib.asynccontextmanager
    async def tasks(self) -> AsyncIterator[AsyncioTasks]:
        tasks = AsyncioTasks()
        try:
            yield tasks
        finally:
            await unbroken(tasks.close())

    def http(self, *, local: bool) -> HttpTransport:
        return HttpxTransport(self, local=local)

    def media_factory(self) -> MediaFactory:
        return media_factory()


BACKEND = AsyncioBackend()


async def connect_websocket(url: str, subprotocols: tuple[str, ...]) -> StreamWebSocket:
    """Open a WebSocket of this loop: a `WebSocketConnect`."""
    return await connect(BACKEND, NETWORK, url, subprotocols)
