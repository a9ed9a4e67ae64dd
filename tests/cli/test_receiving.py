"""What `m3 join` receives: frames are counted, pictures are saved now and then, and an error ends only its stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import anyio
import pytest
from attrs import evolve, frozen
from PIL import Image

from m3asyncio.cli.receiver import ReceivedStream, Receiver
from m3core.client.conference import Conference
from m3core.conference.state import Participant
from m3core.errors import CallRefused, LocalProtocolError, M3Error, MediaError
from m3core.media import VideoFrame
from m3core.values import MediaSessionType, ParticipantId

ADA = Participant(id=ParticipantId("ada"), display_name="../../etc/Ada")
GREY = VideoFrame.from_rgb(32, 24, bytes([128]) * (32 * 24 * 3))


@frozen
class Stream:
    """As much of a subscription as the receiver uses."""

    times: tuple[float, ...]
    first_frame_at: float | None = None

    @property
    async def video(self) -> AsyncIterator[VideoFrame]:
        for time in self.times:
            yield evolve(GREY, time=time)

    @property
    async def audio(self) -> AsyncIterator[object]:
        yield None
        yield None


class Room:
    """As much of a conference as the receiver uses. ``error`` is raised for screens."""

    def __init__(self, *times: float, error: M3Error | None = None) -> None:
        self._times = times
        self._error = error

    @asynccontextmanager
    async def subscribe(self, _: Participant, kind: MediaSessionType) -> AsyncIterator[Stream]:
        await anyio.lowlevel.checkpoint()
        if self._error is not None and kind is MediaSessionType.SCREEN:
            raise self._error
        yield Stream(self._times)


def received(room: Room, folder: Path | None = None, frames: list[float] | None = None) -> tuple[Receiver, list[str]]:
    """Receive Ada's video and screen; the receiver, and the streams whose first picture was announced."""
    first: list[str] = []

    def each_frame(_: ReceivedStream, frame: VideoFrame) -> None:
        if frames is not None:
            frames.append(frame.time)

    receiver = Receiver(
        cast("Conference", room),
        folder,
        first_frame=lambda stream: first.append(stream.kind.value),
        each_frame=each_frame,
    )

    async def main() -> None:
        await receiver.receive(ADA, MediaSessionType.VIDEO)
        await receiver.receive(ADA, MediaSessionType.SCREEN)

    anyio.run(main)
    return receiver, first


def test_frames_are_counted_and_announced() -> None:
    frames: list[float] = []
    receiver, first = received(Room(0.0, 0.5), frames=frames)
    assert [(one.video_frames, one.audio_frames, one.saved) for one in receiver.streams] == [(2, 2, 0)] * 2
    assert first == ["video", "screen"]
    assert frames == [0.0, 0.5] * 2
    assert receiver.troubles == []


@pytest.mark.parametrize(
    "error", [CallRefused("permission_denied"), MediaError("no codec"), LocalProtocolError("left")]
)
def test_an_error_ends_only_its_stream(error: M3Error) -> None:
    receiver, first = received(Room(0.0, error=error))
    assert receiver.troubles == [f"../../etc/Ada's screen: {error}"]
    assert first == ["video"]
    assert receiver.streams[1].cells() == ("0", "0", "-")


def test_one_picture_a_second_is_written_into_the_folder(tmp_path: Path) -> None:
    receiver, _ = received(Room(0.0, 0.5, 0.99, 1.0, 1.5, 2.25), tmp_path)
    assert [one.saved for one in receiver.streams] == [3, 3]
    names = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert [name for name in names if "video" in name] == [
        f"_etc_Ada-video-00-{time:07.1f}s.png" for time in (0.0, 1.0, 2.25)
    ]
    assert len(names) == 6
    with Image.open(tmp_path / names[0]) as picture:
        assert picture.size == (32, 24)
