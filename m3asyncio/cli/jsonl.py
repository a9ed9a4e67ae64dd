"""Events, states and errors as plain JSON values: what `m3 join --events jsonl` prints (docs/scripting.md).

Fields are found by introspection, so a new class of event needs no change here.
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
"""Fields that are left out of a repr, being long or private, and that readers of events need all the same."""
_OTHERWISE: Final = {"event": "message", "time": "at"}
"""Fields that get another key, because the line uses theirs."""


def event_line(event: ConferenceEvent, seconds: float) -> dict[str, Plain]:
    """The keys ``event`` (its class) and ``time`` (``seconds``), and one for each field."""
    told: dict[str, Plain] = {"event": type(event).__name__, "time": round(seconds, 3)}
    return told | {_OTHERWISE.get(name, name): value for name, value in _fields(event)}


def error_value(error: Exception) -> dict[str, Plain]:
    """The keys ``type`` and ``message``, and the attributes of an `M3Error` that are plain values, such as ``code``.

    An `ApiError` also has ``errors``, the fields that the server refused, and ``server_message``, its text.
    """
    told: dict[str, Plain] = {"type": type(error).__name__, "message": " ".join(str(error).split())}
    if isinstance(error, ApiError):
        told["errors"] = [{"field": one.field, "code": one.code, "message": one.message} for one in error.errors]
        told["server_message"] = error.message
    facts = vars(error) if isinstance(error, M3Error) else {}
    return {name: plain(value) for name, value in facts.items() if isinstance(value, str | int | float)} | told


def plain(value: object) -> Plain:
    """``value`` as JSON has it. Secrets are masked; a value without a JSON form becomes the name of its class."""
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
            yield attribute.name, MASK  # `hide`: a link that opens something, or a raw payload
        elif attribute.repr or one is None or attrs.has(type(one)):
            yield attribute.name, plain(one)
        # A field without a repr is raw, such as messages of namespaces without types, or it is the key to a room.
