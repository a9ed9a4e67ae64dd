"""Whether the other end still lives: a half-open connection is silent for ever (signaling.md § 2).

Pings of the server are signs of life, too, though answered below us. So whoever hears nothing at all asks, and whoever
hears nothing then is alone.
"""

from __future__ import annotations

from m3core.conference.outbox import Outbox
from m3core.limits import KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT
from m3core.messages import echo
from m3core.signaling import State

SILENCE = KEEPALIVE_INTERVAL + KEEPALIVE_TIMEOUT
"""Seconds without a word after which a connection is lost."""


class KeepAlive:
    """The silence of the present connection."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.deadline: float | None = None
        """When something is due; ``None`` while nobody is watched."""
        self._asked = False
        self._has_echo = True
        self._echo_is_open = False

    def heard(self, now: float) -> None:
        """Something came, whatever it was."""
        self.deadline = now + KEEPALIVE_INTERVAL
        self._asked = False

    def echoed(self) -> None:
        """The server answered our question."""
        self._echo_is_open = False

    def is_echo_refused(self) -> bool:
        """Whether `invalid_namespace` is about our echo: then this server has none, and is pinged from now on."""
        if not self._echo_is_open:
            return False
        self._echo_is_open = self._has_echo = False
        return True

    def stop(self) -> None:
        """There is nobody to listen for."""
        self.deadline = None

    def is_dead(self, now: float) -> bool:
        """Ask if it is time to; whether there was no answer. Its time begins with the question, however late."""
        if self.deadline is None or self.deadline > now:
            return False
        if self._asked:
            self.stop()
            return True
        self._asked = True
        self.deadline = now + KEEPALIVE_TIMEOUT
        if self._has_echo and self._outbox.signaling.state is State.JOINED:
            self._echo_is_open = True
            self._outbox.send(echo.Ping())
        else:
            self._outbox.ping()  # modules are deaf before the room (signaling.md § 4)
        return False
