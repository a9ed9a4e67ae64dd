"""The port to a media engine: what a conference needs of one. `m3asyncio.media` implements it, for any event loop."""

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
        """Start to play; called by the media engine. May block."""
        ...


class ReceivedTrack(Protocol[FrameT_co]):
    """The decoded frames of one kind, in a bounded queue, which drops the oldest frame when it is full."""

    first_frame_at: float | None

    def attach(self, wake: Callable[[], None] | None) -> None:
        """Set the consumer: ``wake`` is called, in any thread, when `pop` has something or the end came. None: none."""
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
    def video(self) -> ReceivedTrack[VideoFrame]: ...

    @property
    def audio(self) -> ReceivedTrack[AudioFrame]: ...


class MediaPort(Protocol):
    """What a driver needs of a media engine."""

    def submit(self, command: MediaCommand) -> None:
        """Carry out a command; never blocks. Raises `MediaError` when the engine is dead."""
        ...


class MediaEngine(MediaPort, Protocol):
    """A media engine. The methods that may block say so; they are called in a thread."""

    def start(self) -> None:
        """Start the engine; it takes commands from then on."""
        ...

    def set_sources(self, peer: PeerId, video: Source | None = None, audio: Source | None = None) -> None:
        """Set what ``peer`` will send, before its `OpenPublisher`. Without a source, close those that were set.

        May block. Raises `MediaError` when a source cannot be opened.
        """
        ...

    def replace_source(self, peer: PeerId, video: Source | None = None, audio: Source | None = None) -> None:
        """Send other sources from now on. May block."""
        ...

    def received(self, peer: PeerId) -> ReceivedMedia:
        """What ``peer`` receives; to be called before its `OpenSubscriber`."""
        ...

    def stats(self, peer: PeerId) -> PeerStats:
        """The counters of ``peer``; all 0 when there is no such peer."""
        ...

    def close(self) -> None:
        """Close all peers and end the engine, in bounded time. May block."""
        ...


class MediaFactory(Protocol):
    """Makes media engines."""

    def __call__(self, report: Callable[[MediaReport], None], *, loopback: bool) -> MediaEngine:
        """An engine, which calls ``report`` in its own thread. ``loopback``: offer 127.0.0.1 beside other addresses."""
        ...
