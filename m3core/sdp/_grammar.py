"""The line grammar of a session description (RFC 8866 s.5 and s.9), which is checked before attributes are parsed.

This module owns which characters, lines and orders of lines are legal, and how many lines, m-sections, formats and
candidates there may be. It does not know what attributes mean.

The regular expressions search for a *violation*: of the characters, of the opening lines of each section, and of the
attribute lines that follow. A text without a violation is accepted, and Python code never looks at its lines one by
one. Only a text with a violation is read line by line, to find out which rule is broken and where.

Lenient and strict parsing both accept some deviations (media.md § 8.1): LF ends a line as CRLF does, the last line end
may be missing, and lines of a type that no document defines are kept where attributes may stand.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from m3core import limits
from m3core.errors import LimitExceeded, SdpError
from m3core.sdp._syntax import IDENT, MAX_PORT, WORD

_REST: Final = r"[^\r\n]++"
_NUMBER: Final = "[0-9]{1,20}+"
_CONNECTION: Final = f"{IDENT} {IDENT} {WORD}"
_LINES: Final = {
    "v": "0",
    "o": f"{WORD} {_NUMBER} {_NUMBER} {IDENT} {IDENT} {WORD}",
    "s": _REST,
    "i": _REST,
    "u": _REST,
    "e": _REST,
    "p": _REST,
    "c": _CONNECTION,
    "b": f"{IDENT}:[0-9]{{1,10}}+",
    "t": f"{_NUMBER} {_NUMBER}",
    "r": _REST,
    "z": _REST,
    "k": _REST,
    "a": f"{IDENT}(?::{_REST})?",
    "m": rf"({IDENT}) ([0-9]{{1,5}}+)(?:/[1-9][0-9]{{0,4}}+)?+ ({IDENT}(?:/{IDENT})*+)((?: {IDENT})++)",
}
"""The legal values of each known line type, by its letter."""
_UNKNOWN: Final = "dfghjlnqwxy"
"""Letters that no document uses as a line type."""


def _one(letter: str) -> str:
    return rf"{letter}={_LINES[letter]}(?:\r?\n|\Z)"


def _optional(letter: str) -> str:
    return f"(?:{_one(letter)})?+"


def _many(letter: str) -> str:
    return f"(?:{_one(letter)})*+"


_SESSION_OPENING: Final = re.compile(
    "".join(map(_one, "vos"))
    + _optional("i")
    + _optional("u")
    + _many("e")
    + _many("p")
    + _optional("c")
    + _many("b")
    + f"(?:{_one('t')}{_many('r')})++"
    + _optional("z")
    + _optional("k")
)
MEDIA_OPENING: Final = re.compile(_one("m") + _optional("i") + _many("c") + _many("b") + _optional("k"))
"""The lines from m= to the first attribute. Groups: media type, port, protocol, formats (each after a blank)."""
_ATTRIBUTE_LINES: Final = rf"a={IDENT}(?::[^\r\n]|\r?\n|\Z)|[{_UNKNOWN}]=[^\r\n]|\Z"
# The search starts at the last line end of the opening, so that every line which it has to judge follows a `\n`.
_SESSION_VIOLATION: Final = re.compile(rf"\n(?!{_ATTRIBUTE_LINES})")
# RFC 8866 s.5 wants c= and b= before the attributes. Janus writes c= behind them in m-sections that it rejects.
_MEDIA_VIOLATION: Final = re.compile(rf"\n(?!{_ATTRIBUTE_LINES}|{_one('c')}|{_one('b')})")
_ANYWHERE: Final = "cb"
_CONTROLS: Final = bytes(code for code in (*range(32), 127) if code not in b"\r\n")
# `str.splitlines`, which media engines use, breaks lines at some of these, too. A line that this package sees as one
# would then become two, and the second of them could be any attribute.
_BREAKING: Final = re.compile("[\x80-\x9f\u2028\u2029]")
_FORBIDDEN: Final = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]|\r(?!\n)")
_LINE: Final = {letter: re.compile(value) for letter, value in _LINES.items()}
_SESSION_ORDER: Final = "vosiuepcbtrzka"
_MEDIA_ORDER: Final = "micbka"
_SESSION_ONCE: Final = "vosiuczk"
# Without c: an m-section may have several c= lines (RFC 8866 s.5.7).
_MEDIA_ONCE: Final = "mik"


def decode(text: str | bytes) -> str:
    """``text`` as a `str`, after a check of its size and its characters; raises `SdpError` and `LimitExceeded`."""
    # A text has at least as many bytes as characters: a long one is refused before it is encoded.
    if len(text) > limits.MAX_SDP:
        raise LimitExceeded("session description", limits.MAX_SDP, len(text), "bytes")
    try:
        if isinstance(text, str):
            data, text = text.encode(), text
        else:
            data, text = text, text.decode()
    except UnicodeError:
        raise SdpError("a session description is UTF-8 (RFC 8866 s.5)") from None
    if len(data) > limits.MAX_SDP:
        raise LimitExceeded("session description", limits.MAX_SDP, len(data), "bytes")
    if (
        len(data.translate(None, _CONTROLS)) != len(data)
        or data.count(b"\r") != data.count(b"\r\n")
        or (not text.isascii() and _BREAKING.search(text))
    ):
        found = _FORBIDDEN.search(text)
        raise _at(text, found.start() if found else 0, "control characters are forbidden (RFC 8866 s.9)")
    return text


def sections(text: str) -> tuple[str, ...]:
    """The session part of ``text`` and its m-sections, each with its line ends. Joined they are ``text`` again.

    Raises `SdpError` for a broken line grammar, and `LimitExceeded`.
    """
    lines = text.count("\n") + (not text.endswith("\n"))
    if lines > limits.MAX_SDP_LINES:
        raise LimitExceeded("session description", limits.MAX_SDP_LINES, lines, "lines")
    parts: list[str] = []
    opening, violation, start = _SESSION_OPENING, _SESSION_VIOLATION, 0
    while start < len(text) or not parts:
        end = text.find("\nm=", start) + 1 or len(text)
        head = opening.match(text, start, end)
        if head is None or violation.search(text, head.end() - 1, end):
            _diagnose(text)
        if start:
            _check_media(head, text, len(parts))
        parts.append(text[start:end])
        opening, violation, start = MEDIA_OPENING, _MEDIA_VIOLATION, end
    # The limit is one of each m-section. Hardly any description has so many in all, so that one count is enough here.
    if text.count("\na=candidate:") > limits.MAX_CANDIDATES:
        _check_candidates(parts)
    return tuple(parts)


def _check_media(head: re.Match[str], text: str, index: int) -> None:
    if index > limits.MAX_SDP_SECTIONS:
        count = text.count("\nm=")
        raise LimitExceeded("session description", limits.MAX_SDP_SECTIONS, count, "m-sections")
    if int(head[2]) > MAX_PORT:
        raise _at(text, head.start(2), f"a port is at most {MAX_PORT}")
    formats = head[4].count(" ")
    if formats > limits.MAX_SDP_FORMATS:
        raise LimitExceeded("m-section", limits.MAX_SDP_FORMATS, formats, "formats")


def _check_candidates(parts: list[str]) -> None:
    for part in parts:
        count = part.count("\na=candidate:")
        if count > limits.MAX_CANDIDATES:
            raise LimitExceeded("m-section", limits.MAX_CANDIDATES, count, "candidates")


def _at(text: str, position: int, rule: str) -> SdpError:
    return SdpError(rule, text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position))


def _diagnose(text: str) -> NoReturn:
    """Raise the error of ``text``, in which a search found a violation."""
    order, once, seen = _SESSION_ORDER, _SESSION_ONCE, ""
    for number, ended in enumerate((text[:-1] if text.endswith("\n") else text).split("\n"), 1):
        line = ended.removesuffix("\r")
        letter = line[:1]
        known = letter in _LINES
        if line[1:2] != "=" or not (known or letter in _UNKNOWN):
            raise SdpError("a line is a letter, `=` and a value (RFC 8866 s.5)", number, 1)
        if letter == "m":
            _check_complete(seen, order, number)
            order, once, seen = _MEDIA_ORDER, _MEDIA_ONCE, ""
        last = seen[-1:]
        pattern = _LINE.get(letter)
        if not known or (order is _MEDIA_ORDER and letter in _ANYWHERE and last == "a"):
            letter = "a"  # such a line may stand where attributes may
        if letter in seen and letter in once:
            raise SdpError(f"two {letter}= lines (RFC 8866 s.5)", number, 1)
        # Each r= belongs to the t= before it, and another t= may follow (RFC 8866 s.9).
        if letter == "r":
            ordered = last in {"t", "r"}
        else:
            ordered = letter in order and (
                not last or order.index(letter) >= order.index(last) or letter + last == "tr"
            )
        if not ordered:
            raise SdpError(f"{letter}= line out of order (RFC 8866 s.5)", number, 1)
        if (pattern is not None and not pattern.fullmatch(line, 2)) or len(line) == 2:
            raise SdpError(f"malformed {line[0] if known else letter}= line (RFC 8866 s.9)", number, 3)
        seen += letter
    _check_complete(seen, order, 0)
    raise SdpError("broken line grammar (RFC 8866 s.9)")


def _check_complete(seen: str, order: str, line: int) -> None:
    if order is _SESSION_ORDER:
        for letter in "vost":
            if letter not in seen:
                raise SdpError(f"no {letter}= line (RFC 8866 s.5)", line, min(line, 1))
