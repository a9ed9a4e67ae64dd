"""The event loop of a participant of the demo: the demo's own, or another one in a thread (`m3 demo --loop both`).

The demo decides in one loop what both participants do. A command is awaited in the loop of its conference
(`EventLoop.do`). What happens there is passed to the loop of the demo (`EventLoop.tell`), in order, results included.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import Generic, Protocol, TypeVar

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from m3asyncio.cli.adapters import Adapter
from m3core.client.loop import Portal

T = TypeVar("T")
STOP_TIMEOUT = 5.0
"""Seconds that a cancelled job in another loop may take to end."""


class EventLoop(Protocol):
    """An event loop, as the loop of the demo uses it."""

    @property
    def adapter(self) -> Adapter:
        """The adapter for this loop."""
        ...

    async def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await ``work()`` in the other loop, and return its result. Errors are raised; cancelling cancels it."""
        ...

    def tell(self, what: Callable[[], object]) -> None:
        """Run ``what`` in the loop of the demo. This is called in the other loop, and does not wait."""
        ...


class OwnLoop:
    """The event loop of the demo itself."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter

    async def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await it."""
        return await work()

    def tell(self, what: Callable[[], object]) -> None:
        """Call it."""
        what()


class _Job(Generic[T]):
    """Work in another loop, whose result is awaited in this one."""

    def __init__(self, work: Callable[[], Awaitable[T]], tell: Portal) -> None:
        self._work = work
        self._tell = tell
        self._scope: anyio.CancelScope | None = None
        self._is_unwanted = False
        self._done: list[T] = []
        self._error: Exception | None = None
        self.ended = anyio.Event()

    async def run(self) -> None:
        """Do the work. Called in the other loop."""
        try:
            with anyio.CancelScope() as self._scope:
                if not self._is_unwanted:  # it may be cancelled before its task runs
                    self._done.append(await self._work())
        except Exception as error:  # noqa: BLE001 - `result` raises it in the loop that waits for it
            self._error = error
        finally:
            self._tell(self.ended.set)

    def cancel(self) -> None:
        """Cancel the work. Called in the other loop."""
        self._is_unwanted = True
        if self._scope is not None:
            self._scope.cancel()

    def result(self) -> T:
        """The result, once it has ended. Called in this loop."""
        if self._error is not None:
            raise self._error
        return self._done[0]


class _OtherLoop:
    """Another event loop, in a thread of its own."""

    def __init__(self, adapter: Adapter, portal: Portal, tasks: TaskGroup, tell: Portal) -> None:
        self.adapter = adapter
        self._portal = portal
        self._tasks = tasks
        self._tell = tell
        self.over = anyio.Event()

    async def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await it as a task of the other loop."""
        job = _Job(work, self._tell)
        self._portal(partial(self._tasks.start_soon, job.run))
        try:
            await job.ended.wait()
        except BaseException:
            self._portal(job.cancel)
            with anyio.move_on_after(STOP_TIMEOUT, shield=True):
                await job.ended.wait()
            raise
        return job.result()

    def tell(self, what: Callable[[], object]) -> None:
        """Pass it through the portal of the demo's loop."""
        self._tell(what)

    def stop(self) -> None:
        """Let the loop end once all its jobs have ended. Called in this loop."""
        self._portal(self.over.set)


def _portal_in_context(adapter: Adapter) -> Portal:
    """The portal of the running loop. Functions that come through it are called in the context of this loop.

    The context says which loop runs: anyio keeps that in a variable. asyncio would call the functions in the context of
    the thread that they come from, and so anyio would believe that the other loop runs.
    """
    portal, context = adapter.backend.portal(), copy_context()
    return lambda what: portal(partial(context.run, what))


@asynccontextmanager
async def other_loop(home: Adapter, adapter: Adapter) -> AsyncIterator[EventLoop]:
    """Run the loop of ``adapter`` in a thread during the block. ``home`` is the adapter of the demo's own loop."""
    tell = _portal_in_context(home)
    ready = anyio.Event()
    made: list[_OtherLoop] = []
    is_over = False

    async def live() -> None:
        async with anyio.create_task_group() as tasks:
            one = _OtherLoop(adapter, _portal_in_context(adapter), tasks, tell)
            made.append(one)
            tell(ready.set)
            if not is_over:
                await one.over.wait()

    async with anyio.create_task_group() as thread:
        thread.start_soon(anyio.to_thread.run_sync, partial(anyio.run, live, backend=adapter.loop))
        try:
            await ready.wait()
            yield made[0]
        finally:
            is_over = True  # in case the thread has not made its loop yet
            for one in made:
                one.stop()
