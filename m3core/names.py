"""Names that people give themselves, each other, and breakout rooms: which characters they may have (docs/names.md).

A name is shown beside what its bearer says, so it must not change the text around it, look empty, or hide characters.
Which characters are letters, marks or invisible comes from `unicodedata`, and so from the Unicode version of Python.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final
from unicodedata import bidirectional, category, combining, normalize

from m3core.errors import InvalidName
from m3core.limits import MAX_BREAKOUT_NAME, MAX_DISPLAY_NAME, MAX_MARKS

_ZWJ: Final = "\u200d"
_JOINERS: Final = frozenset({"\u200c", _ZWJ})
_VIRAMA: Final = 9
"""The canonical combining class of the signs that join two consonants of an Indic script."""
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159")
"""Letters, marks and symbols by their category, which fonts draw as nothing: fillers, and the braille pattern without
dots."""
_VARIATION: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_COMING_EMOJI: Final = re.compile("[\U0001f000-\U0001faff]")
"""Unicode keeps this range for pictures. New ones come every year, and Python learns of them years later."""
_FLAG: Final = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")
"""The flags of England, Scotland and the like (UTS 51, emoji tag sequences): the only use of tag characters."""
_CASED: Final = frozenset({"Lu", "Ll", "Lt", "Lm"})
_MARKS: Final = frozenset({"Mn", "Me"})
_INK: Final = frozenset(
    {*_CASED, "Lo", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So"}
)
"""The categories of visible characters: letters, numbers, punctuation and symbols."""
_PLAIN: Final = _INK | {"Zs"}
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
"""Control, format, surrogate and unassigned characters, line and paragraph separators. The bidirectional controls
(UAX 9) are format characters. Private use (Co) is not among them: such a character does nothing to its neighbours."""


def display_name(text: str) -> str:
    """``text`` as a display name: without blanks around it, and one blank for several in a row (signaling.md § 5).

    Raises `InvalidName` if nothing is left, if it has more than `MAX_DISPLAY_NAME` bytes, or for a character that names
    must not have.
    """
    name = " ".join(text.split())
    # A lone surrogate has no UTF-8, and is refused below: this only measures.
    if len(name.encode(errors="surrogatepass")) > MAX_DISPLAY_NAME:
        raise InvalidName(f"a display name has at most {MAX_DISPLAY_NAME} bytes of UTF-8: choose a shorter one")
    check_characters(name)
    return name


def check_room_name(name: str) -> None:
    """Raise `InvalidName` for a name that a breakout room must not have. It may have none (signaling.md § 8)."""
    if len(name.encode(errors="surrogatepass")) > MAX_BREAKOUT_NAME:
        raise InvalidName(f"the name of a breakout room has at most {MAX_BREAKOUT_NAME} bytes of UTF-8: shorten it")
    if name.strip(" "):
        check_characters(name)


def check_characters(name: str) -> None:
    """Raise `InvalidName` unless ``name`` shows something, and all of it. Blanks may stand anywhere."""
    kinds = set(map(category, set(name)))
    if not (kinds <= _PLAIN and _BLANK.isdisjoint(name)):  # few names need the closer look, which is much slower
        _check_closely(_FLAG.sub("\U0001f3f4", name))
    if kinds.isdisjoint(_INK) and _COMING_EMOJI.search(name) is None:
        raise InvalidName("a name needs at least one visible character")


def _check_closely(text: str) -> None:
    base = " "
    for before, char, after in zip(" " + text, text, text[1:] + " ", strict=False):
        kind = category(char)
        if char in _JOINERS:
            if not _is_needed(char, base, before, after):
                raise InvalidName("a name has an invisible character that its script does not need: leave it out")
        elif char in _BLANK or (kind in _INVISIBLE and not _COMING_EMOJI.match(char)):
            raise InvalidName("a name has an invisible or unknown character: write it with visible ones only")
        elif kind[0] == "M":
            _check_mark(char, before)
        else:
            base = char
    # Letters that have their marks in them are taken apart first. A joiner between marks begins no new count.
    for is_stack, run in groupby(normalize("NFD", text), lambda char: category(char) in _MARKS or char in _JOINERS):
        if is_stack and sum(char not in _JOINERS for char in run) > MAX_MARKS:
            raise InvalidName(f"a name has more than {MAX_MARKS} marks on one letter: leave some out")


def _check_mark(mark: str, before: str) -> None:
    if category(before) == "Zs":
        raise InvalidName(
            "a word of a name begins with a mark, which would go to the text before it: put a letter first"
        )
    # On a cased letter (Latin, Greek, Cyrillic, ...) a variation selector changes nothing that one could see. The
    # letter U+2139, "information source", is an emoji as well.
    follows_cased = category(before) in _CASED and before != "\u2139"
    if _VARIATION.match(mark) and (follows_cased or category(before)[0] == "M"):
        raise InvalidName("a name has an invisible character that its script does not need: leave it out")


def _is_needed(joiner: str, base: str, before: str, after: str) -> bool:
    """Whether a joiner between ``before`` and ``after`` changes what is seen. ``base``: ``before``, marks apart.

    For letters these are, in short, the conditions of RFC 5892, appendix A.1 and A.2.
    """
    if category(after)[0] not in "LM" and not _is_picture(after):
        return False
    is_indic = combining(before) == _VIRAMA or combining(after) == _VIRAMA
    is_arabic = bidirectional(base) == bidirectional(after) == "AL"
    is_emoji = joiner == _ZWJ and _is_picture(base) and _is_picture(after)
    return is_indic or is_arabic or is_emoji


def _is_picture(char: str) -> bool:
    """Symbols, skin tones, and the arrow U+2194, which is a mathematical symbol by its category and part of emoji."""
    return category(char) == "So" or char == "\u2194" or _COMING_EMOJI.match(char) is not None
