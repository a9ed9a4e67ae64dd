"""Cancelling at the n-th checkpoint, on any event loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from m3core.client.loop import Backend


class _Steps:
    """Runs ``work``, and calls ``act`` when it waits for the ``at``-th time."""

    def __init__(self, work: Coroutine[Any, Any, None], at: int, act: Callable[[], object]) -> None:
        self._work = work
        self._left = at
        self._act = act

    def __await__(self) -> Any:
        inner = self._work.__await__()
        step: Callable[[Any], Any] = inner.send
        given: Any = None
        while True:
            try:
                wanted = step(given)
            except StopIteration:
                return
            self._left -= 1
            if self._left == 0:
                self._act()
            try:
                given = yield wanted
                step = inner.send
            except BaseException as error:  # noqa: BLE001 - the loop throws it into the work
                given, step = error, inner.throw


async def cancelled_at(backend: Backend, checkpoint: int, work: Coroutine[Any, Any, None]) -> bool:
    """Run ``work``, and cancel it when it waits for the ``checkpoint``-th time. False when it ended before."""
    try:
        async with backend.timeout(None) as timeout:
            await _Steps(work, checkpoint, timeout.cancel)
    except TimeoutError:
        return True
    return False
