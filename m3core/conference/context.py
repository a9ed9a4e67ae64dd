"""What the parts of the engine work with: the time, the outputs, the open calls. The engine itself provides it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from m3core.conference.calls import Calls
from m3core.conference.common import Phase
from m3core.conference.outbox import Outbox
from m3core.io import IceServer


class Context(Protocol):
    """The conference, as the media sessions and the phases of its life see it."""

    now: float
    """Monotonic seconds: the latest time that any input told."""
    jitter: Callable[[], float]
    """Gives a float in [0, 1), a new one each time."""
    outbox: Outbox
    calls: Calls
    ice_servers: tuple[IceServer, ...]
    """What the next peer connection gets."""

    @property
    def phase(self) -> Phase:
        """Where the conference stands."""
        ...
