"""Turns over sockets, on both loops: a request of a bystander is answered before the second turn of an attacker."""

from __future__ import annotations

import contextlib
import socket

import anyio
import anyio.to_thread
import pytest
from attrs import define, field
from places import ADAPTERS
from running import run

from benchmarks.attack_bytes import ATTACKS, Attack, Target
from benchmarks.attack_clients import Place
from m3core.controller.budget import Budget
from m3core.controller.front import Front
from m3core.controller.http import HttpConnection
from m3core.io import ConnectionId
from m3core.limits import TURN_BYTES, TURN_EVENTS

pytestmark = pytest.mark.usefixtures("nothing_is_left")
MIB = 1 << 20
GET = b"GET /v1/auth/login HTTP/1.1\r\nHost: a\r\n\r\n"
QUESTIONS = 3
ACCEPT = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"


@define
class Watch:
    """Asks for a bystander whenever the server is busy with another client, and counts what that one still gets."""

    bystander: socket.socket | None = None
    number: ConnectionId = field(default=ConnectionId(1))
    is_asking: bool = False
    steps: int = 0
    size: int = 0
    counts: list[tuple[int, int]] = field(factory=list)
    done: anyio.Event = field(factory=anyio.Event)

    def step(self) -> None:
        """The server has read something of the attacker."""
        if self.is_asking:
            self.steps += 1
        elif self.bystander is not None and not self.done.is_set():
            self.is_asking, self.steps, self.size = True, 0, 0
            self.bystander.sendall(GET)  # on loopback it arrives at once

    def answered(self) -> None:
        """The server has read the request of the bystander, and answers it at once."""
        if self.is_asking:
            self.is_asking = False
            self.counts.append((self.steps, self.size))
            if len(self.counts) == QUESTIONS:
                self.done.set()


def watching(monkeypatch: pytest.MonkeyPatch, watch: Watch) -> None:
    step, receive, received = HttpConnection.step, HttpConnection.receive_data, Front.data_received
    current = [ConnectionId(0)]

    def counting_step(self: HttpConnection) -> bool:
        has_read = step(self)
        if has_read and current[0] != watch.number:
            watch.step()
        return has_read

    def counting_receive(self: HttpConnection, data: bytes) -> None:
        watch.size += len(data)
        receive(self, data)

    def data_received(self: Front, connection: ConnectionId, data: bytes, now: float) -> None:
        current[0] = connection
        if connection == watch.number:
            watch.answered()
        received(self, connection, data, now)
        current[0] = ConnectionId(0)

    monkeypatch.setattr(HttpConnection, "step", counting_step)
    monkeypatch.setattr(HttpConnection, "receive_data", counting_receive)
    monkeypatch.setattr(Front, "data_received", data_received)
    monkeypatch.setattr(Budget, "take", lambda *_: True)  # else the attacker is closed too soon to count much


def attacker(port: int, code: str, attack: Attack) -> tuple[socket.socket, Target]:
    """A socket of somebody who has joined, or of a client that has sent no request yet."""
    place = Place(port, code)
    place.room = place.post("/v1/invite/verify", {"invite_code": code})["room_id"]
    ours, participant = place.join("Mallory") if attack.is_joined else (place.connect(), "")
    ours.settimeout(None)
    return ours, Target(place.room, code, participant)


def flood(ours: socket.socket, attack: Attack, target: Target, watch: Watch) -> None:
    """Send 1 MiB after the other, and read nothing, until the bystander has asked often enough."""
    repeated = attack.repeated(target)
    repeated *= MIB // len(repeated) + 1
    with contextlib.suppress(OSError):  # the server aborts it at the latest when nobody reads its answers
        ours.sendall(attack.once)
        while not watch.done.is_set():
            ours.sendall(repeated)


@pytest.mark.parametrize("loop", ADAPTERS)
@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "a long head"])
def test_a_bystander_waits_for_one_turn_of_an_attacker(loop: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attack = ATTACKS[name]

    async def scenario() -> None:
        watch = Watch()
        watching(monkeypatch, watch)
        async with ADAPTERS[loop].serve() as server, server.account() as account:
            code = (await (await account.create_meeting(title="Turns")).invite()).rpartition("/")[2]
            port = server.address[1]
            bystander = await anyio.to_thread.run_sync(socket.create_connection, ("127.0.0.1", port))
            with bystander:
                bystander.settimeout(None)
                await anyio.to_thread.run_sync(bystander.sendall, GET)
                await anyio.to_thread.run_sync(bystander.recv, 1 << 16)
                ours, target = await anyio.to_thread.run_sync(attacker, port, code, attack)
                with ours:
                    watch.bystander = bystander
                    async with anyio.create_task_group() as group:
                        group.start_soon(anyio.to_thread.run_sync, flood, ours, attack, target, watch)
                        await watch.done.wait()
                        ours.shutdown(socket.SHUT_RDWR)
        assert all(steps <= TURN_EVENTS and size <= TURN_BYTES + len(GET) for steps, size in watch.counts), watch.counts

    run(loop, scenario)
