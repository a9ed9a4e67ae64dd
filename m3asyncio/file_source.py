"""Files and devices as sources: everything that FFmpeg can open, decoded in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import av

from m3asyncio.av_frames import Resampler, check_size
from m3asyncio.inputs import Opened, ThreadSource
from m3asyncio.source_base import Source
from m3core.errors import MediaError, WrongValue
from m3core.media import AUDIO_FRAME_SAMPLES, AUDIO_FRAME_SECONDS


class FileSource(Source):
    """See `m3asyncio.sources.file`."""

    def __init__(self, name: str, input_format: str | None, options: dict[str, str], *, loop: bool) -> None:
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
                self._kinds = bool(_videos(container)), bool(container.streams.audio)
        return self._kinds

    def _container(self) -> av.container.InputContainer:
        name = PurePath(self._name).name
        try:
            container = av.open(self._name, "r", format=self._format, options=self._options)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise MediaError(f"cannot open {name!r}: {_why(error)}") from None
        if not (_videos(container) or container.streams.audio):
            container.close()
            raise MediaError(f"{name!r} has neither video nor audio")
        return container

    def open(self, *, video: bool, audio: bool) -> Opened:
        if (video and not self.has_video) or (audio and not self.has_audio):
            raise WrongValue("the source has no " + ("video" if video and not self.has_video else "audio"))
        container = self._container()
        # A single channel is not made into two here: FFmpeg would make it 3 dB quieter. `AudioTrack` doubles it.
        channels = 1 if audio and container.streams.audio[0].codec_context.layout.nb_channels == 1 else 2
        reader = _FileReader(container, channels, loop=self._loop, video=video, audio=audio)
        return ThreadSource("m3-file", reader.produce, video=video, audio=audio).open(channels)


def _videos(container: av.container.InputContainer) -> list[av.VideoStream]:
    """The video streams, without the cover pictures of audio files."""
    return [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


class _FileReader:
    """Reads one container to its end, or again and again; runs in the thread of a `ThreadSource`."""

    def __init__(
        self, container: av.container.InputContainer, channels: int, *, loop: bool, video: bool, audio: bool
    ) -> None:
        self._container = container
        self._channels = channels
        self._loop = loop
        self._video = video
        self._audio = audio
        self._offset = 0.0

    def produce(self, sink: ThreadSource) -> None:
        """Put everything that is in the container."""
        with self._container:
            while True:
                end = self._once(sink)
                if not self._loop or end <= self._offset:  # without a frame the loop would never wait
                    return
                self._offset = end
                self._container.seek(0)

    def _once(self, sink: ThreadSource) -> float:
        """Read from start to end; the media time of the end."""
        streams: list[av.VideoStream | av.AudioStream] = [
            *_videos(self._container)[: self._video],
            *self._container.streams.audio[: self._audio],
        ]
        start: float | None = None
        end = self._offset
        resampler, sound = Resampler(self._channels), _Sound(sink, self._channels)
        for frame in self._frames(streams):
            at = frame.time or 0.0
            if start is None:
                start = at
            time = max(0.0, at - start) + self._offset  # streams and files may begin at any time
            if isinstance(frame, av.VideoFrame):
                check_size(frame.width, frame.height)
                sink.put_video(frame, time)
                end = max(end, time + 1 / 30)  # a picture has no length
            else:
                end = max(end, time + frame.samples / frame.sample_rate)
                sound.write(resampler.convert(frame), time)
        if sound.time is not None:
            sound.write(resampler.flush(), end)
            sound.finish()
        return end

    def _frames(self, streams: list[av.VideoStream | av.AudioStream]) -> Iterator[av.VideoFrame | av.AudioFrame]:
        try:
            for frame in self._container.decode(*streams):
                if isinstance(frame, av.VideoFrame | av.AudioFrame) and frame.time is not None:
                    yield frame
        except EOFError:
            return
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"the file cannot be decoded: {_why(error)}") from None


class _Sound:
    """Cuts the sound of a file into frames of 20 ms. ``time`` is the time of the next frame; None before the first."""

    def __init__(self, sink: ThreadSource, channels: int) -> None:
        self._sink = sink
        self._size = AUDIO_FRAME_SAMPLES * 2 * channels
        self._data = bytearray()
        self.time: float | None = None

    def write(self, data: bytes, time: float) -> None:
        """Add samples. The first ones have ``time``; later ones follow without a gap."""
        start = time if self.time is None else self.time
        self._data += data
        while len(self._data) >= self._size:
            self._sink.put_audio(bytes(self._data[: self._size]), start)
            del self._data[: self._size]
            start += AUDIO_FRAME_SECONDS
        self.time = start

    def finish(self) -> None:
        """Put the rest, padded with silence."""
        if self._data:
            self.write(bytes(self._size - len(self._data)), 0.0)
