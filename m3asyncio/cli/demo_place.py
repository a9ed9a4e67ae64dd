"""Where somebody of the demo lives: the event loop of the demo itself, or another one in a thread of its own.

The demo decides in one loop what everybody does. What is done to a conference is done in the loop of the conference
(`Place.do`); what happens there is told to the loop of the demo (`Place.tell`), in order, results included.
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


class Place(Protocol):
    """An event loop, seen from that of the demo."""

    @property
    def adapter(self) -> Adapter:
        """Of the package for this loop."""
        ...

    async def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Await ``work()`` there; its result, or its error raised. Cancelling cancels it."""
        ...

    def tell(self, what: Callable[[], object]) -> None:
        """Called there: run ``what`` in the loop of the demo."""
        ...


class Here:
    """The loop of the demo."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter

    async def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Nothing but await it."""
        return await work()

    def tell(self, what: Callable[[], object]) -> None:
        """Nothing but call it."""
        what()


class _Job(Generic[T]):
    """Something to do in another loop, for somebody who waits in this one."""

    def __init__(self, work: Callable[[], Awaitable[T]], tell: Portal) -> None:
        self._work = work
        self._tell = tell
        self._scope: anyio.CancelScope | None = None
        self._is_unwanted = False
        self._done: list[T] = []
        self._error: Exception | None = None
        self.ended = anyio.Event()

    async def run(self) -> None:
        """There."""
        try:
            with anyio.CancelScope() as self._scope:
                if not self._is_unwanted:
                    self._done.append(await self._work())
        except Exception as error:  # noqa: BLE001 - raised where somebody waits for it
            self._error = error
        finally:
            self._tell(self.ended.set)

    def cancel(self) -> None:
        """There."""
        self._is_unwanted = True
        if self._scope is not None:
            self._scope.cancel()

    def result(self) -> T:
        """Here, when it has ended."""
        if self._error is not None:
            raise self._error
        return self._done[0]


class _Elsewhere:
    """Another loop."""

    def __init__(self, adapter: Adapter, portal: Portal, tasks: TaskGroup, tell: Portal) -> None:
        self.adapter = adapter
        self._portal = portal
        self._tasks = tasks
        self._tell = tell
        self.over = anyio.Event()

    async def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """As a task there."""
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
        """Through the portal of the demo."""
        self._tell(what)

    def stop(self) -> None:
        """Let the loop end when all jobs have; called here."""
        self._portal(self.over.set)


def _way_in(adapter: Adapter) -> Portal:
    """The portal of the running loop. What comes through is called in our context, not in that of the other loop.

    anyio keeps in the context which loop runs, and asyncio takes the context along from thread to thread.
    """
    portal, context = adapter.backend.portal(), copy_context()
    return lambda what: portal(partial(context.run, what))


@asynccontextmanager
async def elsewhere(home: Adapter, adapter: Adapter) -> AsyncIterator[Place]:
    """The loop of ``adapter`` in a thread, as long as the block lasts. ``home``: that of the demo."""
    tell = _way_in(home)
    ready = anyio.Event()
    places: list[_Elsewhere] = []
    is_over = False

    async def live() -> None:
        async with anyio.create_task_group() as tasks:
            place = _Elsewhere(adapter, _way_in(adapter), tasks, tell)
            places.append(place)
            tell(ready.set)
            if not is_over:
                await place.over.wait()

    async with anyio.create_task_group() as thread:
        thread.start_soon(anyio.to_thread.run_sync, partial(anyio.run, live, backend=adapter.loop))
        try:
            await ready.wait()
            yield places[0]
        finally:
            is_over = True  # for a thread that is only beginning
            for place in places:
                place.stop()
