"""Joining and leaving over HTTP and WebSocket at 127.0.0.1, compared with a TLS context for each conference.

Client and server run in one event loop, so the figures include both.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing

import httpx

import m3asyncio as m3
from benchmarks.timing import Comparison, compare
from m3asyncio.http import HttpxTransport, Pool
from m3asyncio.loop import BACKEND
from m3core.client.transports import HttpTransport


class _Separate(HttpxTransport):
    """HTTP as httpx does it by default: each client reads the certificates of all authorities."""

    def __init__(self) -> None:
        super().__init__(BACKEND, local=True)
        self._pools[True, False] = Pool(httpx.AsyncClient(trust_env=False))


async def _visit(link: str, http: HttpTransport | None) -> None:
    async with m3.join(link, display_name="Ada", http=http):
        pass


async def _separately(link: str) -> None:
    async with aclosing(_Separate()) as http:
        await _visit(link, http)


async def _begin(stack: AsyncExitStack) -> tuple[str, m3.HttpPool]:
    """Start a server; return an invitation link and a pool of connections to it."""
    server = await stack.enter_async_context(m3.serve())
    async with server.account() as account:
        link = await (await account.create_meeting(title="Benchmark")).invite()
    return link, await stack.enter_async_context(m3.HttpPool())


def run(rounds: int = 31) -> tuple[Comparison, ...]:
    """All comparisons. A client that cannot join raises."""
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        link, pool = runner.run(_begin(stack))

        def plain() -> None:
            runner.run(_visit(link, None))

        def pooled() -> None:
            runner.run(_visit(link, pool))

        def separate() -> None:
            runner.run(_separately(link))

        try:
            return (
                compare("join and leave", plain, "a TLS context for each", separate, rounds=rounds, target=2.0),
                compare("join and leave by a pool", pooled, "a TLS context for each", separate, rounds=rounds),
            )
        finally:
            runner.run(stack.aclose())
