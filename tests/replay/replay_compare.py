"""Compares what our controller did in a scenario with the recording."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from enum import Enum
from typing import Any, Final

from attrs import frozen
from replay_names import UNORDERED, place
from replay_player import Played

_CONFIGURED: Final = {"id", "name", "quotas", "enabled_modules"}
"""Keys of a tariff that each installation sets up for itself."""


class Kind(Enum):
    """The kind of a difference."""

    MISSING = "missing"
    EXTRA = "extra"
    FIELD_MISSING = "field missing"
    FIELD_EXTRA = "field extra"
    VALUE = "value"
    ORDER = "order"
    STEP = "step"
    CLOSED = "closed"


@frozen
class Difference:
    """One difference. ``message`` is such as `control.joined`, ``path`` in it such as `payload.control.role`."""

    kind: Kind
    socket: str
    message: str
    path: str
    step: int
    recorded: Any = None
    here: Any = None

    @property
    def line(self) -> str:
        """The text by which `decided` lists it. The step is left out."""
        where = f"{self.kind.value} at {self.socket}: {self.message} {self.path}".rstrip()
        match self.kind, self.here:
            case Kind.CLOSED, {"code": code}:
                return f"{where} = {code}"
            case ((Kind.VALUE | Kind.FIELD_EXTRA | Kind.CLOSED), here):
                return f"{where} = {json.dumps(here, sort_keys=True)}"
        return where

    def __str__(self) -> str:
        return f"step {self.step}: {self.line}\n    recorded {_short(self.recorded)}\n    here     {_short(self.here)}"


def differences(scenario: dict[str, Any], played: Played, *, with_steps: bool = True) -> list[Difference]:
    """All differences, socket by socket: in the order of messages, and (``with_steps``) in the step of each."""
    found: list[Difference] = []
    for socket in scenario["sockets"]:
        recorded = [(step, _comparable(what)) for step, what in scenario["received"].get(socket, [])]
        here = [(step, _comparable(what)) for step, what in played.received.get(socket, [])]
        found += _of_socket(socket, recorded, here, with_steps=with_steps)
        was, now = scenario["closed"].get(socket), played.closed.get(socket)
        if not with_steps:
            was, now = _without_step(was), _without_step(now)
        if was != now:
            found.append(Difference(Kind.CLOSED, socket, "close", "", (was or now or {}).get("step", 0), was, now))
    return found


def label(what: Any) -> str:
    """The name of a message, such as `control.joined` and `polls.error(invalid_choices)`, or of an entry: `<open>`."""
    payload = what.get("payload")
    if not isinstance(payload, dict):
        return str(next(iter(what), "?"))
    message = payload.get("message", payload.get("action"))
    suffix = f"({payload.get('error')})" if message == "error" else ""
    return f"{what.get('namespace')}.{message}{suffix}"


_Told = tuple[int, Any]


def _of_socket(socket: str, recorded: list[_Told], here: list[_Told], *, with_steps: bool) -> Iterator[Difference]:
    matcher = SequenceMatcher(None, [_key(what) for _, what in recorded], [_key(what) for _, what in here], False)
    missing: list[_Told] = []
    extra: list[_Told] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            missing += recorded[a:b]
            extra += here[c:d]
        elif with_steps:
            for (was, what), (now, _) in zip(recorded[a:b], here[c:d], strict=True):
                if was != now:
                    yield Difference(Kind.STEP, socket, label(what), "", was, was, now)
    for step, what in missing:
        mate = _mate(step, what, extra, with_steps=with_steps)
        if mate is None:
            yield Difference(Kind.MISSING, socket, label(what), "", step, what, None)
            continue
        extra.remove(mate)
        fields = list(_fields(what, mate[1], ""))
        for kind, path, was, now in fields:
            yield Difference(kind, socket, label(what), path, step, was, now)
        if not fields:
            yield Difference(Kind.ORDER, socket, label(what), "", step)
    for step, what in extra:
        yield Difference(Kind.EXTRA, socket, label(what), "", step, None, what)


def _mate(step: int, what: Any, others: list[_Told], *, with_steps: bool) -> _Told | None:
    """The message of ours to compare with a recorded one: an equal one, or one of that name, at the same step."""
    named = [told for told in others if (told[0] == step or not with_steps) and label(told[1]) == label(what)]
    return next((told for told in named if told[1] == what), named[0] if named else None)


def _fields(recorded: Any, here: Any, path: str) -> Iterator[tuple[Kind, str, Any, Any]]:
    if isinstance(recorded, dict) and isinstance(here, dict):
        for key in sorted(recorded.keys() | here.keys()):
            inner = f"{path}.{key}" if path else key
            if key not in here:
                yield Kind.FIELD_MISSING, inner, recorded[key], None
            elif key not in recorded:
                yield Kind.FIELD_EXTRA, inner, None, here[key]
            else:
                yield from _fields(recorded[key], here[key], inner)
    elif isinstance(recorded, list) and isinstance(here, list) and len(recorded) == len(here):
        for was, now in zip(recorded, here, strict=True):
            yield from _fields(was, now, f"{path}[]")
    elif _key(recorded) != _key(here):
        yield Kind.VALUE, path, recorded, here


def _key(value: Any) -> str:
    """A text that is equal only for equal JSON (in Python, True equals 1)."""
    return json.dumps(value, sort_keys=True)


def _comparable(value: Any, key: str | None = None) -> Any:
    """The value without what every installation sets up for itself, and sorted where the order is arbitrary."""
    match value:
        case dict():
            left_out = _CONFIGURED if key == "tariff" else ()
            return {inner: _comparable(value[inner], inner) for inner in value if inner not in left_out}
        case list():
            values = [_comparable(inner) for inner in value]
            return sorted(values, key=place) if key in UNORDERED else values
    return value


def _without_step(closed: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if closed is None else {key: value for key, value in closed.items() if key != "step"}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 240 else f"{text[:237]}..."
