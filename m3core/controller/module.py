"""What a namespace is on the server: its commands, and its part of what joiners and others are told.

Each namespace is one subclass in one module, to be read beside its section of signaling.md. Modules keep what they
remember in the `States` of a participant, room or meeting; the rooms know nothing of modules.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, ClassVar

from m3core.controller.room import LiveRoom, Participant
from m3core.controller.surroundings import Surroundings
from m3core.messages import Command, UnknownCommand
from m3core.messages.base import Value


class Occasion(Enum):
    """Where an entry of a participant stands: not every module has its say everywhere (signaling.md § 5.2)."""

    JOIN_SUCCESS = "join_success"
    JOINED = "joined"
    UPDATE = "update"


class Module(ABC):
    """One namespace. The state tables have let through what `handle` gets; permissions are the module's business."""

    NAMESPACE: ClassVar[str]

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._handlers: Mapping[type[Command], Callable[[Participant, Any], None]] = {}
        """What to do with each command of the sender; set by the subclass."""

    def handle(self, sender: Participant, command: Command | UnknownCommand) -> None:
        """One command of somebody in the room. What a module does not know it ignores (signaling.md § 4)."""
        if isinstance(command, Command):
            handler = self._handlers.get(type(command))
            if handler is not None:
                handler(sender, command)

    # what others are told ---
    def join_data(self, joiner: Participant) -> Value | None:
        """The namespace's key of `join_success`; None: no key."""
        del joiner
        return None

    def peer_data(self, peer: Participant, occasion: Occasion, receiver: Participant | None) -> Value | None:
        """The namespace's key in the entry of ``peer``; None: no key.

        ``receiver`` is one of those who are told, all of the same groups; None where all are told the same (`UPDATE`).
        """
        del peer, occasion, receiver
        return None

    # what happens to participants and rooms ---
    def resumed(self, participant: Participant, before: Participant) -> None:
        """Somebody came back, who was ``before``: take over what survives (signaling.md § 3)."""
        del participant, before

    def entered(self, participant: Participant) -> None:
        """Somebody is in, and everybody was told: now what is queued for it, then for others (§ 5.3)."""
        del participant

    def leaving(self, participant: Participant) -> None:
        """Somebody goes, and nobody was told yet."""
        del participant

    def left(self, participant: Participant) -> None:
        """Somebody is gone, and everybody in the room was told."""
        del participant

    def closing(self, room: LiveRoom) -> None:
        """The last one left ``room``: stop what would happen later."""
        del room
