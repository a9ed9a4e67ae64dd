"""What one subscriber sees and hears of one stream: counted, and checked frame by frame."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel
import numpy as np

from m3asyncio.pattern import read_pattern, sender_code
from m3core.client.loop import Backend, Signal
from m3core.media import AudioFrame, VideoFrame

if TYPE_CHECKING:
    from m3asyncio import FrameStream, Subscription

DARK: Final = 40
"""The mean of a picture below which it is black, as a muted camera sends it."""
TONE_WINDOW: Final = 24_000
"""Samples (half a second) from which the pitch is computed."""
QUIET: Final = -60.0
"""dBov, below which it is silent."""


class StreamProbe:
    """One stream at one receiver. Its pictures must carry the name ``pattern``.

    Frames are taken in the event loop of the receiver (`watch`). Everything else belongs to the loop of ``home``, which
    ``tell`` reaches.
    """

    def __init__(
        self,
        receiver: str,
        sender: str,
        kind: str,
        pattern: str,
        *,
        home: Backend,
        tell: Callable[[Callable[[], object]], None],
    ) -> None:
        self.receiver = receiver
        self.sender = sender
        self.kind = kind
        self.video_frames = 0
        self.audio_frames = 0
        self.first_frame_s: float | None = None
        self.faults: list[str] = []
        """What was wrong with pictures; each kind of fault once."""
        self.muted = False
        """Black pictures are right, because the camera is muted."""
        self.subscription: Subscription | None = None
        self._code = sender_code(pattern)
        self._subscribed_at = 0.0
        self._lit = 0
        self._counter = -1
        self._queue: list[bytes] = []
        self._channels = 1
        self._loud = 0
        self._tell = tell
        self._changed = Signal(home)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.receiver} ← {self.sender} {self.kind}"

    @property
    def arrived(self) -> int:
        """Pictures that were decoded: those that were checked, and those that a busy machine had no time to check."""
        return self.video_frames + (0 if self.subscription is None else self.subscription.video.dropped)

    def subscribed(self) -> None:
        """Begin to measure the time until the first picture."""
        self._subscribed_at = time.monotonic()

    async def watch(self, stream: Subscription) -> None:
        """Take all frames until the stream ends."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._video, stream.video, stream)
            tasks.start_soon(self._audio, stream.audio)

    async def _video(self, frames: FrameStream[VideoFrame], stream: Subscription) -> None:
        async for frame in frames:
            self.video_frames += 1
            if self.first_frame_s is None and stream.first_frame_at is not None:
                self.first_frame_s = stream.first_frame_at - self._subscribed_at
            self._check(frame)
            self._tell(self._changed.set)

    def _check(self, frame: VideoFrame) -> None:
        reading = read_pattern(frame)
        if reading is None:
            if not (self.muted and frame.to_ndarray().mean() < DARK):
                self._fault("a picture without a readable pattern")
        elif reading.sender_code != self._code:
            self._fault("a picture of another sender")
        elif reading.counter <= self._counter:
            self._fault("the frame counter does not increase")
        else:
            self._counter = reading.counter
            self._lit += 1

    def _fault(self, what: str) -> None:
        if what not in self.faults:
            self.faults.append(what)

    async def _audio(self, frames: FrameStream[AudioFrame]) -> None:
        async for frame in frames:
            self.audio_frames += 1
            self._channels = frame.channels
            self._queue.append(frame.samples)
            if sum(map(len, self._queue)) > 2 * TONE_WINDOW * frame.channels:
                self._queue.pop(0)
            self._loud += frame.level > QUIET
            self._tell(self._changed.set)

    # -- what the conversation waits for ---
    async def more_video(self, frames: int = 5, *, patience: float = 10.0) -> bool:
        """Whether ``frames`` more pictures come in time."""
        wanted = self.video_frames + frames
        return await self._wait(lambda: self.video_frames >= wanted, patience)

    async def more_audio(self, frames: int = 5, *, patience: float = 10.0) -> bool:
        """Whether ``frames`` more pieces of sound come in time."""
        wanted = self.audio_frames + frames
        return await self._wait(lambda: self.audio_frames >= wanted, patience)

    async def resumed(self, frames: int = 5, *, patience: float = 10.0) -> bool:
        """Whether ``frames`` more pictures that are not black come in time; then black ones are wrong again."""
        wanted = self._lit + frames
        resumed = await self._wait(lambda: self._lit >= wanted, patience)
        self.muted = not resumed
        return resumed

    async def still(self) -> bool:
        """Whether for half a second no picture comes that is not black; what is under way may still arrive before."""
        return await _constant(lambda: self._lit)

    async def hears(self, frequency: float, error: float, *, patience: float = 10.0) -> float:
        """The pitch, as soon as it is within ``error`` of ``frequency``; else the last one."""
        await self._wait(lambda: abs(self.pitch() - frequency) <= error, patience)
        return self.pitch()

    async def loud(self, frames: int = 5, *, patience: float = 10.0) -> bool:
        """Whether ``frames`` more pieces of sound that are not silence come in time."""
        wanted = self._loud + frames
        return await self._wait(lambda: self._loud >= wanted, patience)

    async def quiet(self) -> bool:
        """Whether nothing, or silence, is heard for half a second; what is under way may still arrive before."""
        return await _constant(lambda: self._loud)

    async def _wait(self, condition: Callable[[], bool], patience: float) -> bool:
        with anyio.move_on_after(patience):
            while not condition():
                await self._changed.wait()
                # See `Stage.until`: this task may be woken in every turn of the loop, and is then never cancelled.
                await anyio.lowlevel.checkpoint_if_cancelled()
            return True
        return False

    def pitch(self) -> float:
        """The strongest frequency of the last half second, Hz; 0 when nothing was heard."""
        data = np.frombuffer(b"".join(tuple(self._queue)), dtype=np.int16).reshape(-1, self._channels)[:, 0]
        if len(data) < TONE_WINDOW // 4 or not data.any():
            return 0.0
        spectrum = np.abs(np.fft.rfft(data * np.hanning(len(data))))
        return float(np.argmax(spectrum) * 48_000 / len(data))


async def _constant(count: Callable[[], int], seconds: float = 0.5, patience: float = 6.0) -> bool:
    """Whether ``count`` does not change for ``seconds`` within ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        before = count()
        await anyio.sleep(seconds)
        if count() == before:
            return True
    return False
