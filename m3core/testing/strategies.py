"""Hypothesis strategies for messages: every command and event that has a class, with all legal values of its fields.

They are derived from the classes, so that a new message needs no strategy of its own. Needs the extra `testing`.
"""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Any, Final, TypeVar, get_args

from attrs import has
from hypothesis import strategies as st

from m3core.messages import Command, Event, Json, UnknownCommand, UnknownEvent
from m3core.messages.base import NAMESPACES
from m3core.messages.fields import fields_of, is_event, one_or_several, rest_of, short_of
from m3core.messages.kinds import classes
from m3core.structuring import is_id, is_mapping, is_tuple
from m3core.values import Secret, Timestamp

_T = TypeVar("_T")

INT64: Final = st.integers(-(2**63), 2**63 - 1)


SECRET_LETTERS: Final = "".join(map(chr, range(0x12000, 0x12010)))
"""The letters of all secrets: cuneiform, which Python prints unescaped. Nothing else is drawn from them, so that one
such letter in a text shows a leak."""


def texts(max_size: int = 30) -> st.SearchStrategy[str]:
    """Texts that UTF-8 can hold, without `SECRET_LETTERS`."""
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters=SECRET_LETTERS), max_size=max_size)


def secrets() -> st.SearchStrategy[Secret]:
    """Secrets made of `SECRET_LETTERS`."""
    return st.text(SECRET_LETTERS, max_size=30).map(Secret)


def ids() -> st.SearchStrategy[str]:
    """UUIDs as M3 writes them."""
    return st.uuids().map(str)


@st.composite
def timestamps(draw: st.DrawFn) -> Timestamp:
    """Timestamps in UTC, with each number of digits that servers send."""
    moment = draw(st.datetimes(timezones=st.just(dt.UTC)))
    return Timestamp.of(moment, digits=draw(st.sampled_from([0, 1, 6, 9])), nanosecond=draw(st.integers(0, 10**9 - 1)))


def json_values() -> st.SearchStrategy[Json]:
    """JSON values, nested a few levels deep."""
    floats = st.floats(allow_nan=False, allow_infinity=False)
    leaves: st.SearchStrategy[Json] = st.none() | st.booleans() | INT64 | floats | texts()
    nested: st.SearchStrategy[Json] = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(8), inner, max_size=3),
        max_leaves=6,
    )
    return nested


def _of_hint(hint: Any) -> st.SearchStrategy[Any]:
    simple: dict[Any, st.SearchStrategy[Any]] = {
        str: texts(),
        bool: st.booleans(),
        int: INT64,
        Timestamp: timestamps(),
        Secret: secrets(),
    }
    if is_id(hint):
        return ids()
    if both := one_or_several(hint):
        return _of_hint(both[0]) | _of_hint(both[1])
    if is_tuple(hint):
        return st.lists(_of_hint(get_args(hint)[0]), max_size=3).map(tuple)
    if is_mapping(hint):
        return st.dictionaries(texts(8), _of_hint(get_args(hint)[1]), max_size=3)
    if has(hint):
        return instances(hint)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    return simple[hint]


def instances(cls: type[_T]) -> st.SearchStrategy[_T]:
    """Instances of a message class, or of a class of values within messages."""
    arguments: dict[str, st.SearchStrategy[Any]] = {}
    for field in fields_of(cls):
        strategy = _of_hint(field.type)
        arguments[field.name] = st.none() | strategy if field.optional else strategy
    if is_event(cls):
        arguments["timestamp"] = st.none() | timestamps()
    if short := short_of(cls):
        arguments[short] = st.booleans()
    if rest := rest_of(cls):
        arguments[rest[0]] = st.dictionaries(st.sampled_from(rest[1]), json_values(), max_size=2)
    return st.builds(cls, **arguments)


def commands() -> st.SearchStrategy[Command]:
    """Any command."""
    every = [cls for namespace in NAMESPACES for cls in classes(namespace, Command).values()]
    return st.sampled_from(every).flatmap(instances)


def events() -> st.SearchStrategy[Event]:
    """Any event."""
    every = [cls for namespace in NAMESPACES for cls in classes(namespace, Event).values()]
    return st.sampled_from(every).flatmap(instances)


_PAYLOADS: Final = st.dictionaries(
    texts(8).filter(lambda key: key not in {"action", "message"}), json_values(), max_size=4
)
_NAMESPACES: Final = texts(12).filter(lambda name: name not in NAMESPACES)


def unknown_events() -> st.SearchStrategy[UnknownEvent]:
    """Events of namespaces that have no classes."""

    def build(namespace: str, message: str, payload: dict[str, Json], timestamp: Timestamp | None) -> UnknownEvent:
        payload = {"message": message, **payload} if message else payload
        return UnknownEvent(namespace, message, payload, timestamp=timestamp)

    return st.builds(build, _NAMESPACES, texts(12), _PAYLOADS, st.none() | timestamps())


def unknown_commands() -> st.SearchStrategy[UnknownCommand]:
    """Commands of namespaces that have no classes."""

    def build(namespace: str, action: str, payload: dict[str, Json]) -> UnknownCommand:
        return UnknownCommand(namespace, action, {"action": action, **payload} if action else payload)

    return st.builds(build, _NAMESPACES, texts(12), _PAYLOADS)
