"""The conversations of the chat, and how many of their messages are kept. No messages of the wire are here."""

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
    """A chat message, perhaps our own. It is an event when it comes, and then part of its `Conversation`."""

    id: MessageId
    source: ParticipantId
    participant: Participant | None = field(repr=False)
    """The sender as of that time; None: unknown here."""
    content: str = field(repr=hide)
    """Plain text. The protocol has no rule for markup."""
    scope: ChatScope
    group: str | None = None
    to: ParticipantId | None = None
    """The recipient of a private message; else None."""
    timestamp: Timestamp | None = None
    is_own: bool = False


@frozen(kw_only=True)
class Conversation:
    """The messages to all, to one group, or between us and one correspondent."""

    scope: ChatScope = ChatScope.GLOBAL
    group: str | None = None
    correspondent: ParticipantId | None = None
    messages: tuple[ChatMessage, ...] = ()
    """The newest message last; at most `MAX_CONVERSATION`."""
    unread: int = 0
    """The number of messages of others since the last `mark_seen`."""
    last_seen: Timestamp | None = None
    dropped: int = 0
    """The number of older messages that were dropped here, because there were too many."""


Key: TypeAlias = tuple[ChatScope, str]
"""The scope, and the name of the group or the id of the correspondent."""
ROOM: Final[Key] = (ChatScope.GLOBAL, "")


class ConversationLog:
    """A conversation that grows, of which `snapshot` makes a `Conversation`."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.messages: dict[MessageId, ChatMessage] = {}
        self.unread = 0
        self.last_seen: Timestamp | None = None
        self.dropped = 0
        self._snapshot: Conversation | None = None

    def snapshot(self) -> Conversation:
        """The conversation as a frozen value; the same object until `touch`."""
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
        """The conversation is about to change, so that its snapshot is made again."""
        self._snapshot = None


class ConversationLogs:
    """All conversations, the one that was silent for longest first. Their sizes are bounded, each and in total."""

    def __init__(self) -> None:
        self._by_key: dict[Key, ConversationLog] = {}
        self._count = 0
        """The messages of all conversations."""

    def __iter__(self) -> Iterator[ConversationLog]:
        return iter(self._by_key.values())

    def get(self, key: Key) -> ConversationLog | None:
        """The conversation of that key; None: there is none."""
        return self._by_key.get(key)

    def open(self, key: Key) -> ConversationLog:
        """The conversation of that key, which is about to change. It is made if there is none."""
        log = self._by_key.get(key)
        if log is None:
            log = self._by_key[key] = ConversationLog(key)
        log.touch()
        return log

    def keep(self, key: Key, message: ChatMessage, *, is_unread: bool) -> bool:
        """Add ``message``. Gives False, and changes nothing, if it is there already.

        The oldest message is dropped, and counted in ``dropped``, when there are too many in the conversation or in
        total.
        """
        log = self.open(key)
        self._by_key[key] = self._by_key.pop(key)  # to the end: it is silent no longer
        if message.id in log.messages:
            return False
        log.messages[message.id] = message
        log.unread += is_unread
        self._count += 1
        if len(log.messages) > MAX_CONVERSATION:
            self._drop_oldest(log)
        elif self._count > MAX_CHAT_MESSAGES:
            self._drop_oldest(next(log for log in self if log.messages))
        return True

    def clear(self, key: Key) -> None:
        """Forget the messages of one conversation."""
        log = self.open(key)
        self._count -= len(log.messages)
        log.messages.clear()
        log.unread = 0

    def _drop_oldest(self, log: ConversationLog) -> None:
        log.touch()
        del log.messages[next(iter(log.messages))]
        log.dropped += 1
        self._count -= 1
        if not log.messages and log.key != ROOM:  # correspondents come and go: empty conversations would add up
            del self._by_key[log.key]


def instant(timestamp: Timestamp | None) -> int:
    """Nanoseconds, for comparisons; 0 for None and for a timestamp that is no instant."""
    try:
        return 0 if timestamp is None else timestamp.nanoseconds
    except MalformedMessage:
        return 0
