"""The server engine: rooms, tickets, participants.

`Controller` takes whole requests and messages, `front.Front` takes bytes, and `sfu` is the port to a media server. One
module for each namespace mirrors `m3core.messages`, and one for each REST resource, in `resources`, mirrors
`m3core.rest`.

The public names are imported at their first use: `m3 --help` needs the feature levels only, and not the engine.
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
    """Import a public name at its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "engine" if name == "Controller" else "config"
    value: object = vars(importlib.import_module(f"m3core.controller.{home}"))[name]
    globals()[name] = value
    return value
