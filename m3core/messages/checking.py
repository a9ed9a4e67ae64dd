"""Generates the functions that check messages which the program itself constructs.

Messages are frozen, so one check when they are made is enough, however often they are encoded. The decoder has checked
those that it makes, and does not call their `__init__`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, get_args

from m3core.errors import WrongType, WrongValue
from m3core.messages.fields import (
    cached,
    fields_of,
    is_event,
    one_or_several,
    rest_of,
    short_of,
)
from m3core.messages.source import KNOWN_IDS, Generated, Source
from m3core.structuring import is_id, is_mapping, is_tuple
from m3core.values import Timestamp


def _wrong(what: str, expected: str) -> NoReturn:
    raise WrongType(f"{what} is not {expected}")


def _too_large(what: str) -> NoReturn:
    raise WrongValue(f"{what} is not of 64 bits")


def _check_modules(modules: object, allowed: tuple[str, ...]) -> None:
    if not isinstance(modules, Mapping) or not set(modules) <= set(allowed):
        raise WrongType(f"modules is not a Mapping with some of the keys {', '.join(allowed)}")


def _add(source: Source, depth: int, hint: Any, value: str, what: str) -> None:
    """Add checks of ``value``; error texts call it ``what``."""
    if is_id(hint):
        check = source.name(KNOWN_IDS.check_own, "check")
        source.add(depth, f"if type({value}) is not str or {value} not in ids: {check}({value}, {what!r})")
    elif both := one_or_several(hint):
        source.add(depth, f"if type({value}) is not tuple:")
        _add(source, depth + 1, both[0], value, what)
        source.add(depth, "else:")
        _add(source, depth + 1, both[1], value, what)
    elif is_tuple(hint):
        source.add(depth, f"if type({value}) is not tuple: wrong({what!r}, 'a tuple')")
        source.add(depth, f"for each in {value}:")
        _add(source, depth + 1, get_args(hint)[0], "each", f"an element of {what}")
    elif is_mapping(hint):
        source.add(depth, f"if not isinstance({value}, Mapping): wrong({what!r}, 'a Mapping')")
        source.add(depth, f"for key, each in {value}.items():")
        _add(source, depth + 1, str, "key", f"a key of {what}")
        _add(source, depth + 1, get_args(hint)[1], "each", f"a value of {what}")
    else:
        name = source.name(hint, "Kind")
        source.add(depth, f"if type({value}) is not {name}: wrong({what!r}, 'a {hint.__name__}')")
        if hint is int:
            source.add(depth, f"if not -(1 << 63) <= {value} < 1 << 63: too_large({what!r})")


@cached
def checker(cls: type[Any]) -> Generated:
    """A function that raises `WrongType` for a ``cls`` with a field of the wrong type, `WrongValue` for a bad id."""
    source = Source("it")
    source.names |= {"wrong": _wrong, "too_large": _too_large, "Mapping": Mapping, "check_modules": _check_modules}
    checks = [(field.name, field.type, field.optional) for field in fields_of(cls)]
    if is_event(cls):
        checks.append(("timestamp", Timestamp, True))
    if short := short_of(cls):
        checks.append((short, bool, False))
    for name, hint, optional in checks:
        source.add(1, f"value = it.{name}")
        if optional:
            source.add(1, "if value is not None:")
        _add(source, 1 + optional, hint, "value", f"{cls.__name__}.{name}")
    if rest := rest_of(cls):
        source.add(1, f"if it.{rest[0]}: check_modules(it.{rest[0]}, {rest[1]!r})")
    source.add(1, "return None")
    return source.compile(f"checker of {cls.__module__}.{cls.__qualname__}")
