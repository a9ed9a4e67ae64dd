"""The port to an event loop: everything that the coroutines of `m3core.client` await. An adapter implements it.

A backend belongs to no conference and keeps no state. Cancellation is that of the loop: an exception that is not an
`Exception` and must be raised again. Every backend keeps two rules:

* functions that threads give to `Backend.portal` run in the loop, in order;
* only `Task.cancel` and `Tasks.close` cancel a task of a `Tasks`. A program that is cancelled in the middle of a
  conference needs these tasks to leave it properly.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Protocol, TypeAlias, TypeVar

from m3core.client.media import MediaFactory
from m3core.client.transports import HttpTransport, WebSocket

T = TypeVar("T")

Portal: TypeAlias = Callable[[Callable[[], object]], None]
"""Runs a function in the loop, soon; to be called from any thread. Does nothing once the loop has ended."""


class Event(Protocol):
    """A flag that is set once; `wait` returns when it is set, and at once afterwards."""

    def set(self) -> None: ...

    def is_set(self) -> bool: ...

    async def wait(self) -> object: ...


class Timeout(Protocol):
    """A block that can be ended from outside, see `Backend.timeout`."""

    def cancel(self) -> object:
        """End the block now, with `TimeoutError`."""
        ...


class Task(Protocol):
    """A coroutine that runs in a `Tasks`."""

    def cancel(self) -> object:
        """Cancel it. Does nothing to a task that is done or cancelled."""
        ...


class Tasks(Protocol):
    """The tasks of one conference. They raise only what is a bug.

    A bug is raised by the block of `Backend.tasks`, or goes to the exception handler of the loop.
    """

    def spawn(self, work: Coroutine[Any, Any, None]) -> Task:
        """Start ``work`` in the next turn of the loop."""
        ...

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        """Open a WebSocket with the library of the adapter; see `transports.WebSocketConnect`."""
        ...

    async def close(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        ...


class Backend(ABC):
    """One event loop library and the libraries of its adapter."""

    # -- the loop ---
    @abstractmethod
    def now(self) -> float:
        """The clock of all engines: monotonic seconds."""

    @abstractmethod
    def utc_now(self) -> dt.datetime:
        """The calendar, in UTC."""

    @abstractmethod
    def entropy(self, size: int) -> bytes:
        """Random bytes, good enough for secrets."""

    @abstractmethod
    def event(self) -> Event:
        """A new event that is not set."""

    @abstractmethod
    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[Timeout]:
        """A block that ends with `TimeoutError` after ``seconds`` (None: never), or when it is cancelled."""

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        with suppress(TimeoutError):
            async with self.timeout(seconds):
                await self.event().wait()

    @abstractmethod
    async def checkpoint(self) -> None:
        """Let other tasks run; raises a cancellation that is due."""

    @abstractmethod
    async def shielded(self, work: Awaitable[T]) -> T:
        """Finish ``work`` even if the caller is cancelled meanwhile, however often; then raise the cancellation."""

    @abstractmethod
    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run a function that blocks in a thread. A caller that is cancelled still waits for its end."""

    @abstractmethod
    def portal(self) -> Portal:
        """A portal into the running loop."""

    @abstractmethod
    def tasks(self) -> AbstractAsyncContextManager[Tasks]:
        """A place for tasks, which lasts as long as the block. An error of the block is raised as it is."""

    # -- the libraries ---
    @abstractmethod
    def http(self, *, local: bool) -> HttpTransport:
        """HTTP with the library of the adapter. ``local``: the controller is on this machine; no proxy is used."""

    @abstractmethod
    def media_factory(self) -> MediaFactory:
        """Import the media engine, which may take long. Raises `LocalProtocolError` when its extra is missing."""


class Signal:
    """Wakes the waiting tasks, any number of times. It keeps no state: check your condition first, then `wait`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._event: Event | None = None

    def set(self) -> None:
        """Wake the tasks that wait now."""
        event, self._event = self._event, None
        if event is not None:
            event.set()

    async def wait(self) -> None:
        """Wait for the next `set`."""
        if self._event is None:
            self._event = self._backend.event()
        await self._event.wait()
