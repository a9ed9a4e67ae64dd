"""Whose pictures a participant of the demo receives, and which of them are kept for the picture."""

from __future__ import annotations

from itertools import pairwise

import pytest
from attrs import evolve

from m3asyncio.cli.demo_streams import MAX_SAMPLES, WatchedStream
from m3asyncio.cli.receiver import ReceivedStream
from m3asyncio.pattern import draw
from m3core.media import VideoFrame
from m3core.values import MediaSessionType

GREY = VideoFrame.from_rgb(320, 240, b"\x80" * (320 * 240 * 3))
BOB = draw("Bob", 1, 320, 240)


def seen(*frames: VideoFrame, pattern: str = "Bob") -> WatchedStream:
    """Bob's camera at Ada, after ``frames``."""
    stream = WatchedStream("Ada", "Bob", MediaSessionType.VIDEO, pattern)
    received = ReceivedStream("Bob", MediaSessionType.VIDEO)
    for frame in frames:
        stream.see(received, frame)
    assert stream.received is received or not frames
    return stream


@pytest.mark.parametrize(
    ("frames", "kept", "foreign"),
    [
        ([], 0, 0),
        ([BOB], 1, 0),
        ([BOB, draw("Ada", 1, 320, 240)], 1, 1),
        ([draw("Ada", 1, 320, 240)] * 2, 0, 2),
        ([GREY, BOB], 1, 0),
    ],
)
def test_pictures_carry_the_name_of_their_sender(frames: list[VideoFrame], kept: int, foreign: int) -> None:
    stream = seen(*frames)
    assert (len(stream.samples), stream.foreign) == (kept, foreign)


def test_pictures_of_a_file_carry_no_name() -> None:
    assert len(seen(GREY, pattern="").samples) == 1


def test_kept_pictures_are_spread_evenly_over_the_whole_time() -> None:
    stream = seen(*(evolve(GREY, time=10 + number / 25) for number in range(1000)), pattern="")
    times = [time for time, _ in stream.samples]
    assert MAX_SAMPLES / 2 <= len(times) < MAX_SAMPLES
    assert times[0] == 0
    assert times[-1] > 37
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) < 2 * min(gaps)
