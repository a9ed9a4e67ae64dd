"""How much memory an engine holds, as the lengths of all containers that can be reached from it."""

from __future__ import annotations

import gc
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from enum import Enum
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

from m3core.messages.source import KNOWN_IDS

_ATOMS = (str, bytes, int, float, complex, type, ModuleType, BuiltinFunctionType, Enum, type(None))


def sizes(root: object) -> Counter[str]:
    """The lengths of containers, added up by path. A path has attributes by name, and elements as ``[]``."""
    found: Counter[str] = Counter()
    seen: dict[int, object] = {}
    pending: deque[tuple[Any, str]] = deque([(root, type(root).__name__)])
    while pending:
        value, path = pending.popleft()
        if isinstance(value, _ATOMS) or id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, Mapping | list | tuple | set | frozenset | deque):
            found[path] += len(value)
            inside = [*value, *value.values()] if isinstance(value, Mapping) else list(value)
            pending.extend((one, f"{path}[]") for one in inside)
        else:
            pending.extend((one, f"{path}.{name}") for name, one in _parts(value))
    return found


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """The attributes of an object, or the closure of a function."""
    if isinstance(value, FunctionType):
        yield from (("<cell>", cell) for cell in value.__closure__ or ())
    elif isinstance(value, CellType):
        yield "contents", value.cell_contents
    elif isinstance(value, MethodType):
        yield "self", value.__self__
    else:
        yield from getattr(value, "__dict__", {}).items()
        for base in type(value).__mro__:
            slots = base.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if hasattr(value, name) and not name.startswith("__"):
                    yield name, getattr(value, name)


def blocks() -> int:
    """How many blocks of memory the interpreter has allocated."""
    KNOWN_IDS.clear()  # this cache has a bound, but most tests look before it is reached
    gc.collect()
    return sys.getallocatedblocks()


def growth(before: Counter[str], after: Counter[str]) -> dict[str, int]:
    """By how much each path has grown; those that have not are left out."""
    return {path: after[path] - before[path] for path in after if after[path] > before[path]}
