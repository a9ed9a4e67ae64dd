"""What the tests of this folder share: a running controller with a meeting, and tests that are coroutines."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, ParamSpec

from patience import PATIENCE

import m3asyncio as m3
from m3core.client.account import Meeting
from m3core.client.conference import Conference
from m3core.serving import Server

P = ParamSpec("P")


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in an event loop of its own, in debug mode. Errors that no task or future has raised fail it."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        complaints: list[dict[str, Any]] = []

        async def main() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
            asyncio.get_running_loop().slow_callback_duration = 10.0
            async with asyncio.timeout(PATIENCE):
                await test(*args, **kwargs)

        asyncio.run(main(), debug=True)
        assert complaints == []

    return run


class House:
    """A controller, its owner's account, and one meeting with an invitation."""

    def __init__(self, server: Server, account: m3.Account, meeting: Meeting, link: str) -> None:
        self.server = server
        self.account = account
        self.meeting = meeting
        self.link = link

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the controller."""
        host, _, port = self.server.base_url.removeprefix("http://").rpartition(":")
        return host, int(port)

    @asynccontextmanager
    async def two(self) -> AsyncIterator[tuple[Conference, Conference]]:
        """The owner and a guest, who see each other."""
        async with (
            self.meeting.start(display_name="Olga") as owner,
            m3.join(self.link, display_name="Gus") as guest,
        ):
            await owner.wait_for(m3.ParticipantJoined, timeout=PATIENCE)
            yield owner, guest


@asynccontextmanager
async def house(*, password: str | None = None) -> AsyncIterator[House]:
    """A `House`, whose controller listens at a free port."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(m3.serve())
        account = await stack.enter_async_context(m3.Account(server.base_url, server.owner))
        meeting = await account.create_meeting(title="Stand-up", password=password)
        yield House(server, account, meeting, await meeting.invite())


def free_port() -> int:
    """A loopback port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
