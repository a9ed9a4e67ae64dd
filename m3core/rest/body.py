"""JSON bodies to attrs classes and back, strictly: nothing is coerced, unknown fields are ignored, errors say where.

Answers are read as requests are, but for dates: one that cannot be read (the reference answers with the year
`+10000`) must not cost what it stands in, be it an event or a list of them. It is kept as an unreadable `Timestamp`, or
as 0 seconds since 1970.

Output rules are metadata of the attrs field: `None` is omitted unless the field is marked `NULL`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import GenericAlias, NoneType
from typing import Any, Final, NewType, TypeVar, get_args, get_origin

import attrs
import cattrs
import msgspec
from cattrs.gen import make_dict_structure_fn

from m3core import strict_json
from m3core.errors import LimitExceeded, LocalProtocolError, MalformedMessage, RemoteProtocolError
from m3core.limits import MAX_HTTP_BODY
from m3core.values import (
    BreakoutRoomId,
    EventId,
    InviteCode,
    RoomId,
    Secret,
    Timestamp,
    UserId,
    parse_timestamp,
    parse_uuid,
)

NULL: Final[Mapping[str, bool]] = {"m3.null": True}
"""Metadata: `None` is written as null instead of being omitted."""
OMIT_EMPTY: Final[Mapping[str, bool]] = {"m3.omit_empty": True}
"""Metadata: an empty array is omitted."""
AS_TEXT: Final[Mapping[str, bool]] = {"m3.as_text": True}
"""Metadata: a number is written as a string."""

UnixSeconds = NewType("UnixSeconds", int)
"""Seconds since 1970. Read from a number or a string of digits (the `ttl` of TURN entries; rest.md § 4, TURN)."""

BodyT = TypeVar("BodyT")


def read_json(data: bytes) -> object:
    """``data`` as untyped JSON, at most `MAX_HTTP_BODY` bytes. Raises as `m3core.strict_json.read`."""
    if len(data) > MAX_HTTP_BODY:
        raise LimitExceeded("MAX_HTTP_BODY", MAX_HTTP_BODY, len(data), "bytes")
    return strict_json.read(data)


def _exactly(kind: type[BodyT], name: str) -> Callable[[object, object], BodyT]:
    def read(value: object, _: object) -> BodyT:
        if type(value) is not kind:
            raise MalformedMessage(f"{name} expected")
        return value

    return read


def _text(value: object, _: object = None) -> str:
    if not isinstance(value, str):
        raise MalformedMessage("a string expected")
    return value


def _uuid(value: object, _: object) -> str:
    return parse_uuid(_text(value))


def _timestamp(value: object, _: object) -> Timestamp:
    parse_timestamp(_text(value))
    return Timestamp(_text(value))


def _any_timestamp(value: object, _: object) -> Timestamp:
    is_short = isinstance(value, str) and len(value) <= _MAX_DATE and value.isprintable()
    return Timestamp(str(value) if is_short else "")


_MAX_DATE: Final = 64
"""Characters of a date that is kept though it is none; those of RFC 3339 that we read have up to 35."""


def _unix_seconds(value: object, _: object) -> UnixSeconds:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return UnixSeconds(int(value))
    if type(value) is not int or value < 0:
        raise MalformedMessage("seconds expected")
    return UnixSeconds(value)


def _any_unix_seconds(value: object, _: object) -> UnixSeconds:
    try:
        return _unix_seconds(value, None)
    except MalformedMessage:
        return UnixSeconds(0)


def _enum(value: object, kind: type[Enum]) -> Enum:
    try:
        return kind(_text(value))
    except ValueError:
        raise MalformedMessage("an unknown value") from None


def _object_hook(kind: type[BodyT], converter: cattrs.Converter) -> Callable[[object, object], BodyT]:
    inner: Callable[[Any, Any], BodyT] = make_dict_structure_fn(kind, converter)

    def read(value: object, _: object) -> BodyT:
        if not isinstance(value, dict):  # the generated function takes any container that knows `in`
            raise MalformedMessage("an object expected")
        return inner(value, kind)

    return read


def _is_array(kind: object) -> bool:
    origin: object = get_origin(kind)
    return origin is tuple


def _array_hook(kind: type[Any], converter: cattrs.Converter) -> Callable[[object, object], object]:
    entries: Any = GenericAlias(list, get_args(kind)[:1])

    def read(value: object, _: object) -> object:
        if not isinstance(value, list):
            raise MalformedMessage("an array expected")
        return tuple(converter.structure(value, entries))

    return read


def _build(
    timestamp: Callable[[object, object], Timestamp], unix_seconds: Callable[[object, object], UnixSeconds]
) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook_factory(attrs.has, _object_hook)
    converter.register_structure_hook_factory(_is_array, _array_hook)
    converter.register_structure_hook_func(lambda kind: isinstance(kind, type) and issubclass(kind, Enum), _enum)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(bool, _exactly(bool, "a boolean"))
    converter.register_structure_hook(int, _exactly(int, "an integer"))
    converter.register_structure_hook(NoneType, _exactly(NoneType, "null"))
    converter.register_structure_hook(Secret, lambda value, _: Secret(_text(value)))
    converter.register_structure_hook(Timestamp, timestamp)
    converter.register_structure_hook(UnixSeconds, unix_seconds)
    for name in (RoomId, BreakoutRoomId, EventId, UserId, InviteCode):
        converter.register_structure_hook(name, _uuid)
    return converter


_converter: Final = _build(_timestamp, _unix_seconds)
_answers: Final = _build(_any_timestamp, _any_unix_seconds)


def keep_unreadable(unreadable: BodyT) -> None:
    """In answers, ``unreadable`` stands for values of its class, one that is made of a date, that cannot be read."""
    kind = type(unreadable)
    read_object = _object_hook(kind, _answers)

    def read(value: object, _: object) -> BodyT:
        try:
            return read_object(value, kind)
        except (cattrs.BaseValidationError, RemoteProtocolError):
            return unreadable

    _answers.register_structure_hook(kind, read)


def _located(failure: BaseException, path: str) -> RemoteProtocolError:
    """The first error in the tree that cattrs raises, with its JSON path."""
    while isinstance(failure, cattrs.BaseValidationError):
        noted = failure.group_exceptions()[0] if isinstance(failure, _WITH_NOTES) else []
        failure, note = noted[0]
        path += f"[{note.index}]" if isinstance(note, cattrs.IterableValidationNote) else f".{note.name}"
    if isinstance(failure, MalformedMessage):
        return MalformedMessage(failure.reason, path)
    return MalformedMessage("a required field is missing", path)


_WITH_NOTES: Final = (cattrs.ClassValidationError, cattrs.IterableValidationError)


def read_body(data: bytes, kind: type[BodyT], *, is_answer: bool = False) -> BodyT:
    """``data`` as ``kind``, an attrs class or a tuple of such. Raises `MalformedMessage` or `LimitExceeded`.

    ``is_answer``: unreadable dates are kept.
    """
    value = read_json(data)
    try:
        return (_answers if is_answer else _converter).structure(value, kind)
    except (cattrs.BaseValidationError, RemoteProtocolError) as failure:
        raise _located(failure, "$") from None


def to_json(value: object) -> object:
    """``value`` as what JSON knows: dict, list, str, int, bool, None. This is the one place that reveals secrets."""
    match value:
        case None | bool() | int() | str():
            return value
        case tuple() | list():
            return [to_json(entry) for entry in value]
        case Secret():
            return value.reveal()
        case Timestamp():
            return value.text
        case Enum():
            return value.value
    kind: type[Any] = type(value)
    if not attrs.has(kind):
        raise LocalProtocolError(f"{kind.__name__} is not a REST value")
    fields: dict[str, object] = {}
    for field in attrs.fields(kind):
        item = getattr(value, field.name)
        if (item is None and "m3.null" not in field.metadata) or (item == () and "m3.omit_empty" in field.metadata):
            continue
        fields[field.name] = str(item) if "m3.as_text" in field.metadata else to_json(item)
    return fields


def write_body(value: object) -> bytes:
    """``value`` as JSON in UTF-8. Raises `LocalProtocolError` for what is not a REST value."""
    try:
        return msgspec.json.encode(to_json(value))
    except UnicodeEncodeError:
        raise LocalProtocolError("a text holds a lone surrogate") from None
