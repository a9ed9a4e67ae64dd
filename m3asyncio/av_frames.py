"""Conversion between the frames of users and those of av, in both directions. Frames of users are checked here."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from attrs import field, frozen

from m3core.errors import WrongType, WrongValue
from m3core.media import SAMPLE_RATE, AudioFrame, VideoFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

VIDEO_CLOCK: Final = Fraction(1, 90_000)
AUDIO_CLOCK: Final = Fraction(1, SAMPLE_RATE)
MIN_SIDE: Final = 16
"""Pixels: one macroblock of VP8."""
MAX_SIDE: Final = 4096
"""Pixels: as much as an encoder in software can do."""


@frozen(eq=False)
class AvPixels:
    """Pixels of a decoded frame. `rgb` converts them when it is called: most frames are never looked at."""

    frame: av.VideoFrame = field(repr=False)

    def rgb(self) -> bytes:
        return self.frame.to_ndarray(format="rgb24").tobytes()


def video_frame(frame: av.VideoFrame, time: float) -> VideoFrame:
    """Convert a decoded frame, for users."""
    return VideoFrame(frame.width, frame.height, time, AvPixels(frame))


def av_video(frame: VideoFrame | NDArray[np.uint8]) -> av.VideoFrame:
    """Convert a user's frame, for the encoder. Raises `LocalProtocolError` when type, shape or size does not fit."""
    if isinstance(frame, VideoFrame):
        if isinstance(frame.pixels, AvPixels):  # a received frame is sent on: no way through RGB
            return frame.pixels.frame
        frame = frame.to_ndarray()
    if not isinstance(frame, np.ndarray):
        raise WrongType("a video frame must be a VideoFrame or a numpy array")
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise WrongValue("a video frame is a height x width x 3 array of uint8")
    check_size(frame.shape[1], frame.shape[0])
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")


def check_size(width: int, height: int) -> None:
    """Raises `LocalProtocolError` unless a picture of this size can be encoded."""
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise WrongValue(f"a video frame's sides are {MIN_SIDE} to {MAX_SIDE} pixels")


def black(width: int, height: int) -> av.VideoFrame:
    """A black picture."""
    planes = np.full((height + height // 2, width), 16, dtype=np.uint8)
    planes[height:] = 128
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def samples_of(frame: av.AudioFrame) -> bytes:
    """The interleaved samples of a packed frame, without the padding of its buffer."""
    return bytes(frame.planes[0])[: frame.samples * 2 * frame.layout.nb_channels]


def audio_frame(frame: av.AudioFrame, time: float) -> AudioFrame:
    """Convert a decoded frame (packed, 16 bits), for users."""
    return AudioFrame(samples_of(frame), frame.sample_rate, frame.layout.nb_channels, time)


def av_audio(samples: bytes, channels: int, sample_rate: int = SAMPLE_RATE) -> av.AudioFrame:
    """Convert interleaved 16-bit samples of one or two channels, for the encoder or resampler."""
    frame = av.AudioFrame(
        format="s16", layout="mono" if channels == 1 else "stereo", samples=len(samples) // (2 * channels)
    )
    size = frame.planes[0].buffer_size
    frame.planes[0].update(samples.ljust(size, b"\0"))  # av pads its buffers, and `update` wants all bytes
    frame.sample_rate = sample_rate
    frame.time_base = Fraction(1, sample_rate)
    return frame


class Resampler:
    """Converts audio of any rate and format to packed 16-bit samples at 48 kHz with ``channels``."""

    def __init__(self, channels: int) -> None:
        self._resampler = av.AudioResampler(
            format="s16", layout="mono" if channels == 1 else "stereo", rate=SAMPLE_RATE
        )

    def convert(self, frame: av.AudioFrame) -> bytes:
        """Add ``frame``; the samples that are ready. Some are held back until `flush`."""
        return b"".join(samples_of(part) for part in self._resampler.resample(frame))

    def flush(self) -> bytes:
        """The samples that were held back. The resampler cannot be used afterwards."""
        return b"".join(samples_of(part) for part in self._resampler.resample(None))
