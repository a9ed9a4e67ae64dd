"""Bytes to typed messages and back. The module of a namespace is imported when its first message comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from m3core import strict_json
from m3core.errors import LocalProtocolError, WrongType
from m3core.limits import MAX_COMMAND_VALUES, MAX_MESSAGE, MAX_STRING
from m3core.messages.base import Command, Event, Value
from m3core.messages.decoding import NOT_SURE, Decoder
from m3core.messages.kinds import classes as classes
from m3core.messages.kinds import key
from m3core.messages.namespaces import NAMESPACES
from m3core.messages.source import Generated
from m3core.messages.unknown import UnknownCommand, UnknownEvent
from m3core.messages.writing import message_writer, value_writer
from m3core.strict_json import Json
from m3core.values import Timestamp

Message: TypeAlias = Command | Event | UnknownCommand | UnknownEvent

EVENT_DECODER: Final = Decoder(Event, UnknownEvent)
COMMAND_DECODER: Final = Decoder(Command, UnknownCommand)

_EVENT_READERS: Final = EVENT_DECODER.readers
_COMMAND_READERS: Final = COMMAND_DECODER.readers


def _has_short_strings(data: bytes | str) -> bool:
    """Whether a message of more than `MAX_STRING` bytes keeps all limits. False means perhaps not."""
    return len(data) <= MAX_MESSAGE and isinstance(data, bytes) and not strict_json.may_hold_long_string(data)


def decode_event(data: bytes | str) -> Event | UnknownEvent:
    """One text message of a server as a typed event.

    Raises `MalformedMessage` with the path, or `LimitExceeded`; nothing else, whatever ``data`` holds.
    """
    if len(data) <= MAX_STRING or _has_short_strings(data):
        try:
            envelope = EVENT_DECODER.decode(data)
            event: Event | UnknownEvent = _EVENT_READERS[type(envelope.payload)](envelope)
        except NOT_SURE:
            pass
        else:
            return event
    recovered: Event | UnknownEvent = EVENT_DECODER.decode_carefully(data)
    return recovered


def decode_command(data: bytes | str) -> Command | UnknownCommand:
    """One text message of a client as a typed command. Raises as `decode_event`."""
    if len(data) > MAX_COMMAND_VALUES:  # before it is parsed: a server does this for anybody
        strict_json.check_values(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
    if len(data) <= MAX_STRING or _has_short_strings(data):
        try:
            envelope = COMMAND_DECODER.decode(data)
            command: Command | UnknownCommand = _COMMAND_READERS[type(envelope.payload)](envelope)
        except NOT_SURE:
            pass
        else:
            return command
    recovered: Command | UnknownCommand = COMMAND_DECODER.decode_carefully(data)
    return recovered


class _Envelope(Struct, gc=False, omit_defaults=True):
    namespace: str
    payload: dict[str, Json]
    timestamp: str | None = None


_ENCODE: Final = msgspec.json.Encoder().encode
_NO_JSON: Final = (TypeError, ValueError, RecursionError, msgspec.MsgspecError)
"""What the writers raise for values that JSON cannot hold."""


def _write_unknown_event(message: UnknownEvent) -> bytes:
    timestamp: object = message.timestamp
    if timestamp is not None and not isinstance(timestamp, Timestamp):
        raise WrongType("UnknownEvent.timestamp is not a Timestamp")
    payload = _payload(Event, message.namespace, message.payload, message.message)
    return _ENCODE(_Envelope(message.namespace, payload, timestamp and timestamp.text))


def _write_unknown_command(message: UnknownCommand) -> bytes:
    payload = _payload(Command, message.namespace, message.payload, message.action)
    return _ENCODE(_Envelope(message.namespace, payload))


def _payload(base: type[Any], namespace: str, payload: Mapping[str, Json], name: str) -> dict[str, Json]:
    """``payload`` with its name. Without ``name`` it is unchanged: an `echo` may have none."""
    if not (isinstance(namespace, str) and isinstance(name, str) and isinstance(payload, Mapping)):
        raise WrongType(f"namespace and {base.KEY} must be texts, and payload a Mapping")
    if not name:
        return dict(payload)
    tag = key(namespace, base) if namespace in NAMESPACES else base.KEY
    if payload.get(tag, name) != name:
        raise LocalProtocolError(
            f"payload.{tag} differs from the {base.KEY} of the message: omit it or make them equal"
        )
    return {tag: name, **payload}


_WRITERS: Final[dict[type[Any], Generated]] = {
    UnknownEvent: _write_unknown_event,
    UnknownCommand: _write_unknown_command,
}


def _writer(cls: type[Any]) -> Generated:
    """The function that encodes messages of ``cls``. It is compiled at first use."""
    if not issubclass(cls, Command | Event) or not cls.NAMESPACE:
        raise WrongType(f"{cls.__name__} is not a message: pass a Command or an Event of a namespace")
    write = _WRITERS[cls] = message_writer(cls)
    return write


def encode(message: Message) -> bytes:
    """A message as UTF-8 JSON, for one WebSocket text message.

    Raises `LocalProtocolError` for what is no message, raw values that JSON cannot hold, and more than `MAX_MESSAGE`
    bytes. Fields of the wrong type were refused when the message was made.
    """
    try:
        write = _WRITERS[type(message)]
    except KeyError:
        write = _writer(type(message))
    try:
        data: bytes = write(message)
    except _NO_JSON:
        raise _no_json(message) from None
    if len(data) > MAX_MESSAGE:
        raise _too_long(data)
    return data


def encode_around(message: Message, field: str, elements: Iterable[bytes]) -> bytes:
    """As `encode`, with ``elements``, which `encode_value` has encoded, in place of the tuple in ``field``.

    It gives the same bytes. It is quicker if the elements were encoded for another message before.
    """
    array = msgspec.Raw(b"[" + b",".join(elements) + b"]")
    try:
        data: bytes = message_writer(type(message), field)(message, array)
    except _NO_JSON:
        raise _no_json(message) from None
    if len(data) > MAX_MESSAGE:
        raise _too_long(data)
    return data


def encode_value(value: Value) -> bytes:
    """A value in a message as UTF-8 JSON, for `encode_around`. Raises as `encode`."""
    try:
        data: bytes = value_writer(type(value))(value)
    except _NO_JSON:
        raise _no_json(value) from None
    return data


def _no_json(value: Message | Value) -> LocalProtocolError:
    return LocalProtocolError(
        f"the {type(value).__name__} is no JSON: it holds a lone surrogate or an object of another type"
    )


def _too_long(data: bytes) -> LocalProtocolError:
    return LocalProtocolError(f"the message has {len(data)} bytes, and peers accept only {MAX_MESSAGE}: send less")


def kind(message: Message) -> tuple[str, str]:
    """Namespace, and action or message name, as on the wire."""
    if isinstance(message, Command):
        return message.NAMESPACE, message.ACTION
    if isinstance(message, Event):
        return message.NAMESPACE, message.MESSAGE
    return message.namespace, message.action if isinstance(message, UnknownCommand) else message.message
