"""What every source is. See `m3asyncio.sources` for those that there are."""

from __future__ import annotations

from abc import ABC, abstractmethod

from m3asyncio.inputs import AudioInput, Opened, VideoInput
from m3core.errors import LocalProtocolError


class Source(ABC):
    """Something that can be published: a value that belongs to no event loop and plays from its start each time."""

    @property
    @abstractmethod
    def has_video(self) -> bool:
        """Whether it can give pictures. Raises `MediaError` when it cannot be opened."""

    @property
    @abstractmethod
    def has_audio(self) -> bool:
        """Whether it can give sound. Raises `MediaError` when it cannot be opened."""

    @abstractmethod
    def open(self, *, video: bool, audio: bool) -> Opened:
        """Start to play; for the media engine. May block while a file or device is opened.

        Raises `LocalProtocolError` for a kind that the source has not, `MediaError` when it cannot be opened.
        """


class VideoSource(Source):
    """A source of pictures alone."""

    @property
    def has_video(self) -> bool:
        """True."""
        return True

    @property
    def has_audio(self) -> bool:
        """False."""
        return False

    def open(self, *, video: bool, audio: bool) -> Opened:
        """Start to play; for the media engine."""
        if audio:
            raise LocalProtocolError("the source has no audio")
        return Opened(video=self._video() if video else None)

    @abstractmethod
    def _video(self) -> VideoInput: ...


class AudioSource(Source):
    """A source of sound alone."""

    @property
    def has_video(self) -> bool:
        """False."""
        return False

    @property
    def has_audio(self) -> bool:
        """True."""
        return True

    def open(self, *, video: bool, audio: bool) -> Opened:
        """Start to play; for the media engine."""
        if video:
            raise LocalProtocolError("the source has no video")
        return Opened(audio=self._audio() if audio else None)

    @abstractmethod
    def _audio(self) -> AudioInput: ...
