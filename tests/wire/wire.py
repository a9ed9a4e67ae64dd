"""A whole controller without sockets: bytes of a client go in, bytes and the end of the connection come out."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from enum import Enum
from itertools import pairwise
from typing import Final

from stage import Stage

from m3core.controller.front import Front
from m3core.controller.front_port import HalfClose, Shut, Write
from m3core.io import ConnectionId

_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3}) ")


class Pieces(Enum):
    """How the bytes of a client are cut."""

    WHOLE = "whole"
    BYTES = "byte by byte"
    RANDOM = "in pieces"


def cut(data: bytes, pieces: Pieces) -> Iterator[bytes]:
    """The pieces of ``data``. Those that are random are the same in each run."""
    if pieces is Pieces.WHOLE:
        ends = [0, len(data)]
    elif pieces is Pieces.BYTES:
        ends = [*range(len(data) + 1)]
    else:
        chosen = random.Random(len(data))
        ends = sorted({0, len(data), *(chosen.randrange(len(data) + 1) for _ in range(9))})
    return (data[begin:end] for begin, end in pairwise(ends))


def statuses(answers: bytes) -> tuple[int, ...]:
    """The statuses of all answers. No body of ours contains the beginning of an answer."""
    return tuple(int(status) for status in _STATUS.findall(answers))


class InMemory:
    """One controller behind its front, with a room and an invitation."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.front = Front(self.stage.controller)
        self._last = 0

    def connect(self) -> MemoryLine:
        self._last += 1
        return MemoryLine(self.front, ConnectionId(self._last))

    def ticket(self) -> str:
        """A new ticket of a guest."""
        return str(self.stage.start_invited()[1]["ticket"])


class MemoryLine:
    """One connection of a client."""

    def __init__(self, front: Front, connection: ConnectionId) -> None:
        self._front = front
        self._connection = connection
        self.received = b""
        """All bytes of the server."""
        self.is_ended = False
        """Whether the server has ended its side. Then no byte may follow."""
        front.connection_made(connection, 0.0)
        self._drain()

    def send(self, data: bytes, pieces: Pieces = Pieces.WHOLE) -> None:
        for piece in cut(data, pieces):
            self._front.data_received(self._connection, piece, 0.0)
            self._drain()

    def close(self) -> None:
        """End the client's side."""
        self._front.data_received(self._connection, b"", 0.0)
        self._drain()

    def _drain(self) -> None:
        self._perform()
        while (due := self._front.deadline) is not None and due <= 0.0:
            self._front.advance(0.0)  # the next turn of the connection
            self._perform()

    def _perform(self) -> None:
        for output in self._front.outputs():
            if isinstance(output, Write):
                assert not self.is_ended
                assert output.connections == (self._connection,)
                self.received += output.data
            elif isinstance(output, HalfClose):
                self.is_ended = True
            elif isinstance(output, Shut):
                assert not output.abort
                self.is_ended = True
