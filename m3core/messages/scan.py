"""Guards that look at JSON before, or instead of, parsing it: size, UTF-8, nesting, long strings. Knows no message."""

from __future__ import annotations

import re
from typing import Final

from m3core.errors import LimitExceeded, MalformedMessage
from m3core.limits import MAX_MESSAGE, MAX_NESTING, MAX_STRING
from m3core.messages.base import Json

_STRUCTURE: Final = b'[]{}"'
_NOT_STRUCTURE: Final = bytes(sorted(set(range(256)) - set(_STRUCTURE)))
_DIGITS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_EXPONENT: Final = re.compile(rb"[0-9][eE]\+?[0-9]{3}")
_LONG_NUMBER: Final = b"0" * 19
"""Fewer digits are below 2**63."""
_FLATTEN: Final = bytes.maketrans(b"[]", b"{}")
_DEEPEST_MODULE: Final = 4
"""Nesting around a raw value in the deepest place for one: envelope, payload, participants, entry."""


_CONTAINERS: Final = (dict, list)
_HARMLESS: Final = frozenset({str, bool, float, type(None)})


def check_size(data: bytes) -> None:
    """Raise `LimitExceeded` for more than `MAX_MESSAGE` bytes."""
    if len(data) > MAX_MESSAGE:
        raise LimitExceeded("message size", MAX_MESSAGE, len(data), "bytes")


def decode_utf8(data: bytes) -> str:
    """``data`` as text; raises `MalformedMessage` for bytes that are not UTF-8, wherever they are."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise MalformedMessage(f"not UTF-8 at byte {error.start}") from None


def nesting(data: bytes) -> int:
    """How deep arrays and objects nest; `MAX_NESTING` + 1 for anything deeper. Text that is not JSON: any number.

    Takes strings away, then the innermost brackets again and again. Linear: every round is one pass in C, and there
    are at most `MAX_NESTING` of them.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes side by side can go whatever they are: no bracket changes its side of a string's end.
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
    """Raise `LimitExceeded` for more than `MAX_NESTING` levels; must come before any parser, whose stack is short."""
    if len(data) > 2 * MAX_NESTING and (depth := nesting(data)) > MAX_NESTING:
        raise LimitExceeded("nesting", MAX_NESTING, depth, "or more levels")


def may_hold_long_string(data: bytes) -> bool:
    """Whether a string of ``data`` might exceed `MAX_STRING` bytes: no quote in so many bytes, or escaped ones."""
    if len(data) <= MAX_STRING:
        return False
    if b'\\"' in data:
        return True
    start = 0
    while start + MAX_STRING < len(data):
        quote = data.rfind(b'"', start, start + MAX_STRING + 1)
        if quote < 0:
            return True
        start = quote + 1
    return False


def is_plain(data: bytes) -> bool:
    """Whether nothing in ``data`` can pass a limit that msgspec does not check in what it skips."""
    return not (may_hold_long_string(data) or _LONG_NUMBER in data.translate(_DIGITS) or _EXPONENT.search(data))


class Doubtful(Exception):
    """The fast path is not sure; the careful one is to decide."""


def check_module(value: Json, depth: int = MAX_NESTING - _DEEPEST_MODULE) -> Json:
    """``value`` of another namespace, if it nests at most ``depth`` levels and its integers have 64 bits.

    Raises `Doubtful` otherwise: where the value stands, and thus how deep it may be, is not known here.
    """
    if isinstance(value, _CONTAINERS):
        if not depth:
            raise Doubtful
        for each in value.values() if isinstance(value, dict) else value:
            if type(each) not in _HARMLESS:
                check_module(each, depth - 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise Doubtful
    return value
