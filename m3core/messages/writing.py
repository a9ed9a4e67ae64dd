"""Generates the functions that check message objects and turn them into encode shells.

Checks are made here and not when an object is made, so that decoding does not pay for them, and nothing that was built
in other ways slips through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, get_args

from msgspec import Struct, defstruct

from m3core.errors import LocalProtocolError
from m3core.messages.base import Json
from m3core.messages.fields import (
    cached,
    is_enum,
    is_event,
    is_id,
    is_nested,
    is_tuple,
    one_or_several,
    rest_of,
)
from m3core.messages.shells import encode_shell, in_shell_order
from m3core.messages.source import KNOWN_IDS, Generated, Source
from m3core.values import Secret, Timestamp

_INT64 = "-0x8000000000000000 <= {} < 0x8000000000000000"


def _wrong(what: str, expected: str) -> NoReturn:
    raise LocalProtocolError(f"{what} is not {expected}")


def _put_modules(shell: Struct, modules: Mapping[str, Json], allowed: tuple[str, ...]) -> Struct:
    """Set what other namespaces tell. Raises `LocalProtocolError` for a key that is not ``allowed``."""
    for name, value in modules.items():
        if name not in allowed:
            raise LocalProtocolError(f"a key of modules must be one of {', '.join(allowed)}")
        setattr(shell, name, value)
    return shell


def _check_class(source: Source, depth: int, kind: type[Any], value: str, what: str) -> None:
    source.names["wrong"] = _wrong
    name = source.name(kind, "Kind")
    source.add(depth, f"if {value}.__class__ is not {name}: wrong({what!r}, 'a {kind.__name__}')")


def _put(source: Source, depth: int, hint: Any, value: str, what: str) -> str:
    """Add checks of ``value``, which errors call ``what``, and give the expression of what a shell takes."""
    if is_id(hint):
        check = source.name(KNOWN_IDS.check_own, "check")
        source.add(depth, f"if {value}.__class__ is not str or {value} not in ids: {check}({value}, {what!r})")
        return value
    if one_or_several(hint) or not isinstance(hint, type):
        return f"{source.name(_collection(hint, what), 'write')}({value})"
    _check_class(source, depth, hint, value, what)
    if hint is int:
        source.add(depth, f"if not {_INT64.format(value)}: wrong({what!r}, 'of 64 bits')")
    if is_nested(hint):
        return f"{source.name(writer(hint), 'write')}({value})"
    if is_enum(hint):
        return f"{value}._value_"
    if hint is Timestamp:
        return f"{value}.text"
    return f"{value}.reveal()" if hint is Secret else value


def _collection(hint: Any, what: str) -> Generated:
    """A function for a tuple, a mapping, or one or several."""
    source = Source("value")
    if both := one_or_several(hint):
        source.add(1, "if value.__class__ is str:")
        source.add(2, f"return {_put(source, 2, both[0], 'value', what)}")
        source.add(1, f"return {_put(source, 1, both[1], 'value', what)}")
    elif is_tuple(hint):
        _check_class(source, 1, tuple, "value", what)
        source.add(1, "out = []")
        source.add(1, "for each in value:")
        source.add(2, f"out.append({_put(source, 2, get_args(hint)[0], 'each', f'an element of {what}')})")
        source.add(1, "return out")
    else:
        source.names |= {"Mapping": Mapping, "wrong": _wrong}
        source.add(1, f"if not isinstance(value, Mapping): wrong({what!r}, 'a Mapping')")
        source.add(1, "out = {}")
        source.add(1, "for key, each in value.items():")
        _check_class(source, 2, str, "key", f"a key of {what}")
        source.add(2, f"out[key] = {_put(source, 2, get_args(hint)[1], 'each', f'a value of {what}')}")
        source.add(1, "return out")
    return source.compile()


def _put_class(source: Source, cls: type[Any]) -> str:
    """Add checks of the ``cls`` called ``it``, and give the expression of its shell."""
    source.names |= {"Shell": encode_shell(cls), "put_modules": _put_modules}
    arguments: list[str] = []
    for field in in_shell_order(cls):
        local, what = f"{field.name}_", f"{cls.__name__}.{field.name}"
        source.add(1, f"{local} = it.{field.name}")
        if field.optional:
            source.add(1, f"if {local} is not None:")
            source.add(2, f"{local} = {_put(source, 2, field.type, local, what)}")
            arguments.append(local)
        else:
            arguments.append(_put(source, 1, field.type, local, what))
    shell = f"Shell({', '.join(arguments)})"
    if rest := rest_of(cls):
        return f"put_modules({shell}, it.{rest[0]}, {rest[1]!r}) if it.{rest[0]} else {shell}"
    return shell


@cached
def writer(cls: type[Any]) -> Generated:
    """A function that makes an encode shell of a value inside of messages. It raises `LocalProtocolError`."""
    source = Source("it")
    source.add(1, f"return {_put_class(source, cls)}")
    return source.compile()


@cached
def message_writer(cls: type[Any]) -> Generated:
    """A function that makes a shell of a whole message, envelope included. It raises `LocalProtocolError`."""
    source = Source("it")
    source.names["Envelope"] = defstruct(
        "Envelope",
        [("payload", Any), ("timestamp", Any, None)],
        tag_field="namespace",
        tag=cls.NAMESPACE,
        gc=False,
        omit_defaults=True,
    )
    shell = _put_class(source, cls)
    if not is_event(cls):
        source.add(1, f"return Envelope({shell})")
        return source.compile()
    source.add(1, "timestamp = it.timestamp")
    source.add(1, "if timestamp is not None:")
    source.add(2, f"timestamp = {_put(source, 2, Timestamp, 'timestamp', f'{cls.__name__}.timestamp')}")
    source.add(1, f"return Envelope({shell}, timestamp)")
    return source.compile()
