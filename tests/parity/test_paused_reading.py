"""A server reads nothing from a client whose bytes wait for their turn, and goes on when they have had it."""

from __future__ import annotations

import socket
from functools import partial

import anyio
import anyio.to_thread
import pytest
from places import ADAPTERS
from running import run

from benchmarks.attack_bytes import PING, TEXT, frame
from benchmarks.attack_clients import GET, Place, until
from m3core.controller.budget import Budget
from m3core.controller.front import Front
from m3core.io import ConnectionId
from m3core.limits import MAX_READ_AHEAD, TURN_BYTES

pytestmark = pytest.mark.usefixtures("nothing_is_left")
SENT = 16 << 20
"""More than the buffers of two sockets hold."""
READ = 256 << 10
"""The most that asyncio reads at once."""


@pytest.mark.parametrize("loop", ADAPTERS)
def test_reading_pauses_and_goes_on(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: dict[ConnectionId, int] = {}
    is_stalled = [False]
    received, advance = Front.data_received, Front.advance

    def data_received(self: Front, connection: ConnectionId, data: bytes, now: float) -> None:
        sizes[connection] = sizes.get(connection, 0) + len(data)
        received(self, connection, data, now)

    def stalling(self: Front, now: float) -> None:
        if not is_stalled[0]:
            advance(self, now)

    monkeypatch.setattr(Front, "data_received", data_received)
    monkeypatch.setattr(Front, "advance", stalling)
    monkeypatch.setattr(Budget, "take", lambda *_: True)

    def ask(bystander: socket.socket) -> None:
        bystander.sendall(GET)
        until(bystander, rb"\r\n\r\n")

    def joined(place: Place) -> socket.socket:
        place.room = place.post("/v1/invite/verify", {"invite_code": place.code})["room_id"]
        ours = place.join("Mallory")[0]
        ours.settimeout(None)
        return ours

    async def scenario() -> None:
        async with ADAPTERS[loop].serve() as server, server.account() as account:
            code = (await (await account.create_meeting(title="Turns")).invite()).rpartition("/")[2]
            place = Place(server.address[1], code)
            with await anyio.to_thread.run_sync(place.connect) as bystander:
                await anyio.to_thread.run_sync(ask, bystander)
                with await anyio.to_thread.run_sync(joined, place) as ours:
                    number = max(sizes)
                    before = sizes[number]
                    text = frame(TEXT, b"x" * 60_000)
                    is_stalled[0] = True
                    async with anyio.create_task_group() as group:
                        data = text * (SENT // len(text)) + frame(PING)
                        group.start_soon(anyio.to_thread.run_sync, partial(ours.sendall, data))
                        while sizes[number] - before <= MAX_READ_AHEAD:
                            await anyio.sleep(0.001)
                        for _ in range(20):  # the loop goes round, and serves others
                            await anyio.to_thread.run_sync(ask, bystander)
                        assert sizes[number] - before <= MAX_READ_AHEAD + TURN_BYTES + READ
                        is_stalled[0] = False
                        await anyio.to_thread.run_sync(until, ours, rb"\x8a\x00")
                    assert sizes[number] - before == len(data)

    run(loop, scenario)
