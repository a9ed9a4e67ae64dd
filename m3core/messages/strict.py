"""The careful decoder: slower than the shells, and it knows where a message is wrong.

It defines what is accepted; the fast path must agree with it (a property test compares them).
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, get_args

from attrs import frozen

from m3core.errors import LimitExceeded, MalformedMessage
from m3core.limits import MAX_STRING
from m3core.messages.base import Json
from m3core.messages.fields import fields_of, is_id, is_mapping, is_nested, is_tuple, one_or_several, rest_of
from m3core.values import Secret, Timestamp, parse_uuid

_EXPECTED: Final = {str: "a string", bool: "a boolean", int: "an integer"}
_MAX_INT_TEXT: Final = 20


@frozen
class _Flaw:
    """Stands in a parsed tree where the text was not acceptable."""

    reason: str


class UnknownEnumValue(Exception):
    """An enum has no such member; the message is of a later version."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def _object(pairs: list[tuple[str, Any]]) -> Any:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        return _Flaw("an object with a key twice")
    return mapping


def _integer(text: str) -> Any:
    if len(text) <= _MAX_INT_TEXT and -(2**63) <= (value := int(text)) < 2**63:
        return value
    return _Flaw("an integer of more than 64 bits")


def _number(text: str) -> Any:
    value = float(text)
    return value if math.isfinite(value) else _Flaw("a number out of range")


def _constant(_text: str) -> Any:
    return _Flaw("NaN and Infinity are not JSON")


_PARSER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)


def step(path: str, key: str) -> str:
    """``path`` plus one key; keys that are no plain names are not repeated, they are the peer's."""
    return f"{path}.{key}" if len(key) <= 64 and key.isidentifier() else f"{path}[...]"


def _check_string(text: str, path: str) -> None:
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise MalformedMessage("half a surrogate pair", path) from None
    if size > MAX_STRING:
        raise LimitExceeded("string", MAX_STRING, size, "bytes", path)


def _check_tree(value: Any, path: str) -> None:
    if isinstance(value, str):
        _check_string(value, path)
    elif isinstance(value, _Flaw):
        raise MalformedMessage(value.reason, path)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_string(key, path)
            _check_tree(each, step(path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _check_tree(each, f"{path}[{index}]")


def parse(text: str) -> Json:
    """JSON that is strict about everything: see `_Flaw`. The caller has bounded size and nesting.

    Raises `MalformedMessage` and `LimitExceeded`, with the path.
    """
    if text.startswith("\ufeff"):
        raise MalformedMessage("a byte order mark")
    try:
        value = _PARSER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedMessage(f"not JSON at character {error.pos}") from None
    _check_tree(value, "$")
    tree: Json = value
    return tree


def _scalar(hint: Any, value: Any, path: str) -> Any:
    if hint in (str, bool, int):
        if type(value) is not hint:
            raise MalformedMessage(f"not {_EXPECTED[hint]}", path)
        return value
    if type(value) is not str:
        raise MalformedMessage("not a string", path)
    if is_id(hint):
        return parse_uuid(value, path)
    if hint in (Timestamp, Secret):
        return hint(value)
    try:
        return hint(value)
    except ValueError:
        raise UnknownEnumValue(path) from None


def structure(hint: Any, value: Json, path: str) -> Any:
    """``value`` as the field type ``hint``. Raises `MalformedMessage` and `UnknownEnumValue`, with the path."""
    if both := one_or_several(hint):
        return structure(both[type(value) is list], value, path)
    arguments = get_args(hint)
    if is_tuple(hint):
        if type(value) is not list:
            raise MalformedMessage("not an array", path)
        return tuple([structure(arguments[0], each, f"{path}[{index}]") for index, each in enumerate(value)])
    if is_mapping(hint):
        if type(value) is not dict:
            raise MalformedMessage("not an object", path)
        return {key: structure(arguments[1], each, step(path, key)) for key, each in value.items()}
    if is_nested(hint):
        return structure_class(hint, value, path)
    return _scalar(hint, value, path)


def structure_class(cls: type[Any], value: Json, path: str, **envelope: object) -> Any:
    """The object ``value`` as an attrs class; ``envelope`` holds what stands elsewhere. Raises as `structure`."""
    if type(value) is not dict:
        raise MalformedMessage("not an object", path)
    arguments = dict(envelope)
    for field in fields_of(cls):
        here = step(path, field.wire)
        if field.wire not in value and field.required:
            raise MalformedMessage("missing", here)
        each = value.get(field.wire)
        if each is not None or field.required:
            arguments[field.name] = structure(field.type, each, here)
    if rest := rest_of(cls):
        name, keys = rest
        arguments[name] = {key: value[key] for key in keys if key in value}
    return cls(**arguments)
