"""The server's side of namespace `chat`: messages, histories, and marks of what was read (signaling.md § 7)."""

from __future__ import annotations

from attrs import define, field

from m3core.controller.chat_history import Allowance, Histories, History
from m3core.controller.features import Feature
from m3core.controller.module import Module, Occasion
from m3core.controller.room import Participant
from m3core.controller.surroundings import Surroundings
from m3core.controller.texts import cut
from m3core.errors import MalformedMessage
from m3core.limits import MAX_CHAT_MESSAGE, MAX_CHAT_TOLD, MAX_LAST_SEEN
from m3core.messages import chat
from m3core.messages.chat import ChatErrorCode, ChatScope
from m3core.values import MessageId, ParticipantId, Timestamp, is_uuid


@define(eq=False)
class _ChatSwitch:
    """State of a meeting: whether its rooms may chat."""

    is_on: bool = True


@define(eq=False)
class _ChatHistories:
    """State of a room, main or breakout: its chat histories."""

    to_all: History = field(factory=History)
    in_groups: Histories[str] = field(factory=Histories)
    in_private: Histories[frozenset[ParticipantId]] = field(factory=Histories)


@define(eq=False)
class _ReadMarks:
    """State of a participant: the time of the last message that it has read, in each conversation."""

    to_all: Timestamp | None = None
    in_groups: dict[str, Timestamp] = field(factory=dict)
    in_private: dict[str, Timestamp] = field(factory=dict)


class ChatModule(Module):
    """Handles chat. The switch is for the whole meeting; histories and messages belong to one room of it."""

    NAMESPACE = "chat"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._handlers = {
            chat.SendMessage: self._send_message,
            chat.EnableChat: lambda sender, _: self._switch(sender, is_on=True),
            chat.DisableChat: lambda sender, _: self._switch(sender, is_on=False),
            chat.ClearHistory: lambda sender, _: self._clear_history(sender),
            chat.SetLastSeenTimestamp: self._set_last_seen,
        }

    # -- what others are told ---
    def join_data(self, joiner: Participant) -> chat.JoinData:
        """The switch, the histories and the joiner's marks.

        All histories share one allowance, because `join_success` is one message with a limit of its own. They take from
        it in the order room, groups, private: the most private history is left out first.
        """
        said, seen = joiner.room.states.of(_ChatHistories), joiner.states.of(_ReadMarks)
        left = Allowance(MAX_CHAT_TOLD)
        groups = joiner.groups or ()
        return chat.JoinData(
            enabled=joiner.room.meeting.states.of(_ChatSwitch).is_on,
            room_history=said.to_all.newest_first(left),
            groups_history=tuple(
                chat.GroupHistory(name=name, history=said.in_groups.of(name).newest_first(left)) for name in groups
            ),
            last_seen_timestamp_global=seen.to_all,
            last_seen_timestamps_private=dict(seen.in_private),
            last_seen_timestamps_group=dict(seen.in_groups),
            private_history=self._private_history(joiner, left) if self._around.has(Feature.PRIVATE_HISTORY) else None,
        )

    def _private_history(self, joiner: Participant, left: Allowance) -> tuple[chat.PrivateHistory, ...]:
        told = []
        for pair, history in joiner.room.states.of(_ChatHistories).in_private:
            if joiner.id in pair:
                (correspondent,) = pair - {joiner.id}
                told.append(chat.PrivateHistory(correspondent=correspondent, history=history.newest_first(left)))
        return tuple(told)

    def peer_data(self, peer: Participant, occasion: Occasion, receiver: Participant | None) -> chat.PeerData | None:
        """The groups that both are in. Guests have none: the capture shows no key for them, and `[]` for users (S)."""
        theirs = None if receiver is None else receiver.groups
        if theirs is None and self._around.has(Feature.GUESTS_HEAR_OF_GROUPS):
            theirs = ()
        if occasion is Occasion.UPDATE or peer.groups is None or theirs is None:
            return None
        return chat.PeerData(groups=tuple(name for name in peer.groups if name in theirs))

    def resumed(self, participant: Participant, before: Participant) -> None:
        """Keep the marks of what was read (signaling.md § 3)."""
        participant.states.put(before.states.of(_ReadMarks))

    # -- messages ---
    def _send_message(self, sender: Participant, command: chat.SendMessage) -> None:
        if not command.content:
            return  # dropped silently (signaling.md § 7)
        if not sender.room.meeting.states.of(_ChatSwitch).is_on:  # moderators are no exception (signaling.md § 7)
            self._refuse(sender, ChatErrorCode.CHAT_DISABLED)
            return
        content = cut(command.content, MAX_CHAT_MESSAGE)
        target = command.target
        match command.scope:
            case ChatScope.GLOBAL if target is None:
                self._say_to_all(sender, content)
            case ChatScope.GROUP if target is not None and target in (sender.groups or ()):
                self._say_in_group(sender, content, target)
            case ChatScope.PRIVATE if target is not None and is_uuid(target):
                self._say_in_private(sender, content, ParticipantId(target))

    def _say_to_all(self, sender: Participant, content: str) -> None:
        message = self._message(sender, content, ChatScope.GLOBAL, None)
        sender.room.states.of(_ChatHistories).to_all.add(message)
        self._around.tell_all(sender.room.present.values(), _sent(message, self._around.relayed()))

    def _say_in_group(self, sender: Participant, content: str, name: str) -> None:
        message = self._message(sender, content, ChatScope.GROUP, name)
        sender.room.states.of(_ChatHistories).in_groups.add(name, message)
        members = (one for one in sender.room.present.values() if name in (one.groups or ()))
        self._around.tell_all(members, _sent(message, self._around.relayed()))

    def _say_in_private(self, sender: Participant, content: str, target: ParticipantId) -> None:
        """Deliver to the recipient and send a copy to the sender, even if there is no such recipient.

        Only messages that somebody can read later are stored: a stranger's id as the target would fill the histories.
        """
        around, room = self._around, sender.room
        message = self._message(sender, content, ChatScope.PRIVATE, target)
        recipient = room.present.get(target)
        if recipient is not sender:
            if around.has(Feature.PRIVATE_HISTORY) and (recipient is not None or target in room.gone):
                room.states.of(_ChatHistories).in_private.add(frozenset({sender.id, target}), message)
            if recipient is not None:
                around.tell(recipient.session, _sent(message, around.relayed()))
        around.tell(sender.session, _sent(message, around.direct()))

    def _message(self, sender: Participant, content: str, scope: ChatScope, target: str | None) -> chat.StoredMessage:
        return chat.StoredMessage(
            id=MessageId(self._around.new_id()),
            source=sender.id,
            timestamp=self._around.direct(),
            content=content,
            scope=scope,
            target=target,
        )

    # -- moderators ---
    def _switch(self, sender: Participant, *, is_on: bool) -> None:
        if self._may_moderate(sender):
            sender.room.meeting.states.of(_ChatSwitch).is_on = is_on
            event = chat.ChatEnabled if is_on else chat.ChatDisabled
            self._tell_room(sender, event(issued_by=sender.id, timestamp=self._around.relayed()))

    def _clear_history(self, sender: Participant) -> None:
        if self._may_moderate(sender):
            sender.room.states.of(_ChatHistories).to_all.clear()
            self._tell_room(sender, chat.HistoryCleared(issued_by=sender.id, timestamp=self._around.relayed()))

    def _may_moderate(self, sender: Participant) -> bool:
        if not sender.is_moderator:
            self._refuse(sender, ChatErrorCode.INSUFFICIENT_PERMISSIONS)
        return sender.is_moderator

    # -- what was read ---
    def _set_last_seen(self, sender: Participant, command: chat.SetLastSeenTimestamp) -> None:
        """Store a mark, be it later or earlier than the last. Ignore one without a time or for no conversation."""
        seen, target = sender.states.of(_ReadMarks), command.target
        timestamp = self._as_kept(command.timestamp)
        if timestamp is None:
            return
        match command.scope:
            case ChatScope.GLOBAL if target is None:
                seen.to_all = timestamp
            case ChatScope.GROUP if target is not None and target in (sender.groups or ()):
                _mark(seen.in_groups, target, timestamp)
            case ChatScope.PRIVATE if target is not None and is_uuid(target):
                _mark(seen.in_private, target, timestamp)

    def _as_kept(self, timestamp: Timestamp) -> Timestamp | None:
        """A mark in the form in which `join_success` repeats it; None if it is no instant."""
        try:
            in_utc = Timestamp.of(timestamp.datetime, digits=0)
        except (MalformedMessage, OverflowError):  # OverflowError: in UTC it is before the year 1, or after 9999
            return None
        return timestamp if self._around.has(Feature.LAST_SEEN_AS_SENT) else in_utc

    # -- telling ---
    def _tell_room(
        self, sender: Participant, event: chat.ChatEnabled | chat.ChatDisabled | chat.HistoryCleared
    ) -> None:
        self._around.tell_all(sender.room.present.values(), event)

    def _refuse(self, sender: Participant, code: ChatErrorCode) -> None:
        self._around.tell(sender.session, chat.Error(error=code, timestamp=self._around.direct()))


def _sent(message: chat.StoredMessage, timestamp: Timestamp) -> chat.MessageSent:
    return chat.MessageSent(
        id=message.id,
        source=message.source,
        content=message.content,
        scope=message.scope,
        target=message.target,
        timestamp=timestamp,
    )


def _mark(marks: dict[str, Timestamp], target: str, timestamp: Timestamp) -> None:
    """Store a mark as the newest one. Beyond `MAX_LAST_SEEN` the oldest is forgotten."""
    marks.pop(target, None)
    if len(marks) >= MAX_LAST_SEEN:
        del marks[next(iter(marks))]
    marks[target] = timestamp
