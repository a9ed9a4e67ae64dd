"""JSON values as arguments of commands, checked against the type hints of their methods."""

from __future__ import annotations

import contextlib
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeAlias

import attrs

from m3core.errors import LocalProtocolError, MalformedMessage
from m3core.values import ParticipantId, Secret, Timestamp, parse_timestamp

People: TypeAlias = Callable[[str], ParticipantId]
"""Finds a participant by id or display name. Raises `WrongArgument`."""

_UNIONS: Final = (typing.Union, types.UnionType)
_LISTS: Final = (list, tuple, set, frozenset, Iterable, Sequence)
_SCALARS: Final[Mapping[object, tuple[str, tuple[type, ...]]]] = {
    str: ("a text", (str,)),
    bool: ("true or false", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    type(None): ("null", (type(None),)),
}


class WrongArgument(LocalProtocolError):
    """An argument of a line is wrong. ``argument`` is its name, or empty if the whole line is wrong."""

    def __init__(self, reason: str, argument: str = "") -> None:
        super().__init__(f"{argument}: {reason}" if argument else reason)
        self.reason = reason
        self.argument = argument

    def within(self, argument: str) -> WrongArgument:
        """The same error, of a value inside of ``argument``."""
        return WrongArgument(self.reason, f"{argument}.{self.argument}" if self.argument else argument)


def expected(hint: object) -> str:
    """What may be given for ``hint``, for people. Raises `TypeError` for a type that has no JSON form."""
    hint = _bare(hint)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if is_someone(hint):
        # A line has the id in place of the `Participant` that Python programs may pass.
        others = [one for one in inner if one is not ParticipantId and not _is_class(one)]
        return ", or ".join(["the id or name of a participant", *map(expected, others)])
    if origin in _UNIONS:
        plainer = [one for one in inner if not _is_class(one)]  # what a text or number can name as well
        return ", or ".join(expected(one) for one in (inner if plainer in ([], [type(None)]) else plainer))
    if hint in _SCALARS:
        return _SCALARS[hint][0]
    if hint is object or hint is Any:
        return "any value"
    if hint is Timestamp:
        return "an RFC 3339 timestamp"
    if hint is Secret:
        return "a text"
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "one of " + ", ".join(str(member.value) for member in hint)
    if origin is Mapping or origin is dict:
        return "an object"
    if origin in _LISTS:
        return f"a list, of each: {expected(inner[0])}"
    if _is_class(hint):
        names = [attribute.name for attribute in attrs.fields(typing.cast("type[attrs.AttrsInstance]", hint))]
        return f"an object with {', '.join(names)}"
    raise TypeError(f"no JSON form: {hint}")


def value_of(hint: object, given: object, people: People) -> object:
    """``given`` converted to the type ``hint``. Raises `WrongArgument`, whose text never repeats what was given."""
    hint = _bare(hint)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in _UNIONS and not is_someone(hint):
        return _one_of(inner, hint, given, people)
    if is_someone(hint):
        return _someone(inner, hint, given, people)
    if hint in _SCALARS:
        return _checked_scalar(hint, given)
    if hint is object or hint is Any:
        return given
    if hint is Timestamp or hint is Secret:
        return _texts(hint, _checked(str, given, hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        for member in hint:
            if member.value == given and type(member.value) is type(given):  # ``True == 1`` in Python
                return member
        raise WrongArgument(f"must be {expected(hint)}")
    if origin is Mapping or origin is dict:
        return {key: value_of(inner[1], one, people) for key, one in _checked(dict, given, hint).items()}
    if origin in _LISTS:
        return tuple(_within(f"[{at}]", inner[0], one, people) for at, one in enumerate(_checked(list, given, hint)))
    return _object(hint, given, people)


def _someone(inner: Iterable[object], whole: object, given: object, people: People) -> object:
    for other in inner:  # a word of the protocol comes before a name
        if other is type(None) or (isinstance(other, type) and issubclass(other, Enum)):
            with contextlib.suppress(WrongArgument):
                return value_of(other, given, people)
    return people(_checked(str, given, whole))


def _one_of(hints: Iterable[object], whole: object, given: object, people: People) -> object:
    wrong = WrongArgument(f"must be {expected(whole)}")
    for hint in hints:
        try:
            return value_of(hint, given, people)
        except WrongArgument as error:
            if error.argument:  # the right kind of value, with something wrong inside
                wrong = error
    raise wrong


def _checked_scalar(hint: object, given: object) -> object:
    what, classes = _SCALARS[hint]
    if not isinstance(given, classes) or (isinstance(given, bool) and hint is not bool):
        raise WrongArgument(f"must be {what}")
    if hint is float:
        return _finite(given)
    return given


def _finite(given: Any) -> float:
    with contextlib.suppress(OverflowError):
        if math.isfinite(number := float(given)):
            return number
    raise WrongArgument("must be a smaller number")


def _checked(wanted: type[Any], given: object, hint: object) -> Any:
    if not isinstance(given, wanted):
        raise WrongArgument(f"must be {expected(hint)}")
    return given


def _texts(hint: object, given: str) -> object:
    if hint is Secret:
        return Secret(given)
    try:
        parse_timestamp(given)
    except MalformedMessage:
        raise WrongArgument(f"must be {expected(hint)}") from None
    return Timestamp(given)


def _object(hint: object, given: object, people: People) -> object:
    """A value of the attrs class ``hint``. Raises `TypeError` if it is not an attrs class."""
    what = expected(hint)
    if not isinstance(given, dict):
        raise WrongArgument(f"must be {what}")
    wanted = typing.cast("type[attrs.AttrsInstance]", hint)
    hints = typing.get_type_hints(wanted)
    fields = {attribute.name: attribute for attribute in attrs.fields(wanted)}
    for name in given:
        if name not in fields:
            raise WrongArgument(f"must be {what}; it has no `{name}`")
    for name, attribute in fields.items():
        if name not in given and attribute.default is attrs.NOTHING:
            raise WrongArgument("is missing", name)
    return wanted(**{name: _within(name, hints[name], one, people) for name, one in given.items()})


def _within(place: str, hint: object, given: object, people: People) -> object:
    try:
        return value_of(hint, given, people)
    except WrongArgument as error:
        raise error.within(place) from None


def _bare(hint: object) -> object:
    """The type below a NewType. `ParticipantId` is kept, because participants are found by name."""
    while hint is not ParticipantId and isinstance(hint, typing.NewType):
        hint = hint.__supertype__
    return hint


def is_someone(hint: object) -> bool:
    """Whether ``hint`` is the type of a parameter that takes a participant."""
    return hint is ParticipantId or (typing.get_origin(hint) in _UNIONS and ParticipantId in typing.get_args(hint))


def _is_class(hint: object) -> bool:
    return isinstance(hint, type) and attrs.has(hint)
