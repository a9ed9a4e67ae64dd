"""What the modules of a controller need of it: clocks, ways out, rooms. One engine provides it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from m3core.controller.alarms import Alarm
from m3core.controller.config import ControllerConfig
from m3core.controller.features import Feature
from m3core.controller.room import Participant, Rooms, Session
from m3core.controller.sfu import SfuOperation
from m3core.controller.store import Store
from m3core.io import CommandId, PeerId
from m3core.messages import Event, UnknownEvent
from m3core.values import Timestamp


class Surroundings(Protocol):
    """The controller, as its modules see it."""

    config: ControllerConfig
    rooms: Rooms
    store: Store
    namespaces: frozenset[str]
    """The modules that this controller has."""
    now: float
    """Monotonic seconds."""

    def has(self, feature: Feature) -> bool:
        """Whether the feature level of this controller has ``feature``."""
        ...

    # time ---
    def direct(self) -> Timestamp:
        """Now, with nanoseconds: for answers to the sender (protocol/README.md, timestamps)."""
        ...

    def relayed(self) -> Timestamp:
        """Now, in whole seconds: for what others are told."""
        ...

    def in_utc(self, seconds: float) -> Timestamp:
        """The instant that is so many seconds from now, with nanoseconds."""
        ...

    def after(self, seconds: float, ring: Callable[[], None]) -> Alarm:
        """Call ``ring`` later. Cancel what has lost its sense."""
        ...

    def new_id(self) -> str:
        """A new UUID."""
        ...

    # telling ---
    def tell(self, session: Session, event: Event | UnknownEvent) -> None:
        """Send to one."""
        ...

    def tell_all(self, participants: Iterable[Participant], event: Event) -> None:
        """Send to many: encoded once."""
        ...

    def refuse(self, session: Session, slug: str) -> None:
        """Answer `control.error`."""
        ...

    def announce(self, participant: Participant) -> None:
        """Tell the others in the room how somebody is now: `control.update`."""
        ...

    def announce_to(self, receiver: Participant, participant: Participant) -> None:
        """Tell one of them."""
        ...

    def dismiss(self, sessions: Iterable[Session], code: int | None) -> None:
        """Close connections, with ``code`` or by abort, all before anybody is told; their participants leave."""
        ...

    def send_back(self, participant: Participant) -> None:
        """Put somebody who is in the room into the waiting room, by the same connection."""
        ...

    # media ---
    def command_sfu(self, peer: PeerId, operation: SfuOperation) -> CommandId:
        """Command the media server."""
        ...

    def new_peer(self) -> PeerId:
        """An id for a new peer of the media server."""
        ...
