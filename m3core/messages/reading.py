"""Generates the functions that copy decode shells into message objects.

A frozen attrs class is filled through a *twin*: a class with the same slots and without the frozen `__setattr__`. Then
the object gets its own class. This is three times as fast as `__init__`, and safe: CPython compares the layouts and
refuses a class that does not fit. Nested objects are filled in the same function, since calls take time.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from msgspec import UNSET

from m3core.messages.fields import (
    Field,
    cached,
    fields_of,
    is_event,
    one_or_several,
    rest_of,
    short_of,
)
from m3core.messages.source import Generated, Source
from m3core.structuring import is_id, is_mapping, is_nested, is_tuple
from m3core.values import Secret, Timestamp

# A base may be frozen: `object` gives back what it replaced, and skips the checks of `__init__`.
_PLAIN: Final = {name: getattr(object, name) for name in ("__init__", "__setattr__", "__delattr__")}


def _twin(cls: type[Any]) -> type[Any]:
    return type(cls.__name__, cls.__bases__, {"__slots__": cls.__dict__["__slots__"], **_PLAIN})


def _holds(hint: Any, kinds: Any) -> bool:
    """Whether ``hint`` is, or is a collection of, what ``kinds`` accepts."""
    if is_tuple(hint) or is_mapping(hint) or one_or_several(hint):
        return any(_holds(member, kinds) for member in get_args(hint))
    return bool(kinds(hint))


def _is_copied(hint: Any) -> bool:
    return hint in (Timestamp, Secret) or is_id(hint) or is_nested(hint)


def _copy(source: Source, hint: Any, value: str) -> str:
    """An expression that converts ``value`` from the type in the shell to the type in the class."""
    if hint in (Timestamp, Secret):
        return f"{source.name(hint, 'Wrap')}({value})"
    if is_id(hint):
        return f"ids[{value}]"
    if is_nested(hint):
        return f"{source.name(reader(hint), 'read')}({value})"
    if both := one_or_several(hint):
        one, several = (_copy(source, each, value) for each in both)
        return f"({several} if type({value}) is tuple else {one})"
    if is_tuple(hint):
        return f"tuple([{_copy(source, get_args(hint)[0], 'each')} for each in {value}])"
    return f"{{key: {_copy(source, get_args(hint)[1], 'each')} for key, each in {value}.items()}}"


def _fill_field(source: Source, depth: int, field: Field, shell: str, target: str) -> None:
    value, goal = f"{shell}.{field.name}", f"{target}.{field.name}"
    if is_nested(field.type):
        local = f"{target}_{field.name}"
        source.add(depth, f"{local}_shell = {value}")
        if field.empty:
            empty = source.name(field.type(), "empty")
            source.names["UNSET"] = UNSET
            source.add(depth, f"if {local}_shell is UNSET: {goal} = None")
            source.add(depth, f"elif {local}_shell is None: {goal} = {empty}")
            source.add(depth, "else:")
            depth += 1
        elif field.optional:
            source.add(depth, f"if {local}_shell is None: {goal} = None")
            source.add(depth, "else:")
            depth += 1
        _fill(source, depth, field.type, f"{local}_shell", local)
        source.add(depth, f"{goal} = {local}")
    elif _holds(field.type, _is_copied):
        copy = _copy(source, field.type, "value")
        source.add(depth, f"value = {value}")
        source.add(depth, f"{goal} = None if value is None else {copy}" if field.optional else f"{goal} = {copy}")
    elif field.required or field.optional:
        source.add(depth, f"{goal} = {value}")
    else:
        source.add(depth, f"value = {value}")
        source.add(depth, f"{goal} = {source.name(field.default, 'default')} if value is None else value")


def _fill(source: Source, depth: int, cls: type[Any], shell: str, target: str) -> None:
    source.add(depth, f"{target} = {source.name(_twin(cls), 'Twin')}()")
    short = short_of(cls)
    if short:
        source.names["UNSET"] = UNSET
        source.add(depth, f"{target}.{short} = False")
    for field in fields_of(cls):
        if field.short:
            source.add(depth, f"if {shell}.{field.name} is UNSET: {shell}.{field.name}, {target}.{short} = None, True")
        _fill_field(source, depth, field, shell, target)
    if rest := rest_of(cls):
        name, keys = rest
        source.names["UNSET"] = UNSET
        source.add(depth, f"{target}.{name} = modules = {{}}")
        for key in keys:
            source.add(depth, f"value = {shell}.{key}")
            source.add(depth, f"if value is not UNSET: modules[{key!r}] = value")
    if is_event(cls):
        source.add(depth, f"{target}.timestamp = None if timestamp is None else Timestamp(timestamp)")
    source.add(depth, f"{target}.__class__ = {source.name(cls, 'Class')}")


def _generate(head: str, cls: type[Any], *lines: str) -> Generated:
    source = Source(head)
    source.names["Timestamp"] = Timestamp
    for line in lines:
        source.add(1, line)
    _fill(source, 1, cls, "shell", "it")
    source.add(1, "return it")
    return source.compile(f"reader of {cls.__module__}.{cls.__qualname__}")


@cached
def reader(cls: type[Any]) -> Generated:
    """A function that makes a ``cls`` of its decode shell. It raises `MalformedMessage` for a text that is no UUID."""
    return _generate("shell", cls)


@cached
def message_reader(cls: type[Any]) -> Generated:
    """A function that makes a message of the shell of its envelope. It raises what that of `reader` raises."""
    timestamp = ["timestamp = envelope.timestamp"] * is_event(cls)
    return _generate("envelope", cls, "shell = envelope.payload", *timestamp)
