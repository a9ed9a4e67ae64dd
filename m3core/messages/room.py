"""What `join_success` tells about the room since 0.3 (signaling.md § 5.1, rest.md § 3), and about its media.

The values of `media` are in this module, so that `control` need not import that one, which is large.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from attrs import frozen

from m3core.messages.base import Value
from m3core.values import EventId, InviteCode, ParticipantId, RoomId, Secret, Timestamp


class ForceMuteType(Enum):
    """Whether participants may unmute themselves (L 0.16)."""

    ENABLED = "enabled"
    DISABLED = "disabled"


@frozen(kw_only=True, weakref_slot=False)
class Speaker(Value):
    """Whether a participant speaks. Wire: an element of ``speakers`` of the join data (L 0.9)."""

    participant: ParticipantId
    is_speaking: bool
    updated_at: Timestamp


@frozen(kw_only=True, weakref_slot=False)
class ForceMute(Value):
    """Who may unmute: everybody, or those in ``allow_list``. Wire: ``force_mute`` of the join data (L 0.16)."""

    type: ForceMuteType
    allow_list: tuple[ParticipantId, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class MediaJoinData(Value):
    """What `media` tells the joiner. Wire: ``join_success.media`` (S; ``speakers``, ``force_mute`` L)."""

    is_presenter: bool
    speakers: tuple[Speaker, ...] | None = None
    force_mute: ForceMute | None = None


@frozen(kw_only=True, weakref_slot=False)
class TariffModule(Value):
    """One module of a tariff. Wire: a value of ``tariff.modules`` (L 0.6)."""

    features: tuple[str, ...]


@frozen(kw_only=True, weakref_slot=False)
class Tariff(Value):
    """Quotas and modules that the room's owner has paid for. Wire: ``tariff`` (L 0.3).

    ``quotas``: free-form names to numbers, e.g. ``room_participant_limit``. ``id`` is a UUID that nobody looks up here.
    ``disabled_features`` (L 0.9) is `module::feature`; servers send it even if it is empty.
    """

    id: str
    name: str
    quotas: Mapping[str, int]
    enabled_modules: tuple[str, ...] | None = None
    disabled_features: tuple[str, ...] | None = None
    modules: Mapping[str, TariffModule] | None = None


@frozen(kw_only=True, weakref_slot=False)
class CallIn(Value):
    """How to take part by telephone. Wire: ``meeting_details.call_in`` (L 0.13). Id and password: 10 digits."""

    tel: str
    id: str
    password: Secret
    uri: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class StreamingLink(Value):
    """Where a live stream of the meeting can be watched. Wire: an element of ``streaming_links`` (L 0.13)."""

    name: str
    url: str


@frozen(kw_only=True, weakref_slot=False)
class MeetingDetails(Value):
    """Ways into the meeting. Wire: ``event_info.meeting_details`` (L 0.13)."""

    invite_code_id: InviteCode | None = None
    call_in: CallIn | None = None
    streaming_links: tuple[StreamingLink, ...] | None = None


@frozen(kw_only=True, weakref_slot=False)
class EventInfo(Value):
    """The calendar entry of the room. Wire: ``event_info`` (L 0.5; ``room_id`` 0.13, ``e2e_encryption`` after 0.16)."""

    id: EventId
    room_id: RoomId | None = None
    title: str
    is_adhoc: bool | None = None
    meeting_details: MeetingDetails | None = None
    e2e_encryption: bool | None = None


@frozen(kw_only=True, weakref_slot=False)
class RoomOwner(Value):
    """Who created the room; captured servers shorten it, so nothing is required. Wire: ``room_info.created_by``."""

    title: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    display_name: str | None = None
    avatar_url: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class RoomInfo(Value):
    """The room itself. Wire: ``room_info`` (L 0.16)."""

    id: RoomId
    created_by: RoomOwner | None = None
    password: Secret | None = None
