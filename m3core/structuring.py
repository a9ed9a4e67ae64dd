"""JSON trees to typed values, by cattrs with hooks of our own: nothing is coerced, and every fault has its path.

The hooks that cattrs has for bool, int and str convert (``"false"`` is True, 1.5 is 1), and a conversion hides a fault.
Messages and REST bodies add their own hook for classes, since they treat null and missing keys differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast, get_args, get_origin

import attrs

from m3core.strict_json import step
from m3core.values import Secret, is_uuid

if TYPE_CHECKING:
    from cattrs import Converter

Hook: TypeAlias = Callable[[Any, Any], Any]
"""Gives the value that a tree is, as the type that comes second. Raises `Misfit`."""

_NAMES: Final = {str: "a string", bool: "a boolean", int: "an integer", NoneType: "null"}


class Misfit(Exception):
    """A tree is not what its place wants. Each container on the way out adds its ``step``."""

    def __init__(self, reason: str, *steps: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps = [*steps]

    def path(self, root: str) -> str:
        """The JSON path of what is wrong in the tree that stands at ``root``."""
        return root + "".join(reversed(self.steps))


class UnknownValue(Misfit):
    """A text that no member of an enum has: perhaps of a later version."""


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


def text(tree: object, _: object = None) -> str:
    """``tree``, if it is a string."""
    if not isinstance(tree, str):
        raise Misfit("not a string")
    return tree


def _exactly(kind: type[Any]) -> Hook:
    def read(tree: object, _: object) -> object:
        if type(tree) is not kind:  # True is an int for Python
            raise Misfit(f"not {_NAMES[kind]}")
        return tree

    return read


def _id(tree: object, _: object) -> str:
    if not is_uuid(text(tree)):
        raise Misfit("not a UUID")
    return text(tree)


def _enum(tree: object, kind: type[Enum]) -> Enum:
    try:
        return kind(text(tree))
    except ValueError:
        raise UnknownValue("an unknown value") from None


def _tuple_hook(hint: Any, converter: Converter) -> Hook:
    entry = get_args(hint)[0]
    hook = converter.get_structure_hook(entry)

    def read(tree: object, _: object) -> tuple[object, ...]:
        if not isinstance(tree, list):
            raise Misfit("not an array")
        return tuple([structure_at(f"[{index}]", hook, each, entry) for index, each in enumerate(tree)])

    return read


def _mapping_hook(hint: Any, converter: Converter) -> Hook:
    entry = get_args(hint)[1]
    hook = converter.get_structure_hook(entry)

    def read(tree: object, _: object) -> dict[str, object]:
        if not isinstance(tree, dict):
            raise Misfit("not an object")
        return {key: structure_at(step("", key), hook, each, entry) for key, each in tree.items()}

    return read


def structure_at(where: str, hook: Hook, tree: object, hint: object) -> Any:
    """What ``hook`` makes of ``tree``; a `Misfit` gets the step ``where``."""
    try:
        return hook(tree, hint)
    except Misfit as misfit:
        misfit.steps.append(where)
        raise


def strict_converter() -> Converter:
    """A converter for texts, booleans, integers, ids, secrets, enums, arrays and mappings; not for classes yet."""
    # Importing cattrs takes long, and `import m3core` and `m3 --help` need none of it.
    from cattrs import Converter

    converter = Converter()
    for kind in _NAMES:
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(Secret, lambda tree, _: Secret(text(tree)))
    converter.register_structure_hook_func(is_id, _id)
    converter.register_structure_hook_func(is_enum, _enum)
    converter.register_structure_hook_factory(is_tuple, _tuple_hook)
    converter.register_structure_hook_factory(is_mapping, _mapping_hook)
    return converter
