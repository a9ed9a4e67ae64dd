"""Typed messages of the WebSocket, one module for each namespace, and the codec.

How to add a message: CONTRIBUTING.md. A field is a text, boolean, integer, id, `Timestamp`, `Secret`, enum, a class
below `Value`, ``tuple[X, ...]`` or ``Mapping[str, X]``; an optional one is ``X | None = None``.

Decoding is as strict as JSON and the classes are, with these exceptions. Unknown fields are ignored. Null and missing
mean the same, except in fields with `base.EMPTY` or `base.SHORT`. An unknown enum value makes the message unknown, or
only the field None if it belongs to another namespace (`base.MODULE`). Of keys that stand twice in an object the last
one counts. ``participant-limit-reached`` is read, an empty candidate ends the candidates, ``sdpMid`` may be missing.
Timestamps are parsed when they are read.
"""

from m3core.messages.base import Command, Event
from m3core.messages.codec import Message, decode_command, decode_event, encode, encode_around, encode_value, kind
from m3core.messages.unknown import UnknownCommand, UnknownEvent
from m3core.strict_json import Json

__all__ = [
    "Command",
    "Event",
    "Json",
    "Message",
    "UnknownCommand",
    "UnknownEvent",
    "decode_command",
    "decode_event",
    "encode",
    "encode_around",
    "encode_value",
    "kind",
]
