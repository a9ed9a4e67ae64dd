"""Generates the functions that encode messages: they fill encode shells, which msgspec writes.

They check no types: every message was checked when it was made, or decoded.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from msgspec import UNSET, defstruct

from m3core.messages.fields import cached, is_event, rest_of, short_of
from m3core.messages.shells import encode_shell, in_shell_order
from m3core.messages.source import Generated, Source
from m3core.structuring import is_enum, is_mapping, is_nested, is_tuple
from m3core.values import Secret, Timestamp


def _is_plain(hint: Any) -> bool:
    """Whether a shell takes values of this type unchanged."""
    if is_tuple(hint):
        return _is_plain(get_args(hint)[0])
    return not (is_mapping(hint) or is_nested(hint) or is_enum(hint) or hint in (Timestamp, Secret))


def _put(source: Source, depth: int, hint: Any, value: str) -> str:
    """The expression of what a shell takes for ``value``. It adds the lines that the expression needs."""
    if _is_plain(hint):
        return value
    if is_nested(hint):
        return _put_class(source, depth, hint, value)
    if is_enum(hint):
        return f"{value}._value_"
    if hint is Timestamp:
        return f"{value}.text"
    if hint is Secret:
        return f"{value}.reveal()"
    inner = Source("each")
    inner.add(1, f"return {_put(inner, 1, get_args(hint)[-1 if is_mapping(hint) else 0], 'each')}")
    write = source.name(inner.compile("writer of elements"), "write")
    if is_tuple(hint):
        return f"[{write}(each) for each in {value}]"
    return f"{{key: {write}(each) for key, each in {value}.items()}}"


def _put_class(source: Source, depth: int, cls: type[Any], it: str, given: str | None = None) -> str:
    """The expression of the shell of ``it``, a ``cls``. Nested shells are filled in place, since calls take time.

    ``given`` is a field whose value the source has as a name of its own, and that is not read from ``it``.
    """
    arguments: list[str] = []
    for field in in_shell_order(cls):
        local = f"{it}_{field.name}"
        if field.name == given:
            arguments.append(field.name)
            continue
        if _is_plain(field.type) and not field.short:
            arguments.append(f"{it}.{field.name}")
            continue
        source.add(depth, f"{local} = {it}.{field.name}")
        if field.short:
            source.names["UNSET"] = UNSET
            source.add(depth, f"if {local} is None: {local} = UNSET if {it}.{short_of(cls)} else None")
            source.add(depth, f"else: {local} = {_put(source, depth, field.type, local)}")
            arguments.append(local)
        elif field.empty:
            source.names["UNSET"] = UNSET
            source.add(depth, f"if {local} is None: {local} = UNSET")
            source.add(depth, f"elif {local} == {source.name(field.type(), 'empty')}: {local} = None")
            source.add(depth, "else:")
            source.add(depth + 1, f"{local} = {_put(source, depth + 1, field.type, local)}")
            arguments.append(local)
        elif field.optional:
            source.add(depth, f"if {local} is not None:")
            source.add(depth + 1, f"{local} = {_put(source, depth + 1, field.type, local)}")
            arguments.append(local)
        else:
            arguments.append(_put(source, depth, field.type, local))
    shell = source.name(encode_shell(cls), "Shell")
    if rest := rest_of(cls):
        grown = f"{shell}({', '.join([*arguments, f'**{it}.{rest[0]}'])})"
        return f"({grown} if {it}.{rest[0]} else {shell}({', '.join(arguments)}))"
    return f"{shell}({', '.join(arguments)})"


@cached
def value_writer(cls: type[Any]) -> Generated:
    """A function that encodes a value in a message, without an envelope, as UTF-8. It raises what msgspec raises."""
    source = Source("it")
    source.names["encode"] = msgspec.json.Encoder().encode
    source.add(1, f"return encode({_put_class(source, 1, cls, 'it')})")
    return source.compile(f"writer of {cls.__module__}.{cls.__qualname__}")


@cached
def message_writer(cls: type[Any], given: str | None = None) -> Generated:
    """A function that encodes a message with its envelope as UTF-8. It raises what msgspec raises.

    ``given`` is a field whose value is a second argument, and replaces that of the message: a `msgspec.Raw`.
    """
    source = Source("it" if given is None else f"it, {given}")
    envelope = defstruct(
        "Envelope",
        [("payload", Any), ("timestamp", Any, None)],
        tag_field="namespace",
        tag=cls.NAMESPACE,
        gc=False,
        omit_defaults=True,
    )
    arguments = [_put_class(source, 1, cls, "it", given)]
    if is_event(cls):
        source.add(1, "timestamp = it.timestamp")
        arguments.append("None if timestamp is None else timestamp.text")
    source.names["encode"] = msgspec.json.Encoder().encode
    source.add(1, f"return encode({source.name(envelope, 'Envelope')}({', '.join(arguments)}))")
    return source.compile(f"writer of {cls.__module__}.{cls.__qualname__}")
