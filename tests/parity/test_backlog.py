"""How many connections may wait until a server accepts them: the same on both loops."""

from __future__ import annotations

import socket

import pytest
from places import ADAPTERS
from running import run

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_the_queue_of_connections_is_the_same_on_both_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the 100 of asyncio, a burst of 2,000 connections took 16 seconds: TCP repeats what found no place."""
    listen = socket.socket.listen
    asked: dict[str, list[int]] = {loop: [] for loop in ADAPTERS}

    for loop in ADAPTERS:

        def listening(self: socket.socket, backlog: int = 0, *, loop: str = loop) -> None:
            asked[loop].append(backlog)
            listen(self, backlog)

        monkeypatch.setattr(socket.socket, "listen", listening)

        async def scenario(loop: str = loop) -> None:
            async with ADAPTERS[loop].serve():
                pass

        run(loop, scenario)
    assert asked["asyncio"][-1] == asked["trio"][-1] == 0xFFFF
