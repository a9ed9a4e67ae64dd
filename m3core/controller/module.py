"""A namespace on the server: its commands, and its keys in the messages about joiners and participants.

Each namespace is one subclass of `Module` in one file, to be read beside its section of signaling.md. Modules keep
their state in the `States` of a participant, a room or a meeting, so that these know nothing of modules.
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
    """The message in which a participant entry stands. Modules differ in where they add a key (signaling.md § 5.2)."""

    JOIN_SUCCESS = "join_success"
    JOINED = "joined"
    UPDATE = "update"


class Module(ABC):
    """One namespace. `m3core.signaling` has let its commands through; each module checks permissions itself."""

    NAMESPACE: ClassVar[str]

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._handlers: Mapping[type[Command], Callable[[Participant, Any], None]] = {}
        """The handler of each command class, called with the sender and the command; set by the subclass."""

    def handle(self, sender: Participant, command: Command | UnknownCommand) -> None:
        """Take a command of a participant in the room. Unknown ones are ignored silently (signaling.md § 4)."""
        if isinstance(command, Command):
            handler = self._handlers.get(type(command))
            if handler is not None:
                handler(sender, command)

    # keys in messages ---
    def join_data(self, joiner: Participant) -> Value | None:
        """The value of the namespace's key in `join_success`; None: no key."""
        del joiner
        return None

    def peer_data(self, peer: Participant, occasion: Occasion, receiver: Participant | None) -> Value | None:
        """The value of the namespace's key in the entry of ``peer``; None: no key.

        ``receiver`` is one of the receivers, who all have the same groups. It is None where groups do not matter.

        Entries are encoded once and kept. They are made anew when an attribute of ``peer`` was set, or when a value in
        the `States` of ``peer`` or of its room was added, replaced or dropped. So the values that this method reads
        there are frozen, and modules replace them by `States.put`.
        """
        del peer, occasion, receiver
        return None

    # what happens to participants and rooms ---
    def resumed(self, participant: Participant, before: Participant) -> None:
        """``participant`` resumes the session of ``before``: take over what survives (signaling.md § 3)."""
        del participant, before

    def entered(self, participant: Participant) -> None:
        """``participant`` is in, and `join_success` and `joined` were sent: send the module's own messages
        (signaling.md § 5.3)."""
        del participant

    def leaving(self, participant: Participant) -> None:
        """``participant`` is about to leave its room; the others do not know of it yet."""
        del participant

    def left(self, participant: Participant) -> None:
        """``participant`` has left its room, and `left` was sent."""
        del participant

    def closing(self, room: LiveRoom) -> None:
        """The last participant has left ``room``: cancel its alarms."""
        del room
