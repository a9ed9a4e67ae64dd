"""One timer for one engine: it calls the engine when its deadline has come."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from m3core.client.loop import Backend, Signal, Task, Tasks


class Alarm:
    """Calls ``ring`` when the time that ``due`` gives has come. Call `arm` whenever ``due`` may have changed."""

    def __init__(
        self, backend: Backend, tasks: Tasks, due: Callable[[], float | None], ring: Callable[[], None]
    ) -> None:
        self._backend = backend
        self._tasks = tasks
        self._due = due
        self._ring = ring
        self._next: float | None = None
        """When the task looks at the deadline again: perhaps too early, never too late."""
        self._changed = Signal(backend)
        self._task: Task | None = None

    def arm(self) -> None:
        """Look at the deadline again."""
        due = self._due()
        # Almost every input moves the deadline into the future. The task is not woken for that: it looks once too
        # early, and then waits for the rest.
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
                # An engine that is due again at once (`controller.front`, turns) must not come before sockets that are
                # ready. trio runs the tasks of one turn of its loop in any order, so this one waits for the next turn.
                await self._backend.checkpoint()
                due = self._due()
                if due is not None and due <= self._backend.now():
                    self._ring()
                self.arm()
