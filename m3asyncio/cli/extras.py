"""Which optional libraries a command needs. This is looked up before an import of them could fail."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Final

MODULES: Final = {
    "asyncio": ("httpx", "websockets"),
    "cli": ("anyio", "rich", "PIL"),
    "controller": ("h11", "wsproto"),
    "media": ("aioice", "aiortc", "av", "numpy"),
    "trio": ("httpx", "trio", "trio_websocket"),
}
"""The modules that the commands use of each extra of the distribution."""


def missing_extra(extras: Iterable[str]) -> str:
    """One line that says what to install; empty if all of ``extras`` are installed."""
    for extra in extras:
        for module in MODULES[extra]:
            if not _is_there(module):
                return f'this needs the extra "{extra}" (no module {module}): pip install "m3-conference[all]"'
    return ""


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # ValueError: imported by hand, without a spec
        return False
