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
    """Media time in seconds, which goes on when a peer begins anew.

    The frames of a new peer connection have a clock that starts at 0 again; a consumer must not see time jump back.
    """

    def __init__(self) -> None:
        self._shift: float | None = 0.0
        self._last: tuple[float, float] | None = None
        """The latest time, and when it was given, in seconds of `time.monotonic`."""

    def begin(self) -> None:
        """The following frames are those of another peer connection."""
        if self._last is not None:
            self._shift = None

    def at(self, frame_time: float) -> float:
        """The time of the next frame, which has ``frame_time`` on its own clock."""
        now = time.monotonic()
        if self._shift is None and self._last is not None:
            # The gap between the two connections has its real length.
            told, when = self._last
            self._shift = told + (now - when) - frame_time
        told = frame_time + (self._shift or 0.0)
        self._last = (told, now)
        return told


class ReceivedTrack(Generic[T]):
    """Decoded frames of one kind. All methods can be called from any thread.

    Without a consumer (`attach`) it keeps the newest frame only, so that streams that are not read cost no memory. With
    one it keeps at most `m3core.limits.MAX_FRAMES`; the oldest is dropped and counted.
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
        """Set the consumer: ``wake`` is called in the engine's thread when `pop` has something, or at the end.

        It is called at once if frames or the end are there already. None detaches the consumer.
        """
        with self._lock:
            # What an unread queue of one frame drops is not counted: no consumer was too slow for it.
            self._wake = wake
            self._dropped = self._counted()
            self._queue.dropped = 0
            self._queue.limit = 1 if wake is None else MAX_FRAMES
            ready = wake is not None and (len(self._queue) > 0 or self._queue.ended)
        if ready and wake is not None:  # outside of the lock: `wake` may call `pop`
            wake()

    def pop(self) -> T | None:
        """The oldest frame that waits, or None."""
        with self._lock:
            return self._queue.pop()

    @property
    def ended(self) -> bool:
        """Whether no more frames will come. Frames that wait can still be popped."""
        with self._lock:
            return self._queue.ended

    @property
    def dropped(self) -> int:
        """How many frames were dropped while a consumer was attached."""
        with self._lock:
            return self._counted()

    def _counted(self) -> int:
        return self._dropped + (self._queue.dropped if self._queue.limit > 1 else 0)

    def clear(self) -> None:
        """Drop the frames that wait, without counting them."""
        with self._lock:
            self._queue.clear()

    # -- for the engine ---
    def put(self, frame: T) -> None:
        self.frames += 1
        if self.first_frame_at is None:
            self.first_frame_at = time.monotonic()
        with self._lock:
            wake = self._wake if self._queue.put(frame) else None
        if wake is not None:
            wake()

    def end(self) -> None:
        """End the track: no frame follows."""
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
        """End both tracks."""
        self.video.end()
        self.audio.end()
