"""What was said in a room, as far as it is remembered: bounded in messages and bytes. Knows nobody.

A history forgets its oldest messages, a collection of histories the one that was silent longest.
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
    """The last messages of a room, of a group, or of two participants."""

    def __init__(self) -> None:
        self._messages: deque[tuple[StoredMessage, int]] = deque()
        """With their sizes, oldest first."""
        self._size = 0

    def add(self, message: StoredMessage) -> None:
        """Remember ``message``, and forget the oldest ones for it."""
        # A little more than what goes over the wire: a time is an object here, and what is absent is null.
        size = len(msgspec.json.encode(message))
        self._messages.append((message, size))
        self._size += size
        while len(self._messages) > MAX_CHAT_HISTORY or self._size > MAX_CHAT_HISTORY_BYTES:
            self._size -= self._messages.popleft()[1]

    def clear(self) -> None:
        """Forget everything."""
        self._messages.clear()
        self._size = 0

    def newest_first(self, allowance: Allowance) -> tuple[StoredMessage, ...]:
        """The messages, as many as ``allowance`` has room for."""
        return tuple(message for message, size in reversed(self._messages) if allowance.take(size))


class Allowance:
    """So many bytes of history may still be told."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> bool:
        """Whether ``size`` bytes more fit; once some did not, nothing does."""
        self._left = self._left - size if size <= self._left else 0
        return self._left > 0


class Histories(Generic[KeyT]):
    """The histories of all groups, or of all pairs of participants."""

    def __init__(self) -> None:
        self._by_key: dict[KeyT, History] = {}
        """The one that was silent longest first."""

    def add(self, key: KeyT, message: StoredMessage) -> None:
        """Remember ``message``."""
        history = self._by_key.pop(key, None) or History()
        if len(self._by_key) >= MAX_CHAT_HISTORIES:
            del self._by_key[next(iter(self._by_key))]
        self._by_key[key] = history
        history.add(message)

    def of(self, key: KeyT) -> History:
        """The history of ``key``; an empty one if nothing was said."""
        return self._by_key.get(key) or History()

    def __iter__(self) -> Iterator[tuple[KeyT, History]]:
        """All, the one where something was said last first."""
        return reversed(self._by_key.items())
