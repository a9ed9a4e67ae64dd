"""M3, the conferencing protocol of Mustang, sans-IO: typed messages, SDP, REST, and whole sessions in both roles.

This package does no I/O, reads no clock, makes no randomness and starts no thread. Three depths to use it at:

* pure functions: `decode_event`, `decode_command`, `encode`, `m3core.sdp.SessionDescription.parse`;
* signalling alone: `SignalingConnection(CLIENT | SERVER)`, four verbs, policed by state tables;
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
from m3core.values import Secret, Timestamp

if TYPE_CHECKING:
    from m3core import io as io
    from m3core import sdp as sdp

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
    """`io` and `sdp` are imported when they are first named: they are half of the time that the rest takes."""
    if name in {"io", "sdp"}:
        return importlib.import_module(f"m3core.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
