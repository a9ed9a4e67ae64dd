"""Whether the other end still lives: a half-open connection is silent for ever (signaling.md § 2).

Servers ping too, but those pings are answered below us. So whoever hears nothing asks, and whoever hears nothing then
is alone.
"""

from __future__ import annotations

from enum import Enum

from m3core.limits import KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT

SILENCE = KEEPALIVE_INTERVAL + KEEPALIVE_TIMEOUT
"""Seconds without a word after which a connection is lost."""


class Pulse(Enum):
    """What is due."""

    NOTHING = "nothing"
    ASK = "ask"
    DEAD = "dead"


class KeepAlive:
    """The silence of one connection."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        """When something is due; ``None`` while nobody is watched."""
        self._asked = False

    def heard(self, now: float) -> None:
        """Something came, whatever it was."""
        self.deadline = now + KEEPALIVE_INTERVAL
        self._asked = False

    def stop(self) -> None:
        """There is nobody to listen for."""
        self.deadline = None

    def advance(self, now: float) -> Pulse:
        """What is due ``now``. The time for an answer begins with the question, however late that was asked."""
        if self.deadline is None or self.deadline > now:
            return Pulse.NOTHING
        if self._asked:
            self.stop()
            return Pulse.DEAD
        self._asked = True
        self.deadline = now + KEEPALIVE_TIMEOUT
        return Pulse.ASK
