"""A client engine of an in-memory `World`, with its fake media engine, and a record of its outputs."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from m3core.conference.engine import Conference
from m3core.conference.entrance import Entrance
from m3core.io import CallDone, CallId, HttpRequest
from m3core.testing.fakes import FakeMedia
from m3core.values import MediaSessionType, ParticipantId

UTC_AT_ZERO: Final = dt.datetime(2024, 3, 5, 9, 30, tzinfo=dt.UTC)
"""The instant at which ``now`` is 0, for all engines."""
EventT = TypeVar("EventT")


def seeded_entropy(seed: str = "m3") -> Callable[[int], bytes]:
    """A source of bytes that look random, and are the same in every run."""
    counter = 0

    def entropy(size: int) -> bytes:
        nonlocal counter
        counter += 1
        return hashlib.shake_256(f"{seed}/{counter}".encode()).digest(size)

    return entropy


class Surroundings(Protocol):
    """The part of a `World` that a client uses."""

    now: float

    def drain(self, client: Client) -> None:
        """Perform the outputs of a client."""
        ...


class Client:
    """One client engine with its fake media engine, and a record of its outputs."""

    def __init__(self, world: Surroundings, entrance: Entrance, name: str, seed: object) -> None:
        entropy = seeded_entropy(f"jitter/{seed}")
        self.conference = Conference(
            entrance,
            display_name=name,
            jitter=lambda: int.from_bytes(entropy(4), "big") / 2**32,
            utc_at_zero=UTC_AT_ZERO,
        )
        self.media = FakeMedia()
        self.events: list[object] = []
        self.done: dict[CallId, CallDone] = {}
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self.closes: list[int | None] = []
        self.requests: list[tuple[float, HttpRequest]] = []
        """Every REST request, with the time at which it was made."""
        self._world = world

    @property
    def id(self) -> ParticipantId:
        """The own participant id. Raises `AssertionError` before the room."""
        own = self.conference.own
        if own is None:
            raise AssertionError("not joined")
        return own.id

    def of(self, kind: type[EventT]) -> list[EventT]:
        """The events of class ``kind`` so far, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def do(self, command: Callable[[Conference, float], CallId]) -> CallId:
        """Give the engine a command that is one call, and perform its outputs."""
        call = command(self.conference, self._world.now)
        self._world.drain(self)
        return call

    def publish(
        self, kind: MediaSessionType = MediaSessionType.VIDEO, *, audio: bool = True, video: bool = True
    ) -> CallId:
        return self.do(lambda c, now: c.publish(kind, audio=audio, video=video, now=now)[0])

    def subscribe(self, participant: ParticipantId, kind: MediaSessionType = MediaSessionType.VIDEO) -> CallId:
        return self.do(lambda c, now: c.subscribe(participant, kind, now=now)[0])

    def tell(self, what: Callable[[Conference, float], None]) -> None:
        """Give the engine any other input, and perform its outputs."""
        what(self.conference, self._world.now)
        self._world.drain(self)
