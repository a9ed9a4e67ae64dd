"""The parts of an error body (rest.md § 1) that a client keeps.

An error body may be anything: empty, plain text, or HTML of a proxy, with any status. Only the parts that have the
right form are kept. Texts for people are cut, and lose control characters. A text that repeats a secret of the request
is dropped, since servers quote values that they refuse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import attrs

from m3core.errors import FieldError, RemoteProtocolError
from m3core.limits import MAX_ERROR_FIELDS, MAX_ERROR_TEXT
from m3core.rest.body import read_json
from m3core.values import Secret

_SLUG: Final = re.compile(r"[a-z0-9_]{1,64}")
_FIELD: Final = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
_LONG_WORD: Final = re.compile(r"[^\s\"'`]{32,}")
"""Probably a token, a ticket or a code: words for people are shorter."""


@attrs.frozen
class ErrorBody:
    """The parts that are left. ``code`` and ``message`` may be empty."""

    code: str = ""
    message: str = attrs.field(default="", repr=False)
    errors: tuple[FieldError, ...] = ()


def read_error(data: bytes, sent: object = None) -> ErrorBody:
    """Read the error body ``data``, whatever it is. ``sent`` is the typed body of the request."""
    try:
        tree = read_json(data)
    except RemoteProtocolError:
        return ErrorBody()
    if not isinstance(tree, dict):
        return ErrorBody()
    secrets = tuple(_secrets(sent))
    entries = tree.get("errors")
    errors = (_field_error(entry, secrets) for entry in (entries if isinstance(entries, list) else ()))
    known = [one for one in errors if one is not None]
    return ErrorBody(
        _matching(_SLUG, tree.get("code")) or "",
        _words(tree.get("message"), secrets) or "",
        tuple(known[:MAX_ERROR_FIELDS]),
    )


def _field_error(entry: object, secrets: tuple[str, ...]) -> FieldError | None:
    if not isinstance(entry, dict):
        return None
    code = _matching(_SLUG, entry.get("code"))
    if code is None:
        return None
    return FieldError(
        field=_matching(_FIELD, entry.get("field")), code=code, message=_words(entry.get("message"), secrets)
    )


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _words(value: object, secrets: tuple[str, ...]) -> str | None:
    """``value`` as a text for people; None if it is not a text, or if it has one of the ``secrets``."""
    if not isinstance(value, str) or any(secret in value for secret in secrets):
        return None
    # The first cut bounds the work, since a text may be as long as the body; the last one is the limit.
    plain = "".join(letter if letter.isprintable() else " " for letter in value[: 4 * MAX_ERROR_TEXT])
    return _LONG_WORD.sub("...", " ".join(plain.split()))[:MAX_ERROR_TEXT]


def _secrets(sent: object) -> Iterator[str]:
    """The secrets in a typed body, as they are and as JSON writes them in quotes."""
    if isinstance(sent, Secret):
        text = sent.reveal()
        if text:
            yield text
            yield json.dumps(text, ensure_ascii=False)[1:-1]
        return
    if isinstance(sent, tuple):
        for one in sent:
            yield from _secrets(one)
        return
    kind: type[Any] = type(sent)
    if attrs.has(kind):
        for attribute in attrs.fields(kind):
            yield from _secrets(getattr(sent, attribute.name))
