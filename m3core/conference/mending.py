"""A stream that breaks while the signaling lives: begun anew once, and given up after that (media.md § 4.5, 4.6).

A media server that restarts, or a relay that is lost, ends a stream that everybody still wants. So a stream that was
live and breaks is suspended, as by a lost connection: its peer, with sources or readers, stays. After a moment it is
published again, or subscribed to again. What breaks once more within `STREAM_STABLE`, or cannot be begun anew, has
ended: one attempt, no loop.

The moment is there for what comes with the break. A connection that is lost right after its media renews all streams
by itself; and of a publisher who stops, the media engine may know before the server tells us.
"""

from __future__ import annotations

from typing import Final

from attrs import define

from m3core.errors import M3Error, MediaError
from m3core.limits import STREAM_RENEWAL_DELAY

MEDIA_ENDED: Final = "the media connection ended"
"""Said by the server (`webrtc_down`) or by our own media engine, whichever comes first: it is the same cause."""


@define
class Mending:
    """What a broken stream waits for."""

    error: M3Error
    """Why it broke ..."""
    vain: M3Error | None = None
    """... and why its publisher is not there."""
    due: float | None = None
    """When to begin anew; None: it was begun, or is not to be begun before its publisher is there."""
    is_last: bool = False
    """What fails now is not tried in another way. Of a subscription: it broke before, and ends when it is due."""
    until: float | None = None
    """How long a subscription waits for its publisher."""
    by_server: bool = False
    """The server said so: for it, too, the stream is gone."""
    begun: bool = False
    is_announced: bool = True
    """The publisher, who may have broken too, still publishes the stream, as far as is told."""
    restarted: bool = False
    """The server was asked to begin anew what it may still have."""

    @property
    def waits(self) -> bool:
        """Whether it waits for its publisher."""
        return self.due is None and not self.begun

    @property
    def deadline(self) -> float | None:
        """When something is due."""
        return self.until if self.waits else self.due

    def begin(self) -> None:
        """It is begun anew."""
        self.due = None
        self.begun = True

    def wait(self, until: float) -> None:
        """Nothing can be done before the publisher is there; what waits already waits no longer for that."""
        self.due = None
        self.begun = False
        if self.until is None:
            self.until = until


def moment(jitter: float) -> float:
    """How long after a break to begin anew: all clients of a media server that restarts break at once."""
    return STREAM_RENEWAL_DELAY * (0.5 + min(max(jitter, 0.0), 1.0))


def in_vain(error: M3Error, first: M3Error | None) -> M3Error:
    """Why a stream has ended that broke for ``first`` and was begun anew."""
    if first is None or str(first) == str(error):
        return error
    return MediaError(f"{error} (after it was begun anew: {first})")
