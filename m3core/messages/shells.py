"""Shells: `msgspec.Struct`s with the keys and JSON types of the message classes, derived from these classes.

msgspec parses JSON into a shell, or writes it, in one pass. It cannot know that a text is a UUID, a timestamp or a
secret: `reading` and `writing`, which copy between shells and classes, do that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, NewType, TypeAlias, get_args

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct

from m3core.messages.fields import (
    Field,
    cached,
    fields_of,
    one_or_several,
    parts_of,
    rest_of,
    tag_of,
    union_of,
)
from m3core.structuring import is_enum, is_id, is_mapping, is_nested, is_tuple
from m3core.values import Secret, Timestamp

_Int64: Final = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Entries: TypeAlias = list[tuple[str, Any] | tuple[str, Any, Any]]
LaterKeys: TypeAlias = frozenset[tuple[type[Any], str]]
"""Keys that servers of later versions send in objects of our classes, each with its class."""
_MODULE_LEVELS: Final = 3
"""Levels of raw values that shells accept; `careful` reads deeper ones. msgspec compiles deep types slowly."""


_new_type: Any = NewType


def _raw(levels: int) -> Any:
    """The type of any JSON value that nests at most ``levels`` levels; unlike `Any` it bounds its integers too."""
    kinds = [bool, _Int64, float, str, None]
    if levels:
        inner = _raw(levels - 1)
        kinds += [list.__class_getitem__(inner), dict.__class_getitem__((str, inner))]
    # As a NewType it is opaque to `typing`, which would evaluate all levels again for each field of this type.
    return _new_type("Raw", union_of(kinds))


RAW: Final = _raw(_MODULE_LEVELS)
"""The type of values of other namespaces, and of keys of later versions."""


def _shell_type(hint: Any, nested: Callable[[Any], type[Struct]]) -> Any:
    if hint in (Timestamp, Secret) or is_id(hint):
        return str
    if hint is int:
        return _Int64
    if is_nested(hint):
        return nested(hint)
    if hint in (str, bool) or is_enum(hint):
        return hint
    if both := one_or_several(hint):
        return union_of([_shell_type(member, nested) for member in both])
    if is_tuple(hint):
        return tuple.__class_getitem__((_shell_type(get_args(hint)[0], nested), ...))
    if is_mapping(hint):
        return dict.__class_getitem__((str, _shell_type(get_args(hint)[1], nested)))
    raise TypeError(f"{hint} is no type for a field of a message")


def _struct(cls: type[Any], entries: _Entries, rename: dict[str, str], *, exact: bool) -> type[Struct]:
    tag_field, tag = tag_of(cls)
    return defstruct(
        cls.__name__,
        entries,
        rename={field.name: field.wire for field in fields_of(cls)} | rename,
        tag_field=tag_field,
        tag=tag,
        gc=False,
        omit_defaults=True,
        forbid_unknown_fields=exact,
    )


def later_entries(cls: type[Any], later: LaterKeys) -> tuple[_Entries, dict[str, str]]:
    """The entries for the ``later`` keys of ``cls``, which are read and dropped; and their keys, by attribute."""
    keys = sorted(key for owner, key in later if owner is cls)
    # Any text is a key, so the attributes have names of ours.
    rename = {f"later_{number}": key for number, key in enumerate(keys)}
    return [(name, RAW, None) for name in rename], rename


def decode_shell(cls: type[Any], later: LaterKeys = frozenset()) -> type[Struct]:
    """The shell that msgspec parses ``cls`` into. It refuses keys that are neither ours nor ``later`` ones.

    So nothing is skipped, and what msgspec accepts needs no other check: it does not look into what it skips.
    """
    # Only the keys in its own parts, so that a shell is made anew when one of these was learned, and not at any other.
    return _decode_shell(cls, frozenset(pair for pair in later if pair[0] in parts_of(cls)))


@cached
def _decode_shell(cls: type[Any], later: LaterKeys) -> type[Struct]:
    required: _Entries = []
    optional, rename = later_entries(cls, later)
    for field in fields_of(cls):
        kind = _shell_type(field.type, lambda inner: decode_shell(inner, later))
        if field.required:
            required.append((field.name, kind))
        elif field.empty or field.short:
            optional.append((field.name, union_of([kind, None, UnsetType]), UNSET))
        else:
            optional.append((field.name, kind | None, None))
    if rest := rest_of(cls):
        optional += [(key, union_of([RAW, UnsetType]), UNSET) for key in rest[1]]
    return _struct(cls, required + optional, rename, exact=True)


def in_shell_order(cls: type[Any]) -> tuple[Field, ...]:
    """The fields in the order in which an encode shell takes them: first those that are always sent."""
    return tuple(sorted(fields_of(cls), key=lambda field: not (field.required or field.null)))


@cached
def encode_shell(cls: type[Any]) -> type[Struct]:
    """The shell that msgspec writes ``cls`` from; a field that equals its default is omitted, unless it is `null`."""
    entries: _Entries = [
        (field.name, Any)
        if field.required or field.null
        else (field.name, Any, UNSET if field.empty or field.short else field.default)
        for field in in_shell_order(cls)
    ]
    if rest := rest_of(cls):
        entries += [(key, Any, UNSET) for key in rest[1]]
    return _struct(cls, entries, {}, exact=False)
