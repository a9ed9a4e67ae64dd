"""What media sessions and the phases of a conference need of the engine: the time, the outputs, the open calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from m3core.conference.calls import Calls
from m3core.conference.common import Phase
from m3core.conference.outbox import Outbox
from m3core.io import IceServer


class Context(Protocol):
    """The part of the engine that the files below it may use. `Conference` implements it."""

    now: float
    """Monotonic seconds: the largest ``now`` of any input so far."""
    jitter: Callable[[], float]
    """Gives a float in [0, 1), a new one for each call."""
    outbox: Outbox
    calls: Calls
    ice_servers: tuple[IceServer, ...]
    """The ICE servers of the next peer connection."""

    @property
    def phase(self) -> Phase:
        """The present phase."""
        ...
