"""Trees of `m3core.strict_json` to message classes: slower than the shells, and it knows where a message is wrong.

It defines what is accepted; the fast path must agree with it (a property test compares them).
"""

from __future__ import annotations

from typing import Any, Final, get_args

from m3core.errors import MalformedMessage
from m3core.messages.fields import fields_of, is_id, is_mapping, is_nested, is_tuple, one_or_several, rest_of, short_of
from m3core.strict_json import Json, step
from m3core.values import Secret, Timestamp, parse_uuid

_EXPECTED: Final = {str: "a string", bool: "a boolean", int: "an integer"}


class UnknownEnumValue(Exception):
    """An enum has no such member; the message is of a later version."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


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
        if field.empty and each is None:
            arguments[field.name] = field.type() if field.wire in value else None
        elif each is not None or field.required:
            try:
                arguments[field.name] = structure(field.type, each, here)
            except UnknownEnumValue:
                if not field.module:
                    raise
    if short := short_of(cls):
        arguments[short] = any(field.short and field.wire not in value for field in fields_of(cls))
    if rest := rest_of(cls):
        name, keys = rest
        arguments[name] = {key: value[key] for key in keys if key in value}
    return cls(**arguments)
