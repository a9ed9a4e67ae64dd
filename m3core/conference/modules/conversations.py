"""What was said, conversation by conversation, and how much of it is kept. Knows no messages of the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from attrs import field, frozen

from m3core.conference.common import Participant
from m3core.conference.events import ConferenceEvent
from m3core.errors import MalformedMessage
from m3core.limits import MAX_CHAT_MESSAGES, MAX_CONVERSATION
from m3core.messages.base import hide
from m3core.messages.chat import ChatScope
from m3core.values import MessageId, ParticipantId, Timestamp


@frozen(kw_only=True)
class ChatMessage(ConferenceEvent):
    """Somebody, perhaps we, said something. An event when it comes, and kept in its `Conversation`."""

    id: MessageId
    source: ParticipantId
    participant: Participant | None = field(repr=False)
    """Who said it, as at that time; None if unknown here."""
    content: str = field(repr=hide)
    """Plain text; no markup rule."""
    scope: ChatScope
    group: str | None = None
    to: ParticipantId | None = None
    """The recipient, of a private message."""
    timestamp: Timestamp | None = None
    is_own: bool = False


@frozen(kw_only=True)
class Conversation:
    """What was said to all, in one group, or between us and one correspondent."""

    scope: ChatScope = ChatScope.GLOBAL
    group: str | None = None
    correspondent: ParticipantId | None = None
    messages: tuple[ChatMessage, ...] = ()
    """The newest last; at most `MAX_CONVERSATION`."""
    unread: int = 0
    """How many messages of others came since the last `mark_seen`."""
    last_seen: Timestamp | None = None
    dropped: int = 0
    """How many older messages were dropped here."""


Key: TypeAlias = tuple[ChatScope, str]
"""Scope, and name of the group or id of the correspondent."""
ROOM: Final[Key] = (ChatScope.GLOBAL, "")


class Talk:
    """A conversation that grows."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.messages: dict[MessageId, ChatMessage] = {}
        self.unread = 0
        self.last_seen: Timestamp | None = None
        self.dropped = 0
        self._snapshot: Conversation | None = None

    def snapshot(self) -> Conversation:
        """Frozen; the same object until `touch`."""
        if self._snapshot is None:
            scope, target = self.key
            self._snapshot = Conversation(
                scope=scope,
                group=target if scope is ChatScope.GROUP else None,
                correspondent=ParticipantId(target) if scope is ChatScope.PRIVATE else None,
                messages=tuple(self.messages.values()),
                unread=self.unread,
                last_seen=self.last_seen,
                dropped=self.dropped,
            )
        return self._snapshot

    def touch(self) -> None:
        """Something is about to change."""
        self._snapshot = None


class Talks:
    """All conversations, the one that was silent for longest first; bounded one by one and together."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Talk] = {}
        self._count = 0

    def __iter__(self) -> Iterator[Talk]:
        return iter(self._by_key.values())

    def get(self, key: Key) -> Talk | None:
        """A conversation, if there is one."""
        return self._by_key.get(key)

    def open(self, key: Key) -> Talk:
        """A conversation that is about to change; begun if need be."""
        talk = self._by_key.get(key)
        if talk is None:
            talk = self._by_key[key] = Talk(key)
        talk.touch()
        return talk

    def keep(self, key: Key, message: ChatMessage, *, is_unread: bool) -> bool:
        """Add ``message``; whether it is new: one that is there already changes nothing.

        What is too much is dropped, and counted.
        """
        talk = self.open(key)
        self._by_key[key] = self._by_key.pop(key)
        if message.id in talk.messages:
            return False
        talk.messages[message.id] = message
        talk.unread += is_unread
        self._count += 1
        if len(talk.messages) > MAX_CONVERSATION:
            self._drop_oldest(talk)
        elif self._count > MAX_CHAT_MESSAGES:
            self._drop_oldest(next(talk for talk in self if talk.messages))
        return True

    def clear(self, key: Key) -> None:
        """Forget what was said in one."""
        talk = self.open(key)
        self._count -= len(talk.messages)
        talk.messages.clear()
        talk.unread = 0

    def _drop_oldest(self, talk: Talk) -> None:
        talk.touch()
        del talk.messages[next(iter(talk.messages))]
        talk.dropped += 1
        self._count -= 1
        if not talk.messages and talk.key != ROOM:
            del self._by_key[talk.key]


def instant(timestamp: Timestamp | None) -> int:
    """For comparison, in nanoseconds; what is no instant is the oldest."""
    try:
        return 0 if timestamp is None else timestamp.nanoseconds
    except MalformedMessage:
        return 0
