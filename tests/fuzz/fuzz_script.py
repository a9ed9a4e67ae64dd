"""Bytes as a script of choices: what a fuzzer changes, a target reads. It ends when the bytes do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Script:
    """Reads from the front of ``data``. Beyond the end every byte is 0 and every text is empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        """A number of 0 to 255."""
        found = self._data[self._at : self._at + 1]
        self._at += 1
        return found[0] if found else 0

    def one_of(self, choices: Sequence[T]) -> T:
        """One of ``choices``, of which there are at most 256."""
        return choices[self.byte() % len(choices)]

    def line(self) -> bytes:
        """The bytes up to the next line feed, without it."""
        end = self._data.find(b"\n", self._at)
        end = len(self._data) if end < 0 else end
        found = self._data[self._at : end]
        self._at = end + 1
        return found

    def rest(self) -> bytes:
        """Everything that is left."""
        found = self._data[self._at :]
        self._at = len(self._data)
        return found


def whole_and_cut(data: bytes, opening: bytes) -> tuple[Iterable[bytes], Iterable[bytes], int]:
    """The bytes of a connection in one piece and in small ones, and the size of these.

    The first byte of ``data`` says whether ``opening`` comes before the rest, and how small the pieces are.
    """
    script = Script(data)
    choice = script.byte()
    sent = opening * (choice & 1) + script.rest()
    size = 1 + (choice >> 1) % 7
    # An empty piece would be the end of the stream.
    return [sent] if sent else [], (sent[at : at + size] for at in range(0, len(sent), size)), size
