"""Chat histories, bounded in messages and bytes. Knows no participants.

A full history forgets its oldest messages. A full collection of histories forgets the one whose last message is oldest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from m3core.limits import MAX_CHAT_HISTORIES, MAX_CHAT_HISTORY, MAX_CHAT_HISTORY_BYTES
from m3core.messages.chat import StoredMessage

KeyT = TypeVar("KeyT")


class History:
    """The last messages of a room, of a group or of two participants."""

    def __init__(self) -> None:
        self._messages: deque[tuple[StoredMessage, int]] = deque()
        """Each message with its size in bytes, oldest first."""
        self._size = 0

    def add(self, message: StoredMessage) -> None:
        """Store ``message``. The oldest messages are forgotten for it."""
        # A little more than its size on the wire: a time is an object here, and an absent field is null.
        size = len(msgspec.json.encode(message))
        self._messages.append((message, size))
        self._size += size
        while len(self._messages) > MAX_CHAT_HISTORY or self._size > MAX_CHAT_HISTORY_BYTES:
            self._size -= self._messages.popleft()[1]

    def clear(self) -> None:
        """Forget all messages."""
        self._messages.clear()
        self._size = 0

    def newest_first(self, allowance: Allowance) -> tuple[StoredMessage, ...]:
        """The newest messages, as many as ``allowance`` has room for."""
        return tuple(message for message, size in reversed(self._messages) if allowance.take(size))


class Allowance:
    """How many bytes of history still fit into one message."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> bool:
        """Whether ``size`` bytes more fit. Once a message did not fit, no later one does: a history has no gaps."""
        self._left = self._left - size if size <= self._left else 0
        return self._left > 0


class Histories(Generic[KeyT]):
    """The histories of all groups, or of all pairs of participants."""

    def __init__(self) -> None:
        self._by_key: dict[KeyT, History] = {}
        """The history whose last message is oldest comes first."""

    def add(self, key: KeyT, message: StoredMessage) -> None:
        """Store ``message`` in the history of ``key``."""
        history = self._by_key.pop(key, None) or History()  # popped, and put in again at the end
        if len(self._by_key) >= MAX_CHAT_HISTORIES:
            del self._by_key[next(iter(self._by_key))]
        self._by_key[key] = history
        history.add(message)

    def of(self, key: KeyT) -> History:
        """The history of ``key``; an empty one if there is none."""
        return self._by_key.get(key) or History()

    def __iter__(self) -> Iterator[tuple[KeyT, History]]:
        """All histories with their keys; the one with the newest message comes first."""
        return reversed(self._by_key.items())
