"""The server engine: rooms, tickets, participants. `Controller` takes whole requests and messages, `front.Front` bytes;
`sfu` is the port to a media server; one module for each namespace mirrors `m3core.messages`.

The names are imported when they are first named: `m3 --help` asks for the feature levels alone, and needs no engine.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m3core.controller.config import ControllerConfig as ControllerConfig
    from m3core.controller.config import Identities as Identities
    from m3core.controller.config import TokenTable as TokenTable
    from m3core.controller.config import User as User
    from m3core.controller.engine import Controller as Controller

__all__ = ["Controller", "ControllerConfig", "Identities", "TokenTable", "User"]


def __getattr__(name: str) -> object:
    """Import what is named for the first time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "engine" if name == "Controller" else "config"
    value: object = vars(importlib.import_module(f"m3core.controller.{home}"))[name]
    globals()[name] = value
    return value
