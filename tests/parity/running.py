"""Runs coroutines on either loop, in bounded time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from patience import PATIENCE


def run(loop: str, scenario: Callable[[], Awaitable[None]]) -> None:
    """In a run of its own."""

    async def main() -> None:
        with anyio.fail_after(PATIENCE):
            await scenario()

    anyio.run(main, backend=loop)
