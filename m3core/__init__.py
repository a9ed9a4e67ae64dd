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
from m3core.values import Secret, Timestamp

if TYPE_CHECKING:
    from m3core import io as io
    from m3core import sdp as sdp
    from m3core.signaling import (
        CLIENT as CLIENT,
    )
    from m3core.signaling import (
        CLIENT_SENDS as CLIENT_SENDS,
    )
    from m3core.signaling import (
        NEED_DATA as NEED_DATA,
    )
    from m3core.signaling import (
        REFUSALS as REFUSALS,
    )
    from m3core.signaling import (
        SERVER as SERVER,
    )
    from m3core.signaling import (
        SERVER_SENDS as SERVER_SENDS,
    )
    from m3core.signaling import (
        BadMessage as BadMessage,
    )
    from m3core.signaling import (
        SignalingConnection as SignalingConnection,
    )
    from m3core.signaling import (
        SignalingRole as SignalingRole,
    )
    from m3core.signaling import (
        State as State,
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


_OF_SIGNALING = frozenset(
    {
        "CLIENT",
        "CLIENT_SENDS",
        "NEED_DATA",
        "REFUSALS",
        "SERVER",
        "SERVER_SENDS",
        "BadMessage",
        "SignalingConnection",
        "SignalingRole",
        "State",
    }
)


def __getattr__(name: str) -> object:
    """What takes long to import, and what many programs do not need, is imported when it is first named."""
    if name in {"io", "sdp"}:
        return importlib.import_module(f"m3core.{name}")
    if name in _OF_SIGNALING:
        return vars(importlib.import_module("m3core.signaling"))[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
