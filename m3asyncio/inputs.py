"""A source that plays: pictures to await, and sound to take every 20 ms.

A source that may block (a file, a user's iterable) is read in a thread of its own, into bounded queues.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sized
from functools import partial
from typing import Final, Protocol

import av
from attrs import field, frozen

from m3core.errors import M3Error, MediaError
from m3core.media import AUDIO_FRAME_SECONDS, Pacer

JOIN_TIMEOUT: Final = 0.2
"""Seconds that the thread of a source gets to end. A thread that is stuck in a user's iterable is a daemon, and is left
behind."""
READ_AHEAD_VIDEO: Final = 16
"""Pictures that wait at most, and keep the thread of a source from reading on."""
READ_AHEAD_AUDIO: Final = 50
"""Frames of 20 ms that wait at most, and keep the thread of a source from reading on."""
MAX_AHEAD: Final = 8
"""So many times the limits above hold while the other kind of the same source has nothing."""


class VideoInput(Protocol):
    """The pictures of a source that plays."""

    async def read(self) -> tuple[av.VideoFrame, float] | None:
        """The next picture and its media time in seconds; None at the end. Raises `M3Error` for a bad source."""

    def close(self) -> None:
        """Free what it holds; may be called twice."""


class AudioInput(Protocol):
    """The sound of a source that plays; ``channels`` is 1 or 2."""

    channels: int

    def take(self) -> bytes | None:
        """The next 20 ms: 960 samples at 48 kHz for each channel. None: silence. Raises `M3Error` for a bad source."""

    def close(self) -> None:
        """Free what it holds; may be called twice."""


@frozen(eq=False)
class Opened:
    """A source that plays. Video and audio of one source share a clock (``pacer``), so that they are in step."""

    video: VideoInput | None = None
    audio: AudioInput | None = None
    pacer: Pacer = field(factory=Pacer)

    def close(self, *, video: bool = True, audio: bool = True) -> None:
        """Close the parts that are asked for."""
        if video and self.video is not None:
            self.video.close()
        if audio and self.audio is not None:
            self.audio.close()


class _Quit(Exception):
    """Raised in the thread of a source when both of its kinds are closed."""


class ThreadSource:
    """A thread that runs ``produce``. That puts pictures and sound, until its source ends or nothing more is wanted."""

    def __init__(self, name: str, produce: Callable[[ThreadSource], None], *, video: bool, audio: bool) -> None:
        self._produce = produce
        self._changed = threading.Condition()
        self._ended = False
        self._error: M3Error | None = None
        self._video: deque[tuple[av.VideoFrame, float]] | None = deque() if video else None
        self._audio: deque[tuple[bytes, float]] | None = deque() if audio else None
        self._wake: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def open(self, channels: int = 2) -> Opened:
        """Start the thread; what it gives, as a source that plays."""
        pacer = Pacer()
        opened = Opened(
            _ThreadVideo(self) if self._video is not None else None,
            _ThreadAudio(self, channels, pacer) if self._audio is not None else None,
            pacer,
        )
        self._thread.start()
        return opened

    def open_video(self) -> VideoInput:
        """Start the thread of a source that has only pictures."""
        self._thread.start()
        return _ThreadVideo(self)

    # -- in the source's thread ---
    def put_video(self, frame: av.VideoFrame, time: float) -> None:
        """Queue a picture; blocks while the queue is full. Raises when the source is closed."""
        with self._changed:
            while _is_full(self._video, READ_AHEAD_VIDEO, self._audio):
                self._changed.wait()
            self._check_wanted()
            if self._video is not None:
                self._video.append((frame, time))
            self._notify()

    def put_audio(self, samples: bytes, time: float) -> None:
        """Queue 20 ms of sound; blocks while the queue is full. Raises when the source is closed."""
        with self._changed:
            while _is_full(self._audio, READ_AHEAD_AUDIO, self._video):
                self._changed.wait()
            self._check_wanted()
            if self._audio is not None:
                self._audio.append((samples, time))

    def _check_wanted(self) -> None:
        if self._video is None and self._audio is None:
            raise _Quit

    def _notify(self) -> None:
        if (wake := self._wake) is not None:
            self._wake = None
            wake()

    def _main(self) -> None:
        try:
            self._produce(self)
        except _Quit:
            pass
        except M3Error as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - a user's iterable may raise anything
            self._error = MediaError(f"the source failed: {type(error).__name__}")
        finally:
            with self._changed:
                self._ended = True
                self._notify()

    # -- in the engine's loop ---
    async def read(self) -> tuple[av.VideoFrame, float] | None:
        """The next picture with its media time; None at the end. Raises the error of the source."""
        while True:
            with self._changed:
                if self._video:
                    self._changed.notify_all()
                    return self._video.popleft()
                if self._error is not None:
                    raise self._error
                if self._ended or self._video is None:
                    return None
                arrived = asyncio.Event()
                self._wake = partial(_set_in, asyncio.get_running_loop(), arrived)
            await arrived.wait()

    def take(self, pacer: Pacer, now: float) -> bytes | None:
        """The next 20 ms of sound, if they are due. Raises the error of a source that has no video."""
        with self._changed:
            if not self._audio:
                if self._error is not None and self._video is None:  # with video, `read` raises it
                    raise self._error
                return None
            if pacer.delay(self._audio[0][1], now) > AUDIO_FRAME_SECONDS:
                return None
            self._changed.notify_all()
            return self._audio.popleft()[0]

    def stop(self, *, video: bool) -> None:
        """Close video, or else audio. When both are closed, the thread ends."""
        with self._changed:
            if video:
                self._video = None
            else:
                self._audio = None
            last = self._video is None and self._audio is None
            self._notify()
            self._changed.notify_all()
        if last and self._thread.ident is not None:
            self._thread.join(JOIN_TIMEOUT)


def _is_full(queue: Sized | None, limit: int, other: Sized | None) -> bool:
    """Whether ``queue`` takes no more now.

    It takes more while ``other`` is empty: in some files audio lies far behind the video of the same time, and a reader
    that waits for room in one queue would never fill the other.
    """
    if queue is None:
        return False
    return len(queue) >= (MAX_AHEAD * limit if other is not None and not len(other) else limit)


def _set_in(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed, and nothing waits in it
        loop.call_soon_threadsafe(event.set)


class _ThreadVideo:
    def __init__(self, source: ThreadSource) -> None:
        self._source = source

    async def read(self) -> tuple[av.VideoFrame, float] | None:
        return await self._source.read()

    def close(self) -> None:
        self._source.stop(video=True)


class _ThreadAudio:
    def __init__(self, source: ThreadSource, channels: int, pacer: Pacer) -> None:
        self._source = source
        self._pacer = pacer
        self.channels = channels

    def take(self) -> bytes | None:
        return self._source.take(self._pacer, asyncio.get_running_loop().time())

    def close(self) -> None:
        self._source.stop(video=False)
