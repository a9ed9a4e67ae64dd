"""Turns at work that takes a processor: owners in turn, however much one of them asks for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

AT_ONCE: Final = 4
"""Turns at the same time. All run in one thread, so more would only take longer each; with one, work that hangs would
stop all."""


class Turns:
    """Gives at most `AT_ONCE` turns. Owners that wait get the next ones by rotation."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}
        """The owners that wait, the next one first, each with its futures in order."""

    @asynccontextmanager
    async def turn(self, owner: int) -> AsyncIterator[None]:
        """Wait for a turn of ``owner``; it lasts as long as the block."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(owner)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, owner: int) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # it was given together with the cancellation
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            owner = next(iter(self._waiting))
            queue = self._waiting.pop(owner)
            given = queue.popleft()
            if queue:
                self._waiting[owner] = queue  # at the end: the others come first
            if not given.done():
                given.set_result(None)
                return
        self._free += 1
