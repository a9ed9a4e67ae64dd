"""The sources that can be published: `pattern`, `tone`, `file`, `frames`, `AudioOutput`.

A source belongs to no event loop. It says which kinds it has (``has_video``, ``has_audio``), and plays from its start
at each publication. An error in its arguments is raised when it is made, other errors when it is published, before
anything is sent; see each function.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from m3asyncio.audio_output import AudioOutput
from m3asyncio.av_frames import av_video
from m3asyncio.file_source import FileSource
from m3asyncio.inputs import AudioInput, ThreadSource, VideoInput
from m3asyncio.pattern import Pattern, Style
from m3asyncio.source_base import AudioSource, Source, VideoSource
from m3core.arguments import checked
from m3core.errors import WrongType, WrongValue
from m3core.media import AUDIO_FRAME_SAMPLES, SAMPLE_RATE, VideoFrame

__all__ = ["AudioOutput", "Source", "file", "frames", "pattern", "tone"]

MAX_FPS: Final = 120


# -- pattern ---
class _PatternSource(VideoSource):
    def __init__(self, name: str, width: int, height: int, fps: float, style: Style) -> None:
        self._arguments = (name, width, height, style)
        self._fps = fps
        Pattern(*self._arguments)  # raises now for a bad size

    def _video(self) -> VideoInput:
        return _PatternInput(Pattern(*self._arguments), self._fps)


class _PatternInput:
    def __init__(self, pattern: Pattern, fps: float) -> None:
        self._pattern = pattern
        self._fps = fps
        self._counter = 0

    async def read(self) -> tuple[av.VideoFrame, float]:
        counter = self._counter
        self._counter += 1
        return self._pattern.draw(counter), counter / self._fps

    def close(self) -> None:
        pass


@checked
def pattern(
    name: str = "", width: int = 640, height: int = 480, fps: float = 30.0, *, style: Style = "camera"
) -> Source:
    """Moving test pictures with the name of the sender and a counter; `m3asyncio.pattern.read_pattern` reads them.

    Raises `LocalProtocolError` for sizes or rates that cannot be sent.
    """
    _check_fps(fps)
    return _PatternSource(name, width, height, fps, style)


def _check_fps(fps: float) -> None:
    if not 0 < fps <= MAX_FPS:
        raise WrongValue(f"fps must be above 0 and at most {MAX_FPS}")


# -- tone ---
class _ToneSource(AudioSource):
    def __init__(self, frequency: float, level: float) -> None:
        self._frequency = frequency
        self._level = level

    def _audio(self) -> AudioInput:
        return _ToneInput(self._frequency, self._level)


class _ToneInput:
    channels = 1

    def __init__(self, frequency: float, level: float) -> None:
        self._step = 2 * math.pi * frequency / SAMPLE_RATE
        self._amplitude = min(32767.0, 32767.0 * 10 ** (level / 20) * math.sqrt(2))
        self._phase = 0.0
        self._ramp = np.arange(AUDIO_FRAME_SAMPLES)

    def take(self) -> bytes:
        wave = self._amplitude * np.sin(self._phase + self._step * self._ramp)
        self._phase = math.fmod(self._phase + self._step * AUDIO_FRAME_SAMPLES, 2 * math.pi)
        samples: bytes = wave.astype(np.int16).tobytes()
        return samples

    def close(self) -> None:
        pass


@checked
def tone(frequency: float = 440.0, level: float = -20.0) -> Source:
    """A sine of ``frequency`` Hz at ``level`` dBov. Raises `LocalProtocolError` for what cannot be heard."""
    if not 0 < frequency <= SAMPLE_RATE / 2 or not -127 <= level <= 0:
        raise WrongValue("a tone must have a frequency up to 24 kHz and a level of -127 to 0 dBov")
    return _ToneSource(frequency, level)


@checked
def file(
    path: str | os.PathLike[str],
    *,
    loop: bool = False,
    input_format: str | None = None,
    options: dict[str, str] | None = None,
) -> Source:
    """Video and audio of a file, or of any input of FFmpeg (``input_format``: lavfi, v4l2, x11grab, alsa ...).

    It is paced by its timestamps. At its end nothing more is sent; with ``loop`` it starts again. Publishing a file
    that is missing, or that holds no media, raises `MediaError`.
    """
    return FileSource(os.fspath(path), input_format, options or {}, loop=loop)


# -- the user's own pictures ---
class _FramesSource(VideoSource):
    def __init__(self, pictures: Iterable[NDArray[np.uint8] | VideoFrame], fps: float) -> None:
        self._pictures = pictures
        self._fps = fps

    def _video(self) -> VideoInput:
        return ThreadSource("m3-frames", self._produce, video=True, audio=False).open_video()

    def _produce(self, sink: ThreadSource) -> None:
        for number, picture in enumerate(self._pictures):
            sink.put_video(av_video(picture), number / self._fps)


@checked
def frames(pictures: Iterable[NDArray[np.uint8] | VideoFrame], fps: float = 30.0) -> Source:
    """The pictures of an iterable (height x width x 3 arrays of uint8, RGB; or `VideoFrame`s), ``fps`` a second.

    The iterable is read in a thread of its own, a little ahead, and may block. A picture of another shape or dtype, or
    an exception of the iterable, ends the source with an error. Raises `LocalProtocolError` for a bad ``fps``, or when
    ``pictures`` is not an iterable of pictures.
    """
    _check_fps(fps)
    if isinstance(pictures, (np.ndarray, VideoFrame)):  # iterables, too, but each is one picture
        raise WrongType("frames() takes an iterable of pictures: arrays or VideoFrames")
    return _FramesSource(pictures, fps)
