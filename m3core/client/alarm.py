"""One timer for one engine: it rings when the engine's deadline has come."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from m3core.client.loop import Backend, Signal, Task, Tasks


class Alarm:
    """Calls ``ring`` when the time that ``due`` gives has come. Say `arm` whenever that may have changed."""

    def __init__(
        self, backend: Backend, tasks: Tasks, due: Callable[[], float | None], ring: Callable[[], None]
    ) -> None:
        self._backend = backend
        self._tasks = tasks
        self._due = due
        self._ring = ring
        self._next: float | None = None
        """When the task looks again; it may be too early, and is never too late."""
        self._changed = Signal(backend)
        self._task: Task | None = None

    def arm(self) -> None:
        """Look at the deadline. The task is woken only for one that comes before it would look again."""
        due = self._due()
        if due is None or (self._next is not None and self._next <= due):
            return
        self._next = due
        if self._task is None:
            self._task = self._tasks.spawn(self._run())
        self._changed.set()

    async def _run(self) -> None:
        while True:
            if self._next is None:
                await self._changed.wait()
                continue
            with suppress(TimeoutError):
                async with self._backend.timeout(self._next - self._backend.now()):
                    await self._changed.wait()
            if self._next <= self._backend.now():
                self._next = None
                due = self._due()
                if due is not None and due <= self._backend.now():
                    self._ring()
                self.arm()
