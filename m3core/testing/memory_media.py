"""A media engine without media, for conferences in tests: the test gives the frames that arrive.

It implements the ports of `m3core.client.media`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from m3core.client.media import Source
from m3core.errors import MediaError
from m3core.io import MediaCommand, MediaReport, PeerId
from m3core.media import AudioFrame, PeerStats, VideoFrame
from m3core.testing.fakes import FakeMedia

T = TypeVar("T")


class MemoryTrack(Generic[T]):
    """A received track whose frames the test gives."""

    def __init__(self) -> None:
        self.first_frame_at: float | None = None
        self.ended = False
        self.dropped = 0
        self._frames: list[T] = []
        self._wake: Callable[[], None] | None = None

    def attach(self, wake: Callable[[], None] | None) -> None:
        self._wake = wake
        if wake is not None and (self._frames or self.ended):
            wake()

    def pop(self) -> T | None:
        return self._frames.pop(0) if self._frames else None

    def put(self, *frames: T) -> None:
        """Let ``frames`` arrive."""
        self._frames += frames
        if self._wake is not None:
            self._wake()

    def end(self) -> None:
        """End the track."""
        self.ended = True
        if self._wake is not None:
            self._wake()


class MemoryReceived:
    """What one subscription receives."""

    def __init__(self) -> None:
        self.video: MemoryTrack[VideoFrame] = MemoryTrack()
        self.audio: MemoryTrack[AudioFrame] = MemoryTrack()


class MemoryMedia:
    """A media engine without media: a `FakeMedia` behind the port `m3core.client.media.MediaEngine`."""

    def __init__(self, report: Callable[[MediaReport], None], *, loopback: bool) -> None:
        del loopback
        self.fake = FakeMedia()
        self.sources: dict[PeerId, tuple[Source | None, Source | None]] = {}
        self.media: dict[PeerId, MemoryReceived] = {}
        self.is_running = False
        self._report = report

    def start(self) -> None:
        self.is_running = True

    def submit(self, command: MediaCommand) -> None:
        if not self.is_running:
            raise MediaError("the media engine is not running")
        for report in self.fake.perform(command):
            self._report(report)

    def set_sources(self, peer: PeerId, video: Source | None = None, audio: Source | None = None) -> None:
        if video is None and audio is None:
            self.sources.pop(peer, None)
        else:
            self.sources[peer] = (video, audio)

    def replace_source(self, peer: PeerId, video: Source | None = None, audio: Source | None = None) -> None:
        self.sources[peer] = (video, audio)

    def received(self, peer: PeerId) -> MemoryReceived:
        return self.media.setdefault(peer, MemoryReceived())

    def stats(self, peer: PeerId) -> PeerStats:
        """All counters are 0."""
        del peer
        return PeerStats()

    def close(self) -> None:
        self.is_running = False
        self.fake.peers.clear()
