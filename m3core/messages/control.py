"""Namespace `control`: joining, leaving, hands and roles (signaling.md § 5)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen

from m3core.messages import participants
from m3core.messages.base import EMPTY, JOIN_MODULES, MODULE, Command, Event, rest
from m3core.messages.participants import ControlState, MediaState, ParticipantEntry
from m3core.messages.room import EventInfo, MediaJoinData, RoomInfo, Tariff
from m3core.strict_json import Json
from m3core.values import ParticipantId, Role, Timestamp

if TYPE_CHECKING:
    # Each class costs start-up time: `fields.hints_of` imports these when the first message of `control` comes.
    from m3core.messages import (
        automod,
        breakout,
        chat,
        legal_vote,
        moderation,
        polls,
        recording,
        recording_service,
        shared_folder,
        timer,
        whiteboard,
    )


class ControlErrorCode(Enum):
    """Why the server refused a `control` command, or could not read a message (signaling.md § 5)."""

    INVALID_JSON = "invalid_json"
    INVALID_NAMESPACE = "invalid_namespace"
    INVALID_USERNAME = "invalid_username"
    ALREADY_JOINED = "already_joined"
    NOT_YET_JOINED = "not_yet_joined"
    NOT_ACCEPTED_OR_NOT_IN_WAITING_ROOM = "not_accepted_or_not_in_waiting_room"
    RAISE_HANDS_DISABLED = "raise_hands_disabled"
    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"
    TARGET_IS_ROOM_OWNER = "target_is_room_owner"
    NOTHING_TO_DO = "nothing_to_do"


class JoinBlockedReason(Enum):
    """Why nobody may join now; also read as ``participant-limit-reached``, as the web client spells it."""

    PARTICIPANT_LIMIT_REACHED = "participant_limit_reached"

    @classmethod
    def _missing_(cls, value: object) -> JoinBlockedReason | None:
        return cls.PARTICIPANT_LIMIT_REACHED if value == "participant-limit-reached" else None


class LeftReason(Enum):
    """Why a participant left (L 0.13)."""

    QUIT = "quit"
    TIMEOUT = "timeout"
    SENT_TO_WAITING_ROOM = "sent_to_waiting_room"


@frozen(kw_only=True, weakref_slot=False)
class Join(Command):
    """Join the room. Wire: `join` (S).

    ``display_name``: users with an account may omit it; the server takes that of their profile (L).
    """

    NAMESPACE: ClassVar[str] = "control"
    ACTION: ClassVar[str] = "join"

    display_name: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class EnterRoom(Command):
    """Enter from the waiting room, once accepted. Wire: `enter_room` (R)."""

    NAMESPACE: ClassVar[str] = "control"
    ACTION: ClassVar[str] = "enter_room"


@frozen(kw_only=True, weakref_slot=False)
class RaiseHand(Command):
    """Raise your hand. Wire: `raise_hand` (S)."""

    NAMESPACE: ClassVar[str] = "control"
    ACTION: ClassVar[str] = "raise_hand"


@frozen(kw_only=True, weakref_slot=False)
class LowerHand(Command):
    """Lower your hand. Wire: `lower_hand` (S)."""

    NAMESPACE: ClassVar[str] = "control"
    ACTION: ClassVar[str] = "lower_hand"


@frozen(kw_only=True, weakref_slot=False)
class GrantModeratorRole(Command):
    """Make ``target`` a moderator. Wire: `grant_moderator_role` (R)."""

    NAMESPACE: ClassVar[str] = "control"
    ACTION: ClassVar[str] = "grant_moderator_role"

    target: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class RevokeModeratorRole(Command):
    """Take the role of a moderator from ``target``. Wire: `revoke_moderator_role` (R)."""

    NAMESPACE: ClassVar[str] = "control"
    ACTION: ClassVar[str] = "revoke_moderator_role"

    target: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class JoinSuccess(Event):
    """You have joined: your id and the state of the room. Wire: `join_success`, before any other (signaling.md § 5.1).

    ``participants``: all others, including those who left (``control.left_at``). ``media`` is None on servers of the
    LiveKit generation. ``chat`` to ``automod``: what these namespaces tell the joiner; None where a module is not
    available, has nothing to tell, or tells an unknown enum value. ``recording`` with nothing set: the module is there
    and nothing is recorded (wire: null).
    ``modules``: join data of the LiveKit generation, raw; a key that is there may hold null.
    """

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "join_success"

    id: ParticipantId
    display_name: str
    role: Role
    participants: tuple[ParticipantEntry, ...]
    avatar_url: str | None = None
    media: MediaJoinData | None = None
    closes_at: Timestamp | None = None
    tariff: Tariff | None = None
    event_info: EventInfo | None = None
    room_info: RoomInfo | None = None
    is_room_owner: bool | None = None
    chat: chat.JoinData | None = field(default=None, metadata=MODULE)
    moderation: moderation.JoinData | None = field(default=None, metadata=MODULE)
    breakout: breakout.JoinData | None = field(default=None, metadata=MODULE)
    polls: polls.JoinData | None = field(default=None, metadata=MODULE)
    timer: timer.JoinData | None = field(default=None, metadata=MODULE)
    recording: recording.JoinData | None = field(default=None, metadata={**EMPTY, **MODULE})
    recording_service: recording_service.JoinData | None = field(default=None, metadata=MODULE)
    whiteboard: whiteboard.JoinData | None = field(default=None, metadata=MODULE)
    shared_folder: shared_folder.JoinData | None = field(default=None, metadata=MODULE)
    legal_vote: legal_vote.JoinData | None = field(default=None, metadata=MODULE)
    automod: automod.JoinData | None = field(default=None, metadata=MODULE)
    modules: Mapping[str, Json] = field(factory=dict, metadata=rest(JOIN_MODULES))


@frozen(kw_only=True, weakref_slot=False)
class JoinBlocked(Event):
    """The room is full; the connection remains open, and `Join` may be sent again. Wire: `join_blocked` (R)."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "join_blocked"

    reason: JoinBlockedReason


@frozen(kw_only=True, weakref_slot=False, field_transformer=participants.peer_data_last)
class Joined(participants.PeerData, Event):
    """Another participant joined. Wire: `joined` (S), a participant entry."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "joined"

    id: ParticipantId
    control: ControlState
    media: MediaState | None = None


@frozen(kw_only=True, weakref_slot=False, field_transformer=participants.peer_data_last)
class Update(participants.PeerData, Event):
    """Another participant changed. Wire: `update` (S), a participant entry.

    A field that is None has not changed; inside ``media`` a stream that is None has ended (signaling.md § 5.2).
    """

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "update"

    id: ParticipantId
    control: ControlState | None = None
    media: MediaState | None = None


@frozen(kw_only=True, weakref_slot=False)
class Left(Event):
    """Another participant left. Wire: `left` (S; ``reason`` L 0.13)."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "left"

    id: ParticipantId
    reason: LeftReason | None = None


@frozen(kw_only=True, weakref_slot=False)
class RoleUpdated(Event):
    """Your role changed. Wire: `role_updated` (R)."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "role_updated"

    new_role: Role


@frozen(kw_only=True, weakref_slot=False)
class TimeLimitQuotaElapsed(Event):
    """The time limit of the meeting is over; close code 1000 follows. Wire: `time_limit_quota_elapsed` (R)."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "time_limit_quota_elapsed"


@frozen(kw_only=True, weakref_slot=False)
class HandRaised(Event):
    """Your hand is up. Wire: `hand_raised` (L 0.9)."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "hand_raised"


@frozen(kw_only=True, weakref_slot=False)
class HandLowered(Event):
    """Your hand is down. Wire: `hand_lowered` (L 0.9)."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "hand_lowered"


@frozen(kw_only=True, weakref_slot=False)
class RoomDeleted(Event):
    """The room was deleted; close code 1000 follows. Wire: `room_deleted` (L 0.4)."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "room_deleted"


@frozen(kw_only=True, weakref_slot=False)
class ModeratorRoleGranted(Event):
    """Your `GrantModeratorRole` worked. Wire: `moderator_role_granted` (after L 0.16)."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "moderator_role_granted"

    target: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class ModeratorRoleRevoked(Event):
    """Your `RevokeModeratorRole` worked. Wire: `moderator_role_revoked` (after L 0.16)."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "moderator_role_revoked"

    target: ParticipantId


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused or could not read something. Wire: `error` (R)."""

    NAMESPACE: ClassVar[str] = "control"
    MESSAGE: ClassVar[str] = "error"

    error: ControlErrorCode
