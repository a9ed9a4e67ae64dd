"""Typed messages of the WebSocket, one module a namespace, and the codec.

To add a message:

1. Find its namespace's module (`control`, `media`). A new namespace is a new module and one line in `base.NAMESPACES`.
2. Write a frozen attrs class below `Command` or `Event` with `NAMESPACE` and `ACTION` or `MESSAGE`, like the others.
3. Give it one attribute for each wire field: texts, booleans, integers, ids, `Timestamp`, `Secret`, enums, classes
   below `Value`, `tuple[X, ...]`, `Mapping[str, X]`; optional ones `X | None = None` (omitted when None; metadata
   `NULL` sends null).
4. Put an example of it into `tests/vectors/`; the tests find the class and the example by themselves.
5. Run the tests. Shells, checks, both decoders, the encoder and the Hypothesis strategies are made of the class.

Parsing is as strict as JSON and the classes are, with these leniencies: unknown fields are ignored; null and missing
are alike; an unknown enum value makes the message unknown; ``participant-limit-reached`` is read; an empty candidate
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
