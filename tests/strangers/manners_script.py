"""A media server that is only a script: descriptions without a peer behind them, for clients without media."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from manners_media import Key, Pair
from manners_switches import Json

from m3core.testing.descriptions import make_answer, make_offer


class Script:
    """Answers each description at once, and says in the next turn of the loop that media is connected."""

    def __init__(self) -> None:
        self._number = 0
        self._kinds: dict[Key, tuple[str, ...]] = {}
        self._subscribing: dict[Pair, Callable[[], None]] = {}

    async def publish(self, pair: Pair, offer: str, up: Callable[[], None], _over: Callable[[], None]) -> str:
        """An answer that accepts everything."""
        self._number += 1
        self._kinds[pair[1]] = tuple(kind for kind in ("audio", "video") if f"m={kind} " in offer)
        asyncio.get_running_loop().call_soon(up)
        return make_answer(offer, self._number)

    async def subscribe(self, pair: Pair, up: Callable[[], None], _over: Callable[[], None]) -> str:
        """An offer with the kinds that are published."""
        self._number += 1
        self._subscribing[pair] = up
        return make_offer(self._kinds[pair[1]], self._number)

    async def answered(self, pair: Pair, _answer: str) -> None:
        """Accept any answer."""
        if (up := self._subscribing.pop(pair, None)) is not None:
            asyncio.get_running_loop().call_soon(up)

    async def candidate(self, _pair: Pair, _candidate: Json) -> None:
        """Ignore it."""

    async def close(self, pair: Pair, *, silently: bool = False) -> None:
        """Forget a subscriber; there is no connection to close."""
        self._subscribing.pop(pair, None)
