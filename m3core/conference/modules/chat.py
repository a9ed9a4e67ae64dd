"""Namespace `chat`: what was said to all, to groups and in private, and what of it was seen (signaling.md § 7)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import field, frozen

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, Someone, T, id_of, rule, rules
from m3core.conference.modules.conversations import ROOM, ChatMessage, Conversation, Key, Talk, Talks, instant
from m3core.conference.surroundings import Surroundings
from m3core.errors import LocalProtocolError, MalformedMessage
from m3core.limits import MAX_CHAT_TEXT
from m3core.messages import Command, Event, chat
from m3core.messages.chat import ChatScope
from m3core.messages.control import JoinSuccess
from m3core.values import ParticipantId, Timestamp, parse_uuid


# -- state; its parts are in `conversations` ---
@frozen(kw_only=True)
class ChatState:
    """Every conversation. ``enabled``: one may write."""

    enabled: bool = False
    room: Conversation = field(factory=Conversation)
    """What was said to all."""
    groups: Mapping[str, Conversation] = field(factory=lambda: MappingProxyType({}))
    private: Mapping[ParticipantId, Conversation] = field(factory=lambda: MappingProxyType({}))
    """By correspondent; servers of the capture era do not tell what was said before we came."""

    @property
    def unread(self) -> int:
        """The sum over all conversations."""
        return sum(one.unread for one in (self.room, *self.groups.values(), *self.private.values()))


# -- events ---
@frozen(kw_only=True)
class ChatSwitched(ConferenceEvent):
    """One may write, or no longer; moderators too."""

    is_enabled: bool
    issued_by: ParticipantId


@frozen(kw_only=True)
class ChatCleared(ConferenceEvent):
    """What was said to all is forgotten."""

    issued_by: ParticipantId


# -- folding ---
class ChatModule(ClientModule[ChatState]):
    """Every conversation, bounded: one by one and together."""

    NAMESPACE = "chat"
    RULES: ClassVar[Rules] = MappingProxyType(
        rules("insufficient_permissions", chat.EnableChat, chat.DisableChat, chat.ClearHistory)
        | {chat.SendMessage: rule("chat_disabled", answered=True)}
    )

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._enabled = False
        self._talks = Talks()
        self._missed: list[ChatMessage] = []

    def build(self) -> ChatState:
        """The snapshot."""
        talks = [talk.snapshot() for talk in self._talks]
        return ChatState(
            enabled=self._enabled,
            room=next((talk for talk in talks if talk.scope is ChatScope.GLOBAL), Conversation()),
            groups=MappingProxyType({talk.group: talk for talk in talks if talk.group is not None}),
            private=MappingProxyType({talk.correspondent: talk for talk in talks if talk.correspondent is not None}),
        )

    def handlers(self) -> Mapping[type[Event], Handler]:
        """Every event of `chat`."""
        return {
            chat.MessageSent: self._message_sent,
            chat.ChatEnabled: lambda event: self._switch(event.issued_by, is_enabled=True),
            chat.ChatDisabled: lambda event: self._switch(event.issued_by, is_enabled=False),
            chat.HistoryCleared: self._history_cleared,
            chat.Error: lambda event: self._refuse(event.error.value),
        }

    def entered(self, join: JoinSuccess) -> None:
        """The histories, newest first on the wire. Of private talks only L tells: ours stay when we come again."""
        told = join.chat
        self._enabled = told is not None and told.enabled
        before, self._talks = self._talks, Talks()
        self._missed = []
        if told is None:
            return
        self._restore(before, ROOM, told.room_history, told.last_seen_timestamp_global)
        for group in told.groups_history:
            seen = told.last_seen_timestamps_group.get(group.name)
            self._restore(before, (ChatScope.GROUP, group.name), group.history, seen)
        private: dict[Key, tuple[chat.StoredMessage, ...]] = {
            talk.key: () for talk in before if talk.key[0] is ChatScope.PRIVATE
        }
        private |= {(ChatScope.PRIVATE, one.correspondent): one.history for one in told.private_history or ()}
        for key, history in private.items():
            self._restore(before, key, history, told.last_seen_timestamps_private.get(key[1]))

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        """What was said meanwhile."""
        missed, self._missed = self._missed, []
        return tuple(missed)

    def left(self) -> None:
        """Every room has its own chat."""
        self._talks = Talks()

    def sent(self, command: Command) -> None:
        """Nobody answers a mark."""
        if isinstance(command, chat.SetLastSeenTimestamp):
            talk = self._talks.get((command.scope, command.target or ""))
            if talk is not None:
                talk.touch()
                talk.unread, talk.last_seen = 0, command.timestamp

    def _restore(
        self, before: Talks, key: Key, history: tuple[chat.StoredMessage, ...], seen: Timestamp | None
    ) -> None:
        known = before.get(key) or Talk(key)
        talk = self._talks.open(key)
        talk.last_seen = max(seen, known.last_seen, key=instant)
        talk.unread, talk.dropped = known.unread, known.dropped
        messages = dict(known.messages) if key[0] is ChatScope.PRIVATE else {}
        # Oldest first, so that what was said in one instant keeps its order.
        messages |= {stored.id: self._message(stored, key) for stored in reversed(history)}
        newest = max((instant(message.timestamp) for message in known.messages.values()), default=0)
        for message in sorted(messages.values(), key=lambda message: instant(message.timestamp)):
            at = instant(message.timestamp)
            is_new = message.id not in known.messages and at >= newest  # an older one was known, and dropped
            is_unread = is_new and not message.is_own and at > instant(talk.last_seen)
            self._talks.keep(key, message, is_unread=is_unread)
            if is_new:
                self._missed.append(message)
        talk.unread = min(talk.unread, sum(not message.is_own for message in messages.values()))

    def _message_sent(self, event: chat.MessageSent) -> None:
        key = self._key(event)
        message = self._message(event, key)
        if not self._talks.keep(key, message, is_unread=not message.is_own):
            return  # what one writes to oneself comes twice, as sender and as recipient (signaling.md § 7)
        self._notify(message)
        if message.is_own:
            told = (event.content, event.scope, event.target)
            self._acknowledge(
                chat.SendMessage, lambda asked: (asked.content, asked.scope, asked.target) == told, result=message
            )

    def _switch(self, issued_by: ParticipantId, *, is_enabled: bool) -> None:
        self._enabled = is_enabled
        self._notify(ChatSwitched(is_enabled=is_enabled, issued_by=issued_by))
        self._acknowledge(chat.EnableChat if is_enabled else chat.DisableChat)

    def _history_cleared(self, event: chat.HistoryCleared) -> None:
        self._talks.clear(ROOM)
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
    """Call it to say something: ``conference.chat("hello")``."""

    def __call__(self, text: str, *, to: Someone | None = None, group: str | None = None) -> T:
        """Say ``text`` to all, in private or to a group; done with the `ChatMessage` that the server made of it.

        Raises `LocalProtocolError` for no text and for more than 4096 bytes of UTF-8, which servers would drop and cut.
        Refused: `chat_disabled`. Times out where servers are silent: in a group that we are no member of.
        """
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise LocalProtocolError("half a surrogate pair") from None
        if not 0 < size <= MAX_CHAT_TEXT:
            raise LocalProtocolError(f"a chat message has 1 to {MAX_CHAT_TEXT} bytes, not {size}")
        scope, target = _address(to, group)
        return self._perform(chat.SendMessage(content=text, scope=scope, target=target))

    def enable(self) -> T:
        """Let everybody write; moderators only."""
        return self._perform(chat.EnableChat())

    def disable(self) -> T:
        """Let nobody write; moderators only."""
        return self._perform(chat.DisableChat())

    def clear(self) -> T:
        """Forget what was said to all; moderators only."""
        return self._perform(chat.ClearHistory())

    def mark_seen(self, *, to: Someone | None = None, group: str | None = None) -> T:
        """Everything in a conversation was seen: nothing in it is unread. Raises `LocalProtocolError` if empty."""
        scope, target = _address(to, group)
        state = self._state().of(ChatModule)
        talk: Conversation | None = state.room
        if target is not None:
            talk = state.groups.get(target) if to is None else state.private.get(id_of(to))
        stamps = () if talk is None else [one.timestamp for one in talk.messages if one.timestamp is not None]
        if not stamps:
            raise LocalProtocolError("there is no message to have seen")
        newest = max(stamps, key=instant)
        return self._perform(chat.SetLastSeenTimestamp(scope=scope, target=target, timestamp=newest))


def _address(to: Someone | None, group: str | None) -> tuple[ChatScope, str | None]:
    if to is not None and group is not None:
        raise LocalProtocolError("write to a participant or to a group, not both")
    if to is not None:
        return ChatScope.PRIVATE, id_of(to)
    return (ChatScope.GLOBAL, None) if group is None else (ChatScope.GROUP, group)
