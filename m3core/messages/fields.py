"""What the fields of a message class are, read from its attrs attributes and type hints. Knows no JSON library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, ParamSpec, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs

from m3core.messages.namespaces import LazyModules

WIRE_NAME: Final = "m3.name"
WIRE_NULL: Final = "m3.null"
WIRE_REST: Final = "m3.rest"
WIRE_EMPTY: Final = "m3.empty"
WIRE_MODULE: Final = "m3.module"
WIRE_SHORT: Final = "m3.short"
WIRE_IS_SHORT: Final = "m3.is_short"

_MODULES: Final = LazyModules()

_P = ParamSpec("_P")
_R = TypeVar("_R")


def cached(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """`functools.cache` that keeps the signature; only classes and booleans are passed."""
    return cast("Callable[_P, _R]", cache(function))


@attrs.frozen
class Field:
    """One field of a message class that stands in its payload."""

    name: str
    wire: str
    """Its key."""
    type: Any
    """Its type hint without None."""
    optional: bool
    """None is a legal value."""
    required: bool
    null: bool
    """Sent as null when it is None, not omitted."""
    empty: bool
    """Null is the value of defaults, and None is a missing key."""
    module: bool
    """None, and no mistake, when there is an unknown enum value in it."""
    short: bool
    """None is null, or a missing key if the attribute that `short_of` names is true."""
    default: Any

    @classmethod
    def of(cls, attribute: attrs.Attribute[Any], hint: Any) -> Field:
        """The field that ``attribute`` with its resolved type ``hint`` is."""
        optional = False
        if get_origin(hint) in (Union, UnionType):
            members = [member for member in get_args(hint) if member is not NoneType]
            optional = len(members) < len(get_args(hint))
            hint = union_of(members)
        return cls(
            name=attribute.name,
            wire=attribute.metadata.get(WIRE_NAME, attribute.name),
            type=hint,
            optional=optional,
            required=attribute.default is attrs.NOTHING,
            null=WIRE_NULL in attribute.metadata,
            empty=WIRE_EMPTY in attribute.metadata,
            module=WIRE_MODULE in attribute.metadata,
            short=WIRE_SHORT in attribute.metadata,
            default=attribute.default,
        )


def union_of(members: list[Any]) -> Any:
    """The union of type hints that are only known at run time."""
    return Union.__getitem__(tuple(members))


def hints_of(cls: type[Any]) -> dict[str, Any]:
    """The type hints of ``cls``; loads the namespaces that they name."""
    return get_type_hints(cls, localns=_MODULES)


@cached
def fields_of(cls: type[Any]) -> tuple[Field, ...]:
    """The fields of ``cls`` in its payload: not the envelope's, nor those that `rest_of` and `short_of` name."""
    hints = hints_of(cls)
    return tuple(
        Field.of(attribute, hints[attribute.name])
        for attribute in attrs.fields(cls)
        if attribute.metadata.keys().isdisjoint({WIRE_REST, WIRE_IS_SHORT})
        and not (is_event(cls) and attribute.name == "timestamp")
    )


@cached
def rest_of(cls: type[Any]) -> tuple[str, tuple[str, ...]] | None:
    """The attribute of ``cls`` that takes the keys of other namespaces, and these keys; None if it has none."""
    for attribute in attrs.fields(cls):
        if WIRE_REST in attribute.metadata:
            return attribute.name, attribute.metadata[WIRE_REST]
    return None


@cached
def short_of(cls: type[Any]) -> str | None:
    """The attribute of ``cls`` that says whether its short fields are missing when they are None."""
    for attribute in attrs.fields(cls):
        if WIRE_IS_SHORT in attribute.metadata:
            return str(attribute.name)
    return None


def is_event(cls: type[Any]) -> bool:
    """Whether ``cls`` is an event, which has the envelope's timestamp."""
    return hasattr(cls, "MESSAGE")


def tag_of(cls: type[Any]) -> tuple[str | None, str | None]:
    """Key and value that name the kind of a message class in its payload; None for values inside of messages."""
    if is_event(cls):
        return cls.KEY, cls.MESSAGE
    return (cls.KEY, cls.ACTION) if hasattr(cls, "ACTION") else (None, None)


def is_id(hint: Any) -> bool:
    """Whether ``hint`` is one of the NewTypes of `m3core.values`: each is a UUID."""
    return getattr(hint, "__supertype__", None) is str


def is_enum(hint: Any) -> bool:
    """Whether ``hint`` is an enum class."""
    return isinstance(hint, type) and issubclass(hint, Enum)


def is_nested(hint: Any) -> bool:
    """Whether ``hint`` is an attrs class."""
    return isinstance(hint, type) and attrs.has(hint)


def is_tuple(hint: Any) -> bool:
    """Whether ``hint`` is `tuple[X, ...]`."""
    return get_origin(hint) is cast("Any", tuple)


def is_mapping(hint: Any) -> bool:
    """Whether ``hint`` is `Mapping[str, X]`."""
    return get_origin(hint) is Mapping


def one_or_several(hint: Any) -> tuple[Any, Any] | None:
    """X and `tuple[X, ...]` if ``hint`` is their union, the only kind of union that fields have."""
    if get_origin(hint) is not Union:
        return None
    one, several = sorted(get_args(hint), key=is_tuple)
    return one, several
