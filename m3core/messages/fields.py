"""The fields of message classes, from their attrs attributes and type hints. It knows no JSON library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, ParamSpec, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs

from m3core.messages.namespaces import LazyModules
from m3core.strict_json import Json
from m3core.structuring import is_mapping, is_nested, is_tuple

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
    """`functools.cache` that keeps the signature; there are as many results as classes."""
    return cast("Callable[_P, _R]", cache(function))


@attrs.frozen
class Field:
    """One field of a message class in its payload."""

    name: str
    wire: str
    """Its key in the payload."""
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
    """It is None when there is an unknown enum value in it; others make the message unknown."""
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
    """The type hints of ``cls``. It imports the namespaces that they name."""
    return get_type_hints(cls, localns=_MODULES)


@cached
def fields_of(cls: type[Any]) -> tuple[Field, ...]:
    """The fields of ``cls`` in its payload: without the timestamp, and those that `rest_of` and `short_of` name."""
    hints = hints_of(cls)
    return tuple(
        Field.of(attribute, hints[attribute.name])
        for attribute in attrs.fields(cls)
        if attribute.metadata.keys().isdisjoint({WIRE_REST, WIRE_IS_SHORT})
        and not (is_event(cls) and attribute.name == "timestamp")
    )


@cached
def rest_of(cls: type[Any]) -> tuple[str, tuple[str, ...]] | None:
    """The attribute of ``cls`` that holds the raw values of other namespaces, and their keys; None if it has none."""
    for attribute in attrs.fields(cls):
        if WIRE_REST in attribute.metadata:
            return attribute.name, attribute.metadata[WIRE_REST]
    return None


@cached
def short_of(cls: type[Any]) -> str | None:
    """The attribute of ``cls`` that says whether its short fields are omitted when they are None."""
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


def one_or_several(hint: Any) -> tuple[Any, Any] | None:
    """X and `tuple[X, ...]` if ``hint`` is their union, the only kind of union that fields have."""
    if get_origin(hint) is not Union:
        return None
    one, several = sorted(get_args(hint), key=is_tuple)
    return one, several


@cached
def parts_of(hint: Any) -> frozenset[type[Any]]:
    """The classes that values of type ``hint`` are made of: itself, if it is one, and all that are nested in it."""
    if is_nested(hint):
        return frozenset({hint}).union(*(parts_of(field.type) for field in fields_of(hint)))
    return frozenset[type[Any]]().union(*(parts_of(each) for each in get_args(hint)))


def later_keys(hint: Any, tree: Json) -> Iterator[tuple[type[Any], str]]:
    """The keys that the classes of ``hint`` do not know in ``tree``, which was structured as ``hint``."""
    if both := one_or_several(hint):
        hint = both[isinstance(tree, list)]
    if isinstance(tree, list):
        for each in tree:
            yield from later_keys(get_args(hint)[0], each)
    elif isinstance(tree, dict) and is_mapping(hint):
        for each in tree.values():
            yield from later_keys(get_args(hint)[1], each)
    elif isinstance(tree, dict):
        types = {field.wire: field.type for field in fields_of(hint)}
        known = {tag_of(hint)[0], *(rest_of(hint) or ("", ()))[1]}
        for key, each in tree.items():
            if key in types:
                yield from later_keys(types[key], each)
            elif key not in known:
                yield hint, key
