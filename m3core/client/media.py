"""The port to a media engine, as far as a conference needs one. `m3asyncio.media` is such an engine, for any loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from m3core.io import MediaCommand, MediaReport, PeerId
from m3core.media import AudioFrame, PeerStats, VideoFrame

FrameT_co = TypeVar("FrameT_co", covariant=True)


class Source(Protocol):
    """Something that can be published: a value that belongs to no event loop."""

    @property
    def has_video(self) -> bool:
        """Whether it can give pictures."""
        ...

    @property
    def has_audio(self) -> bool:
        """Whether it can give sound."""
        ...

    def open(self, *, video: bool, audio: bool) -> object:
        """Start to play, for the media engine; may block."""
        ...


class ReceivedTrack(Protocol[FrameT_co]):
    """Decoded frames of one kind, from the engine's thread: bounded, the oldest dropped and counted."""

    first_frame_at: float | None

    def attach(self, wake: Callable[[], None] | None) -> None:
        """Be the consumer: ``wake`` is called, in any thread, when `pop` is due. None detaches."""
        ...

    def pop(self) -> FrameT_co | None:
        """The oldest frame that waits, or None."""
        ...

    @property
    def ended(self) -> bool:
        """Whether no more frames will come."""
        ...

    @property
    def dropped(self) -> int:
        """Frames that the consumer was too slow for."""
        ...


class ReceivedMedia(Protocol):
    """What one subscription receives."""

    @property
    def video(self) -> ReceivedTrack[VideoFrame]:
        """The decoded pictures."""
        ...

    @property
    def audio(self) -> ReceivedTrack[AudioFrame]:
        """The decoded sound."""
        ...


class MediaPort(Protocol):
    """What a driver needs of a media engine."""

    def submit(self, command: MediaCommand) -> None:
        """Carry out a command; never blocks. Raises `MediaError` when the engine is dead."""
        ...


class MediaEngine(MediaPort, Protocol):
    """A media engine. Those marked so may block, and are called in a thread."""

    def start(self) -> None:
        """Begin."""
        ...

    def set_sources(self, peer: PeerId, video: Source | None = None, audio: Source | None = None) -> None:
        """Say what ``peer`` will send, before its `OpenPublisher`; with nothing, give it up. May block."""
        ...

    def replace_source(self, peer: PeerId, video: Source | None = None, audio: Source | None = None) -> None:
        """Send other sources from now on. May block."""
        ...

    def received(self, peer: PeerId) -> ReceivedMedia:
        """What ``peer`` receives; to be asked for before its `OpenSubscriber`."""
        ...

    def stats(self, peer: PeerId) -> PeerStats:
        """The counters of ``peer``."""
        ...

    def close(self) -> None:
        """Free all, in bounded time. May block."""
        ...


class MediaFactory(Protocol):
    """Makes media engines."""

    def __call__(self, report: Callable[[MediaReport], None], *, loopback: bool) -> MediaEngine:
        """An engine that calls ``report`` in a thread of its own. ``loopback``: offer 127.0.0.1 too."""
        ...
