"""Typed messages of the WebSocket, one module a namespace, and the codec. See `codec` and `base`."""

from m3core.messages.base import Command, Event, Json
from m3core.messages.codec import Message, decode_command, decode_event, encode, kind
from m3core.messages.unknown import UnknownCommand, UnknownEvent

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
