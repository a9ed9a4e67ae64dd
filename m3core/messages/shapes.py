"""Compiles attrs classes into msgspec shells and into functions that fill and read them. Knows no namespace.

A *shell* is a `msgspec.Struct` with the keys and JSON types of a message class: msgspec parses JSON into it in one
pass, and writes it. One generated function copies a shell into the class, another one back. The classes stay the one
source of truth; nothing of them is repeated here.

Frozen attrs classes are filled through a *twin*: a class with the same slots whose `__setattr__` is the plain one, and
whose instances change their class at the end. That is twice as fast as `__init__` (CPython checks that the layouts
agree, and refuses otherwise).
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints

import attrs
from msgspec import UNSET, Meta, Struct, defstruct

from m3core.errors import LocalProtocolError, MalformedMessage
from m3core.messages.base import WIRE_NAME, WIRE_NULL, WIRE_REST, Json
from m3core.messages.scan import check_module
from m3core.values import Secret, Timestamp, is_uuid

Int64: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Filler: TypeAlias = Callable[..., Any]

_MAX_KNOWN_IDS: Final = 8192


class _KnownIds(set[str]):
    """Texts that were found to be UUIDs: the same few ids come again and again. Emptied when full."""

    def check(self, text: str) -> None:
        if not is_uuid(text):
            raise MalformedMessage("not a UUID")
        if len(self) >= _MAX_KNOWN_IDS:
            self.clear()
        self.add(text)

    def check_own(self, text: object, name: str) -> None:
        if not isinstance(text, str) or not is_uuid(text):
            raise LocalProtocolError(f"{name} is not a UUID")
        self.check(text)


KNOWN_IDS: Final = _KnownIds()


@attrs.frozen
class Field:
    """One field of a message class: attribute, key, type with None taken away, and how its absence looks."""

    name: str
    wire: str
    type: Any
    optional: bool
    """None is a legal value."""
    required: bool
    null: bool
    """Sent as null when None."""
    default: Any

    @classmethod
    def of(cls, attribute: attrs.Attribute[Any], hint: Any) -> Field:
        optional = False
        if get_origin(hint) in (Union, UnionType):
            members = [member for member in get_args(hint) if member is not NoneType]
            optional = len(members) < len(get_args(hint))
            hint = members[0] if len(members) == 1 else Union[tuple(members)]  # noqa: UP007 - members are data here
        return cls(
            name=attribute.name,
            wire=attribute.metadata.get(WIRE_NAME, attribute.name),
            type=hint,
            optional=optional,
            required=attribute.default is attrs.NOTHING,
            null=WIRE_NULL in attribute.metadata,
            default=attribute.default,
        )


@cache
def fields_of(cls: type[Any]) -> tuple[Field, ...]:
    """The fields of ``cls`` that stand in its payload: without the envelope's timestamp and the rest field."""
    hints = get_type_hints(cls)
    return tuple(
        Field.of(attribute, hints[attribute.name])
        for attribute in attrs.fields(cls)
        if WIRE_REST not in attribute.metadata and attribute.name not in envelope_fields(cls)
    )


def envelope_fields(cls: type[Any]) -> frozenset[str]:
    """Attributes of ``cls`` that stand in the envelope, not in the payload."""
    return frozenset({"timestamp"}) if hasattr(cls, "MESSAGE") else frozenset()


@cache
def rest_of(cls: type[Any]) -> tuple[str, tuple[str, ...]] | None:
    """The attribute of ``cls`` that takes the keys of other namespaces, and these keys; None if it has none."""
    for attribute in attrs.fields(cls):
        if WIRE_REST in attribute.metadata:
            return attribute.name, attribute.metadata[WIRE_REST]
    return None


def tag_of(cls: type[Any]) -> tuple[str, str] | None:
    """Key and value that name the kind of a message class in its payload; None for values inside of messages."""
    if hasattr(cls, "MESSAGE"):
        return "message", cls.MESSAGE
    return ("action", cls.ACTION) if hasattr(cls, "ACTION") else None


def is_uuid_type(hint: Any) -> bool:
    """Whether ``hint`` is one of the NewTypes of `m3core.values`: all of them are UUIDs."""
    return getattr(hint, "__supertype__", None) is str


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def is_nested(hint: Any) -> bool:
    """Whether ``hint`` is an attrs class."""
    return isinstance(hint, type) and attrs.has(hint)


def _shell_type(hint: Any, nested: Callable[[Any], type[Struct]]) -> Any:
    if hint in (str, bool) or _is_enum(hint):
        return hint
    if hint is int:
        return Int64
    if hint in (Timestamp, Secret) or is_uuid_type(hint):
        return str
    if is_nested(hint):
        return nested(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is tuple:
        return tuple[_shell_type(arguments[0], nested), ...]
    if origin is Mapping:
        return dict[str, _shell_type(arguments[1], nested)]
    if origin is Union:
        return Union[tuple(_shell_type(member, nested) for member in arguments)]  # noqa: UP007 - members are data here
    raise TypeError(f"{hint} is no type for a field of a message")


def _struct(cls: type[Any], entries: list[tuple[str, Any] | tuple[str, Any, Any]], *, strict: bool) -> type[Struct]:
    tag = tag_of(cls)
    return defstruct(
        cls.__name__,
        entries,
        rename={field.name: field.wire for field in fields_of(cls) if field.name != field.wire} or None,
        tag_field=tag[0] if tag else None,
        tag=tag[1] if tag else None,
        gc=False,
        omit_defaults=True,
        forbid_unknown_fields=strict,
    )


@cache
def decode_shell(cls: type[Any], strict: bool) -> type[Struct]:
    """The shell that msgspec parses ``cls`` into; a ``strict`` one refuses unknown keys, so that it skips nothing."""
    entries: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    optional: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in fields_of(cls):
        kind = _shell_type(field.type, lambda inner: decode_shell(inner, strict))
        if field.required:
            entries.append((field.name, kind | None if field.optional else kind))
        else:
            optional.append((field.name, kind | None, None))
    if rest := rest_of(cls):
        optional += [(key, Any, UNSET) for key in rest[1]]
    return _struct(cls, entries + optional, strict=strict)


@cache
def encode_shell(cls: type[Any]) -> type[Struct]:
    """The shell that msgspec writes ``cls`` from; what equals its default is omitted."""
    entries: list[tuple[str, Any] | tuple[str, Any, Any]] = [(field.name, Any) for field in _always_sent(cls)]
    entries += [(field.name, Any, field.default) for field in _sometimes_sent(cls)]
    if rest := rest_of(cls):
        entries += [(key, Any, UNSET) for key in rest[1]]
    return _struct(cls, entries, strict=False)


def _always_sent(cls: type[Any]) -> list[Field]:
    return [field for field in fields_of(cls) if field.required or field.null]


def _sometimes_sent(cls: type[Any]) -> list[Field]:
    return [field for field in fields_of(cls) if not field.required and not field.null]


def put_modules(shell: Struct, modules: Mapping[str, Json], allowed: tuple[str, ...]) -> Struct:
    """Set the raw values of other namespaces on an encode shell. Raises `LocalProtocolError` for other keys."""
    for name, value in modules.items():
        if name not in allowed:
            raise LocalProtocolError(f"a key of modules must be one of {', '.join(allowed)}")
        setattr(shell, name, value)
    return shell


def _twin(cls: type[Any]) -> type[Any]:
    return type(
        f"_{cls.__name__}Twin",
        cls.__bases__,
        {"__slots__": cls.__dict__["__slots__"], "__init__": object.__init__},
    )


class _Source:
    """Source text of one generated function, and the objects that it names."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"ids": KNOWN_IDS, "check": KNOWN_IDS.check, "check_own": KNOWN_IDS.check_own}

    def name(self, value: Any, hint: str) -> str:
        name = f"{hint}_{len(self.names)}"
        self.names[name] = value
        return name

    def add(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def compile(self, name: str) -> Filler:
        code = compile("\n".join(self.lines), f"<{name} of m3core.messages>", "exec")
        exec(code, self.names)  # noqa: S102 - the text is made here, of attribute names of our own classes
        function: Filler = self.names[name]
        return function


def _needs_copy(hint: Any) -> bool:
    if hint in (Timestamp, Secret) or is_nested(hint):
        return True
    return get_origin(hint) in (tuple, Mapping) and _needs_copy(
        get_args(hint)[-1 if get_origin(hint) is Mapping else 0]
    )


def _has_ids(hint: Any) -> bool:
    if get_origin(hint) in (tuple, Union):
        return any(_has_ids(member) for member in get_args(hint))
    return is_uuid_type(hint)


def check_ids(value: object) -> None:
    """Check one id, or each of several."""
    for text in (value,) if isinstance(value, str) else value:  # type: ignore[attr-defined]  # shells hold nothing else
        if text not in KNOWN_IDS:
            KNOWN_IDS.check(text)


def _read(source: _Source, hint: Any, value: str) -> str:
    """An expression that turns ``value``, as a shell holds it, into what the class holds."""
    if hint in (Timestamp, Secret):
        return f"{source.name(hint, 'wrap')}({value})"
    if is_nested(hint):
        return f"{source.name(reader(hint), 'read')}({value})"
    if get_origin(hint) is tuple:
        return f"tuple([{_read(source, get_args(hint)[0], 'each')} for each in {value}])"
    return f"{{key: {_read(source, get_args(hint)[1], 'each')} for key, each in {value}.items()}}"


@cache
def reader(cls: type[Any]) -> Filler:
    """A function that copies a decode shell into a new ``cls``; for events, with the envelope's timestamp text.

    Raises `MalformedMessage`, without a path, for an id that is not a UUID.
    """
    source = _Source()
    envelope = bool(envelope_fields(cls))
    source.names |= {"Twin": _twin(cls), "Class": cls, "Timestamp": Timestamp, "check_ids": check_ids}
    source.add(0, f"def read(shell{', timestamp' if envelope else ''}):")
    source.add(1, "self = Twin()")
    for field in fields_of(cls):
        value = f"shell.{field.name}"
        if _needs_copy(field.type):
            read = _read(source, field.type, "value")
            source.add(1, f"value = {value}")
            source.add(1, f"self.{field.name} = " + (f"None if value is None else {read}" if field.optional else read))
            continue
        if _has_ids(field.type):
            one = is_uuid_type(field.type)
            source.add(1, f"value = {value}")
            test = ["value is not None"] * field.optional + ["value not in ids"] * one
            source.add(1, f"if {' and '.join(test) or 'True'}:")
            source.add(2, "check(value)" if one else "check_ids(value)")
            value = "value"
        if not field.required and not field.optional:
            source.add(1, f"value = {value}")
            value = f"value if value is not None else {source.name(field.default, 'default')}"
        source.add(1, f"self.{field.name} = {value}")
    if rest := rest_of(cls):
        name, keys = rest
        source.names |= {"UNSET": UNSET, "check_module": check_module}
        source.add(1, f"self.{name} = modules = {{}}")
        for key in keys:
            source.add(1, f"value = shell.{key}")
            source.add(1, f"if value is not UNSET: modules[{key!r}] = check_module(value)")
    if envelope:
        source.add(1, "self.timestamp = None if timestamp is None else Timestamp(timestamp)")
    source.add(1, "self.__class__ = Class")
    source.add(1, "return self")
    return source.compile("read")


def _write(source: _Source, hint: Any, value: str, what: str, depth: int) -> str:
    """Add checks of ``value`` and give the expression that an encode shell takes. ``what`` names it in errors."""
    wrong = f"wrong({what!r}, {{}})"
    source.names["wrong"] = _wrong
    if is_uuid_type(hint):
        source.add(depth, f"if {value}.__class__ is not str or {value} not in ids: check_own({value}, {what!r})")
        return value
    if hint in (Timestamp, Secret):
        source.add(
            depth, f"if {value}.__class__ is not {source.name(hint, 'kind')}: " + wrong.format(f"'a {hint.__name__}'")
        )
        return f"{value}.text" if hint is Timestamp else f"{value}.reveal()"
    if is_nested(hint):
        source.add(
            depth, f"if {value}.__class__ is not {source.name(hint, 'kind')}: " + wrong.format(f"'a {hint.__name__}'")
        )
        return f"{source.name(writer(hint), 'write')}({value})"
    if hint in (str, bool, int) or _is_enum(hint):
        source.add(
            depth, f"if {value}.__class__ is not {source.name(hint, 'kind')}: " + wrong.format(f"'a {hint.__name__}'")
        )
        if hint is int:
            source.add(
                depth, f"if not -0x8000000000000000 <= {value} < 0x8000000000000000: " + wrong.format("'of 64 bits'")
            )
        return value
    return f"{source.name(_writer_of(hint, what), 'write')}({value})"


def _wrong(what: str, expected: str) -> None:
    raise LocalProtocolError(f"{what} is not {expected}")


def _writer_of(hint: Any, what: str) -> Filler:
    """A function for a tuple, a mapping or a union."""
    source = _Source()
    source.names |= {"Mapping": Mapping}
    origin, arguments = get_origin(hint), get_args(hint)
    source.add(0, "def write(value):")
    if origin is Union:
        single, several = sorted(arguments, key=lambda member: get_origin(member) is tuple)
        source.add(1, "if value.__class__ is str:")
        expression = _write(source, single, "value", what, 2)
        source.add(2, f"return {expression}")
        expression = _write(source, several, "value", what, 1)
        source.add(1, f"return {expression}")
        return source.compile("write")
    source.names["wrong"] = _wrong
    if origin is tuple:
        source.add(1, f"if value.__class__ is not tuple: wrong({what!r}, 'a tuple')")
        source.add(1, "out = []")
        source.add(1, "for each in value:")
        expression = _write(source, arguments[0], "each", f"an element of {what}", 2)
        source.add(2, f"out.append({expression})")
    else:
        source.add(1, f"if not isinstance(value, Mapping): wrong({what!r}, 'a mapping')")
        source.add(1, "out = {}")
        source.add(1, "for key, each in value.items():")
        expression = _write(source, arguments[1], "each", f"a value of {what}", 2)
        source.add(2, f"if key.__class__ is not str: wrong('a key of {what}', 'a str')")
        source.add(2, f"out[key] = {expression}")
    source.add(1, "return out")
    return source.compile("write")


@cache
def writer(cls: type[Any]) -> Filler:
    """A function that checks a ``cls`` and copies it into an encode shell. Raises `LocalProtocolError`."""
    source = _Source()
    source.names |= {"Shell": encode_shell(cls), "put": put_modules}
    source.add(0, "def write(self):")
    arguments: list[str] = []
    for field in (*_always_sent(cls), *_sometimes_sent(cls)):
        local = f"{field.name}_" if keyword.iskeyword(field.name) else field.name
        what = f"{cls.__name__}.{field.name}"
        source.add(1, f"{local} = self.{field.name}")
        if field.optional:
            source.add(1, f"if {local} is not None:")
            expression = _write(source, field.type, local, what, 2)
            if expression != local:
                source.add(2, f"{local} = {expression}")
            expression = local
        else:
            expression = _write(source, field.type, local, what, 1)
        arguments.append(expression)
    shell = f"Shell({', '.join(arguments)})"
    rest = rest_of(cls)
    if rest:
        source.add(1, f"if self.{rest[0]}: return put({shell}, self.{rest[0]}, {rest[1]!r})")
    source.add(1, f"return {shell}")
    return source.compile("write")
