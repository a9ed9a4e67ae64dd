"""What the participants of the demo receive of each other's streams: whose pictures they are, and some to show."""

from __future__ import annotations

from typing import Final

from m3asyncio.cli.receiver import ReceivedStream
from m3asyncio.pattern import read_pattern, sender_code
from m3core.media import VideoFrame
from m3core.values import MediaSessionType

MAX_SAMPLES: Final = 48
"""Pictures that are kept of each stream, evenly spread over its time."""


class WatchedStream:
    """One stream at one receiver.

    ``pattern`` is the name that every picture must carry (`m3asyncio.pattern`); empty if it is a file that is streamed.
    `see` is called in the event loop of the receiver; everything else may be read in any.
    """

    def __init__(self, receiver: str, sender: str, kind: MediaSessionType, pattern: str) -> None:
        self.receiver = receiver
        self.sender = sender
        self.kind = kind
        self.received = ReceivedStream(sender, kind)
        self.samples: list[tuple[float, VideoFrame]] = []
        """Seconds since the first picture, and the picture."""
        self.foreign = 0
        """Pictures that carry another name."""
        self._code = sender_code(pattern) if pattern else None
        self._first_at = 0.0
        self._interval = 0.05

    @property
    def name(self) -> str:
        """Receiver, sender and kind, as the timeline and the table show them."""
        return f"{self.receiver} ← {self.sender} {self.kind.value}"

    def see(self, received: ReceivedStream, frame: VideoFrame) -> None:
        """Take the next picture. ``received`` has its counters."""
        self.received = received
        if self._code is not None:
            reading = read_pattern(frame)
            if reading is None:
                return  # a camera that is muted sends black pictures
            if reading.sender_code != self._code:
                self.foreign += 1
                return
        self._keep(frame)

    def _keep(self, frame: VideoFrame) -> None:
        if not self.samples:
            self._first_at = frame.time
        elapsed = frame.time - self._first_at
        if self.samples and elapsed - self.samples[-1][0] < self._interval:
            return
        self.samples.append((elapsed, frame))
        if len(self.samples) >= MAX_SAMPLES:  # every second one goes, and from now on they are kept half as often
            del self.samples[1::2]
            self._interval *= 2
