"""Generates the functions that write short messages: each is one f-string, which is three times as fast as a shell.

Only for messages without arrays, timestamps and raw values in their payload, which most that are sent often are: ids,
enums, numbers and booleans need no escapes. Texts are written by msgspec.
"""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Any

import msgspec

from m3core.messages.fields import Field, cached, fields_of, is_enum, is_event, is_id, is_nested, rest_of, tag_of
from m3core.messages.source import Generated, Source


@cached
def is_short(cls: type[Any]) -> bool:
    """Whether all fields of ``cls`` are of types that can stand in a template."""
    return rest_of(cls) is None and all(
        is_short(field.type) if is_nested(field.type) else field.type in (str, bool, int) or _is_word(field.type)
        for field in fields_of(cls)
    )


def _is_word(hint: Any) -> bool:
    """Whether values of this type are texts that need no escapes."""
    return is_id(hint) or (is_enum(hint) and all(member.value.isidentifier() for member in hint))


def _text(source: Source, depth: int, hint: Any, value: str) -> str:
    """What stands in the template for ``value``, a name or an attribute; adds the lines that it needs before."""
    if is_nested(hint):
        return _object(source, depth, hint, value)
    if is_id(hint):
        return f'"{{{value}}}"'
    if is_enum(hint):
        return f'"{{{value}._value_}}"'
    if hint is int:
        return f"{{{value}}}"
    local = source.local()
    source.add(depth, f"{local} = " + (f"encode({value}).decode()" if hint is str else f"'true' if {value} else 'false'"))
    return f"{{{local}}}"


def _member(source: Source, depth: int, field: Field, it: str) -> str:
    """What stands in the template for one member of an object, its comma before it."""
    start = f',"{field.wire}":'
    value = f"{it}.{field.name}"
    if field.required:
        return start + _text(source, depth, field.type, value)
    local, member = source.local(), source.local()
    source.add(depth, f"{local} = {value}")
    source.add(depth, f"if {local} is {field.default!r}: {member} = {f'{start}null' if field.null else ''!r}")
    source.add(depth, "else:")
    text = _text(source, depth + 1, field.type, local)
    source.add(depth + 1, f"{member} = f'{start}{text}'")
    return f"{{{member}}}"


def _object(source: Source, depth: int, cls: type[Any], it: str) -> str:
    """What stands in the template for the ``cls`` called ``it``; nested classes in place, since calls cost."""
    tag_field, tag = tag_of(cls)
    members = "".join([_member(source, depth, field, it) for field in fields_of(cls)])
    if tag_field:
        return f'{{{{"{tag_field}":"{tag}"{members}}}}}'
    local = source.local()
    source.add(depth, f"{local} = f'{members}'")
    return f"{{{{{{{local}[1:]}}}}}}"


@cached
def short_message_writer(cls: type[Any]) -> Generated:
    """As `writing.message_writer`, of a class that `is_short`."""
    source = Source("it")
    source.names |= {"encode": msgspec.json.Encoder().encode, "quote": encode_basestring}
    payload = _object(source, 1, cls, "it")
    timestamp = ""
    if is_event(cls):
        source.add(1, "timestamp = it.timestamp")
        source.add(1, "timestamp = '' if timestamp is None else f',\"timestamp\":{quote(timestamp.text)}'")
        timestamp = "{timestamp}"
    source.add(1, f"return f'{{{{\"namespace\":\"{cls.NAMESPACE}\",\"payload\":{payload}{timestamp}}}}}'.encode()")
    return source.compile()
