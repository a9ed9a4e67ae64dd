"""Received media on its way from the engine's thread to a consumer in any event loop, or in none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from m3core.limits import MAX_FRAMES
from m3core.media import AudioFrame, FrameQueue, VideoFrame

T = TypeVar("T")


class Timeline:
    """Media time in seconds that goes on when a peer begins anew, though the clock of its frames begins at 0 again."""

    def __init__(self) -> None:
        self._shift: float | None = 0.0
        self._last: tuple[float, float] | None = None
        """The latest time, and when it was told by `time.monotonic`."""

    def begin(self) -> None:
        """Frames of another peer connection follow."""
        if self._last is not None:
            self._shift = None

    def at(self, frame_time: float) -> float:
        """The time of the next frame, whose own clock says ``frame_time``."""
        now = time.monotonic()
        if self._shift is None and self._last is not None:
            told, when = self._last
            self._shift = told + (now - when) - frame_time
        told = frame_time + (self._shift or 0.0)
        self._last = (told, now)
        return told


class ReceivedTrack(Generic[T]):
    """Decoded frames of one kind. All methods can be called from any thread.

    Until somebody `attach`es, only the newest frame is kept, so that streams nobody reads cost no memory; then at most
    `m3core.limits.MAX_FRAMES`, the oldest dropped and counted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: FrameQueue[T] = FrameQueue(1)
        self._wake: Callable[[], None] | None = None
        self._dropped = 0
        self.timeline = Timeline()
        self.frames = 0
        """Frames decoded."""
        self.bytes = 0
        """Payload bytes received."""
        self.first_frame_at: float | None = None
        """`time.monotonic` of the first frame."""

    def attach(self, wake: Callable[[], None] | None) -> None:
        """Be the consumer: ``wake`` is called, in the engine's thread, when frames or the end came and `pop` is due.

        Called once at once if frames or the end are there already. None detaches.
        """
        with self._lock:
            self._wake = wake
            self._dropped = self._counted()
            self._queue.dropped = 0
            self._queue.limit = 1 if wake is None else MAX_FRAMES
            ready = wake is not None and (len(self._queue) > 0 or self._queue.ended)
        if ready and wake is not None:
            wake()

    def pop(self) -> T | None:
        """The oldest frame that waits, or None."""
        with self._lock:
            return self._queue.pop()

    @property
    def ended(self) -> bool:
        """Whether no more frames will come; those that wait can still be popped."""
        with self._lock:
            return self._queue.ended

    @property
    def dropped(self) -> int:
        """Frames that an attached consumer was too slow for."""
        with self._lock:
            return self._counted()

    def _counted(self) -> int:
        return self._dropped + (self._queue.dropped if self._queue.limit > 1 else 0)

    def clear(self) -> None:
        """Forget the frames that wait."""
        with self._lock:
            self._queue.clear()

    # -- for the engine ---
    def put(self, frame: T) -> None:
        """Add a frame."""
        self.frames += 1
        if self.first_frame_at is None:
            self.first_frame_at = time.monotonic()
        with self._lock:
            wake = self._wake if self._queue.put(frame) else None
        if wake is not None:
            wake()

    def end(self) -> None:
        """No more frames will come."""
        with self._lock:
            self._queue.end()
            wake = self._wake
        if wake is not None:
            wake()


class ReceivedMedia:
    """What one subscription receives."""

    def __init__(self) -> None:
        self.video: ReceivedTrack[VideoFrame] = ReceivedTrack()
        self.audio: ReceivedTrack[AudioFrame] = ReceivedTrack()

    def end(self) -> None:
        """The peer is gone."""
        self.video.end()
        self.audio.end()
