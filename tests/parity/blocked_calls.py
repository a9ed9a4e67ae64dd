"""Names the calls that block an event loop, and their tasks: blockbuster's list of calls, for both loops."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
from blockbuster import BlockBuster, BlockingError

CALLERS = 6
"""The functions whose names are reported before the one that blocks."""
_OURS = ("blocking.py", "blockbuster.py")


class Watch(trio.abc.Instrument):
    """Watches the tasks of the loop in one thread; other threads may block, and those of media engines do.

    For trio it is an instrument of the run. ``blocked`` are the tasks that blocked, and on what.
    """

    def __init__(self) -> None:
        self.blocked: list[str] = []
        self._thread = threading.get_ident()
        self._task: trio.lowlevel.Task | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._task = task

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._task = None

    def get_running_loop(self) -> object:
        """Called by blockbuster as `asyncio`'s: raises `RuntimeError` where blocking is allowed."""
        if threading.get_ident() != self._thread:
            raise RuntimeError("not the thread that is watched")
        return self._task if self._task is not None else asyncio.get_running_loop()

    def note(self, function: str) -> BlockingError:
        """Called for a call that blocks; recorded, because many libraries take any error for one of the network."""
        task = self._task if self._task is not None else asyncio.current_task()
        name = "a callback" if task is None else task.get_name() if isinstance(task, asyncio.Task) else task.name
        callers = [frame.name for frame in traceback.extract_stack() if not frame.filename.endswith(_OURS)]
        self.blocked.append(f"{name}: {' > '.join(callers[-CALLERS:])} > {function}")
        return BlockingError(function)


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Watch the tasks that run in this thread."""
    watch = Watch()
    monkeypatch.setattr("blockbuster.blockbuster.asyncio", watch)
    monkeypatch.setattr("blockbuster.blockbuster.BlockingError", watch.note)
    buster = BlockBuster()
    buster.activate()
    try:
        yield watch
    finally:
        buster.deactivate()
