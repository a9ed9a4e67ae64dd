"""Namespace `chat`: messages to all, to a group or to one, and what was said before (signaling.md § 7)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from attrs import field, frozen

from m3core.messages.base import NULL, Command, Event, Value, hide
from m3core.values import MessageId, ParticipantId, Timestamp


class ChatErrorCode(Enum):
    """Why the server refused a `chat` command (signaling.md § 7)."""

    CHAT_DISABLED = "chat_disabled"
    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"


class ChatScope(Enum):
    """Who receives a message: everybody in the room, one group, or one participant."""

    GLOBAL = "global"
    GROUP = "group"
    PRIVATE = "private"


@frozen(kw_only=True, weakref_slot=False)
class StoredMessage(Value):
    """A message that was sent before the join. Wire: an element of ``room_history`` and of ``history`` (R)."""

    id: MessageId
    source: ParticipantId
    timestamp: Timestamp
    content: str = field(repr=hide)
    scope: ChatScope
    target: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class GroupHistory(Value):
    """The messages of one group, newest first (R). Wire: an element of ``groups_history``."""

    name: str
    history: tuple[StoredMessage, ...]


@frozen(kw_only=True, weakref_slot=False)
class PrivateHistory(Value):
    """The messages to and from one participant. Wire: an element of ``private_history`` (L 0.4)."""

    correspondent: ParticipantId
    history: tuple[StoredMessage, ...]


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """What `chat` tells the joiner. Wire: ``join_success.chat`` (S; ``private_history`` L 0.4).

    ``room_history``: newest first (R). ``last_seen_timestamps_private``: by participant id;
    ``last_seen_timestamps_group``: by name of the group.
    """

    enabled: bool
    room_history: tuple[StoredMessage, ...]
    groups_history: tuple[GroupHistory, ...]
    last_seen_timestamp_global: Timestamp | None = field(default=None, metadata=NULL)
    last_seen_timestamps_private: Mapping[str, Timestamp]
    last_seen_timestamps_group: Mapping[str, Timestamp]
    private_history: tuple[PrivateHistory, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class PeerData(Value):
    """The groups that you share with a participant who has an account. Wire: ``chat`` of an entry (S)."""

    groups: tuple[str, ...]


@frozen(kw_only=True, weakref_slot=False)
class EnableChat(Command):
    """Allow chat in the whole room. Wire: `enable_chat` (R)."""

    NAMESPACE: ClassVar[str] = "chat"
    ACTION: ClassVar[str] = "enable_chat"


@frozen(kw_only=True, weakref_slot=False)
class DisableChat(Command):
    """Forbid chat in the whole room. Wire: `disable_chat` (R)."""

    NAMESPACE: ClassVar[str] = "chat"
    ACTION: ClassVar[str] = "disable_chat"


@frozen(kw_only=True, weakref_slot=False)
class ClearHistory(Command):
    """Delete the messages to everybody. Wire: `clear_history` (R)."""

    NAMESPACE: ClassVar[str] = "chat"
    ACTION: ClassVar[str] = "clear_history"


@frozen(kw_only=True, weakref_slot=False)
class SendMessage(Command):
    """Send a message. Wire: `send_message` (R).

    ``target``: None for everybody, the name of a group, or the id of a participant. ``content``: the server keeps at
    most 4096 bytes.
    """

    NAMESPACE: ClassVar[str] = "chat"
    ACTION: ClassVar[str] = "send_message"

    content: str = field(repr=hide)
    scope: ChatScope
    target: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class SetLastSeenTimestamp(Command):
    """Save up to when you have read. Wire: `set_last_seen_timestamp` (R). ``target``: as in `SendMessage`."""

    NAMESPACE: ClassVar[str] = "chat"
    ACTION: ClassVar[str] = "set_last_seen_timestamp"

    scope: ChatScope
    timestamp: Timestamp
    target: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class MessageSent(Event):
    """Somebody sent a message; the sender gets it, too. Wire: `message_sent` (R).

    ``target``: None for everybody, the name of the group, or the id of the recipient.
    """

    NAMESPACE: ClassVar[str] = "chat"
    MESSAGE: ClassVar[str] = "message_sent"

    id: MessageId
    source: ParticipantId
    content: str = field(repr=hide)
    scope: ChatScope
    target: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class ChatEnabled(Event):
    """Chat is allowed. Wire: `chat_enabled` (R)."""

    NAMESPACE: ClassVar[str] = "chat"
    MESSAGE: ClassVar[str] = "chat_enabled"

    issued_by: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class ChatDisabled(Event):
    """Chat is forbidden, also for moderators. Wire: `chat_disabled` (R)."""

    NAMESPACE: ClassVar[str] = "chat"
    MESSAGE: ClassVar[str] = "chat_disabled"

    issued_by: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class HistoryCleared(Event):
    """The messages to everybody were deleted. Wire: `history_cleared` (R)."""

    NAMESPACE: ClassVar[str] = "chat"
    MESSAGE: ClassVar[str] = "history_cleared"

    issued_by: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused something. Wire: `error` (R)."""

    NAMESPACE: ClassVar[str] = "chat"
    MESSAGE: ClassVar[str] = "error"

    error: ChatErrorCode
