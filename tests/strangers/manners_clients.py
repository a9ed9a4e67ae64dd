"""Our clients of both loops, for tests with the controller of `manners`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Final

import anyio
import pytest
from patience import PATIENCE
from stranger_place import LOOPS

import m3asyncio
import m3trio
from m3asyncio.loop import BACKEND as ASYNCIO
from m3core.client.loop import Backend
from m3trio.loop import BACKEND as TRIO

ADAPTERS: Final[dict[str, ModuleType]] = {"asyncio": m3asyncio, "trio": m3trio}
BACKENDS: Final[dict[str, Backend]] = {"asyncio": ASYNCIO, "trio": TRIO}
each_loop = pytest.mark.parametrize("loop", LOOPS)


def run(loop: str, scenario: Callable[[], Awaitable[None]]) -> None:
    """In a run of its own."""

    async def main() -> None:
        with anyio.fail_after(PATIENCE):
            await scenario()

    anyio.run(main, backend=loop)
