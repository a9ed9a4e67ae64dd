"""The timer of an engine: earlier deadlines, deadlines that move, and the next one."""

from __future__ import annotations

import asyncio

from house import in_loop

from m3asyncio.loop import BACKEND, AsyncioTasks
from m3core.client.alarm import Alarm


class Clocked:
    """An alarm, its deadline, and when it rang."""

    def __init__(self) -> None:
        self.tasks = AsyncioTasks()
        self.deadline: float | None = None
        self.rang: list[float] = []
        self.changed = asyncio.Event()
        self.alarm = Alarm(BACKEND, self.tasks, lambda: self.deadline, self._ring)

    def _ring(self) -> None:
        self.rang.append(BACKEND.now())
        self.deadline = None
        self.changed.set()

    def arm(self, seconds: float) -> float:
        """Set the deadline, so far from now."""
        self.deadline = BACKEND.now() + seconds
        self.alarm.arm()
        return self.deadline

    async def sleeps(self) -> None:
        """Wait until its task waits."""
        while self.alarm._changed._event is None:
            await asyncio.sleep(0)


@in_loop
async def test_an_earlier_deadline_wakes_the_timer() -> None:
    it = Clocked()
    it.arm(1000)
    await it.sleeps()
    it.arm(0)
    await it.changed.wait()
    assert len(it.rang) == 1
    await it.tasks.close()


@in_loop
async def test_a_deadline_that_moved_is_kept_and_so_is_the_next() -> None:
    it = Clocked()
    it.arm(0.01)
    await it.sleeps()
    for _ in range(2):
        due = it.arm(0.03)  # the task looks after 0.01 s, and then again
        await it.changed.wait()
        it.changed.clear()
        assert it.rang.pop() >= due
        assert it.rang == []
    await it.tasks.close()
