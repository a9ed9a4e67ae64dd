"""The base classes of sources. `m3asyncio.sources` has the sources themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod

from m3asyncio.inputs import AudioInput, Opened, VideoInput
from m3core.errors import WrongValue


class Source(ABC):
    """Something that can be published. It belongs to no event loop, and plays from its start at each publication."""

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
        """Start to play; called by the media engine. May block while a file or device is opened.

        Raises `LocalProtocolError` for a kind that the source has not, `MediaError` when it cannot be opened.
        """


class VideoSource(Source):
    """A source that has only pictures."""

    @property
    def has_video(self) -> bool:
        return True

    @property
    def has_audio(self) -> bool:
        return False

    def open(self, *, video: bool, audio: bool) -> Opened:
        if audio:
            raise WrongValue("this source has no audio; pass it as video=")
        return Opened(video=self._video() if video else None)

    @abstractmethod
    def _video(self) -> VideoInput: ...


class AudioSource(Source):
    """A source that has only sound."""

    @property
    def has_video(self) -> bool:
        return False

    @property
    def has_audio(self) -> bool:
        return True

    def open(self, *, video: bool, audio: bool) -> Opened:
        if video:
            raise WrongValue("this source has no video; pass it as audio=")
        return Opened(audio=self._audio() if audio else None)

    @abstractmethod
    def _audio(self) -> AudioInput: ...
