"""Feature levels: what later versions of the server added to the wire, as one table (protocol/README.md).

The controller understands what clients send at every level. The level decides which messages and fields it sends, and
which later commands it obeys. Comments in the table name versions that could not be verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final


class FeatureLevel(Enum):
    """A version of the reference controller, whose behaviour ours shows; `CAPTURE` is about 0.1."""

    CAPTURE = "capture"
    V0_3 = "0.3"
    V0_4 = "0.4"
    V0_5 = "0.5"
    V0_6 = "0.6"
    V0_7 = "0.7"
    V0_9 = "0.9"
    V0_11 = "0.11"
    V0_12 = "0.12"
    V0_13 = "0.13"
    V0_14 = "0.14"
    V0_15 = "0.15"
    V0_16 = "0.16"

    def has(self, feature: Feature) -> bool:
        """Whether ``feature`` belongs to this level."""
        return _ORDER[FEATURES[feature]] <= _ORDER[self]


NEWEST: Final = list(FeatureLevel)[-1]
"""The level of a controller whose configuration names none. The clients of all versions were tried with it."""

_ORDER: Final = {level: index for index, level in enumerate(FeatureLevel)}


class Feature(Enum):
    """One thing that a later version added."""

    QUOTAS = "participant and time limits: `tariff`, `closes_at`, `join_blocked`, `time_limit_quota_elapsed`"
    VERIFY_SAYS_MORE = "`password_required` in the answer of `POST /invite/verify`"
    INVITES_EXPIRE = (
        "`start_invited` and `GET /turn` look at the expiration of an invitation; the reference does so at no level"
    )
    GUESTS_HEAR_OF_GROUPS = "guests get `chat.groups` of peers with an account, too: an empty list"
    WAITING_ROOM_FOR_MODERATORS = (
        "`joined_waiting_room` goes to moderators only; waiting participants get the events of the waiting room's"
        " switch; `moderation` of `join_success` goes to all, with `raise_hands_enabled`"
    )
    BREAKOUT_OMITS_NULLS = "participants in `breakout` have no keys with null, and those who left are not listed"
    DENIAL_SURVIVES = "a participant that lost the presenter role does not get it back by resuming its session"
    LAST_SEEN_AS_SENT = "`last_seen_timestamp_*` are repeated as they were sent, and not in UTC and whole seconds"
    TIMER_STYLE = "a timer without a style gets the usual one: later web clients show no timer without a style"
    LOGIN_PERMISSIONS = "`permissions` in the answer of `POST /auth/login`"
    DEBRIEF = "`moderation.debrief`"
    ROOM_DELETED = "`control.room_deleted`"
    PRIVATE_HISTORY = "private chat is stored: `private_history`"
    MODERATOR_ALWAYS_ENTERS = "one moderator may enter a full room"
    EVENT_INFO = "`event_info` in `join_success`"
    TARIFF_MODULES = "the modules of the tariff with their features"
    DISABLED_FEATURES = "`disabled_features` of the tariff, without which clients refuse `join_success`"
    IS_ADHOC = "`event_info.is_adhoc`"
    VOTE_AGAIN = "voting again in a poll replaces the vote; votes may be `choice_ids`"
    HAND_ACKNOWLEDGED = "`hand_raised` and `hand_lowered` for the participant itself"
    ROOM_OWNER = "`is_room_owner` in `join_success` and in entries"
    TARIFF_STATUS = "`tariff_status` in the answer of `GET /users/me`"
    CALL_IN = "the room of an event has `call_in`, if it can be called, in place of the four `sip_*`"
    SPEAKING_STATE = "`speaker_updated` instead of `focus_update`"
    STORAGE_QUOTA = "a quota for files: `storage_exceeded`, `used_storage`"
    SEND_TO_WAITING_ROOM = "`moderation.send_to_waiting_room`"
    CHANGE_DISPLAY_NAME = "`moderation.change_display_name`"
    LEFT_REASON = "`reason` of `control.left`"
    MEETING_DETAILS = "`event_info.meeting_details` and `event_info.room_id`"
    MULTIPLE_CHOICE = "polls in which one may vote for several choices; `multiple_choice` is always sent"
    STREAMING_TARGETS = "recording as streaming to targets"
    EVENT_SHOWS_DETAILS = "`show_meeting_details` of an event is always sent"
    MODERATION_REFUSES = "`moderation` answers `insufficient_permissions`"
    RESET_ONE_HAND = "`reset_raised_hands` of some participants; only those whose hand was up get the event"
    STAYS_CONNECTED = "the socket remains open when a participant is sent to the waiting room"
    ROOM_INFO = "`room_info` in `join_success`"
    FORCE_MUTE = "force mute; `moderator_mute` without targets"
    MEETING_NOTES = "the namespace of the minutes is `meeting_notes`, and not `protocol`"
    ROOM_IN_TICKET = "tickets begin with the id of the room"


_L = FeatureLevel
FEATURES: Final[Mapping[Feature, FeatureLevel]] = MappingProxyType(
    {
        Feature.LOGIN_PERMISSIONS: _L.V0_3,
        Feature.QUOTAS: _L.V0_3,
        Feature.VERIFY_SAYS_MORE: _L.V0_3,
        Feature.INVITES_EXPIRE: _L.V0_3,
        Feature.GUESTS_HEAR_OF_GROUPS: _L.V0_3,
        # A server of 0.3 was seen to do otherwise; in which version these five begin is not verified.
        Feature.WAITING_ROOM_FOR_MODERATORS: _L.V0_4,
        Feature.BREAKOUT_OMITS_NULLS: _L.V0_4,
        Feature.DENIAL_SURVIVES: _L.V0_4,
        Feature.LAST_SEEN_AS_SENT: _L.V0_4,
        Feature.TIMER_STYLE: _L.V0_4,
        Feature.DEBRIEF: _L.V0_4,
        Feature.ROOM_DELETED: _L.V0_4,
        Feature.PRIVATE_HISTORY: _L.V0_4,
        Feature.MODERATOR_ALWAYS_ENTERS: _L.V0_4,
        Feature.EVENT_INFO: _L.V0_5,
        Feature.TARIFF_MODULES: _L.V0_6,
        Feature.IS_ADHOC: _L.V0_7,
        Feature.VOTE_AGAIN: _L.V0_7,
        Feature.DISABLED_FEATURES: _L.V0_9,
        Feature.HAND_ACKNOWLEDGED: _L.V0_9,
        Feature.ROOM_OWNER: _L.V0_9,
        Feature.TARIFF_STATUS: _L.V0_9,  # perhaps earlier
        Feature.CALL_IN: _L.V0_9,  # perhaps earlier
        Feature.SPEAKING_STATE: _L.V0_9,
        Feature.STORAGE_QUOTA: _L.V0_11,
        Feature.SEND_TO_WAITING_ROOM: _L.V0_12,
        Feature.CHANGE_DISPLAY_NAME: _L.V0_12,
        Feature.LEFT_REASON: _L.V0_13,
        Feature.MEETING_DETAILS: _L.V0_13,
        Feature.MULTIPLE_CHOICE: _L.V0_14,
        Feature.STREAMING_TARGETS: _L.V0_14,
        Feature.EVENT_SHOWS_DETAILS: _L.V0_15,
        Feature.MODERATION_REFUSES: _L.V0_15,
        Feature.RESET_ONE_HAND: _L.V0_15,
        Feature.STAYS_CONNECTED: _L.V0_15,
        Feature.ROOM_INFO: _L.V0_16,
        Feature.FORCE_MUTE: _L.V0_16,
        Feature.MEETING_NOTES: _L.V0_16,  # as its web client has it; the server of 0.16 had `protocol` still
        Feature.ROOM_IN_TICKET: _L.V0_16,
    }
)
"""Each feature and the first level that has it."""
