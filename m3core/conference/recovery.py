"""A connection that was lost, and the attempts to open another one (signaling.md § 3).

`life` makes the attempts. `Recovery` decides when the next one is made, when to give up, and whether we ask for the
participant id that we had. It also suspends the streams, and ends the calls that a new connection cannot fulfil.
"""

from __future__ import annotations

from typing import Final

from m3core.conference.backoff import BackOff, is_session_running, is_temporary
from m3core.conference.calls import CallKind
from m3core.conference.context import Context
from m3core.conference.events import ConnectionLost
from m3core.conference.streams import Streams
from m3core.errors import M3Error, TransportError
from m3core.rest.busy import asked_wait
from m3core.values import Secret

_SURVIVING: Final = frozenset({CallKind.START, CallKind.PUBLISH, CallKind.SUBSCRIBE, CallKind.MOVE, CallKind.LEAVE})
"""Calls that a lost connection does not end: over the next connection the engine asks again for what they want."""


class Recovery:
    """The way back into the room."""

    def __init__(self, context: Context, streams: Streams) -> None:
        self._context = context
        self._streams = streams
        self.backoff: Final = BackOff(context.jitter)
        self.is_resuming = False
        """From the loss of a connection until we are in the room again."""
        self.resumption: Secret | None = None
        """The token that gives us our participant id again; ``None``: come as a new participant."""
        self.reason = ""
        """Why the connection is gone, as text for people."""

    @property
    def gives_up_at(self) -> float | None:
        """When to give up; ``None`` while the connection lives."""
        return self.backoff.gives_up_at

    def suspend(self, reason: str, calls_end_with: str) -> None:
        """Begin to resume: streams wait for the next connection, and the calls that cannot wait end."""
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
        """When to make the next attempt; ``error``: how the last one failed, if there was one."""
        now = self._context.now
        if error is None:
            return self.backoff.next(now)
        # Not before a busy server wants it: the attempt would only be one more that it refuses.
        return max(self.backoff.next(now, running=is_session_running(error)), now + asked_wait(error))

    def may_try_again(self, error: M3Error) -> bool:
        """Whether an attempt that failed with ``error`` is followed by another one."""
        if not self.is_resuming or not is_temporary(error):
            return False
        if is_session_running(error) and self.backoff.is_loss_noticed(self._context.now):
            # The controller has crashed: it keeps our old session locked for up to 120 s (signaling.md § 3), and lists
            # the old participant for ever. Only a new participant can join before that.
            self.resumption = None
        return True

    def inside(self) -> None:
        """The server has let us into the room or the waiting room."""
        self.backoff.connected(self._context.now)

    def stop(self) -> None:
        """The conference has ended: there is no attempt any more."""
        self.backoff.gives_up_at = None
