"""What the demo shows while it runs: a line for each step, and the checks that decide its exit code."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.lowlevel
from attrs import frozen

from m3asyncio.cli.output import STYLES, Output
from m3core.client.loop import Backend, Signal

PATIENCE: Final = 15.0
"""Seconds that a step may take, or that a participant waits for something, before the check has failed."""


class DemoFailed(Exception):
    """A check failed without which the demo cannot go on. The check is noted."""


@frozen
class Check:
    """Something that must hold."""

    name: str
    ok: bool
    detail: str = ""


class Stage:
    """Prints steps and failed checks as they happen. Its methods are called in the event loop of ``home``."""

    def __init__(self, output: Output, home: Backend) -> None:
        self.checks: list[Check] = []
        self.home = home
        self.changed = Signal(home)
        """To be set whenever a condition that `until` waits for may have become true."""
        self._output = output
        self._start = time.monotonic()
        self._styles: dict[str, str] = {}

    def line(self, who: str, what: str, detail: str = "") -> None:
        """Print one line of the timeline."""
        style = self._styles.setdefault(who, STYLES[len(self._styles) % len(STYLES)])
        at = f"{f'+{time.monotonic() - self._start:.2f} s':>9}  "
        self._output.line((at, "dim"), (f"{who:<7}", style), what, (f"  {detail}" if detail else "", "dim"))

    def check(self, name: str, ok: bool, detail: str = "") -> None:
        """Note a check, and print it if it failed. ``detail`` says why it failed."""
        self.checks.append(Check(name, ok, detail))
        if not ok:
            self._output.line(("FAILED ", "bold red"), name, f": {detail}" if detail else "")

    def must(self, name: str, ok: bool, detail: str = "") -> None:
        """Note a check without which the demo cannot go on; raises `DemoFailed`."""
        self.check(name, ok, detail)
        if not ok:
            raise DemoFailed

    @property
    def ok(self) -> bool:
        """Whether there were checks, and all of them held."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    @asynccontextmanager
    async def step(self, who: str, what: str) -> AsyncIterator[None]:
        """Print what a participant begins to do. Raises `DemoFailed` if the block takes longer than `PATIENCE`."""
        self.line(who, what)
        try:
            with anyio.fail_after(PATIENCE):
                yield
        except TimeoutError:
            self.must(f"{who} {what}", ok=False, detail=f"not done within {PATIENCE:g} s")

    async def until(self, name: str, holds: Callable[[], bool]) -> None:
        """Wait until ``holds()``, and note that as a check. Raises `DemoFailed` if it takes longer than `PATIENCE`."""
        with anyio.move_on_after(PATIENCE):
            while not holds():
                await self.changed.wait()
                # On a busy machine a frame sets the signal in every turn of the loop. asyncio's task is then never
                # found waiting by anyio, which cancels only tasks that wait, and the time-out would have no effect.
                await anyio.lowlevel.checkpoint_if_cancelled()
        self.must(name, holds(), f"not within {PATIENCE:g} s")
