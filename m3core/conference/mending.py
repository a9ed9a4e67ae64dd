"""A stream that breaks while the signaling lives is renewed once, and ends if that fails (media.md § 4.5, 4.6).

A media server that restarts, or a relay that is lost, ends a stream that everybody still wants. A stream that was live
and breaks is therefore suspended, as by a lost connection: its peer lives on, with its sources or readers. After a
delay the engine publishes it again, or subscribes to it again. A stream that breaks a second time within
`STREAM_STABLE`, or cannot be renewed, has ended: there is one attempt and no loop.

The delay leaves time for news that explains the break. If the connection is lost right after its media, the resume
renews all streams anyway. If a publisher stops, our media engine may notice before the server tells us.
"""

from __future__ import annotations

from typing import Final

from attrs import define

from m3core.errors import M3Error, MediaError
from m3core.limits import STREAM_RENEWAL_DELAY

MEDIA_ENDED: Final = "the media connection ended"
"""The error text of a break, whether the server (`webrtc_down`) or our own media engine was the first to report it."""


@define
class Mending:
    """How far the renewal of one broken stream is. It exists from the break until the stream is live again."""

    error: M3Error
    """Why the stream broke."""
    absence: M3Error | None = None
    """Why a subscription waits for its publisher: the error that it ends with if that is in vain."""
    due: float | None = None
    """When to begin the renewal; ``None``: it has begun, or waits for the publisher."""
    is_last: bool = False
    """A publication: no other way to renew it is left. A subscription: it is not renewed, and ends when it is due."""
    until: float | None = None
    """Until when a subscription waits for its publisher."""
    by_server: bool = False
    """Whether the server reported the break: then the stream is gone for the server, too."""
    begun: bool = False
    """Whether the stream was asked for again, and the answer is under way."""
    is_announced: bool = True
    """Whether the server still lists the stream. A publisher whose stream broke as well publishes it later again."""
    restarted: bool = False
    """Whether the server was asked to restart a stream that it may still have."""

    @property
    def waits_for_publisher(self) -> bool:
        """Whether a subscription can be renewed only after news of its publisher."""
        return self.due is None and not self.begun

    @property
    def deadline(self) -> float | None:
        """When to begin the renewal, or when the wait for the publisher ends."""
        return self.until if self.waits_for_publisher else self.due

    def begin(self) -> None:
        """The stream is asked for again now."""
        self.due = None
        self.begun = True

    def wait(self, until: float) -> None:
        """Wait for the publisher until ``until``, or until the time of a wait before this one."""
        self.due = None
        self.begun = False
        if self.until is None:  # else a server that announces and refuses in turn would prolong the wait for ever
            self.until = until


def renewal_delay(jitter: float) -> float:
    """Seconds from a break to the renewal. ``jitter`` spreads the many clients of a media server that restarts."""
    return STREAM_RENEWAL_DELAY * (0.5 + min(max(jitter, 0.0), 1.0))


def renewal_failed(error: M3Error, first: M3Error | None) -> M3Error:
    """The error of a stream that broke because of ``first`` and whose renewal failed with ``error``."""
    if first is None or str(first) == str(error):
        return error
    return MediaError(f"{error} (while the stream was renewed, which had broken: {first})")
