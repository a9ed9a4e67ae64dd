"""What the modules of a controller need of it: clocks, ways out, rooms. One engine provides it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from m3core.controller.config import ControllerConfig
from m3core.controller.room import LiveRoom, Participant, Session
from m3core.controller.sfu import SfuOperation
from m3core.io import CommandId, PeerId
from m3core.messages import Event
from m3core.values import ParticipantId, RoomId, Timestamp


class Surroundings(Protocol):
    """The controller, as its modules see it."""

    config: ControllerConfig

    def direct(self) -> Timestamp:
        """Now, with nanoseconds: for answers to the sender (protocol/README.md, timestamps)."""
        ...

    def relayed(self) -> Timestamp:
        """Now, in whole seconds: for what others are told."""
        ...

    def tell(self, session: Session, event: Event) -> None:
        """Send to one."""
        ...

    def tell_all(self, participants: Iterable[Participant], event: Event) -> None:
        """Send to many: encoded once."""
        ...

    def refuse(self, session: Session, slug: str) -> None:
        """Answer `control.error`."""
        ...

    def live_room(self, room_id: RoomId) -> LiveRoom | None:
        """The room, if it is live."""
        ...

    def room_of(self, participant: Participant) -> LiveRoom:
        """The room that a participant is in."""
        ...

    def command_sfu(self, peer: PeerId, operation: SfuOperation) -> CommandId:
        """Command the media server."""
        ...

    def new_peer(self) -> PeerId:
        """An id for a new peer of the media server."""
        ...

    def new_participant_id(self) -> ParticipantId:
        """A new UUID."""
        ...
