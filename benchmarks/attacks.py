"""How long a bystander waits for an answer while another client attacks the server, beside an idle server.

The server is a process of its own. Each attack runs three times, and the shortest of the three worst waits counts,
since a long wait may be due to other programs. An attacker whose connection is closed comes back with another one.
"""

from __future__ import annotations

import contextlib
import select
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

from benchmarks.attack_bytes import ATTACKS, Attack, Target, text
from benchmarks.attack_clients import Bystander, Place, serving, until
from benchmarks.timing import Wait
from m3core.testing.descriptions import make_offer

LOOPS = ("asyncio", "trio")
TARGET = 50.0
"""A bystander may wait so many times as long as at an idle server."""
SECONDS = 0.15
"""Of one run of an attack."""
RUNS = 3
CROWD = 300
"""Participants who do not read what an attacker says to them."""
SUBSCRIBES = 900
_READ = 1 << 18


def _open(place: Place, attack: Attack) -> tuple[socket.socket, bytes]:
    """A connection of the attacker, and what it sends again and again."""
    ours, participant = place.join("Mallory") if attack.is_joined else (place.connect(), "")
    return ours, attack.repeated(Target(place.room, place.code, participant))


def _flood(ours: socket.socket, once: bytes, repeated: bytes, *, reads: bool, end: float) -> None:
    """Send as fast as the server takes it. Returns when it closes the connection, or at ``end``."""
    ours.settimeout(0)
    left = memoryview(once + repeated)
    readers = [ours] if reads else []
    with contextlib.suppress(ConnectionError):
        while time.perf_counter() < end:
            readable, writable, _ = select.select(readers, [ours], [], 0.05)
            if readable and not ours.recv(_READ):
                return
            if writable:
                with contextlib.suppress(BlockingIOError):
                    left = left[ours.send(left) :] or memoryview(repeated)


def _attack(place: Place, attack: Attack, end: float) -> None:
    while time.perf_counter() < end:
        try:
            ours, repeated = _open(place, attack)
        except (OSError, EOFError, KeyError):  # the server refuses it: that is an answer to an attack, too
            time.sleep(0.01)
            continue
        with ours:
            _flood(ours, attack.once, repeated, reads=attack.reads, end=end)


def _worst(place: Place, work: Callable[[float], None]) -> float:
    """The worst wait of a bystander while ``work`` runs, which gets the time of its end."""
    worst = []
    for _ in range(RUNS):
        bystander = Bystander(place)
        with bystander.asking():
            work(time.perf_counter() + SECONDS)
        worst.append(bystander.worst)
    return min(worst)


def _idle(place: Place) -> float:
    """The median wait of a bystander of an idle server."""
    bystander = Bystander(place)
    with bystander.asking():
        time.sleep(1.0)
    return bystander.median


@contextlib.contextmanager
def _crowd(place: Place) -> Iterator[None]:
    """Many participants who read nothing."""
    with ExitStack() as stack:
        for number in range(CROWD):
            stack.enter_context(place.join(f"Reader {number}")[0])
        yield


def _publish(ours: socket.socket, participant: str) -> float:
    """How long the answer to an offer takes."""
    offer = make_offer(("audio", "video"), 1)
    begun = time.perf_counter()
    ours.sendall(text("media", action="publish", target=participant, media_session_type="video", sdp=offer))
    until(ours, b'"sdp_answer"')
    return time.perf_counter() - begun


def _storm(place: Place) -> tuple[float, float]:
    """How long a publish takes at an idle server, and at most while somebody else subscribes again and again."""
    with ExitStack() as stack:

        def joined(name: str) -> tuple[socket.socket, str]:
            ours, participant = place.join(name)
            return stack.enter_context(ours), participant

        idle = [_publish(*joined(f"Publisher {number}")) for number in range(5)]
        others, (stormer, _) = [joined(f"Other {number}") for number in range(3)], joined("Mallory")
        subscribe = _subscribe_to(stack.enter_context(place.publishing(stormer)))
        # The server refuses subscriptions until the stream has come.
        while b"sdp_offer" not in _asked(stormer, subscribe, rb'"sdp_offer"|"invalid_request_offer"'):
            time.sleep(0.05)
        storm = threading.Thread(target=_flood_once, args=(stormer, subscribe * SUBSCRIBES))
        storm.start()
        try:
            return statistics.median(idle), max(_publish(*other) for other in others)
        finally:
            stormer.shutdown(socket.SHUT_RDWR)
            storm.join()


def _subscribe_to(participant: str) -> bytes:
    return text("media", action="subscribe", target=participant, media_session_type="video")


def _asked(ours: socket.socket, command: bytes, answer: bytes) -> bytes:
    ours.sendall(command)
    return until(ours, answer)


def _flood_once(ours: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        ours.sendall(data)
        while ours.recv(_READ):
            pass


def run_on(loop: str, *, only: tuple[str, ...] = ()) -> Iterator[Wait]:
    """The figures of one event loop."""

    def figure(name: str, idle: float, wait: float, what: str = "idle") -> Wait:
        return Wait(name, f"{what}, {loop}", wait, idle, TARGET)

    with serving(loop) as there:
        idle = _idle(there)
        for name, attack in ATTACKS.items():
            if not only or name in only:
                yield figure(name, idle, _worst(there, partial(_attack, there, attack)))
        if not only or "chat to a crowd" in only:
            with _crowd(there):
                idle = _idle(there)
                wait = _worst(there, partial(_attack, there, ATTACKS["chat"]))
                yield figure(f"chat to {CROWD} who do not read", idle, wait)
    if not only or "subscriptions" in only:
        with serving(loop) as there:
            idle, wait = _storm(there)
            yield figure(f"{SUBSCRIBES} subscriptions: a publish", idle, wait, "idle publish")


def run(loops: tuple[str, ...] = LOOPS, *, only: tuple[str, ...] = ()) -> tuple[Wait, ...]:
    """All figures."""
    return tuple(wait for loop in loops for wait in run_on(loop, only=only))
