"""Namespace `echo`: the server returns the payload of a command; clients use it as a heartbeat (signaling.md § 15, 2).

The answer is the command's payload unchanged, so events are keyed ``action``. Other payloads are unknown messages.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from m3core.messages.base import Command, Event


@frozen(kw_only=True, weakref_slot=False)
class Ping(Command):
    """Ask for a `Pong`. Some servers answer only after the join. Wire: `ping` (R)."""

    NAMESPACE: ClassVar[str] = "echo"
    ACTION: ClassVar[str] = "ping"


@frozen(kw_only=True, weakref_slot=False)
class Pong(Event):
    """The answer to `Ping`. Wire: `ping` of the server (R), keyed ``action``."""

    NAMESPACE: ClassVar[str] = "echo"
    KEY: ClassVar[str] = "action"
    MESSAGE: ClassVar[str] = "ping"
