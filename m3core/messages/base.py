"""What every message is: `Command` or `Event`, a namespace and a name, and how its fields are put on the wire.

Owns the two base classes, the field helpers and the list of namespaces. Knows nothing of bytes or states.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from attrs import define

from m3core.messages.checking import checker
from m3core.messages.fields import WIRE_NAME, WIRE_NULL, WIRE_REST
from m3core.values import Timestamp

NAMESPACES: Final[dict[str, str]] = {
    "control": "m3core.messages.control",
    "media": "m3core.messages.media",
}
"""Namespaces whose messages are typed, and the module that holds their classes; loaded on first use."""

UNTYPED_NAMESPACES: Final[frozenset[str]] = frozenset(
    {"moderation", "chat", "breakout", "polls", "timer", "recording", "recording_service", "whiteboard", "protocol"}
    | {"meeting_notes", "legal_vote", "automod", "shared_folder", "echo", "livekit"}
)
"""Namespaces of M3 that have no classes: their messages are unknown ones, but expected, and decoded as fast."""

ENTRY_MODULES: Final[tuple[str, ...]] = (
    "chat",
    "protocol",
    "meeting_notes",
    "recording",
    "timer",
    "waiting_room_state",
    "livekit",
)
"""Keys of participant entries that belong to other namespaces (signaling.md § 5.2)."""

JOIN_MODULES: Final[tuple[str, ...]] = (
    "chat",
    "moderation",
    "breakout",
    "polls",
    "timer",
    "recording",
    "recording_service",
    "whiteboard",
    "protocol",
    "meeting_notes",
    "shared_folder",
    "legal_vote",
    "automod",
    "echo",
    "livekit",
    "meeting_report",
    "subroom_audio",
    "training_participation_report",
)
"""Keys of `join_success` that belong to other namespaces (signaling.md § 5.1, 19)."""


# These bases are not frozen, so that the twins of `reading` can have them; all classes below them are.
@define(kw_only=True, weakref_slot=False, eq=False)
class Value:
    """A message, or a value inside of one. Making it raises `LocalProtocolError` for a field of the wrong type."""

    def __attrs_post_init__(self) -> None:
        checker(type(self))(self)


@define(kw_only=True, weakref_slot=False, eq=False)
class Command(Value):
    """A message from a client to the server (signaling.md § 4). Wire: ``payload.action`` is `ACTION`."""

    NAMESPACE: ClassVar[str] = ""
    ACTION: ClassVar[str] = ""


@define(kw_only=True, weakref_slot=False, eq=False)
class Event(Value):
    """A message from the server to a client (signaling.md § 4). Wire: ``payload.message`` is `MESSAGE`.

    ``timestamp``: of the envelope; a server always sets it. Not an order: relayed messages carry the sender's.
    """

    NAMESPACE: ClassVar[str] = ""
    MESSAGE: ClassVar[str] = ""

    timestamp: Timestamp | None = None


def hide(text: object) -> str:
    """How a secret or long text stands in a repr: its length only."""
    return f"<{len(text)}>" if isinstance(text, str) else repr(text)


def named(wire: str) -> Mapping[str, object]:
    """Metadata: the key on the wire, where it is not the attribute's name."""
    return {WIRE_NAME: wire}


NULL: Final[Mapping[str, object]] = {WIRE_NULL: True}
"""Metadata: an optional field that is sent as ``null`` when it is None; others are omitted."""


def rest(keys: tuple[str, ...]) -> Mapping[str, object]:
    """Metadata: the one field that takes the raw values of ``keys``, which belong to other namespaces."""
    return {WIRE_REST: keys}
