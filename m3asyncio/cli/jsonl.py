"""Events, states and errors as plain JSON values, whatever their class: what `m3 join --events jsonl` prints.

The schema is in docs/scripting.md. Generic: a new event needs nothing here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Final, TypeAlias, cast

import attrs

from m3core.conference.events import ConferenceEvent
from m3core.errors import ApiError, M3Error
from m3core.values import Secret, Timestamp

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

MASK: Final = "***"
_SPOKEN: Final = frozenset({"content"})
"""Fields that are hidden in a repr because they are long or private, and are what a reader of events came for."""
_OTHERWISE: Final = {"event": "message", "time": "at"}
"""Names of fields that the line itself needs."""


def event_line(event: ConferenceEvent, seconds: float) -> dict[str, Plain]:
    """``event`` (its class), ``time`` in seconds, and its fields."""
    told: dict[str, Plain] = {"event": type(event).__name__, "time": round(seconds, 3)}
    return told | {_OTHERWISE.get(name, name): value for name, value in _fields(event)}


def error_value(error: Exception) -> dict[str, Plain]:
    """``type``, ``message``, and ``code`` and other plain facts where the error has them.

    Of an `ApiError` also ``errors``, the fields that were refused, and ``server_message``, what the server says.
    """
    told: dict[str, Plain] = {"type": type(error).__name__, "message": " ".join(str(error).split())}
    if isinstance(error, ApiError):
        told["errors"] = [{"field": one.field, "code": one.code, "message": one.message} for one in error.errors]
        told["server_message"] = error.message
    facts = vars(error) if isinstance(error, M3Error) else {}
    return {name: plain(value) for name, value in facts.items() if isinstance(value, str | int | float)} | told


def plain(value: object) -> Plain:
    """``value`` as JSON has it. Secrets are masked; what has no JSON form is named by its class."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Enum():
            return plain(value.value)
        case Timestamp():
            return value.text
        case Secret():
            return MASK
        case dt.timedelta():
            return value.total_seconds()
        case dt.date():
            return value.isoformat()
        case Mapping():
            return {str(plain(key)): plain(one) for key, one in value.items()}
        case Exception():
            return error_value(value)
        case _ if attrs.has(type(value)):
            return dict(_fields(value))
        case AbstractSet():
            return sorted((plain(one) for one in value), key=str)
        case list() | tuple():
            return [plain(one) for one in value]
        case _:
            return f"<{type(value).__name__}>"


def _fields(value: object) -> Iterable[tuple[str, Plain]]:
    for attribute in attrs.fields(cast("type[attrs.AttrsInstance]", type(value))):
        one: object = getattr(value, attribute.name)
        if callable(attribute.repr) and attribute.name not in _SPOKEN and one is not None:
            yield attribute.name, MASK  # a link that opens something, a raw payload
        elif attribute.repr or one is None or attrs.has(type(one)):
            yield attribute.name, plain(one)
        # what is left is raw: messages of namespaces without types, and keys to rooms
