"""The server engine: rooms, tickets, participants. `Controller` takes whole requests and messages, `front.Front` bytes;
`sfu` is the port to a media server; one module for each namespace mirrors `m3core.messages`."""

from m3core.controller.config import ControllerConfig, Identities, TokenTable, User
from m3core.controller.engine import Controller

__all__ = ["Controller", "ControllerConfig", "Identities", "TokenTable", "User"]
