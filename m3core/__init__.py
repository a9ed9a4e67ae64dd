"""M3, the conferencing protocol of Mustang, sans-IO: typed messages, SDP, REST, and whole sessions in both roles.

This package does no I/O, reads no clock, makes no randomness and starts no thread. Three depths to use it at:

* pure functions: `decode_event`, `decode_command`, `encode`, `m3core.sdp.SessionDescription.parse`;
* only signaling: `SignalingConnection(CLIENT | SERVER)`, four verbs, policed by state tables;
* whole sessions: `m3core.conference.Conference` and `m3core.controller.Controller`, engines of inputs and outputs
  (`m3core.io`) that any event loop can drive. `m3asyncio` is such a driver.
"""

import importlib
from typing import TYPE_CHECKING

from m3core import errors, limits, messages, values
from m3core.errors import LocalProtocolError, M3Error, RemoteProtocolError
from m3core.messages import (
    Command,
    Event,
    UnknownCommand,
    UnknownEvent,
    decode_command,
    decode_event,
    encode,
)
from m3core.values import Secret, Timestamp

if TYPE_CHECKING:
    from m3core import io, sdp
    from m3core.signaling import (
        CLIENT,
        CLIENT_SENDS,
        NEED_DATA,
        REFUSALS,
        SERVER,
        SERVER_SENDS,
        BadMessage,
        SignalingConnection,
        SignalingRole,
        State,
    )

__version__ = "0.1.0"

__all__ = [
    "CLIENT",
    "CLIENT_SENDS",
    "NEED_DATA",
    "REFUSALS",
    "SERVER",
    "SERVER_SENDS",
    "BadMessage",
    "Command",
    "Event",
    "LocalProtocolError",
    "M3Error",
    "RemoteProtocolError",
    "Secret",
    "SignalingConnection",
    "SignalingRole",
    "State",
    "Timestamp",
    "UnknownCommand",
    "UnknownEvent",
    "__version__",
    "decode_command",
    "decode_event",
    "encode",
    "errors",
    "io",
    "limits",
    "messages",
    "sdp",
    "values",
]


def __getattr__(name: str) -> object:
    """Import what takes long to import, and what many programs do not need, when it is first named."""
    if name in {"io", "sdp"}:
        return importlib.import_module(f"m3core.{name}")
    if name in __all__:  # all others are imported above
        return vars(importlib.import_module("m3core.signaling"))[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, for completion and `help`, also those that are not imported yet."""
    return sorted({*globals(), *__all__})
