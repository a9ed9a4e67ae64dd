"""`AudioOutput`, a source of sound that the user's program writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from m3asyncio.av_frames import Resampler, av_audio
from m3asyncio.source_base import AudioSource
from m3core.arguments import checked
from m3core.errors import WrongType, WrongValue
from m3core.media import SAMPLE_RATE, AudioBuffer, AudioFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray


class AudioOutput(AudioSource):
    """A source of sound that the user writes, at any pace. It is resampled, bounded, and sent in real time.

    ``sample_rate`` in Hz and ``channels`` (1 or 2) are those of the sound that `write` gets. All methods can be called
    from any thread.
    """

    @checked
    def __init__(self, sample_rate: int = SAMPLE_RATE, channels: int = 1) -> None:
        if not 4_000 <= sample_rate <= 192_000 or channels not in {1, 2}:
            raise WrongValue("an AudioOutput takes a sample_rate of 4000 to 192000 Hz, and 1 or 2 channels")
        self._rate = sample_rate
        self.channels = channels
        self._lock = threading.Lock()
        self._buffer = AudioBuffer(channels)
        self._resampler: Resampler | None = None
        self._waiting: list[Callable[[], None]] = []

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
                raise WrongValue("audio samples are 2 bytes for each channel")
            # It keeps some samples between two writes, so that the sound goes on without a click.
            resampler = self._resampler or Resampler(self.channels)
            self._resampler = resampler
            self._buffer.write(resampler.convert(av_audio(data, self.channels, rate)) if data else b"")

    def _bytes_of(self, samples: bytes | AudioFrame | NDArray[np.int16]) -> tuple[int, bytes]:
        if isinstance(samples, AudioFrame):
            if samples.channels != self.channels or samples.sample_rate != self._rate:
                raise WrongValue("the AudioFrame has another sample rate or number of channels than the output")
            return self._rate, samples.samples
        if isinstance(samples, np.ndarray):
            shape = samples.shape
            if samples.dtype != np.int16 or not (
                (len(shape) == 1 and self.channels == 1) or (len(shape) == 2 and shape[1] == self.channels)
            ):
                raise WrongValue("an audio array holds int16: n, or n x channels samples")
            return self._rate, np.ascontiguousarray(samples).tobytes()
        if isinstance(samples, (bytes, bytearray, memoryview)):
            return self._rate, bytes(samples)
        raise WrongType("audio is written as bytes, int16 arrays or AudioFrames")

    def clear(self) -> None:
        """Drop the sound that has not been sent yet."""
        with self._lock:
            self._buffer.clear()
            self._resampler = None
        self._tell()

    @property
    def drained(self) -> bool:
        """Whether everything that was written has been sent."""
        with self._lock:
            return self._buffer.drained

    @property
    def seconds(self) -> float:
        """How much sound waits to be sent."""
        with self._lock:
            return self._buffer.seconds

    def on_drained(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once, in any thread, when everything that was written has been sent; perhaps at once."""
        with self._lock:
            if not self._buffer.drained:
                self._waiting.append(callback)
                return
        callback()  # outside of the lock: it may call methods of this object

    def wait_drained(self, timeout: float | None = None) -> bool:
        """Block until everything has been sent; False when ``timeout`` seconds have passed before."""
        event = threading.Event()
        self.on_drained(event.set)
        return event.wait(timeout)

    def _tell(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def _audio(self) -> AudioOutput:
        return self

    def take(self) -> bytes:
        """The next 20 ms. Called by the media engine."""
        with self._lock:
            data = self._buffer.take()
            drained = self._buffer.drained
        if drained and self._waiting:
            self._tell()
        return data

    def close(self) -> None:
        """Does nothing: what was written waits for the next publication."""
