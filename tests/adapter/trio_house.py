"""What the trio tests share: a running controller with a meeting, on trio, and tests that are coroutines."""

from __future__ import annotations

import functools
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, ParamSpec

import psutil
import trio
from patience import PATIENCE

import m3trio as m3

P = ParamSpec("P")


def sockets() -> set[tuple[int, str]]:
    """The open sockets of this process, without those of event loops."""
    return {(entry.fd, str(entry.laddr)) for entry in psutil.Process().net_connections("tcp") if entry.status != "NONE"}


def in_trio(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in a trio run of its own. Tasks, threads and sockets that it leaves fail it."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        threads, open_before = set(threading.enumerate()), sockets()

        async def main() -> None:
            before = trio.lowlevel.current_statistics().tasks_living
            with trio.fail_after(PATIENCE):
                await test(*args, **kwargs)
            assert trio.lowlevel.current_statistics().tasks_living == before

        trio.run(main)
        assert {thread for thread in threading.enumerate() if not thread.name.startswith("Trio thread")} <= threads
        assert sockets() - open_before == set()

    return run


class House:
    """A controller, its owner's account, and one meeting with an invitation."""

    def __init__(self, server: m3.Server, account: m3.Account, meeting: m3.Meeting, link: str) -> None:
        self.server = server
        self.account = account
        self.meeting = meeting
        self.link = link

    @asynccontextmanager
    async def two(self) -> AsyncIterator[tuple[m3.Conference, m3.Conference]]:
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
    async with m3.serve() as server, m3.Account(server.base_url, server.owner) as account:
        meeting = await account.create_meeting(title="Stand-up", password=password)
        yield House(server, account, meeting, await meeting.invite())
