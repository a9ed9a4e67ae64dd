"""The public names of an adapter package (`m3asyncio`, `m3trio`): its own, and those of `m3core.public`.

Each is imported when it is first named. So the command `m3` starts at once, signaling needs neither av nor numpy, and a
missing extra is one error that names it.
"""

from __future__ import annotations

import dis
import importlib
import inspect
from collections.abc import Mapping
from typing import Final, TypeAlias

from m3core.errors import MissingExtra

Own: TypeAlias = Mapping[str, tuple[str, str]]
"""The names of one adapter: each with the module that has it, and the extras that this module needs."""

_SHARED: Final = "m3core.public"


def names(own: Own) -> list[str]:
    """All public names of the adapter, sorted."""
    shared = vars(importlib.import_module(_SHARED))
    return sorted({*own, *(name for name in shared if not name.startswith("_"))})


def find(name: str, package: str, own: Own) -> object:
    """The public ``name`` of the adapter ``package``. Only the `__getattr__` of the package may call this.

    Raises `AttributeError` if there is no such name. If an extra of it is not installed, `package.name` and
    `from package import name` raise `MissingExtra`, which is an `ImportError`; functions that look whether the name is
    there, such as `hasattr`, get an `AttributeError` with the same text.
    """
    if name in own:
        home, extras = own[name]
        try:
            module = importlib.import_module(home)
        except ImportError as error:
            missing = MissingExtra.of(f"{package}.{name}", extras, error)
            # No exception can be both: ImportError and AttributeError have different layouts in C. `hasattr` and
            # `getattr` with a default understand AttributeError only, and help, completion and mocks use them.
            raise (missing if _is_read_by_syntax() else AttributeError(str(missing))) from None
        return getattr(module, name, module)
    if name in names(own):
        return vars(importlib.import_module(_SHARED))[name]
    raise AttributeError(f"module {package!r} has no attribute {name!r}")


def _is_read_by_syntax() -> bool:
    """Whether the name was read by `package.name` or an import statement, and not by a function such as `getattr`."""
    frame = inspect.currentframe()
    for _ in ("find", "__getattr__", "the reader"):
        frame = None if frame is None else frame.f_back
    if frame is None:
        return False
    if frame.f_globals.get("__name__") == "importlib._bootstrap":
        return True  # `from package import name` calls `hasattr` there, and would lose the text of an AttributeError
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] in {"LOAD_ATTR", "LOAD_METHOD"}
