"""What all parsers of this package share: the token, bounded numbers, and how a misfit is told.

Owns no rule of its own. Every pattern is ASCII, deterministic, and matched against a whole value, so that matching
takes time linear in the value. Errors raised here have no place yet; the section that owns the line adds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

from m3core.errors import SdpError

IDENT: Final = r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]++"
"""One token of RFC 8866 s.9."""
WORD: Final = r"[^ \r\n]++"
"""One field of a line: anything but blanks."""
VISIBLE: Final = "[!-~]++"
"""One field in ASCII. Others tell fields apart at every blank of Unicode; where that matters, there is none."""

MAX_PORT: Final = 65_535
MAX_UINT32: Final = (1 << 32) - 1

T = TypeVar("T")
_REMEMBERED: Final = 512
_SHORT: Final = 160
_IS_TOKEN: Final = re.compile(IDENT)


def fit(pattern: re.Pattern[str], text: str, rule: str) -> re.Match[str]:
    """The match of ``pattern`` with all of ``text``; raises `SdpError` naming ``rule``."""
    match = pattern.fullmatch(text)
    if match is None:
        raise SdpError(rule)
    return match


def bounded(digits: str, maximum: int, what: str, minimum: int = 0) -> int:
    """``digits`` (known to be few ASCII digits) as a number; raises `SdpError` outside ``minimum``..``maximum``."""
    number = int(digits)
    if not minimum <= number <= maximum:
        raise SdpError(f"{what} outside {minimum} to {maximum}")
    return number


def tokens(text: str, rule: str) -> tuple[str, ...]:
    """The blank-separated tokens of ``text``, possibly none; blanks around and between them may repeat."""
    found = tuple(word for word in text.split(" ") if word)
    if not all(map(_IS_TOKEN.fullmatch, found)):
        raise SdpError(rule)
    return found


def remembered(parse: Callable[[str], T]) -> Callable[[str], T]:
    """``parse`` with its latest results kept. All descriptions of a peer, and of its like, repeat the same values.

    Only for values that are no secrets. Results must be immutable; errors and long texts are not kept, so that they
    take a few megabytes at most, whatever peers send.
    """
    kept = lru_cache(_REMEMBERED)(parse)

    def remember(text: str) -> T:
        return kept(text) if len(text) <= _SHORT else parse(text)

    return remember
