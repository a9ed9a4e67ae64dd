"""JSON bodies to attrs classes and back: nothing is coerced, unknown fields are ignored, and errors have a path.

Answers are read like requests, except for dates. A date that cannot be read (the reference answers with the year
`+10000`) must not make the whole answer unreadable: it becomes an unreadable `Timestamp`, or 0 seconds since 1970.

How a field is written is metadata of the attrs field: `None` is omitted unless the field is marked `NULL`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NewType, TypeVar, get_type_hints

import attrs
import cattrs
import msgspec

from m3core import strict_json
from m3core.errors import LimitExceeded, MalformedMessage, WrongType, WrongValue
from m3core.limits import MAX_HTTP_BODY
from m3core.structuring import Hook, Misfit, strict_converter, structure_at, text
from m3core.values import Secret, Timestamp, parse_timestamp

NULL: Final[Mapping[str, bool]] = {"m3.null": True}
"""Metadata: `None` is written as null instead of being omitted."""
OMIT_EMPTY: Final[Mapping[str, bool]] = {"m3.omit_empty": True}
"""Metadata: an empty array is omitted."""
AS_TEXT: Final[Mapping[str, bool]] = {"m3.as_text": True}
"""Metadata: a number is written as a string."""

UnixSeconds = NewType("UnixSeconds", int)
"""Seconds since 1970. Read from a number or a string of digits: the `ttl` of TURN entries is a string (rest.md § 4)."""

BodyT = TypeVar("BodyT")


def read_json(data: bytes) -> object:
    """``data`` as untyped JSON, at most `MAX_HTTP_BODY` bytes. Raises as `m3core.strict_json.read`."""
    if len(data) > MAX_HTTP_BODY:
        raise LimitExceeded("MAX_HTTP_BODY", MAX_HTTP_BODY, len(data), "bytes")
    return strict_json.read(data)


def _timestamp(tree: object, _: object) -> Timestamp:
    try:
        parse_timestamp(text(tree))
    except MalformedMessage as error:
        raise Misfit(error.reason) from None
    return Timestamp(text(tree))


def _any_timestamp(tree: object, _: object) -> Timestamp:
    is_short = isinstance(tree, str) and len(tree) <= _MAX_DATE and tree.isprintable()
    return Timestamp(str(tree) if is_short else "")


_MAX_DATE: Final = 64
"""Characters of an unreadable date that is kept. Dates of RFC 3339 that we read have up to 35."""


def _unix_seconds(tree: object, _: object) -> UnixSeconds:
    if isinstance(tree, str) and tree.isascii() and tree.isdigit() and len(tree) < 19:
        return UnixSeconds(int(tree))
    if type(tree) is not int or tree < 0:
        raise Misfit("not seconds")
    return UnixSeconds(tree)


def _any_unix_seconds(tree: object, _: object) -> UnixSeconds:
    try:
        return _unix_seconds(tree, None)
    except Misfit:
        return UnixSeconds(0)


def _class_hook(cls: type[Any], converter: cattrs.Converter) -> Hook:
    hints = get_type_hints(cls)
    fields = [
        (each.name, each.default is attrs.NOTHING, hints[each.name], converter.get_structure_hook(hints[each.name]))
        for each in attrs.fields(cls)
    ]

    def read(tree: object, _: object) -> object:
        if not isinstance(tree, dict):
            raise Misfit("not an object")
        arguments: dict[str, object] = {}
        for name, required, hint, hook in fields:
            if name in tree:
                arguments[name] = structure_at(f".{name}", hook, tree[name], hint)
            elif required:
                raise Misfit("a required field is missing", f".{name}")
        return cls(**arguments)

    return read


def _converter(timestamp: Hook, unix_seconds: Hook) -> cattrs.Converter:
    converter = strict_converter()
    converter.register_structure_hook_factory(attrs.has, _class_hook)
    converter.register_structure_hook(Timestamp, timestamp)
    converter.register_structure_hook(UnixSeconds, unix_seconds)
    return converter


_REQUESTS: Final = _converter(_timestamp, _unix_seconds)
_ANSWERS: Final = _converter(_any_timestamp, _any_unix_seconds)


def keep_unreadable(unreadable: BodyT) -> None:
    """Let answers have ``unreadable`` in place of a value of its class, made of a date, that cannot be read."""
    kind = type(unreadable)
    read_object = _class_hook(kind, _ANSWERS)

    def read(tree: object, _: object) -> object:
        try:
            return read_object(tree, kind)
        except Misfit:
            return unreadable

    _ANSWERS.register_structure_hook(kind, read)


def read_body(data: bytes, kind: type[BodyT], *, is_answer: bool = False) -> BodyT:
    """``data`` as ``kind``, an attrs class or a tuple of such. Raises `MalformedMessage` or `LimitExceeded`.

    ``is_answer``: unreadable dates are kept.
    """
    tree = read_json(data)
    try:
        return (_ANSWERS if is_answer else _REQUESTS).structure(tree, kind)
    except Misfit as misfit:
        raise MalformedMessage(misfit.reason, misfit.path("$")) from None


def to_json(value: object) -> object:
    """``value`` as dict, list, str, int, bool and None. Only this function reveals the secrets of bodies."""
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
        raise WrongType(f"{kind.__name__} cannot stand in a REST body: pass an attrs class of m3core.rest")
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
        raise WrongValue("a text of the body has a lone surrogate, which UTF-8 cannot hold") from None
