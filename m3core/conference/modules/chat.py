"""Namespace `chat`: messages to all, to groups and in private, and which of them were seen (signaling.md § 7)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import field, frozen

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, Someone, T, id_of, rule, rules
from m3core.conference.modules.conversations import (
    ROOM,
    ChatMessage,
    Conversation,
    ConversationLog,
    ConversationLogs,
    Key,
    instant,
)
from m3core.conference.surroundings import Surroundings
from m3core.errors import LocalProtocolError, MalformedMessage, WrongValue
from m3core.limits import MAX_CHAT_TEXT
from m3core.messages import Command, Event, chat
from m3core.messages.chat import ChatScope
from m3core.messages.control import JoinSuccess
from m3core.values import ParticipantId, Timestamp, parse_uuid


# -- state; `Conversation` and `ChatMessage` are in `conversations` ---
@frozen(kw_only=True)
class ChatState:
    """All conversations. ``enabled``: participants may write."""

    enabled: bool = False
    room: Conversation = field(factory=Conversation)
    """The messages to all."""
    groups: Mapping[str, Conversation] = field(factory=lambda: MappingProxyType({}))
    private: Mapping[ParticipantId, Conversation] = field(factory=lambda: MappingProxyType({}))
    """By correspondent. Servers of the capture era do not store private messages: those before we came are missing."""

    @property
    def unread(self) -> int:
        """The number of unread messages in all conversations."""
        return sum(one.unread for one in (self.room, *self.groups.values(), *self.private.values()))


# -- events ---
@frozen(kw_only=True)
class ChatSwitched(ConferenceEvent):
    """``is_enabled``: participants may write. Otherwise nobody may, not even moderators."""

    is_enabled: bool
    issued_by: ParticipantId


@frozen(kw_only=True)
class ChatCleared(ConferenceEvent):
    """A moderator deleted the messages to all."""

    issued_by: ParticipantId


# -- the module ---
class ChatModule(ClientModule[ChatState]):
    """All conversations. Their sizes are bounded, each and in total."""

    NAMESPACE = "chat"
    RULES: ClassVar[Rules] = MappingProxyType(
        rules("insufficient_permissions", chat.EnableChat, chat.DisableChat, chat.ClearHistory)
        | {chat.SendMessage: rule("chat_disabled", answered=True)}
    )

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._enabled = False
        self._logs = ConversationLogs()
        self._missed: list[ChatMessage] = []

    def build(self) -> ChatState:
        every = [log.snapshot() for log in self._logs]
        return ChatState(
            enabled=self._enabled,
            room=next((one for one in every if one.scope is ChatScope.GLOBAL), Conversation()),
            groups=MappingProxyType({one.group: one for one in every if one.group is not None}),
            private=MappingProxyType({one.correspondent: one for one in every if one.correspondent is not None}),
        )

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            chat.MessageSent: self._message_sent,
            chat.ChatEnabled: lambda event: self._switch(event.issued_by, is_enabled=True),
            chat.ChatDisabled: lambda event: self._switch(event.issued_by, is_enabled=False),
            chat.HistoryCleared: self._history_cleared,
            chat.Error: lambda event: self._refuse(event.error.value),
        }

    def entered(self, join: JoinSuccess) -> None:
        told = join.chat
        self._enabled = told is not None and told.enabled
        before, self._logs = self._logs, ConversationLogs()
        self._missed = []
        if told is None:
            return
        self._restore(before, ROOM, told.room_history, told.last_seen_timestamp_global)
        for group in told.groups_history:
            seen = told.last_seen_timestamps_group.get(group.name)
            self._restore(before, (ChatScope.GROUP, group.name), group.history, seen)
        # Before 0.4 `join_success` has no private messages (signaling.md § 7), so those that we know are kept.
        private: dict[Key, tuple[chat.StoredMessage, ...]] = {
            log.key: () for log in before if log.key[0] is ChatScope.PRIVATE
        }
        private |= {(ChatScope.PRIVATE, one.correspondent): one.history for one in told.private_history or ()}
        for key, history in private.items():
            self._restore(before, key, history, told.last_seen_timestamps_private.get(key[1]))

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        missed, self._missed = self._missed, []
        return tuple(missed)

    def left(self) -> None:
        self._logs = ConversationLogs()  # each room of the meeting has its own chat (signaling.md § 8)

    def sent(self, command: Command) -> None:
        if isinstance(command, chat.SetLastSeenTimestamp):
            log = self._logs.get((command.scope, command.target or ""))
            if log is not None:
                log.touch()
                log.unread, log.last_seen = 0, command.timestamp

    def _restore(
        self, before: ConversationLogs, key: Key, history: tuple[chat.StoredMessage, ...], seen: Timestamp | None
    ) -> None:
        known = before.get(key) or ConversationLog(key)
        log = self._logs.open(key)
        # The server stores our marks when we leave (signaling.md § 7): after a lost connection ours may be newer.
        log.last_seen = max(seen, known.last_seen, key=instant)
        log.unread, log.dropped = known.unread, known.dropped
        messages = dict(known.messages) if key[0] is ChatScope.PRIVATE else {}
        # Histories are newest first (signaling.md § 7), and messages to all have timestamps in whole seconds. The sort
        # below is stable, so that messages of one second keep their order.
        messages |= {stored.id: self._message(stored, key) for stored in reversed(history)}
        newest = max((instant(message.timestamp) for message in known.messages.values()), default=0)
        for message in sorted(messages.values(), key=lambda message: instant(message.timestamp)):
            at = instant(message.timestamp)
            # One that is older than all that are kept was known, and dropped here.
            is_new = message.id not in known.messages and at >= newest
            is_unread = is_new and not message.is_own and at > instant(log.last_seen)
            self._logs.keep(key, message, is_unread=is_unread)
            if is_new:
                self._missed.append(message)
        log.unread = min(log.unread, sum(not message.is_own for message in messages.values()))

    def _message_sent(self, event: chat.MessageSent) -> None:
        key = self._key(event)
        message = self._message(event, key)
        if not self._logs.keep(key, message, is_unread=not message.is_own):
            return  # a private message to oneself comes twice: to the sender and to the recipient (signaling.md § 7)
        self._notify(message)
        if message.is_own:
            received = (event.content, event.scope, event.target)
            self._acknowledge(
                chat.SendMessage, lambda asked: (asked.content, asked.scope, asked.target) == received, result=message
            )

    def _switch(self, issued_by: ParticipantId, *, is_enabled: bool) -> None:
        self._enabled = is_enabled
        self._notify(ChatSwitched(is_enabled=is_enabled, issued_by=issued_by))
        self._acknowledge(chat.EnableChat if is_enabled else chat.DisableChat)

    def _history_cleared(self, event: chat.HistoryCleared) -> None:
        self._logs.clear(ROOM)
        self._notify(ChatCleared(issued_by=event.issued_by))
        self._acknowledge(chat.ClearHistory)

    def _key(self, told: chat.MessageSent | chat.StoredMessage) -> Key:
        if told.scope is ChatScope.GLOBAL:
            return ROOM
        if told.target is None:
            raise MalformedMessage("missing", "$.payload.target")
        if told.scope is ChatScope.GROUP:
            return ChatScope.GROUP, told.target
        recipient = parse_uuid(told.target, "$.payload.target")
        return ChatScope.PRIVATE, recipient if told.source == self._own().id else told.source

    def _message(self, told: chat.MessageSent | chat.StoredMessage, key: Key) -> ChatMessage:
        return ChatMessage(
            id=told.id,
            source=told.source,
            participant=self._participant(told.source),
            content=told.content,
            scope=told.scope,
            group=key[1] if told.scope is ChatScope.GROUP else None,
            to=ParticipantId(told.target) if told.scope is ChatScope.PRIVATE and told.target else None,
            timestamp=told.timestamp,
            is_own=told.source == self._own().id,
        )


# -- commands ---
class ChatCommands(CommandGroup[T]):
    """Call the object itself to send a message: ``conference.chat("hello")``."""

    def __call__(self, text: str, *, to: Someone | None = None, group: str | None = None) -> T:
        """Send ``text`` to all, to one participant or to a group; done with the `ChatMessage` that the server sent.

        Raises `LocalProtocolError` for an empty text, which servers drop, and for more than 4096 bytes of UTF-8, which
        servers cut. Refused: `chat_disabled`. Times out for a group that we are not in, since servers ignore that.
        """
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise WrongValue("the text cannot be sent as UTF-8: it has half a surrogate pair") from None
        if not 0 < size <= MAX_CHAT_TEXT:
            raise WrongValue(f"a chat message must have 1 to {MAX_CHAT_TEXT} bytes of UTF-8, not {size}")
        scope, target = _address(to, group)
        return self._perform(chat.SendMessage(content=text, scope=scope, target=target))

    def enable(self) -> T:
        """Let everybody write; for moderators. Refused: `insufficient_permissions`."""
        return self._perform(chat.EnableChat())

    def disable(self) -> T:
        """Let nobody write; for moderators. Refused: `insufficient_permissions`."""
        return self._perform(chat.DisableChat())

    def clear(self) -> T:
        """Delete the messages to all; for moderators. Refused: `insufficient_permissions`."""
        return self._perform(chat.ClearHistory())

    def mark_seen(self, *, to: Someone | None = None, group: str | None = None) -> T:
        """Mark all messages of a conversation as seen: of that with ``to``, of ``group``, or of the room.

        Raises `LocalProtocolError` if it has no messages.
        """
        scope, target = _address(to, group)
        state = self._state().of(ChatModule)
        conversation: Conversation | None = state.room
        if target is not None:
            conversation = state.groups.get(target) if to is None else state.private.get(id_of(to))
        messages = () if conversation is None else conversation.messages
        stamps = [message.timestamp for message in messages if message.timestamp is not None]
        if not stamps:
            raise LocalProtocolError("the conversation has no messages, so that none can be marked as seen")
        newest = max(stamps, key=instant)
        return self._perform(chat.SetLastSeenTimestamp(scope=scope, target=target, timestamp=newest))


def _address(to: Someone | None, group: str | None) -> tuple[ChatScope, str | None]:
    if to is not None and group is not None:
        raise WrongValue("name a participant or a group as the recipient, not both")
    if to is not None:
        return ChatScope.PRIVATE, id_of(to)
    return (ChatScope.GLOBAL, None) if group is None else (ChatScope.GROUP, group)
