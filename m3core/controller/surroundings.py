"""What the modules of a controller need of it: time, ways to send, rooms. `engine.Controller` provides it."""

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
from m3core.values import RoomId, Timestamp


class Surroundings(Protocol):
    """The controller, as its modules see it."""

    config: ControllerConfig
    rooms: Rooms
    store: Store
    namespaces: frozenset[str]
    """The namespaces that this controller has."""

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def has(self, feature: Feature) -> bool:
        """Whether the feature level of this controller has ``feature``."""
        ...

    # time ---
    def direct(self) -> Timestamp:
        """Now, with nanoseconds: for answers to the sender (protocol/README.md, timestamps)."""
        ...

    def relayed(self) -> Timestamp:
        """Now, in whole seconds: for messages that one participant's command sends to others."""
        ...

    def in_utc(self, seconds: float) -> Timestamp:
        """The instant ``seconds`` from now, with nanoseconds. Raises `OverflowError` after the year 9999."""
        ...

    def after(self, seconds: float, ring: Callable[[], None]) -> Alarm:
        """Call ``ring`` in so many seconds, unless the alarm is cancelled."""
        ...

    def new_id(self) -> str:
        """A new UUID."""
        ...

    # sending ---
    def tell(self, session: Session, event: Event | UnknownEvent) -> None:
        """Send ``event`` to one session; do nothing if it is closed or being closed."""
        ...

    def tell_encoded(self, session: Session, event: Event, data: bytes) -> None:
        """As `tell`, for an ``event`` that the caller has encoded as ``data``."""
        ...

    def tell_all(self, participants: Iterable[Participant], event: Event) -> None:
        """Send ``event`` to many; it is encoded once."""
        ...

    def refuse(self, session: Session, slug: str) -> None:
        """Answer a command with `control.error`."""
        ...

    def announce(self, participant: Participant) -> None:
        """Send the state of ``participant`` to the others in its room: a `control.update`, which is complete and not a
        delta (signaling.md § 5.2)."""
        ...

    def announce_to(self, receiver: Participant, participant: Participant) -> None:
        """Send the same `control.update` to ``receiver`` only."""
        ...

    def dismiss(self, sessions: Iterable[Session], code: int | None) -> None:
        """Close connections with ``code``, or drop them if it is None; their participants leave."""
        ...

    def check_again(self, room: RoomId) -> None:
        """Close the connections to ``room`` that have not joined and may not do so any more: somebody was banned."""
        ...

    def send_back(self, participant: Participant) -> None:
        """Move ``participant`` from its room into the waiting room. Its connection remains open."""
        ...

    # media ---
    def command_sfu(self, peer: PeerId, operation: SfuOperation) -> CommandId:
        """Send a command to the media server."""
        ...

    def new_peer(self) -> PeerId:
        """An id for a new peer of the media server."""
        ...
