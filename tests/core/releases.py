"""Compares a message or a REST body with the types of a release of the reference controller.

Each function returns the faults that it finds: a required key that is missing, a key or a message that the release does
not have, also in the parts of a message. The types are in tests/recordings; `recorded` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from recorded import body_types, message_types

RELEASES: Final = ("0.9", "0.11", "0.12", "0.13", "0.14", "0.15", "0.16")

_MODULES: Final = frozenset(
    {"automod", "breakout", "chat", "legal_vote", "media", "moderation", "polls", "protocol", "recording"}
    | {"recording_service", "shared_folder", "timer", "whiteboard"}
)
_OF_PEERS: Final = _MODULES | {"control", "waiting_room_state"}
_SCOPE: Final = frozenset({"scope", "target"})
_BESIDE: Final[Mapping[str, frozenset[str]]] = {
    "command/chat.send_message": _SCOPE,
    "command/chat.set_last_seen_timestamp": _SCOPE,
    "command/moderation.debrief": frozenset({"kick_scope"}),
    "command/polls.vote": frozenset({"choice_id", "choice_ids"}),
    "command/timer.start": frozenset({"kind", "duration"}),
    "event/chat.message_sent": _SCOPE,
    "event/control.join_blocked": frozenset({"reason"}),
    "event/control.join_success": _MODULES,
    "event/control.joined": _OF_PEERS,
    "event/control.update": _OF_PEERS,
    "event/media.error": frozenset({"error", "source", "media_session_type"}),
    "event/moderation.joined_waiting_room": _OF_PEERS,
    "event/recording.stream_updated": frozenset({"status", "reason"}),
    "event/recording_service.stream_updated": frozenset({"status", "reason"}),
    "event/timer.started": frozenset({"kind", "ends_at"}),
    "event/timer.stopped": frozenset({"kind", "participant_id"}),
    "part/MediaPeerState": frozenset({"video", "screen"}),
    "part/Participant": _OF_PEERS,
    "part/StoredMessage": _SCOPE,
    "part/TimerStatus": frozenset({"kind", "ends_at"}),
    "body/RoomStreamingTarget": frozenset({"name", "kind", "streaming_endpoint", "streaming_key", "public_url"}),
}
"""Further keys that are allowed beside the fields of a type that leaves them open ("more", "with")."""

_PEER: Final = {
    "control": "ControlState",
    "media": "MediaPeerState",
    "chat": "ChatPeerState",
    "protocol": "ProtocolPeerState",
    "recording": "RecordingPeerState",
    "timer": "ReadyStatus",
}
_PUBLISHES: Final = {"media_session_state": "MediaSessionState"}
_PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "command/media.publish_complete": _PUBLISHES,
    "command/media.sdp_candidate": {"candidate": "TrickleCandidate"},
    "command/media.update_media_session": _PUBLISHES,
    "event/breakout.started": {"rooms": "BreakoutRoom"},
    "event/control.join_success": {
        "tariff": "TariffResource",
        "event_info": "EventInfo",
        "room_info": "RoomInfo",
        "participants": "Participant",
        "breakout": "BreakoutState",
        "chat": "ChatState",
        "media": "MediaState",
        "moderation": "ModerationState",
        "polls": "PollsState",
        "recording": "RecordingState",
        "recording_service": "RecordingServiceState",
        "timer": "TimerStatus",
    },
    "event/control.joined": _PEER,
    "event/control.update": _PEER,
    "event/media.sdp_candidate": {"candidate": "TrickleCandidate"},
    "event/moderation.joined_waiting_room": _PEER,
    "event/polls.done": {"results": "Item"},
    "event/polls.live_update": {"results": "Item"},
    "event/polls.started": {"choices": "Choice"},
    "part/BreakoutState": {"rooms": "BreakoutRoom", "participants": "ParticipantInOtherRoom"},
    "part/ChatState": {"room_history": "StoredMessage"},
    "part/EventInfo": {"meeting_details": "MeetingDetails"},
    "part/MediaPeerState": {"video": "MediaSessionState", "screen": "MediaSessionState"},
    "part/MediaState": {"speakers": "ParticipantSpeakingState"},
    "part/MeetingDetails": {"call_in": "CallInInfo"},
    "part/ModerationState": {"waiting_room_participants": "Participant"},
    "part/Participant": _PEER,
    "part/PollsState": {"choices": "Choice"},
    "part/RoomInfo": {"created_by": "CreatorInfo"},
    "body/EventResource": {
        "created_by": "PublicUserProfile",
        "updated_by": "PublicUserProfile",
        "room": "EventRoomInfo",
        "streaming_targets": "RoomStreamingTarget",
    },
    "body/EventRoomInfo": {"call_in": "CallInInfo"},
    "body/GetLoginResponse": {"oidc": "OidcProvider"},
    "body/InviteResource": {"created_by": "PublicUserProfile", "updated_by": "PublicUserProfile"},
    "body/RoomResource": {"created_by": "PublicUserProfile"},
}
"""The type of the value of a key, or of each element if the value is a list: a part, or a body within a body."""

_UNTYPED: Final = {("part/RecordingState", release) for release in ("0.9", "0.11", "0.12", "0.13")}
"""Parts that a release has, but whose keys its types do not list."""


def _fields(kind: str, release: str) -> Mapping[str, Any] | None:
    """The fields of ``kind`` in ``release``; None if it does not have it."""
    rows = body_types()[kind.removeprefix("body/")] if kind.startswith("body/") else message_types().get(kind, [])
    found = [row["fields"] for row in rows if release in row["releases"]]
    return found[0] if found else None


def faults(kind: str, value: Mapping[str, Any], release: str) -> list[str]:
    """The faults in the fields of ``value`` as ``kind``, such as ``event/control.left`` or ``part/Item``."""
    if (kind, release) in _UNTYPED:
        return []
    fields = _fields(kind, release)
    if fields is None:
        return [f"{kind} is not in {release}"]
    required, optional = set(fields["required"]), set(fields["optional"])
    given = {key for key, one in value.items() if one is not None}
    found = [f"{kind} has no {key}" for key in sorted(required - given)]
    found += [f"{kind} has {key}" for key in sorted(value.keys() - required - optional - _beside(kind, fields))]
    family = kind.partition("/")[0].replace("command", "part").replace("event", "part")
    for key, part in _PARTS.get(kind, {}).items():
        inside = value.get(key)
        for one in inside if isinstance(inside, list) else [inside]:
            if one is not None:
                found += faults(f"{family}/{part}", one, release)
    return found


def _beside(kind: str, fields: Mapping[str, Any]) -> frozenset[str]:
    if not (fields.get("more") or "with" in fields):
        return frozenset()
    return _BESIDE[kind] if kind in _BESIDE else frozenset({"error"})


def kind_of(message: Mapping[str, Any]) -> str:
    """Namespace and name of a whole message, such as ``control.left``."""
    payload = message["payload"]
    return f"{message['namespace']}.{payload.get('message', payload.get('action'))}"


def faults_of(message: Mapping[str, Any], release: str, *, from_server: bool) -> list[str]:
    """The faults in a whole message. In `recording_service` the server sends commands and the recorder sends events."""
    is_event = from_server is not (message["namespace"] == "recording_service")
    sort, key = ("event", "message") if is_event else ("command", "action")
    if key not in message["payload"]:
        return [f"{kind_of(message)} has no {key}"]
    fields = {name: value for name, value in message["payload"].items() if name != key}
    return faults(f"{sort}/{kind_of(message)}", fields, release)


def as_released(message: Mapping[str, Any]) -> dict[str, Any]:
    """``message`` with the one name that differs from the types of 0.16 on purpose.

    Our server calls the minutes `meeting_notes` there, and the types `protocol`: the web client of that time knows only
    the new name.
    """
    return cast("dict[str, Any]", json.loads(json.dumps(message).replace("meeting_notes", "protocol")))
