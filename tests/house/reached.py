"""The types of m3core that a user reaches from the public names: through fields, properties and methods."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from m3core import public

# Names that only type checkers import, because they are of libraries of the extra `media`.
_OF_LIBRARIES = {"NDArray": list, "int16": int, "uint8": int, "Image": object}


def reached(roots: Iterable[object], stop: Callable[[object], bool]) -> dict[str, str]:
    """Each type of m3core that ``roots`` lead to, as `module.name`, with the place where it was met first.

    Types for which ``stop`` is true are left out, and so are those to which nothing else leads.
    """
    met: dict[str, str] = {}
    pending = [(part, "a root") for root in roots for part in _parts(root)]
    while pending:
        one, place = pending.pop()
        if not _is_ours(one) or stop(one) or (name := qualified(one)) in met:
            continue
        met[name] = place
        pending += [(part, where) for where, hint in _members(one) for part in _parts(hint)]
    return met


def qualified(one: object) -> str:
    """`module.name` of a class, a function or a `NewType`."""
    return f"{getattr(one, '__module__', '')}.{getattr(one, '__qualname__', '')}"


def _is_ours(one: object) -> bool:
    kinds = inspect.isclass(one) or inspect.isroutine(one) or isinstance(one, typing.NewType)
    return kinds and str(one.__module__).startswith(("m3core.", "m3asyncio.client", "m3asyncio.server"))


def _parts(hint: object) -> Iterator[object]:
    """``hint`` without its brackets and bars: `Mapping[RoomId, int | None]` has four parts."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, list):  # the parameters of a `Callable`
        arguments = tuple(hint)
    if not arguments or origin is typing.Literal:
        yield hint
        return
    yield origin
    for argument in arguments:
        yield from _parts(argument)


def _members(one: object) -> Iterator[tuple[str, object]]:
    """The type hints of what a user may read, call or pass, each with its place."""
    if inspect.isclass(one) and not issubclass(one, Enum):
        for owner in one.__mro__:
            if owner.__module__.startswith("m3core."):
                yield from _members_of_class(owner)
    elif inspect.isroutine(one):
        yield from _hints(one, str(one.__name__))


def _members_of_class(owner: type) -> Iterator[tuple[str, object]]:
    yield from (hint for hint in _hints(owner, owner.__name__) if "._" not in hint[0])
    for name, value in vars(owner).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if not name.startswith("_") and isinstance(function, types.FunctionType):
            yield from _hints(function, f"{owner.__name__}.{name}")


def _hints(one: typing.Any, place: str) -> Iterator[tuple[str, object]]:
    names = {**_OF_LIBRARIES, **vars(public), **vars(sys.modules[one.__module__])}
    for member, hint in inspect.get_annotations(one, globals=names, locals={}, eval_str=True).items():
        yield f"{place}.{member}", hint
