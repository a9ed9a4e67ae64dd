"""Participant entries, as they are in `joined`, `update` and `join_success` (signaling.md § 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

import attrs
from attrs import field, frozen

from m3core.messages.base import ENTRY_MODULES, MODULE, NULL, Stamped, Value, rest
from m3core.strict_json import Json
from m3core.values import ParticipantId, ParticipationKind, Role, Timestamp

if TYPE_CHECKING:
    from m3core.messages import chat, meeting_notes, protocol, recording, timer


class WaitingRoomState(Enum):
    """Whether a moderator has accepted a participant in the waiting room (signaling.md § 6)."""

    WAITING = "waiting"
    ACCEPTED = "accepted"


@frozen(kw_only=True, weakref_slot=False)
class ControlState(Value):
    """What `control` tells about a participant. Wire: ``control`` of an entry (S; ``is_room_owner`` L)."""

    display_name: str
    role: Role
    participation_kind: ParticipationKind
    hand_is_up: bool
    avatar_url: str | None = None
    hand_updated_at: Timestamp | None = None
    joined_at: Timestamp | None = None
    left_at: Timestamp | None = field(default=None, metadata=NULL)
    is_room_owner: bool | None = None


@frozen(kw_only=True, weakref_slot=False)
class StreamState(Value):
    """Whether a published stream's audio and video are on (media.md § 2). Wire: ``media.video``, ``media.screen``."""

    audio: bool
    video: bool


@frozen(kw_only=True, weakref_slot=False)
class MediaState(Value):
    """What `media` tells about a participant; a stream that is None is not published. Wire: ``media`` of an entry."""

    is_presenter: bool
    video: StreamState | None = None
    screen: StreamState | None = None


@frozen(kw_only=True, weakref_slot=False)
class PeerData(Stamped):
    """What namespaces other than `control` and `media` tell about a participant, as `ParticipantEntry` explains."""

    chat: chat.PeerData | None = field(default=None, metadata=MODULE)
    protocol: protocol.PeerData | None = field(default=None, metadata=MODULE)
    meeting_notes: meeting_notes.PeerData | None = field(default=None, metadata=MODULE)
    recording: recording.PeerData | None = field(default=None, metadata=MODULE)
    timer: timer.PeerData | None = field(default=None, metadata=MODULE)
    waiting_room_state: WaitingRoomState | None = field(default=None, metadata=MODULE)
    modules: Mapping[str, Json] = field(factory=dict, metadata=rest(ENTRY_MODULES))


def peer_data_last(_cls: type[object], fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """A field transformer: the own fields of a class come before those of `PeerData`, on the wire and in reprs.

    Without it, attrs puts inherited fields first.
    """
    return sorted(fields, key=lambda each: each.name in attrs.fields_dict(PeerData))


@frozen(kw_only=True, weakref_slot=False, field_transformer=peer_data_last)
class ParticipantEntry(PeerData):
    """One other participant. Wire: an element of ``join_success.participants``.

    ``chat`` to ``timer``: what these namespaces tell about the participant (signaling.md § 5.2).
    ``waiting_room_state`` is set in the waiting room only. ``modules``: what the LiveKit generation tells, raw.
    """

    id: ParticipantId
    control: ControlState
    media: MediaState | None = None
