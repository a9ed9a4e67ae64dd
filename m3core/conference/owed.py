"""Recognizes the `webrtc_down` messages about streams of ours that we have already ended (media.md § 2, 3).

The server answers `unpublish` with `webrtc_down` for our id: most often after 28 ms, sometimes after 2 s, or never. The
message names the type of the stream, so it may seem to be about the next stream of that type. These rules tell:

* Before the offer of the next stream is sent, the server does not know that stream: the message is about the old one.
* Until the answer to that offer comes, the server may not even have read the `unpublish`: each `unpublish` that we sent
  owes us one message.
* The answer proves that the server has read it, because it handles our messages in order (signaling.md § 2). The owed
  message may come up to `LATE_MEDIA_MESSAGES` after that. Later, or when none is owed, a message is about the new
  stream.

If the new stream breaks in those seconds, its message is taken for the owed one. Our own media engine reports that
break, too, so it is not missed.
"""

from __future__ import annotations

from m3core.limits import LATE_MEDIA_MESSAGES
from m3core.values import MediaSessionKey


class OwedMessages:
    """How many such messages are to come for each stream, and until when."""

    def __init__(self) -> None:
        self._count: dict[MediaSessionKey, int] = {}
        self._until: dict[MediaSessionKey, float] = {}

    def unpublished(self, key: MediaSessionKey) -> None:
        """We sent `unpublish`."""
        self._count[key] = self._count.get(key, 0) + 1
        self._until.pop(key, None)  # what an answer proved, it proved about an earlier `unpublish`

    def answered(self, key: MediaSessionKey, now: float) -> None:
        """The offer of the next stream was answered. Answers to its later offers change nothing."""
        self._until.setdefault(key, now + LATE_MEDIA_MESSAGES)

    def take(self, key: MediaSessionKey, now: float) -> bool:
        """Take a `webrtc_down`. Gives whether it was owed, and so is about a stream that we ended."""
        if now > self._until.get(key, now):
            self._count.pop(key, None)
        count = self._count.get(key, 0)
        if count:
            self._count[key] = count - 1
        return count > 0

    def forget(self) -> None:
        """There is another connection, which carries no messages about the streams before it."""
        self._count.clear()
        self._until.clear()
