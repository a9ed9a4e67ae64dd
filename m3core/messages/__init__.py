"""Typed messages of the WebSocket, one module a namespace, and the codec.

How to add a message: CONTRIBUTING.md. A field is a text, boolean, integer, id, `Timestamp`, `Secret`, enum, a class
below `Value`, ``tuple[X, ...]`` or ``Mapping[str, X]``; an optional one is ``X | None = None``.

Parsing is as strict as JSON and the classes are, with these leniencies: unknown fields are ignored; null and missing
are alike, but for fields with `base.EMPTY` or `base.SHORT`; an unknown enum value makes the message unknown, or the
part of it that another namespace tells None (`base.MODULE`); ``participant-limit-reached`` is read; an empty candidate
ends the candidates; ``sdpMid`` may be missing. Keys that stand twice are refused only where the message takes the
careful path (unknown namespaces, unknown kinds of typed ones, and errors); else the last one counts, and the first one
of ``namespace`` and of ``action`` or ``message``. Timestamps are parsed when asked.
"""

from m3core.messages.base import Command, Event
from m3core.messages.codec import Message, decode_command, decode_event, encode, kind
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
    "kind",
]
