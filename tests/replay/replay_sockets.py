"""Scenarios over real sockets, many at once in one thread. A clock is used only where a scenario has a pause.

Whether all effects of a step have come is not a question of time: the server answers messages and pings in order, so
that the pong on a socket comes after everything that the server sent there before (`Player.send_fence`).
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from itertools import count
from typing import Any, Final

from patience import PATIENCE
from replay_lines import Line
from replay_player import Pause, Played, Player, Settle, Until, Waiting

AT_ONCE: Final = 40
"""How many scenarios are played at the same time. Those with pauses do nothing for most of their time."""
_FENCES: Final = 3
"""Fences after a step. The first waits for the answers, the second for what the server sends to others, the third for
what reaches the server by way of its event loop: the reset of a connection, reports of the media server."""
# SO_LINGER with a time of 0: the kernel sends RST instead of FIN when the socket is closed.
_RESET: Final = struct.pack("ii", 1, 0)


class Sockets:
    """A network of real sockets. Bytes move only in `poll`."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._selector = selectors.DefaultSelector()
        self._sockets: dict[Line, socket.socket] = {}
        self._outgoing: dict[Line, bytearray] = {}
        self._half_closed: set[Line] = set()

    # -- a `Network` ---
    def connect(self, line: Line) -> None:
        address, _, port = self.host.partition(":")
        connection = socket.create_connection((address, int(port)), timeout=PATIENCE)
        connection.setblocking(False)
        self._sockets[line] = connection
        self._outgoing[line] = bytearray()
        self._selector.register(connection, selectors.EVENT_READ, line)

    def write(self, line: Line, data: bytes) -> None:
        if line in self._sockets:
            self._outgoing[line] += data
            self._send(line)

    def close(self, line: Line) -> None:
        if line in self._sockets:
            self._half_closed.add(line)
            self._send(line)

    def abort(self, line: Line) -> None:
        if line in self._sockets:
            self._sockets[line].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._drop(line)

    # -- for `play_over_sockets` ---
    def poll(self, seconds: float) -> None:
        """Wait until a socket is ready, but no longer than ``seconds``."""
        for key, events in self._selector.select(seconds):
            line: Line = key.data
            if events & selectors.EVENT_WRITE:
                self._send(line)
            if events & selectors.EVENT_READ and line in self._sockets:
                self._receive(line)

    def end(self) -> None:
        """Close all sockets."""
        for line in tuple(self._sockets):
            self.abort(line)
        self._selector.close()

    def _send(self, line: Line) -> None:
        connection, waiting = self._sockets[line], self._outgoing[line]
        try:
            while waiting:
                del waiting[: connection.send(waiting)]
        except BlockingIOError:
            pass
        except OSError:  # `_receive` notices the end, after the data that came before it
            waiting.clear()
        if not waiting and line in self._half_closed:
            with suppress(OSError):  # the server may have closed already
                connection.shutdown(socket.SHUT_WR)
            self._half_closed.discard(line)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if waiting else 0)
        self._selector.modify(connection, events, line)

    def _receive(self, line: Line) -> None:
        try:
            data = self._sockets[line].recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            line.received(data)
        else:
            self._drop(line)
            line.lost()

    def _drop(self, line: Line) -> None:
        connection = self._sockets.pop(line)
        self._selector.unregister(connection)
        connection.close()
        del self._outgoing[line]
        self._half_closed.discard(line)


class _Performance:
    """A scenario that is being played."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self._due = 0.0
        self._playing = self._play(player.play())
        self._wait: Callable[[], bool] = lambda: True

    def go_on(self) -> Played | None:
        """Play as far as possible now; returns what happened if that was the end."""
        while self._wait():
            try:
                self._wait = next(self._playing)
            except StopIteration:
                played = self.player.result()
                self.player.end()
                return played
        return None

    @property
    def due(self) -> float | None:
        """When to call `go_on` even if no data comes; None if it waits only for data."""
        return None if self._is_due() else self._due

    def _is_due(self) -> bool:
        return time.monotonic() >= self._due

    def _play(self, waiting: Waiting) -> Generator[Callable[[], bool], None, None]:
        fences = count(1)
        for wait in waiting:
            match wait:
                case Until(happened):
                    yield happened
                case Pause(seconds):
                    self._due = time.monotonic() + seconds
                    yield self._is_due
                case Settle():
                    for _ in range(_FENCES):
                        yield self.player.send_fence(next(fences))


def play_over_sockets(scenarios: Iterable[dict[str, Any]], host: str) -> dict[str, Played]:
    """Play the scenarios to the controller at ``host``; the results by name of the scenario. Blocks."""
    network = Sockets(host)
    waiting = deque(scenarios)
    performances: list[_Performance] = []
    played: dict[str, Played] = {}
    last = time.monotonic()
    try:
        while waiting or performances:
            while waiting and len(performances) < AT_ONCE:
                performances.append(_Performance(Player(waiting.popleft(), network)))
            for performance in tuple(performances):
                if (result := performance.go_on()) is not None:
                    performances.remove(performance)
                    played[performance.player.scenario["name"]] = result
                    last = time.monotonic()
            if time.monotonic() - last > PATIENCE:
                raise TimeoutError([performance.player.scenario["name"] for performance in performances])
            due = min(
                (performance.due for performance in performances if performance.due is not None),
                default=last + PATIENCE,
            )
            if performances:
                network.poll(max(0.0, due - time.monotonic()))
    finally:
        network.end()
    return played
