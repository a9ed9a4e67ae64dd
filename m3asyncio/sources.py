"""What can be published, as values that belong to no event loop: `pattern`, `tone`, `file`, `frames`, `AudioOutput`.

A source says what it has (``has_video``, ``has_audio``) and plays from its start each time it is published. What is
wrong with it is raised when it is made or published, before anything is sent; see each function.
"""

from __future__ import annotations

import math
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
import numpy as np

from m3asyncio.av_frames import Resampler, av_audio, av_video
from m3asyncio.inputs import Opened, ThreadSource
from m3asyncio.pattern import Pattern, Style
from m3core.errors import LocalProtocolError, MediaError
from m3core.media import AUDIO_FRAME_SAMPLES, SAMPLE_RATE, AudioBuffer, AudioFrame, VideoFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_FPS: Final = 120


class Source(ABC):
    """Something that can be published. Raises `M3Error`s when it cannot."""

    @property
    @abstractmethod
    def has_video(self) -> bool:
        """Whether it can give pictures."""

    @property
    @abstractmethod
    def has_audio(self) -> bool:
        """Whether it can give sound."""

    @abstractmethod
    def open(self, *, video: bool, audio: bool) -> Opened:
        """Start to play; for the media engine. May block while a file or device is opened."""


# -- pattern ---
class _PatternSource(Source):
    def __init__(self, name: str, width: int, height: int, fps: float, style: Style) -> None:
        self._arguments = (name, width, height, style)
        self._fps = fps
        Pattern(*self._arguments)  # raises now for a bad size

    @property
    def has_video(self) -> bool:
        return True

    @property
    def has_audio(self) -> bool:
        return False

    def open(self, *, video: bool, audio: bool) -> Opened:
        return Opened(video=_PatternInput(Pattern(*self._arguments), self._fps))


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


def pattern(
    name: str = "", width: int = 640, height: int = 480, fps: float = 30.0, *, style: Style = "camera"
) -> Source:
    """Moving test pictures that say who sends (``name``) and count; `m3asyncio.pattern.read_pattern` reads them.

    Raises `LocalProtocolError` for sizes or rates that cannot be sent.
    """
    _check_fps(fps)
    return _PatternSource(name, width, height, fps, style)


def _check_fps(fps: float) -> None:
    if not 0 < fps <= MAX_FPS:
        raise LocalProtocolError(f"fps is above 0 and at most {MAX_FPS}")


# -- tone ---
class _ToneSource(Source):
    def __init__(self, frequency: float, level: float) -> None:
        self._frequency = frequency
        self._level = level

    @property
    def has_video(self) -> bool:
        return False

    @property
    def has_audio(self) -> bool:
        return True

    def open(self, *, video: bool, audio: bool) -> Opened:
        return Opened(audio=_ToneInput(self._frequency, self._level))


class _ToneInput:
    channels = 1

    def __init__(self, frequency: float, level: float) -> None:
        self._step = 2 * math.pi * frequency / SAMPLE_RATE
        self._amplitude = min(32767.0, 32767.0 * 10 ** (level / 20) * math.sqrt(2))
        self._phase = 0.0
        self._ramp = np.arange(AUDIO_FRAME_SAMPLES)

    def take(self, now: float) -> bytes:  # noqa: ARG002 - an AudioInput
        wave = self._amplitude * np.sin(self._phase + self._step * self._ramp)
        self._phase = math.fmod(self._phase + self._step * AUDIO_FRAME_SAMPLES, 2 * math.pi)
        return wave.astype(np.int16).tobytes()

    def close(self) -> None:
        pass


def tone(frequency: float = 440.0, level: float = -20.0) -> Source:
    """A sine of ``frequency`` Hz at ``level`` dBov. Raises `LocalProtocolError` for what cannot be heard."""
    if not 0 < frequency <= SAMPLE_RATE / 2 or not -127 <= level <= 0:
        raise LocalProtocolError("a tone has a frequency up to 24 kHz and a level of -127 to 0 dBov")
    return _ToneSource(frequency, level)


# -- files and devices ---
class _FileSource(Source):
    def __init__(self, name: str, loop: bool, input_format: str | None, options: dict[str, str]) -> None:  # noqa: FBT001
        self._name = name
        self._loop = loop
        self._format = input_format
        self._options = options
        self._kinds: tuple[bool, bool] | None = None

    @property
    def has_video(self) -> bool:
        return self._probe()[0]

    @property
    def has_audio(self) -> bool:
        return self._probe()[1]

    def _probe(self) -> tuple[bool, bool]:
        if self._kinds is None:
            with self._container() as container:
                self._kinds = bool(container.streams.video), bool(container.streams.audio)
        return self._kinds

    def _container(self) -> av.container.InputContainer:
        try:
            container = av.open(self._name, "r", format=self._format, options=self._options)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise MediaError(f"cannot open {os.path.basename(self._name)!r}: {_why(error)}") from None  # noqa: PTH119 - may be no path
        if not (container.streams.video or container.streams.audio):
            container.close()
            raise MediaError(f"{os.path.basename(self._name)!r} has neither video nor audio")  # noqa: PTH119 - may be no path
        return container

    def open(self, *, video: bool, audio: bool) -> Opened:
        container = self._container()
        video = video and bool(container.streams.video)
        audio = audio and bool(container.streams.audio)
        reader = _FileReader(container, loop=self._loop, video=video, audio=audio)
        return ThreadSource("m3-file", reader.produce, video=video, audio=audio).open()


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


class _FileReader:
    """Reads one container to its end, or for ever; runs in the thread of a `ThreadSource`."""

    def __init__(self, container: av.container.InputContainer, *, loop: bool, video: bool, audio: bool) -> None:
        self._container = container
        self._loop = loop
        self._video = video
        self._audio = audio
        self._offset = 0.0

    def produce(self, sink: ThreadSource) -> None:
        """Put all that is in the container."""
        with self._container:
            while True:
                end = self._once(sink)
                if not self._loop or end <= self._offset:
                    return
                self._offset = end
                self._container.seek(0)

    def _once(self, sink: ThreadSource) -> float:
        """From start to end; the media time of the end."""
        streams = [*self._container.streams.video[: self._video], *self._container.streams.audio[: self._audio]]
        start: float | None = None
        end = self._offset
        resampler, sound, sound_time = Resampler(2), AudioBuffer(2), -1.0
        for frame in self._frames(streams):
            if frame.time is None:
                continue
            if start is None:
                start = frame.time
            time = max(0.0, frame.time - start) + self._offset
            if isinstance(frame, av.VideoFrame):
                sink.put_video(frame, time)
                end = max(end, time + 1 / 30)
            elif isinstance(frame, av.AudioFrame):
                if sound_time < 0:
                    sound_time = time
                end = max(end, time + frame.samples / frame.sample_rate)
                sound.write(resampler.convert(frame))
                sound_time = _put_sound(sink, sound, sound_time, AUDIO_FRAME_SAMPLES)
        if sound_time >= 0:
            sound.write(resampler.flush())
            _put_sound(sink, sound, sound_time, 1)
        return end

    def _frames(self, streams: list[av.stream.Stream]) -> Iterable[object]:
        try:
            yield from self._container.decode(*streams)
        except EOFError:
            return
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"the file cannot be decoded: {_why(error)}") from None


def _put_sound(sink: ThreadSource, sound: AudioBuffer, time: float, least: int) -> float:
    while sound.seconds * SAMPLE_RATE >= least:
        sink.put_audio(sound.take(), time)
        time += AUDIO_FRAME_SAMPLES / SAMPLE_RATE
    return time


def file(
    path: str | os.PathLike[str],
    *,
    loop: bool = False,
    input_format: str | None = None,
    options: dict[str, str] | None = None,
) -> Source:
    """Video and audio of a file, or of any input of FFmpeg (``input_format``: lavfi, v4l2, x11grab, alsa ...).

    Paced by its timestamps; at its end nothing more is sent, or with ``loop`` it starts again. A file that is missing or
    that nothing can be decoded from is a `MediaError` when it is published.
    """
    return _FileSource(os.fspath(path), loop, input_format, options or {})


# -- the user's own pictures ---
class _FramesSource(Source):
    def __init__(self, pictures: Iterable[NDArray[np.uint8] | VideoFrame], fps: float) -> None:
        self._pictures = pictures
        self._fps = fps

    @property
    def has_video(self) -> bool:
        return True

    @property
    def has_audio(self) -> bool:
        return False

    def open(self, *, video: bool, audio: bool) -> Opened:
        return ThreadSource("m3-frames", self._produce, video=True, audio=False).open()

    def _produce(self, sink: ThreadSource) -> None:
        for number, picture in enumerate(self._pictures):
            sink.put_video(av_video(picture), number / self._fps)


def frames(pictures: Iterable[NDArray[np.uint8] | VideoFrame], fps: float = 30.0) -> Source:
    """The pictures of an iterable (height x width x 3 arrays of uint8, RGB; or `VideoFrame`s), ``fps`` a second.

    The iterable is read in a thread of its own, a little ahead, and may block. A picture of another shape or dtype, or
    an exception of the iterable, ends the source with an error. Raises `LocalProtocolError` for a bad ``fps``, and for
    what is not iterable.
    """
    _check_fps(fps)
    if not isinstance(pictures, Iterable) or isinstance(pictures, (np.ndarray, VideoFrame, bytes, str)):
        raise LocalProtocolError("frames() takes an iterable of pictures")
    return _FramesSource(pictures, fps)


# -- the user's own sound ---
class AudioOutput(Source):
    """Sound that the user writes, at any pace; it is resampled, bounded, and sent in real time.

    ``sample_rate`` in Hz and ``channels`` (1 or 2) say what `write` gets. All methods can be called from any thread.
    """

    def __init__(self, sample_rate: int = SAMPLE_RATE, channels: int = 1) -> None:
        if not 4_000 <= sample_rate <= 192_000 or channels not in {1, 2}:
            raise LocalProtocolError("an AudioOutput has 4 to 192 kHz and one or two channels")
        self._rate = sample_rate
        self.channels = channels
        self._lock = threading.Lock()
        self._buffer = AudioBuffer(channels)
        self._resampler: Resampler | None = None
        self._waiting: list[Callable[[], None]] = []

    @property
    def has_video(self) -> bool:
        return False

    @property
    def has_audio(self) -> bool:
        return True

    def write(self, samples: bytes | AudioFrame | NDArray[np.int16]) -> None:
        """Add samples: interleaved 16-bit bytes, an `AudioFrame`, or an int16 array of n or n x channels samples.

        Raises `LocalProtocolError`, and takes nothing, when the type does not fit, or more than
        `m3core.media.MAX_AUDIO_BUFFER` seconds would be waiting.
        """
        rate, data = self._bytes_of(samples)
        with self._lock:
            if rate == SAMPLE_RATE:
                self._buffer.write(data)
                return
            if len(data) % (2 * self.channels):
                raise LocalProtocolError("audio samples are 2 bytes for each channel")
            resampler = self._resampler or Resampler(self.channels)
            self._resampler = resampler
            self._buffer.write(resampler.convert(av_audio(data, self.channels, rate)) if data else b"")

    def _bytes_of(self, samples: bytes | AudioFrame | NDArray[np.int16]) -> tuple[int, bytes]:
        if isinstance(samples, AudioFrame):
            if samples.channels != self.channels or samples.sample_rate != self._rate:
                raise LocalProtocolError("the AudioFrame has another sample rate or number of channels than the output")
            return self._rate, samples.samples
        if isinstance(samples, np.ndarray):
            shape = samples.shape
            if samples.dtype != np.int16 or not (
                (len(shape) == 1 and self.channels == 1) or (len(shape) == 2 and shape[1] == self.channels)
            ):
                raise LocalProtocolError("an audio array holds int16: n, or n x channels samples")
            return self._rate, np.ascontiguousarray(samples).tobytes()
        if isinstance(samples, (bytes, bytearray, memoryview)):
            return self._rate, bytes(samples)
        raise LocalProtocolError("audio is written as bytes, int16 arrays or AudioFrames")

    def clear(self) -> None:
        """Forget what has not been sent yet."""
        with self._lock:
            self._buffer.clear()
            self._resampler = None
        self._tell()

    @property
    def drained(self) -> bool:
        """Whether all that was written has been sent."""
        with self._lock:
            return self._buffer.drained

    @property
    def seconds(self) -> float:
        """How much is waiting to be sent."""
        with self._lock:
            return self._buffer.seconds

    def on_drained(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once, in any thread, as soon as all that was written has been sent; at once if it has."""
        with self._lock:
            if not self._buffer.drained:
                self._waiting.append(callback)
                return
        callback()

    def wait_drained(self, timeout: float | None = None) -> bool:
        """Block until all has been sent; False when ``timeout`` seconds passed before."""
        event = threading.Event()
        self.on_drained(event.set)
        return event.wait(timeout)

    def _tell(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def open(self, *, video: bool, audio: bool) -> Opened:
        """Start to play what has been and will be written; for the media engine."""
        return Opened(audio=self)

    def take(self, now: float) -> bytes:  # noqa: ARG002 - an AudioInput
        """The next 20 ms; for the media engine."""
        with self._lock:
            data = self._buffer.take()
            drained = self._buffer.drained
        if drained and self._waiting:
            self._tell()
        return data

    def close(self) -> None:
        """Nothing to free: what is written waits for the next publication."""
