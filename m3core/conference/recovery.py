"""A connection that was lost, and the attempts to open another one (signaling.md § 3).

What waits meanwhile waits here: the streams, and the calls that a new connection can still fulfil. `life` makes the
attempts; this file knows when, how often, and whether as the participant that we were.
"""

from __future__ import annotations

from typing import Final

from m3core.conference.backoff import BackOff, is_running, may_pass
from m3core.conference.calls import CallKind
from m3core.conference.context import Context
from m3core.conference.events import ConnectionLost
from m3core.conference.streams import Streams
from m3core.errors import M3Error, TransportError
from m3core.values import Secret

_SURVIVING: Final = frozenset({CallKind.START, CallKind.PUBLISH, CallKind.SUBSCRIBE, CallKind.MOVE, CallKind.LEAVE})
"""Calls that a lost connection does not end: what they want is asked for again."""


class Recovery:
    """The way back into the room."""

    def __init__(self, context: Context, streams: Streams) -> None:
        self._context = context
        self._streams = streams
        self.backoff: Final = BackOff(context.jitter)
        self.is_resuming = False
        """From the loss of a connection until we are in the room again."""
        self.resumption: Secret | None = None
        """The token that makes us the participant that we were; None: come as somebody new."""
        self.reason = ""
        """Why the connection is gone, for people."""

    @property
    def gives_up_at(self) -> float | None:
        """When a loss has lasted too long; ``None`` while nothing is lost."""
        return self.backoff.gives_up_at

    def suspend(self, reason: str, calls_end_with: str) -> None:
        """From now on we are on the way back: streams wait, and the calls that cannot wait end."""
        calls = self._context.calls
        self.reason = reason
        self.backoff.lost(self._context.now)
        self._streams.suspend()
        for kind in CallKind:
            while kind not in _SURVIVING and (call := calls.find(kind)) is not None:
                calls.finish(call.id, error=TransportError(calls_end_with))
        self.is_resuming = True

    def lost(self, detail: str) -> None:
        """The connection broke while we were in the room, or in the waiting room."""
        self.suspend(detail, f"the connection was lost before the command was done ({detail})")
        self._context.outbox.notify(ConnectionLost(detail=detail))

    def next_attempt(self, error: M3Error | None) -> float:
        """When to make the next attempt; ``error``: what the server answered to the last one, if anything."""
        return self.backoff.next(self._context.now, running=error is not None and is_running(error))

    def may_try_again(self, error: M3Error) -> bool:
        """Whether an attempt that failed with ``error`` is followed by another one."""
        if not self.is_resuming or not may_pass(error):
            return False
        if is_running(error) and self.backoff.is_old(self._context.now):
            # The controller has crashed, and keeps our token and our ghost (signaling.md § 3): come as a new one.
            self.resumption = None
        return True

    def inside(self) -> None:
        """We are in the room or the waiting room."""
        self.backoff.connected(self._context.now)

    def stop(self) -> None:
        """The conference is over."""
        self.backoff.gives_up_at = None
