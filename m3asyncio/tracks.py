"""The tracks that aiortc sends. They pace, mute, replace and count the frames, in the loop of the engine."""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Callable
from typing import Final

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.video.frame import PictureType

from m3asyncio.av_frames import AUDIO_CLOCK, VIDEO_CLOCK, av_audio, black
from m3asyncio.inputs import Opened
from m3core.errors import M3Error
from m3core.media import AUDIO_FRAME_SAMPLES, AUDIO_FRAME_SECONDS, SAMPLE_RATE, Pacer

MUTED_INTERVAL: Final = 0.5
"""Seconds between the black pictures of a muted video. After 2 s without any picture a media server reports that it
receives no video (measured with Janus; ours does the same)."""
LONG_WAIT: Final = 0.2
"""Seconds. The wait for a picture that is due later than this ends when its source is replaced."""
_SILENCE: Final = bytes(4 * AUDIO_FRAME_SAMPLES)


class SendTrack(MediaStreamTrack):
    """What video and audio tracks share. When the source fails, ``on_error`` is called and the source is closed.

    aiortc stops a track with its peer connection. `stop` leaves the source open, for the track of the next connection;
    `close` closes it.
    """

    def __init__(self, opened: Opened | None, on_error: Callable[[M3Error], None]) -> None:
        super().__init__()
        self._opened = opened or Opened()
        self._on_error = on_error
        self._origin = asyncio.get_running_loop().time()
        self._replaced = asyncio.Event()
        self.muted = False
        self.frames = 0

    def replace(self, opened: Opened) -> None:
        """Close the source, and send another one from now on."""
        self._close_input()
        self._opened = opened
        self._replaced.set()

    def _fail(self, error: M3Error) -> None:
        self._close_input()
        self._opened = Opened()
        self._on_error(error)

    @abstractmethod
    def _close_input(self) -> None: ...

    def stop(self) -> None:
        super().stop()
        self._replaced.set()  # wakes `recv`, which then sees that the track has ended

    def release(self) -> Opened:
        """Take the source out of this track, for another one."""
        opened, self._opened = self._opened, Opened()
        return opened

    def close(self) -> None:
        """End the track and close its source."""
        self.stop()
        self._close_input()

    def _now(self) -> float:
        if self.readyState != "live":
            raise MediaStreamError
        return asyncio.get_running_loop().time()


class VideoTrack(SendTrack):
    """Sends each picture when it is due, black pictures while muted, and nothing after the end of the source."""

    kind = "video"

    def __init__(self, opened: Opened | None, on_error: Callable[[M3Error], None]) -> None:
        super().__init__(opened, on_error)
        self._pts = -1
        self._black_due = 0.0

    async def recv(self) -> av.VideoFrame:
        while True:
            frame, due = await self._next()
            now = self._now()
            if self.muted:
                if now < self._black_due:
                    continue
                self._black_due = now + MUTED_INTERVAL
                frame = black(frame.width, frame.height)
            else:
                self._black_due = 0.0
            # The timestamp is that at which the picture was due: a sender that is late for a moment must not make the
            # picture shake. It rises with every picture, also when the source is replaced.
            frame.pts = self._pts = max(self._pts + 1, int((min(due, now) - self._origin) / VIDEO_CLOCK))
            # A frame of a file carries the type that it was coded as, and libvpx makes a keyframe of each that was one.
            frame.pict_type = PictureType.NONE
            frame.time_base = VIDEO_CLOCK
            self.frames += 1
            return frame

    async def _next(self) -> tuple[av.VideoFrame, float]:
        while True:
            opened, taken = self._opened, None
            self._replaced.clear()
            if opened.video is not None:
                try:
                    taken = await opened.video.read()
                except M3Error as error:
                    self._now()
                    if self._opened is opened:  # otherwise it was replaced, and its error is of no interest
                        self._fail(error)
            self._now()
            if opened is not self._opened:
                continue
            if taken is None:  # the end of the source; the publication waits for another one
                await self._replaced.wait()
                continue
            delay = opened.pacer.delay(taken[1], self._now())
            if delay > LONG_WAIT:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._replaced.wait(), delay)
            else:
                # Also with a delay of 0: a source that never waits would block the loop.
                await asyncio.sleep(delay)
            if opened is self._opened:
                return taken[0], opened.pacer.due(taken[1])

    def _close_input(self) -> None:
        if self._opened.video is not None:
            self._opened.video.close()
        self._replaced.set()


class AudioTrack(SendTrack):
    """Sends sound in frames of 20 ms without a gap: silence while muted, and when the source has nothing."""

    kind = "audio"

    def __init__(self, opened: Opened | None, on_error: Callable[[M3Error], None]) -> None:
        super().__init__(opened, on_error)
        self._pacer = Pacer()
        self._number = 0

    async def recv(self) -> av.AudioFrame:
        await asyncio.sleep(self._pacer.delay(self._number * AUDIO_FRAME_SECONDS, self._now()))
        samples, source = None, self._opened.audio
        if source is not None:
            try:
                samples = source.take()
            except M3Error as error:
                self._fail(error)
        if samples is None or self.muted or source is None:
            samples = _SILENCE
        elif source.channels == 1:
            # The encoder has two channels, and the resampler before it would make a single channel 3 dB quieter.
            samples = np.frombuffer(samples, dtype=np.int16).repeat(2).tobytes()
        frame = av_audio(samples, 2, SAMPLE_RATE)
        frame.pts = self._number * AUDIO_FRAME_SAMPLES
        frame.time_base = AUDIO_CLOCK
        self._number += 1
        self.frames += 1
        return frame

    def _close_input(self) -> None:
        if self._opened.audio is not None:
            self._opened.audio.close()
