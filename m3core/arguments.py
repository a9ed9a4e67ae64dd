"""Checks of arguments: what a user passes to a public method has the type that the signature says.

The checks are made of the annotations, so that no signature can be forgotten or differ. They look at containers, but
not at what is in them, since a command is checked again as a message. Texts of errors name the argument and what is
accepted, and never the value, which may be secret.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterable
from typing import Any, NewType, ParamSpec, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from m3core.errors import WrongType, WrongValue
from m3core.structuring import is_id
from m3core.values import is_uuid

P = ParamSpec("P")
R = TypeVar("R")
ClassT = TypeVar("ClassT", bound=type)
Check: TypeAlias = Callable[[object], bool]


def checks_arguments(cls: ClassT) -> ClassT:
    """A class decorator: the public methods that ``cls`` defines check their arguments. Its constructor does not."""
    for name, function in list(vars(cls).items()):
        takes_more_than_self = inspect.isfunction(function) and len(inspect.signature(function).parameters) > 1
        if takes_more_than_self and (name == "__call__" or not name.startswith("_")):
            setattr(cls, name, checked(function))
    return cls


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: ``function`` raises `WrongType` for an argument of another type than its annotation says.

    Ids are UUIDs: for another text it raises `WrongValue`. A coroutine function raises when it is awaited.
    """
    signature = inspect.signature(function)
    # Users call `Account(...)` and `conference.chat(...)`: the name of the class says more than that of the method.
    *_, owner, name = ("", *function.__qualname__.split("."))
    called_as = owner if name.startswith("__") else name

    @functools.cache  # not before the first call: annotations may name what is defined later
    def checks() -> dict[str, Any]:
        hints = get_type_hints(function)
        return {name: hints[name] for name in signature.parameters if name in hints}

    def check(*args: Any, **kwargs: Any) -> None:
        given = signature.bind(*args, **kwargs).arguments  # raises TypeError, as the call itself would
        for argument, hint in checks().items():
            if argument in given:
                for value in _values(signature.parameters[argument], given[argument]):
                    _require(f"{argument}= of {called_as}()", hint, value)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
            check(*args, **kwargs)
            return await function(*args, **kwargs)

        return cast(Callable[P, R], awaited)  # R is the coroutine

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        check(*args, **kwargs)
        return function(*args, **kwargs)

    return called


def _values(parameter: inspect.Parameter, given: Any) -> Iterable[object]:
    match parameter.kind:
        case parameter.VAR_POSITIONAL:
            return tuple(given)
        case parameter.VAR_KEYWORD:
            return tuple(given.values())
    return (given,)


def _require(what: str, hint: Any, value: object) -> None:
    if not _check(hint)(value):
        raise WrongType(f"{what} must be {_name(hint)}, not {type(value).__name__}")
    if isinstance(value, str) and not is_uuid(value) and _wants_id(hint):
        raise WrongValue(f"{what} must be {_name(hint)}: this text is no UUID")


@functools.cache
def _wants_id(hint: Any) -> bool:
    """Whether a text has to be an id: no alternative of ``hint`` takes other texts."""
    alternatives = _alternatives(hint)
    return any(map(is_id, alternatives)) and str not in alternatives


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)


@functools.cache
def _check(hint: Any) -> Check:
    """Whether a value has the type ``hint``. What cannot be checked, such as a type variable, has it."""
    if len(alternatives := _alternatives(hint)) > 1:
        checks = [_check(each) for each in alternatives]
        return lambda value: any(check(value) for check in checks)
    if isinstance(hint, NewType):
        return _check(hint.__supertype__)
    origin = get_origin(hint) or hint
    if origin is Callable:
        return callable
    if not isinstance(origin, type) or origin is object:
        return lambda _: True
    if getattr(origin, "_is_protocol", False) and origin.__module__ != "collections.abc":
        members = _members(origin)
        return lambda value: all(_has(value, member) for member in members)
    if origin is int:
        return lambda value: isinstance(value, int) and not isinstance(value, bool)
    if origin is float:
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool)
    if issubclass(origin, Iterable) and issubclass(str, origin) and origin is not str:
        # A text is an iterable of texts, but never what is meant: choices="Yes" would be three choices.
        return lambda value: isinstance(value, origin) and not isinstance(value, str | bytes)
    return lambda value: isinstance(value, origin)


def _members(protocol: type) -> tuple[str, ...]:
    own = (name for each in protocol.__mro__ if getattr(each, "_is_protocol", False) for name in vars(each))
    return tuple(dict.fromkeys(name for name in own if not name.startswith("_") or name == "__call__"))


def _has(value: object, member: str) -> bool:
    # Without `getattr`: to read a property may do work, such as opening a file.
    return inspect.getattr_static(value, member, None) is not None


def _name(hint: Any) -> str:
    """What is accepted, for people."""
    return " or ".join(_name_one(each) for each in _alternatives(hint))


def _name_one(hint: Any) -> str:
    if hint is type(None):
        return "None"
    if is_id(hint):
        return f"a {hint.__name__} (a UUID)"
    origin = get_origin(hint) or hint
    if origin is Callable:
        return "a function"
    name = getattr(origin, "__name__", str(origin))
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
