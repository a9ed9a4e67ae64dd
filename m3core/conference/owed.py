"""The `webrtc_down`s of our own streams that are about one that we have ended already (media.md § 2, 3).

The server answers `unpublish` with `webrtc_down` for our id: most often after 28 ms, sometimes after 2 s, or never. It
names the stream and not which of ours that was, and the next one of the type may be under way by then. Told apart so:

* Before our offer has left, the server knows of no new stream: what it says is about the old one.
* Until the answer comes, the server may not even have read the `unpublish`: each that we sent owes us one message.
* The answer proves that it has, since it handles our messages in order; for `LATE_MEDIA_MESSAGES` more the message may
  be on its way. After that, or when no more is owed, it means the stream that there is.

A loss in those seconds that is taken for the late message is not missed: our own media engine says so, too.
"""

from __future__ import annotations

from m3core.limits import LATE_MEDIA_MESSAGES
from m3core.values import MediaSessionKey


class Owed:
    """How many such messages are to come, and since when the stream that follows was answered."""

    def __init__(self) -> None:
        self._count: dict[MediaSessionKey, int] = {}
        self._until: dict[MediaSessionKey, float] = {}

    def unpublished(self, key: MediaSessionKey) -> None:
        """We sent `unpublish`."""
        self._count[key] = self._count.get(key, 0) + 1
        self._until.pop(key, None)

    def answered(self, key: MediaSessionKey, now: float) -> None:
        """The next stream was answered; its later offers, if any, change nothing."""
        self._until.setdefault(key, now + LATE_MEDIA_MESSAGES)

    def take(self, key: MediaSessionKey, now: float) -> bool:
        """A `webrtc_down` came: whether it was owed."""
        if now > self._until.get(key, now):
            self._count.pop(key, None)
        count = self._count.get(key, 0)
        if count:
            self._count[key] = count - 1
        return count > 0

    def forget(self) -> None:
        """Another connection: nothing of before comes any more."""
        self._count.clear()
        self._until.clear()
