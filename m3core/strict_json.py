"""JSON from a peer as a tree: stricter than a parser, bounded, and every error has a path.

RFC 8259 leaves open what lone surrogates, huge numbers and a byte order mark mean: all are refused. Of keys that stand
twice in an object the last one counts, as for msgspec and for the reference controller.
REST bodies are read with it, and messages that the shells of `m3core.messages` do not fit. It knows neither.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, TypeAlias

from attrs import frozen

from m3core.errors import LimitExceeded, MalformedMessage
from m3core.limits import MAX_COMMAND_VALUES, MAX_NESTING, MAX_STRING

NESTING: Final = "nesting"
"""The name of the limit of nesting in `LimitExceeded`."""
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""Any JSON value, as msgspec and the standard library read it."""

_STRUCTURE: Final = b'[]{}"'
_NOT_STRUCTURE: Final = bytes(sorted(set(range(256)) - set(_STRUCTURE)))
_SEPARATORS: Final = b",:[{"
"""Each value and each key of a JSON text follows one of them, except for the outermost value."""
_NOT_COUNTED: Final = bytes(sorted(set(range(256)) - set(_SEPARATORS + b'"')))
_FLATTEN: Final = bytes.maketrans(b"[]", b"{}")
_MAX_INT_TEXT: Final = 20


def decode_utf8(data: bytes) -> str:
    """``data`` as text; raises `MalformedMessage` for bytes that are not UTF-8, wherever they are."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"not UTF-8 at byte {error.start}") from None


def _without_escaped_quotes(data: bytes) -> bytes:
    return data.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in data else data


def check_values(data: bytes) -> None:
    """Raise `LimitExceeded` for more than `MAX_COMMAND_VALUES` values and keys. Call it before `read`.

    It counts separators, first all of them, which is fast. A long session description may have many inside of its one
    string, so if there are too many, those outside of strings are counted.
    """
    if len(data) <= MAX_COMMAND_VALUES or _separators(data) < MAX_COMMAND_VALUES:
        return
    found = _without_escaped_quotes(data).translate(None, _NOT_COUNTED)
    strings = found.count(b'"') // 2
    # Strings are values or keys. They are counted first because splitting the text at each of them takes long.
    count = strings if strings > MAX_COMMAND_VALUES else 1 + _separators(b"".join(found.split(b'"')[::2]))
    if count > MAX_COMMAND_VALUES:
        raise LimitExceeded("values", MAX_COMMAND_VALUES, count, "values and keys")


def _separators(data: bytes) -> int:
    return sum(map(data.count, (b",", b":", b"[", b"{")))


def nesting(data: bytes) -> int:
    """The depth of arrays and objects; `MAX_NESTING` + 1 for anything deeper. For a text that is not JSON: any number.

    It removes strings, and then the innermost brackets again and again. The time is linear: each of at most
    `MAX_NESTING` rounds is one pass in C.
    """
    data = _without_escaped_quotes(data)
    # Two quotes side by side can be removed: all brackets remain inside or outside of strings as before.
    brackets = data.translate(None, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in brackets:
        brackets = b"".join(brackets.split(b'"')[::2])
    brackets = brackets.translate(_FLATTEN)
    depth = 0
    while brackets and depth <= MAX_NESTING:
        inner = brackets.replace(b"{}", b"")
        if len(inner) == len(brackets):
            return min(depth + brackets.count(b"{"), MAX_NESTING + 1)
        brackets = inner
        depth += 1
    return depth


def check_nesting(data: bytes) -> None:
    """Raise `LimitExceeded` for more than `MAX_NESTING` levels. Call it before any parser, since parsers recurse."""
    # `replace` counts brackets in half the time of `count`.
    brackets = 2 * len(data) - len(data.replace(b"{", b"")) - len(data.replace(b"[", b""))
    if brackets > MAX_NESTING and (depth := nesting(data)) > MAX_NESTING:
        raise LimitExceeded(NESTING, MAX_NESTING, depth, "or more levels")


def may_hold_long_string(data: bytes) -> bool:
    """Whether a string of ``data`` might exceed `MAX_STRING` bytes: no quote in so many bytes, or an escaped one."""
    if len(data) <= MAX_STRING:
        return False
    if b"\\" in data and b'\\"' in data:  # looking for one byte is much faster
        return True
    start = 0
    while start + MAX_STRING < len(data):
        quote = data.rfind(b'"', start, start + MAX_STRING + 1)
        if quote < 0:
            return True
        start = quote + 1
    return False


def read(data: bytes) -> Json:
    """``data`` as a tree. The caller has bounded its size.

    Raises `MalformedMessage` or `LimitExceeded` (`MAX_NESTING`, `MAX_STRING` for keys and values) with the path.
    """
    text = decode_utf8(data)
    check_nesting(data)
    return parse(text)


@frozen
class _Flaw:
    """A placeholder in a parsed tree for a number that is refused: the parser knows no path."""

    reason: str


def _integer(text: str) -> Any:
    if len(text) <= _MAX_INT_TEXT and -(2**63) <= (value := int(text)) < 2**63:
        return value
    return _Flaw("an integer of more than 64 bits")


def _number(text: str) -> Any:
    value = float(text)
    return value if math.isfinite(value) else _Flaw("a number out of range")


def _constant(_text: str) -> Any:
    return _Flaw("NaN and Infinity are not JSON")


_PARSER: Final = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_constant)


def is_name(key: str) -> bool:
    """Whether ``key`` is short and made of letters, digits and ``_``."""
    return len(key) <= 64 and key.isidentifier()


def step(path: str, key: str) -> str:
    """``path`` plus one key; keys that are no names are not repeated, since the peer may have put anything there."""
    return f"{path}.{key}" if is_name(key) else f"{path}[...]"


def _check_string(text: str, path: str) -> None:
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise MalformedMessage("half a surrogate pair", path) from None
    if size > MAX_STRING:
        raise LimitExceeded("string", MAX_STRING, size, "bytes", path)


def _check_tree(value: Any, path: str) -> None:
    if isinstance(value, str):
        _check_string(value, path)
    elif isinstance(value, _Flaw):
        raise MalformedMessage(value.reason, path)
    elif isinstance(value, dict):
        for key, each in value.items():
            _check_string(key, path)
            _check_tree(each, step(path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _check_tree(each, f"{path}[{index}]")


def parse(text: str) -> Json:
    """As `read`, of a text whose nesting was checked."""
    if text.startswith("\ufeff"):
        raise MalformedMessage("a byte order mark")
    try:
        value = _PARSER.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedMessage(f"not JSON at character {error.pos}") from None
    _check_tree(value, "$")
    tree: Json = value
    return tree
