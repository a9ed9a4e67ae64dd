"""The helpers that all parsers of this package share: tokens, bounded numbers, the error of a malformed value.

This module has no rule of its own. Every pattern is ASCII, deterministic, and matched against a whole value, so that
matching takes time linear in the length of the value: possessive quantifiers (`++`, `*+`, `?+`) never backtrack. Errors
raised here have no line and no column; the section that owns the line adds them.
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
"""One field of a line: any characters but blanks and line ends."""
VISIBLE: Final = "[!-~]++"
"""One field of visible ASCII characters.

For values that a media engine parses again. Its parser splits fields at every kind of Unicode blank, where this package
splits at the ASCII blank only, and so a Unicode blank would give the two parsers different fields.
"""

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
    """The blank-separated tokens of ``text``, possibly none; more than one blank may stand around and between them."""
    found = tuple(word for word in text.split(" ") if word)
    if not all(map(_IS_TOKEN.fullmatch, found)):
        raise SdpError(rule)
    return found


def remembered(parse: Callable[[str], T]) -> Callable[[str], T]:
    """``parse`` with a cache of its latest results.

    A cache pays, since peers with the same software send the same values in each description. It must not be used for
    secrets, because results outlive the conference. Results must be immutable. Errors and results of long texts are
    not kept: so the cache takes a few megabytes at most, whatever peers send.
    """
    kept = lru_cache(_REMEMBERED)(parse)

    def remember(text: str) -> T:
        return kept(text) if len(text) <= _SHORT else parse(text)

    return remember
