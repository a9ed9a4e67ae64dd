"""Notices a connection that died without a close: a half-open TCP connection is silent for ever (signaling.md § 2).

Whatever comes from the server shows that the connection lives, its pings too, although the WebSocket below the engine
answers those. After a silence of `KEEPALIVE_INTERVAL` the client asks for an answer. If nothing comes within
`KEEPALIVE_TIMEOUT` after that, the connection is lost.
"""

from __future__ import annotations

from m3core.conference.outbox import Outbox
from m3core.limits import KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT
from m3core.messages import echo
from m3core.signaling import State

SILENCE = KEEPALIVE_INTERVAL + KEEPALIVE_TIMEOUT
"""Seconds without anything from the server after which a connection is lost."""


class KeepAlive:
    """The silence of the present connection."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.deadline: float | None = None
        """When to call `is_dead`; ``None`` while no connection is watched."""
        self._asked = False
        self._has_echo = True
        self._echo_is_open = False

    def heard(self, now: float) -> None:
        """Something came from the server. It begins to watch the connection if it was not watched."""
        self.deadline = now + KEEPALIVE_INTERVAL
        self._asked = False

    def echoed(self) -> None:
        """The server answered our echo."""
        self._echo_is_open = False

    def is_echo_refused(self) -> bool:
        """Whether `invalid_namespace` is about our echo. Then this server has none, and pings ask it from now on."""
        if not self._echo_is_open:
            return False
        self._echo_is_open = self._has_echo = False
        return True

    def stop(self) -> None:
        """Watch no connection any more."""
        self.deadline = None

    def is_dead(self, now: float) -> bool:
        """Ask the server if that is due. Gives whether it left a question unanswered."""
        if self.deadline is None or self.deadline > now:
            return False
        if self._asked:
            self.stop()
            return True
        self._asked = True
        self.deadline = now + KEEPALIVE_TIMEOUT  # from now, not from the old deadline: a machine that slept asks late
        if self._has_echo and self._outbox.signaling.state is State.JOINED:
            self._echo_is_open = True
            self._outbox.send(echo.Ping())
        else:
            self._outbox.ping()  # before `join_success` a server may drop messages for `echo` (signaling.md § 4)
        return False
