"""Frames, levels, and the policy of media queues and clocks, as pure logic.

This module owns the frames that users see, and how outputs are paced, cut into frames and bounded. It does not know
aiortc or av. It imports numpy and Pillow only when a frame is asked for an array or an image, so that signaling needs
neither. Nothing here reads a clock (``now`` is monotonic seconds), and nothing is thread-safe: code that passes
frames between threads has to hold a lock.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar, final

from attrs import field, frozen

from m3core.errors import LocalProtocolError, MissingExtra, WrongValue
from m3core.limits import (
    KEYFRAME_INTERVAL,
    MAX_AUDIO_BUFFER,
    MAX_FRAMES,
    PACER_LEAP,
    PACER_PATIENCE,
    TALKING_LEVEL,
    TALKING_PACKETS,
)

if TYPE_CHECKING:
    from numpy import int16, uint8
    from numpy.typing import NDArray
    from PIL.Image import Image

    from m3core.values import MediaKind

SAMPLE_RATE: Final = 48_000
"""Samples per second of all audio that is sent. Opus has no other RTP clock (RFC 7587 s.4.1)."""
AUDIO_FRAME_SAMPLES: Final = 960
"""Samples of one channel in a sent audio frame: 20 ms, the packet time of opus in WebRTC (RFC 7587 s.4.2)."""
AUDIO_FRAME_SECONDS: Final = AUDIO_FRAME_SAMPLES / SAMPLE_RATE
SILENCE: Final = -127.0
"""The lowest level, dBov (RFC 6464 s.3)."""

T = TypeVar("T")


class Pixels(Protocol):
    """The pixels of a frame, which are converted only when a user asks for them."""

    def rgb(self) -> bytes:
        """Packed RGB: 3 bytes per pixel, rows from the top, without padding."""


@final
@frozen(eq=False)
class RgbPixels:
    """Pixels in packed RGB, which need no conversion."""

    data: bytes = field(repr=False)

    def rgb(self) -> bytes:
        return self.data


@final
@frozen(eq=False)
class VideoFrame:
    """One decoded picture. ``time`` is seconds on the stream's own clock, which starts near 0."""

    width: int
    height: int
    time: float
    pixels: Pixels = field(repr=False)

    @classmethod
    def from_rgb(cls, width: int, height: int, data: bytes, time: float = 0.0) -> VideoFrame:
        """A frame of packed RGB bytes. Raises `LocalProtocolError` if there are not width x height x 3."""
        if width < 1 or height < 1 or len(data) != width * height * 3:
            raise WrongValue("an RGB frame needs width x height x 3 bytes")
        return cls(width, height, time, RgbPixels(data))

    def to_ndarray(self) -> NDArray[uint8]:
        """A height x width x 3 array of uint8, RGB. Raises `MissingExtra` without numpy."""
        try:
            import numpy as np
        except ImportError as error:
            raise MissingExtra.of("to_ndarray", "media", error) from None
        return np.frombuffer(self.pixels.rgb(), dtype=np.uint8).reshape(self.height, self.width, 3)

    def to_image(self) -> Image:
        """A Pillow image, RGB. Raises `MissingExtra` without Pillow."""
        try:
            from PIL import Image
        except ImportError as error:
            raise MissingExtra.of("to_image", "cli", error) from None
        return Image.frombytes("RGB", (self.width, self.height), self.pixels.rgb())


@final
@frozen(eq=False)
class AudioFrame:
    """Some milliseconds of sound: signed 16-bit samples in native byte order, channels interleaved.

    ``time`` is seconds on the stream's own clock. Raises `LocalProtocolError` if the bytes are not whole samples.
    """

    samples: bytes = field(repr=lambda data: f"<{len(data)}>")
    sample_rate: int = SAMPLE_RATE
    channels: int = 1
    time: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.sample_rate < 1 or self.channels < 1 or len(self.samples) % (2 * self.channels):
            raise WrongValue("audio samples are 2 bytes for each channel")

    @property
    def sample_count(self) -> int:
        """How many samples each channel has."""
        return len(self.samples) // (2 * self.channels)

    @property
    def duration(self) -> float:
        """How long the sound is, in seconds."""
        return self.sample_count / self.sample_rate

    @property
    def level(self) -> float:
        """Loudness in dBov, -127 (silence) to 0; see `audio_level`."""
        return audio_level(self.samples)

    def to_ndarray(self) -> NDArray[int16]:
        """A samples x channels array of int16. Raises `MissingExtra` without numpy."""
        try:
            import numpy as np
        except ImportError as error:
            raise MissingExtra.of("to_ndarray", "media", error) from None
        return np.frombuffer(self.samples, dtype=np.int16).reshape(-1, self.channels)


def audio_level(samples: bytes) -> float:
    """The level of signed 16-bit samples in dBov, -127.0 to 0.0 (RMS, RFC 6464 s.3, RFC 6465 appendix A)."""
    values = array("h", samples)
    energy = sum(value * value for value in values)
    if not energy:
        return SILENCE
    return max(SILENCE, min(0.0, 10.0 * math.log10(energy / (len(values) * 32767.0 * 32767.0))))


class FrameQueue(Generic[T]):
    """A queue of at most ``limit`` frames. A full queue drops its oldest frame and counts it in ``dropped``.

    After `end` the queue takes no more frames. Those in it can still be taken.
    """

    def __init__(self, limit: int = MAX_FRAMES) -> None:
        self._frames: deque[T] = deque()
        self._limit = limit
        self.dropped = 0
        self.ended = False

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def limit(self) -> int:
        """How many frames are kept. Lowering it drops the oldest frames without counting them."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        while len(self._frames) > limit:
            self._frames.popleft()

    def put(self, frame: T) -> bool:
        """Add a frame; returns whether the queue was empty, so that a sleeping reader must be woken."""
        if self.ended:
            return False
        was_empty = not self._frames
        if len(self._frames) >= self._limit:
            self._frames.popleft()
            self.dropped += 1
        self._frames.append(frame)
        return was_empty

    def pop(self) -> T | None:
        """Remove and return the oldest frame; None if there is none."""
        return self._frames.popleft() if self._frames else None

    def clear(self) -> None:
        """Remove all frames without counting them as dropped."""
        self._frames.clear()

    def end(self) -> None:
        """No more frames will come."""
        self.ended = True


class Pacer:
    """When to send a frame: maps media time to the monotonic clock.

    The first frame is sent at once, and sets the mapping. A sender that is a little late catches up. If it is later
    than ``patience``, or if its timestamps jump by more than ``leap`` seconds, the mapping is set anew. So frames never
    leave in a burst.
    """

    def __init__(self, patience: float = PACER_PATIENCE, leap: float = PACER_LEAP) -> None:
        self._patience = patience
        self._leap = leap
        self._origin: float | None = None

    def delay(self, time: float, now: float) -> float:
        """Seconds to wait from ``now`` until the frame of media ``time`` is to be sent; 0 for at once."""
        if self._origin is None:
            self._origin = now - time
        early = self._origin + time - now
        if early < -self._patience or early > self._leap:
            self._origin = now - time
            return 0.0
        return max(0.0, early)

    def due(self, time: float) -> float:
        """The instant at which the frame of media ``time`` is sent. `delay` must have been called before."""
        return (self._origin or 0.0) + time


class AudioBuffer:
    """Cuts writes of any length into frames of 20 ms at 48 kHz, and returns silence if there is nothing to send.

    ``limit`` is in seconds. All bytes are signed 16-bit samples, ``channels`` interleaved.
    """

    def __init__(self, channels: int, limit: float = MAX_AUDIO_BUFFER) -> None:
        self._step = 2 * channels
        self._size = AUDIO_FRAME_SAMPLES * self._step
        self._limit = int(limit * SAMPLE_RATE) * self._step
        self._data = bytearray()
        self._starved = False
        """The last `take` found less than a frame, and left it."""

    @property
    def seconds(self) -> float:
        """How much audio is waiting, in seconds."""
        return len(self._data) / (self._step * SAMPLE_RATE)

    @property
    def drained(self) -> bool:
        """Whether all audio that was written has been taken."""
        return not self._data

    def write(self, data: bytes) -> None:
        """Add samples. Raises `LocalProtocolError`, and adds nothing, if they are not whole or exceed the limit."""
        if len(data) % self._step:
            raise WrongValue("audio samples are 2 bytes for each channel")
        if len(self._data) + len(data) > self._limit:
            raise LocalProtocolError("audio was written too far ahead: wait until what was written has been sent")
        self._data += data

    def take(self) -> bytes:
        """The next frame.

        A rest that is shorter than a frame waits for more, for one frame of silence. Then it is padded with silence.
        """
        if len(self._data) < self._size:
            if not self._data or not self._starved:
                self._starved = bool(self._data)
                return bytes(self._size)
            frame = bytes(self._data).ljust(self._size, b"\0")
            self._data.clear()
        else:
            frame = bytes(self._data[: self._size])
            del self._data[: self._size]
        self._starved = False
        return frame

    def clear(self) -> None:
        """Remove all audio that is waiting."""
        self._data.clear()
        self._starved = False


class TalkDetector:
    """Tells talking from silence by the audio levels of packets, once for each 50 packets (media.md § 7)."""

    def __init__(self, packets: int = TALKING_PACKETS, level: int = TALKING_LEVEL) -> None:
        self._packets = packets
        self._level = level
        self._count = 0
        self._sum = 0
        self.talking = False

    def add(self, level: int) -> bool:
        """Add the ``level`` of one packet (dB below full scale, 0 to 127); returns whether `talking` changed."""
        self._count += 1
        self._sum += level
        if self._count < self._packets:
            return False
        # A louder packet has a smaller level: it counts the dB below full scale (RFC 6464 s.3).
        loud = self._sum < self._level * self._count
        self._count = self._sum = 0
        changed = loud != self.talking
        self.talking = loud
        return changed

    def reset(self) -> bool:
        """The audio stopped; returns whether `talking` changed."""
        changed = self.talking
        self._count = self._sum = 0
        self.talking = False
        return changed


class RequestLimiter:
    """Allows one request in each ``interval``. One that comes too early is sent later, for all that come meanwhile."""

    def __init__(self, interval: float = KEYFRAME_INTERVAL) -> None:
        self._interval = interval
        self._next = -math.inf
        self._pending = False

    def request(self, now: float) -> float | None:
        """Seconds until the request is to be sent (0: now); None if an earlier one is still to be sent."""
        if self._pending:
            return None
        delay = max(0.0, self._next - now)
        self._pending = delay > 0.0
        self._next = now + delay + self._interval
        return delay

    def sent(self) -> None:
        """The request that had to wait has been sent."""
        self._pending = False


class ArrivalMonitor:
    """Tells whether packets arrive. `receiving` is True from the first packet until ``silence`` seconds without one."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._last = -math.inf
        self.receiving = False

    def packet(self, now: float) -> bool:
        """A packet came; returns whether `receiving` changed."""
        self._last = now
        changed = not self.receiving
        self.receiving = True
        return changed

    def check(self, now: float) -> bool:
        """Time has passed; returns whether `receiving` changed."""
        if not self.receiving or now - self._last < self._silence:
            return False
        self.receiving = False
        return True


@frozen
class KindStats:
    """Counters of one kind of media of one peer, since it was opened. Bytes are those of RTP payloads."""

    frames_sent: int = 0
    bytes_sent: int = 0
    frames_received: int = 0
    bytes_received: int = 0
    frames_dropped: int = 0


@frozen
class PeerStats:
    """Counters of one peer. The counters of sent bytes may be a second old."""

    video: KindStats = KindStats()
    audio: KindStats = KindStats()

    def of(self, kind: MediaKind) -> KindStats:
        """The counters of audio or of video."""
        return self.video if kind.value == "video" else self.audio
