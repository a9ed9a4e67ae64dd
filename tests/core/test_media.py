"""Frames, levels, queues and clocks: `m3core.media`."""

from __future__ import annotations

import math
import sys
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3core import limits, media
from m3core.errors import LocalProtocolError, MissingExtra
from m3core.media import (
    AUDIO_FRAME_SAMPLES,
    ArrivalMonitor,
    AudioBuffer,
    AudioFrame,
    FrameQueue,
    Pacer,
    RequestLimiter,
    TalkDetector,
    VideoFrame,
    audio_level,
)

FRAME = AUDIO_FRAME_SAMPLES * 2


# -- frames ---
def test_a_video_frame_becomes_an_array_and_an_image() -> None:
    frame = VideoFrame.from_rgb(2, 1, b"\xff\0\0\0\0\xff", time=1.5)
    assert frame.to_ndarray().tolist() == [[[255, 0, 0], [0, 0, 255]]]
    image = frame.to_image()
    assert image.size == (2, 1)
    assert image.getpixel((1, 0)) == (0, 0, 255)
    assert frame.time == 1.5
    assert "pixels" not in repr(frame)


@pytest.mark.parametrize(("width", "height", "size"), [(0, 1, 0), (1, 0, 0), (2, 2, 11)])
def test_rgb_must_fit_its_size(width: int, height: int, size: int) -> None:
    with pytest.raises(LocalProtocolError, match="width x height x 3"):
        VideoFrame.from_rgb(width, height, bytes(size))


def test_an_audio_frame_knows_its_length_and_level() -> None:
    frame = AudioFrame(array("h", [1, 2, 3, 4]).tobytes(), 48_000, 2)
    assert frame.sample_count == 2
    assert frame.duration == 2 / 48_000
    assert frame.to_ndarray().tolist() == [[1, 2], [3, 4]]
    assert frame.level < -70
    assert "<8>" in repr(frame)


@pytest.mark.parametrize(("size", "rate", "channels"), [(3, 48_000, 1), (2, 48_000, 2), (2, 0, 1), (2, 48_000, 0)])
def test_audio_must_be_whole_samples(size: int, rate: int, channels: int) -> None:
    with pytest.raises(LocalProtocolError):
        AudioFrame(bytes(size), rate, channels)


@pytest.mark.parametrize(
    ("library", "ask", "extra"),
    [
        ("numpy", lambda: VideoFrame.from_rgb(1, 1, b"abc").to_ndarray(), "media"),
        ("numpy", lambda: AudioFrame(b"ab").to_ndarray(), "media"),
        ("PIL", lambda: VideoFrame.from_rgb(1, 1, b"abc").to_image(), "cli"),
    ],
)
def test_a_missing_library_names_its_extra(
    library: str, ask: object, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    assert callable(ask)
    with pytest.raises(MissingExtra, match=rf"m3-conference\[{extra}\]"):
        ask()


# -- levels ---
def test_levels_of_silence_full_scale_and_half() -> None:
    assert audio_level(b"") == audio_level(bytes(64)) == media.SILENCE
    assert audio_level(array("h", [-32768] * 10).tobytes()) == 0.0
    assert math.isclose(audio_level(array("h", [16384, -16384] * 10).tobytes()), -6.02, abs_tol=0.01)


@given(st.lists(st.integers(-32768, 32767)))
def test_levels_stay_in_range(samples: list[int]) -> None:
    assert -127.0 <= audio_level(array("h", samples).tobytes()) <= 0.0


@given(st.lists(st.integers(0, 127), max_size=300))
def test_talking_changes_only_after_50_packets(levels: list[int]) -> None:
    detector = TalkDetector()
    changes = [index for index, level in enumerate(levels) if detector.add(level)]
    assert all((index + 1) % 50 == 0 for index in changes)
    loud = [sum(levels[at : at + 50]) < 50 * 50 for at in range(0, len(levels) // 50 * 50, 50)]
    assert detector.talking == (loud[-1] if loud else False)


def test_talking_ends_when_the_audio_stops() -> None:
    detector = TalkDetector(packets=2)
    assert not detector.add(10)
    assert detector.add(20)
    assert detector.talking
    assert not detector.add(10)
    assert detector.reset()
    assert not detector.reset()
    assert not detector.talking


# -- queues ---
@given(st.integers(1, 5), st.lists(st.integers(), max_size=20))
def test_a_queue_keeps_the_newest_and_counts_the_rest(limit: int, items: list[int]) -> None:
    queue: FrameQueue[int] = FrameQueue(limit)
    wakes = [queue.put(item) for item in items]
    assert wakes == [True] * min(1, len(items)) + [False] * max(0, len(items) - 1)
    assert queue.dropped == max(0, len(items) - limit)
    assert len(queue) == min(limit, len(items))
    kept = [queue.pop() for _ in range(len(queue))]
    assert kept == items[-limit:]
    assert queue.pop() is None


def test_an_ended_queue_gives_its_rest_and_takes_nothing() -> None:
    queue: FrameQueue[int] = FrameQueue()
    queue.put(1)
    queue.end()
    assert not queue.put(2)
    assert queue.ended
    assert (queue.pop(), queue.pop()) == (1, None)


def test_a_lowered_limit_forgets_the_oldest() -> None:
    queue: FrameQueue[int] = FrameQueue(3)
    for item in range(3):
        queue.put(item)
    queue.limit = 1
    assert queue.limit == 1
    assert queue.dropped == 0
    assert queue.pop() == 2
    queue.put(3)
    queue.clear()
    assert queue.pop() is None


# -- clocks ---
def test_a_pacer_waits_catches_up_and_never_bursts() -> None:
    pacer = Pacer()
    assert pacer.delay(5.0, now=100.0) == 0.0
    assert math.isclose(pacer.delay(5.04, now=100.01), 0.03)
    assert pacer.delay(5.08, now=100.1) == 0.0
    assert math.isclose(pacer.due(5.12), 100.12)
    assert pacer.delay(5.12, now=102.0) == 0.0
    assert math.isclose(pacer.delay(5.16, now=102.0), 0.04)
    assert pacer.delay(500.0, now=102.0) == 0.0
    assert math.isclose(pacer.delay(500.04, now=102.0), 0.04)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1)), max_size=30))
def test_a_pacer_never_waits_long_nor_backwards(steps: list[tuple[float, float]]) -> None:
    pacer, now = Pacer(), 0.0
    for time, elapsed in steps:
        now += elapsed
        assert 0.0 <= pacer.delay(time, now) <= limits.PACER_LEAP


@given(st.lists(st.floats(0, 0.1), min_size=1, max_size=50))
def test_requests_keep_their_distance(steps: list[float]) -> None:
    limiter, now, due, sent = RequestLimiter(0.3), 0.0, None, []
    for step in steps:
        now += step
        if due is not None and due <= now:
            limiter.sent()
            sent.append(due)
            due = None
        delay = limiter.request(now)
        if delay == 0.0:
            sent.append(now)
        elif delay is not None:
            due = now + delay
    assert sent[0] == steps[0]
    assert all(later - sooner > 0.3 - 1e-9 for sooner, later in pairwise(sent))


def test_arrivals_are_told_once_each_way() -> None:
    monitor = ArrivalMonitor(2.0)
    assert not monitor.check(100.0)
    assert monitor.packet(100.0)
    assert not monitor.packet(101.0)
    assert not monitor.check(102.9)
    assert monitor.check(103.0)
    assert not monitor.receiving
    assert not monitor.check(104.0)
    assert monitor.packet(105.0)


# -- audio that users write ---
@given(st.lists(st.binary(max_size=3000).map(lambda data: data[: len(data) // 4 * 4]), max_size=10))
def test_what_is_written_comes_out_in_frames_of_20_ms(writes: list[bytes]) -> None:
    buffer = AudioBuffer(2)
    for data in writes:
        buffer.write(data)
    taken = b""
    while not buffer.drained:
        frame = buffer.take()
        assert len(frame) == 2 * FRAME
        taken += frame
    whole = b"".join(writes)
    assert taken.replace(b"\0", b"") == whole.replace(b"\0", b"")
    assert buffer.take() == bytes(2 * FRAME)


def test_a_short_rest_waits_one_frame_for_more() -> None:
    buffer = AudioBuffer(1)
    buffer.write(b"ab")
    assert buffer.take() == bytes(FRAME)
    assert not buffer.drained
    buffer.write(b"cd" * AUDIO_FRAME_SAMPLES)
    assert buffer.take().startswith(b"abcd")
    assert buffer.take() == bytes(FRAME)
    assert buffer.take() == b"cd".ljust(FRAME, b"\0")
    assert buffer.drained


def test_writes_are_checked_and_bounded() -> None:
    buffer = AudioBuffer(1, limit=0.02)
    with pytest.raises(LocalProtocolError, match="2 bytes"):
        buffer.write(b"a")
    buffer.write(bytes(FRAME))
    assert math.isclose(buffer.seconds, 0.02)
    with pytest.raises(LocalProtocolError, match="too far ahead"):
        buffer.write(b"ab")
    buffer.clear()
    assert buffer.drained
    buffer.write(b"ab")
