"""Namespace `moderation`: kicking, waiting room, hands and names (signaling.md § 6)."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from attrs import frozen

from m3core.messages.base import Command, Event, Value
from m3core.messages.participants import ControlState, ParticipantEntry, WaitingRoomState
from m3core.values import ParticipantId


class ModerationErrorCode(Enum):
    """Why the server refused a `moderation` command (signaling.md § 6)."""

    CANNOT_BAN_GUEST = "cannot_ban_guest"
    CANNOT_SEND_ROOM_OWNER_TO_WAITING_ROOM = "cannot_send_room_owner_to_waiting_room"
    CANNOT_CHANGE_NAME_OF_REGISTERED_USERS = "cannot_change_name_of_registered_users"
    INVALID_DISPLAY_NAME = "invalid_display_name"
    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"


class KickScope(Enum):
    """For whom a debriefing ends the meeting (L 0.4); ``users_and_guests`` is everybody except moderators."""

    GUESTS = "guests"
    USERS_AND_GUESTS = "users_and_guests"
    ALL = "all"


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """What `moderation` tells the joiner. Wire: ``join_success.moderation`` (S).

    R sends it to moderators only, with all three fields. L sends it to everybody: who is no moderator gets only
    ``raise_hands_enabled``.
    """

    raise_hands_enabled: bool
    waiting_room_enabled: bool | None = None
    waiting_room_participants: tuple[ParticipantEntry, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class Kick(Command):
    """Remove ``target`` from the room; it may join again. Wire: `kick` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "kick"

    target: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class Ban(Command):
    """Remove a user with an account, who may not join again until the room is destroyed. Wire: `ban` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "ban"

    target: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class Accept(Command):
    """Let ``target`` in from the waiting room. Wire: `accept` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "accept"

    target: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class EnableWaitingRoom(Command):
    """From now on, participants who join wait for a moderator. Wire: `enable_waiting_room` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "enable_waiting_room"


@frozen(kw_only=True, weakref_slot=False)
class DisableWaitingRoom(Command):
    """From now on, participants enter without waiting. Wire: `disable_waiting_room` (R).

    Those who already wait go on waiting.
    """

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "disable_waiting_room"


@frozen(kw_only=True, weakref_slot=False)
class EnableRaiseHands(Command):
    """Allow participants to raise their hands. Wire: `enable_raise_hands` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "enable_raise_hands"


@frozen(kw_only=True, weakref_slot=False)
class DisableRaiseHands(Command):
    """Forbid participants to raise their hands, and lower all hands. Wire: `disable_raise_hands` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "disable_raise_hands"


@frozen(kw_only=True, weakref_slot=False)
class ResetRaisedHands(Command):
    """Lower raised hands. Wire: `reset_raised_hands` (R).

    ``target``: None for all hands, one participant (L 0.15) or several (L 0.16).
    """

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "reset_raised_hands"

    target: ParticipantId | tuple[ParticipantId, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class SendToWaitingRoom(Command):
    """Send ``target`` back to the waiting room. Wire: `send_to_waiting_room` (L 0.12)."""

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "send_to_waiting_room"

    target: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class Debrief(Command):
    """End the meeting for ``kick_scope``; the others remain in the room. Wire: `debrief` (L 0.4)."""

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "debrief"

    kick_scope: KickScope


@frozen(kw_only=True, weakref_slot=False)
class ChangeDisplayName(Command):
    """Rename ``target``, a guest or a participant by telephone. Wire: `change_display_name` (L 0.12)."""

    NAMESPACE: ClassVar[str] = "moderation"
    ACTION: ClassVar[str] = "change_display_name"

    target: ParticipantId
    new_name: str


@frozen(kw_only=True, weakref_slot=False)
class Kicked(Event):
    """You were kicked; close code 1000 follows. Wire: `kicked` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "kicked"


@frozen(kw_only=True, weakref_slot=False)
class Banned(Event):
    """You were banned; close code 1000 follows. Wire: `banned` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "banned"


@frozen(kw_only=True, weakref_slot=False)
class InWaitingRoom(Event):
    """You wait until a moderator accepts you. Wire: `in_waiting_room` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "in_waiting_room"


@frozen(kw_only=True, weakref_slot=False)
class Accepted(Event):
    """You may enter: send `control.EnterRoom`. Wire: `accepted` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "accepted"


@frozen(kw_only=True, weakref_slot=False)
class JoinedWaitingRoom(Event):
    """A participant entered the waiting room. Wire: `joined_waiting_room` (R), a participant entry."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "joined_waiting_room"

    id: ParticipantId
    control: ControlState
    waiting_room_state: WaitingRoomState | None = None


@frozen(kw_only=True, weakref_slot=False)
class LeftWaitingRoom(Event):
    """A participant left the waiting room: to enter the room, or for good. Wire: `left_waiting_room` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "left_waiting_room"

    id: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class WaitingRoomEnabled(Event):
    """Participants who join from now on wait. Wire: `waiting_room_enabled` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "waiting_room_enabled"


@frozen(kw_only=True, weakref_slot=False)
class WaitingRoomDisabled(Event):
    """Participants who join from now on do not wait. Wire: `waiting_room_disabled` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "waiting_room_disabled"


@frozen(kw_only=True, weakref_slot=False)
class RaiseHandsEnabled(Event):
    """Hands may be raised. Wire: `raise_hands_enabled` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "raise_hands_enabled"

    issued_by: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class RaiseHandsDisabled(Event):
    """Hands may not be raised, and all hands were lowered. Wire: `raise_hands_disabled` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "raise_hands_disabled"

    issued_by: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class RaisedHandResetByModerator(Event):
    """A moderator lowered hands. Wire: `raised_hand_reset_by_moderator` (R; L: only to those whose hand was up)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "raised_hand_reset_by_moderator"

    issued_by: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class SentToWaitingRoom(Event):
    """You are back in the waiting room. Wire: `sent_to_waiting_room` (L 0.12)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "sent_to_waiting_room"


@frozen(kw_only=True, weakref_slot=False)
class SessionEnded(Event):
    """The meeting is over for you; close code 1000 follows. Wire: `session_ended` (L 0.4)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "session_ended"

    issued_by: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class DebriefingStarted(Event):
    """The meeting has ended for others, and you remain in the room. Wire: `debriefing_started` (L 0.4)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "debriefing_started"

    issued_by: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class DisplayNameChanged(Event):
    """A moderator renamed ``target``. Wire: `display_name_changed` (after L 0.16; see signaling.md § 6)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "display_name_changed"

    target: ParticipantId
    issued_by: ParticipantId
    old_name: str
    new_name: str


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused something. Wire: `error` (R)."""

    NAMESPACE: ClassVar[str] = "moderation"
    MESSAGE: ClassVar[str] = "error"

    error: ModerationErrorCode
