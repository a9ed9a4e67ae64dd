"""A chat message to many receivers over sockets, beside a bare loop; and many who join at once.

It measures the processor time of servers in processes of their own. The clients are in this process, and not measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from benchmarks.crowd import Crowd, frame
from benchmarks.served import running
from benchmarks.timing import Cost, Load

RECEIVERS: Final = 200
JOINS: Final = 400
MESSAGES: Final = 10
"""In one burst; each leaves when all have received the one before."""
TARGETS: Final = {"asyncio": 1.4, "trio": 1.4}
"""How many times the processor time of the bare loop a delivery may take. It is 1.3, and up to a tenth differs from one
run to the next."""
STORMS: Final = 3
"""So many storms at most, since each needs a new server."""


def _say(crowd: Crowd) -> Callable[[int], None]:
    text = frame("chat", action="send_message", content="hello there, everybody", scope="global")

    def say(number: int) -> None:
        crowd.write(number, text)
        crowd.hear(b'"message":"message_sent"', RECEIVERS)

    return say


def delivery(rounds: int) -> tuple[Cost, ...]:
    """What a controller needs for a chat message, as a multiple of what a bare loop needs for a ready frame."""
    with ExitStack() as stack:
        servers = {kind: stack.enter_context(running(kind)) for kind in ("bare", *TARGETS)}
        crowds = {kind: Crowd(server) for kind, server in servers.items()}
        for kind, crowd in crowds.items():
            stack.callback(crowd.close)
            if kind == "bare":
                crowd.connect(RECEIVERS)
            else:
                crowd.come(RECEIVERS)
                crowd.join()
        say = {kind: _say(crowd) for kind, crowd in crowds.items()}

        def burst(kind: str, number: int) -> float:
            start = servers[kind].seconds()
            for message in range(MESSAGES):
                say[kind](number * MESSAGES + message)
            return servers[kind].seconds() - start

        ratios: dict[str, list[float]] = {kind: [] for kind in TARGETS}
        for number in range(-1, rounds):
            kinds = list(servers) if number % 2 else list(reversed(servers))
            seconds = {kind: burst(kind, number) for kind in kinds}
            if number >= 0:  # the first burst makes what is made once
                for kind, found in ratios.items():
                    found.append(seconds[kind] / seconds["bare"])
    return tuple(
        Cost(f"chat to {RECEIVERS} on {kind}", "a bare asyncio loop", statistics.median(found), TARGETS[kind])
        for kind, found in ratios.items()
    )


def _storm(kind: str, joins: int) -> float:
    """Milliseconds of processor time for each of so many joins at once."""
    with running(kind) as server, ExitStack() as stack:
        # The first join of a process makes the classes and functions that write messages, in a tenth of a second.
        first, crowd = Crowd(server), Crowd(server)
        for each, many in ((first, 2), (crowd, joins)):
            stack.callback(each.close)
            each.come(many)
        first.join()
        start = server.seconds()
        crowd.join()
        return (server.seconds() - start) / joins * 1e3


def storm(rounds: int) -> tuple[Load, ...]:
    """What one of many joins needs that come at once."""
    times = range(min(rounds, STORMS))
    return tuple(
        Load(f"{JOINS} join at once on {kind}", "each", statistics.median(_storm(kind, JOINS) for _ in times))
        for kind in TARGETS
    )


def run(rounds: int = 31) -> tuple[Cost | Load, ...]:
    """All measurements. A client that is not told of a message, or of a participant, waits for ever."""
    return (*delivery(rounds), *storm(rounds))
