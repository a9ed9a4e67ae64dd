"""The careful way from JSON trees to messages: it defines what is accepted, and finds the path of what is wrong.

The shells must accept nothing else (a property test compares them).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, get_args

import attrs

from m3core.errors import MalformedMessage
from m3core.messages.fields import cached, fields_of, one_or_several, rest_of, short_of
from m3core.messages.source import KNOWN_IDS
from m3core.strict_json import Json, step
from m3core.structuring import Hook, Misfit, UnknownValue, is_id, strict_converter, structure_at, text
from m3core.values import Timestamp

if TYPE_CHECKING:
    from cattrs import Converter


@cached
def _arguments_of(cls: type[Any]) -> Callable[[Json], dict[str, Any]]:
    """A function that gives the arguments of ``cls`` for an object. It raises `Misfit`."""
    fields = [(each, step("", each.wire)) for each in fields_of(cls)]
    short, rest = short_of(cls), rest_of(cls)
    structure = _converter().structure

    def read(tree: Json) -> dict[str, Any]:
        if not isinstance(tree, dict):
            raise Misfit("not an object")
        arguments: dict[str, Any] = {}
        for field, where in fields:
            each = tree.get(field.wire)
            if each is not None or (field.required and field.wire in tree):
                try:
                    arguments[field.name] = structure_at(where, structure, each, field.type)
                except UnknownValue:
                    if not field.module:  # a later version of another namespace must not hide the rest of the message
                        raise
            elif field.required:
                raise Misfit("missing", where)
            elif field.empty and field.wire in tree:
                arguments[field.name] = field.type()
        if short:
            arguments[short] = any(field.short and field.wire not in tree for field, _ in fields)
        if rest:
            name, keys = rest
            arguments[name] = {key: tree[key] for key in keys if key in tree}
        return arguments

    return read


def _class_hook(cls: type[Any], _: Converter) -> Hook:
    arguments = _arguments_of(cls)
    return lambda tree, _: cls(**arguments(tree))


def _one_or_several_hook(hint: Any, converter: Converter) -> Hook:
    one, several = one_or_several(hint) or get_args(hint)
    read_one, read_several = converter.get_structure_hook(one), converter.get_structure_hook(several)
    return lambda tree, _: read_several(tree, several) if isinstance(tree, list) else read_one(tree, one)


def _known_id(tree: object, _: object) -> str:
    try:
        return KNOWN_IDS[text(tree)]
    except MalformedMessage as error:
        raise Misfit(error.reason) from None


@cache
def _converter() -> Converter:
    converter = strict_converter()
    converter.register_structure_hook_func(is_id, _known_id)
    converter.register_structure_hook(Timestamp, lambda tree, _: Timestamp(text(tree)))
    converter.register_structure_hook_factory(attrs.has, _class_hook)
    converter.register_structure_hook_factory(lambda hint: one_or_several(hint) is not None, _one_or_several_hook)
    return converter


def structure_message(cls: type[Any], payload: Json, timestamp: Timestamp | None) -> Any:
    """The message that ``payload`` is; ``timestamp`` stands beside it, and is None for commands.

    Raises `MalformedMessage`, and `UnknownValue` for an enum value that makes the message an unknown one.
    """
    try:
        arguments = _arguments_of(cls)(payload)
    except UnknownValue:
        raise
    except Misfit as misfit:
        raise MalformedMessage(misfit.reason, misfit.path("$.payload")) from None
    if timestamp is not None:
        arguments["timestamp"] = timestamp
    return cls(**arguments)
