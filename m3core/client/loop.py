"""The port to an event loop: all that the coroutines of this room await, and all that an adapter must give.

A backend belongs to no conference and keeps nothing. Cancellation is the loop's own: an exception that is not an
`Exception` and must be raised again. Rules that every method keeps:

* what is given by a thread (`Backend.portal`) is run in the loop, in order;
* a task of a `Tasks` is cancelled by nobody but `Task.cancel` and `Tasks.close`: whoever is cancelled in the middle of
  a conference can still leave it properly.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

from m3core.client.media import MediaFactory
from m3core.client.transports import HttpTransport, WebSocket

T = TypeVar("T")

Portal: TypeAlias = Callable[[Callable[[], object]], None]
"""Run a function in the loop, soon; from any thread. Does nothing once the loop is over."""


class Event(Protocol):
    """Set once. Whoever waits goes on, now and later."""

    def set(self) -> None:
        """Wake all who wait."""
        ...

    def is_set(self) -> bool:
        """Whether it was set."""
        ...

    async def wait(self) -> object:
        """Wait until it is set."""
        ...


class Timeout(Protocol):
    """A block that can be ended from outside, see `Backend.timeout`."""

    def cancel(self) -> object:
        """Let it end now."""
        ...


class Task(Protocol):
    """A coroutine at work in a `Tasks`."""

    def cancel(self) -> object:
        """Cancel it; one that is done, or was cancelled before, takes no notice."""
        ...


class Tasks(Protocol):
    """The tasks of one conference. They raise nothing but bugs; a bug comes out of the block that made the `Tasks`, or
    where the loop tells such things."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> Task:
        """Begin ``work``, soon."""
        ...

    async def connect(self, url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        """Open a WebSocket by the adapter's own library; see `transports.WebSocketConnect`."""
        ...

    async def close(self) -> None:
        """Cancel all tasks and wait for their ends."""
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
        """A new event."""

    @abstractmethod
    def timeout(self, seconds: float | None) -> AbstractAsyncContextManager[Timeout]:
        """A block that ends with `TimeoutError` after ``seconds`` (None: never), or when it is cancelled."""

    @abstractmethod
    async def checkpoint(self) -> None:
        """Let others run, and be cancelled if that is due."""

    @abstractmethod
    async def shielded(self, work: Awaitable[T]) -> T:
        """Finish ``work`` even if the caller is cancelled meanwhile, however often; they are told afterwards."""

    @abstractmethod
    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run what blocks in a thread. Once begun it is waited for, also by a caller who is cancelled."""

    @abstractmethod
    def portal(self) -> Portal:
        """A way into the running loop."""

    @abstractmethod
    def tasks(self) -> AbstractAsyncContextManager[Tasks]:
        """A place for tasks, which lasts as long as the block. Errors of the block leave it as they are."""

    # -- the libraries ---
    @abstractmethod
    def http(self, *, local: bool) -> HttpTransport:
        """The adapter's own HTTP. ``local``: the controller is on this machine, so no proxy is asked."""

    @abstractmethod
    def media_factory(self) -> MediaFactory:
        """Import the media engine, which may take long. Raises `LocalProtocolError` where its extra is missing."""


class Signal:
    """Wakes all who wait, as often as one likes. It keeps nothing: look first, then wait."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._event: Event | None = None

    def set(self) -> None:
        """Wake all who wait now."""
        event, self._event = self._event, None
        if event is not None:
            event.set()

    async def wait(self) -> None:
        """Wait for the next `set`."""
        if self._event is None:
            self._event = self._backend.event()
        await self._event.wait()
