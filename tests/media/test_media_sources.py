"""Sources: which arguments they refuse, and what they give."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from attrs import evolve
from av.video.frame import PictureType
from patience import PATIENCE

from m3asyncio import sources
from m3asyncio.av_frames import av_video, samples_of, video_frame
from m3asyncio.inputs import MAX_AHEAD, READ_AHEAD_AUDIO, READ_AHEAD_VIDEO, Opened, ThreadSource
from m3asyncio.pattern import Pattern, draw, read_pattern
from m3asyncio.tracks import AudioTrack, VideoTrack
from m3core.errors import LocalProtocolError, M3Error, MediaError
from m3core.media import AUDIO_FRAME_SAMPLES, AudioFrame, Pacer, VideoFrame, audio_level

SILENT = bytes(2 * AUDIO_FRAME_SAMPLES)


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of pattern and tone."""
    path = tmp_path_factory.mktemp("media") / "movie.mkv"
    pattern, tone = Pattern("Ada", 160, 120), sources.tone().open(video=False, audio=True).audio
    assert tone is not None
    with av.open(str(path), "w") as container:
        video = container.add_stream("libvpx", rate=30)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        audio = container.add_stream("libopus", rate=48_000, layout="mono")
        for number in range(25):
            if number < 15:
                frame = pattern.draw(number)
                frame.pts = number
                container.mux(video.encode(frame))
            sound = av.AudioFrame.from_ndarray(
                np.frombuffer(tone.take() or b"", dtype=np.int16).reshape(1, -1), format="s16", layout="mono"
            )
            sound.sample_rate, sound.pts = 48_000, number * AUDIO_FRAME_SAMPLES
            container.mux(audio.encode(sound))
        container.mux(video.encode())
        container.mux(audio.encode())
    return path


def pictures(opened: Opened, limit: int) -> list[tuple[VideoFrame, float]]:
    """Up to ``limit`` pictures."""

    async def read() -> list[tuple[VideoFrame, float]]:
        assert opened.video is not None
        found: list[tuple[VideoFrame, float]] = []
        async with asyncio.timeout(PATIENCE):
            while len(found) < limit and (taken := await opened.video.read()) is not None:
                found.append((video_frame(*taken), taken[1]))
        return found

    return asyncio.run(read())


def test_a_file_gives_video_and_audio_and_ends(movie: Path) -> None:
    source = sources.file(movie)
    assert source.has_video
    assert source.has_audio
    opened = source.open(video=True, audio=True)
    found = pictures(opened, 99)
    assert [reading and reading.counter for reading in (read_pattern(frame) for frame, _time in found)] == [*range(15)]
    times = [time for _frame, time in found]
    assert times == pytest.approx([number / 30 for number in range(15)], abs=0.05)

    async def sound() -> list[float]:
        assert opened.audio is not None
        assert opened.audio.channels == 1
        opened.pacer.delay(0.0, asyncio.get_running_loop().time() - 0.15)
        return [audio_level(opened.audio.take() or b"") for _ in range(7)]

    assert -21 < asyncio.run(sound())[6] < -19
    opened.close()
    assert "m3-file" not in {thread.name for thread in threading.enumerate()}


def test_a_file_starts_again(movie: Path) -> None:
    opened = sources.file(movie, loop=True).open(video=True, audio=False)
    found = pictures(opened, 40)
    opened.close()
    opened.close()
    assert len(found) == 40
    times = [time for _frame, time in found]
    assert times == sorted(times)


def test_ffmpeg_inputs_that_are_no_files() -> None:
    source = sources.file("testsrc=size=64x48:rate=10:duration=1", input_format="lavfi")
    assert source.has_video
    assert not source.has_audio
    assert len(pictures(source.open(video=True, audio=False), 99)) == 10
    with pytest.raises(LocalProtocolError, match="no audio"):
        source.open(video=True, audio=True)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"cannot open 'gone.mkv': No such file"):
        sources.file(tmp_path / "gone.mkv").open(video=True, audio=False)
    (tmp_path / "noise.mkv").write_bytes(b"noise" * 1000)
    with pytest.raises(MediaError, match=r"cannot open 'noise.mkv'"):
        _ = sources.file(tmp_path / "noise.mkv").has_video
    with pytest.raises(MediaError, match="cannot open"):
        _ = sources.file("x", input_format="nonsense").has_audio


def test_frames_of_users() -> None:
    array = np.zeros((48, 64, 3), dtype=np.uint8)
    found = pictures(sources.frames([array, draw("x", 1, 160, 120), VideoFrame.from_rgb(16, 16, bytes(768))]).open(
        video=True, audio=False), 9)  # fmt: skip
    assert [(frame.width, frame.height) for frame, _time in found] == [(64, 48), (160, 120), (16, 16)]
    assert [time for _frame, time in found] == [0, 1 / 30, 2 / 30]


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((48, 64, 3), dtype=np.float32),
        np.zeros((48, 64), dtype=np.uint8),
        np.zeros((48, 64, 4), dtype=np.uint8),
        np.zeros((8, 8, 3), dtype=np.uint8),
        "picture",
    ],
)
def test_bad_frames_are_refused(bad: object) -> None:
    with pytest.raises(LocalProtocolError, match="video frame"):
        av_video(bad)  # type: ignore[arg-type]  # what is tested
    opened = sources.frames([bad]).open(video=True, audio=False)  # type: ignore[list-item]  # what is tested
    with pytest.raises(LocalProtocolError):
        pictures(opened, 1)


def test_iterables_that_fail_or_are_none() -> None:
    def broken() -> Iterator[VideoFrame]:
        yield VideoFrame.from_rgb(16, 16, bytes(768))
        raise ZeroDivisionError

    opened = sources.frames(broken()).open(video=True, audio=False)
    assert len(pictures(opened, 1)) == 1
    with pytest.raises(MediaError, match="ZeroDivisionError"):
        pictures(opened, 1)
    for bad in (5, b"abc", np.zeros((2, 2))):
        with pytest.raises(LocalProtocolError, match=r"(?i)iterable"):
            sources.frames(bad)  # type: ignore[arg-type]  # what is tested


def test_arguments_are_checked() -> None:
    for bad in (
        lambda: sources.pattern(fps=0),
        lambda: sources.pattern(width=4),
        lambda: sources.tone(frequency=0),
        lambda: sources.tone(level=3),
        lambda: sources.frames([], fps=1000),
        lambda: sources.AudioOutput(100),
        lambda: sources.AudioOutput(48_000, 3),
        lambda: sources.tone().open(video=True, audio=True),
        lambda: sources.pattern().open(video=True, audio=True),
    ):
        with pytest.raises(LocalProtocolError):
            bad()


def test_an_output_takes_bytes_arrays_and_frames() -> None:
    output = sources.AudioOutput()
    assert output.has_audio
    assert not output.has_video
    half = np.full(AUDIO_FRAME_SAMPLES // 2, 1000, dtype=np.int16)
    output.write(half)
    output.write(half.reshape(-1, 1))
    output.write(half.tobytes())
    output.write(AudioFrame(half.tobytes()))
    assert output.seconds == pytest.approx(0.04)
    drained: list[bool] = []
    output.on_drained(lambda: drained.append(True))
    assert output.take() == output.take() == half.tobytes() * 2
    assert drained == [True]
    assert output.drained
    assert output.wait_drained(0)
    assert output.take() == SILENT
    output.write(half)
    output.on_drained(lambda: drained.append(True))
    output.clear()
    assert drained == [True, True]
    output.close()


def test_an_output_resamples() -> None:
    output = sources.AudioOutput(16_000, 2)
    for _ in range(10):
        output.write(np.full((320, 2), 1000, dtype=np.int16))
    output.write(b"")
    assert 0.15 < output.seconds <= 0.2
    with pytest.raises(LocalProtocolError, match="2 bytes"):
        output.write(b"ab")


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros(4, dtype=np.float32),
        np.zeros((4, 2), dtype=np.int16),
        np.zeros((4, 1, 1), dtype=np.int16),
        AudioFrame(b"abcd", 48_000, 2),
        AudioFrame(b"abcd", 8_000, 1),
        "sound",
        b"abc",
    ],
)
def test_an_output_refuses_what_does_not_fit(bad: object) -> None:
    output = sources.AudioOutput()
    with pytest.raises(M3Error):
        output.write(bad)  # type: ignore[arg-type]  # what is tested
    assert output.drained


def test_a_source_may_run_ahead_while_its_other_kind_starves() -> None:
    picture = av_video(np.zeros((16, 16, 3), dtype=np.uint8))
    count = (MAX_AHEAD + 1) * max(READ_AHEAD_VIDEO, READ_AHEAD_AUDIO)

    def produce(sink: ThreadSource) -> None:
        for number in range(count):
            sink.put_video(picture, float(number))
        for number in range(count):
            sink.put_audio(SILENT, number / 50)

    source = ThreadSource("m3-test", produce, video=True, audio=True)
    opened = source.open(1)
    assert [time for _frame, time in pictures(opened, count)] == [float(number) for number in range(count)]
    assert opened.video is not None
    opened.video.close()
    opened.close()
    source._thread.join(PATIENCE)
    assert not source._thread.is_alive()


def test_a_source_that_nobody_reads_reads_no_further() -> None:
    put: list[float] = []

    def produce(sink: ThreadSource) -> None:
        for number in range(10 * READ_AHEAD_AUDIO):
            sink.put_audio(SILENT, number / 50)
            put.append(number / 50)

    source = ThreadSource("m3-test", produce, video=False, audio=True)
    opened = source.open(1)
    while source._thread.is_alive() and not source._changed._waiters:  # type: ignore[attr-defined]  # of a `Condition`
        time.sleep(0.001)
    assert len(put) == READ_AHEAD_AUDIO
    opened.close()
    source._thread.join(PATIENCE)
    assert not source._thread.is_alive()


def test_sound_waits_until_it_is_due_and_tells_its_error() -> None:
    def produce(sink: ThreadSource) -> None:
        sink.put_audio(SILENT, 0.0)
        sink.put_audio(SILENT, 5.0)
        sink.put_video(picture, 0.0)
        raise MediaError("the sound is broken")

    picture = av_video(np.zeros((16, 16, 3), dtype=np.uint8))
    source = ThreadSource("m3-test", produce, video=False, audio=True)
    opened = source.open(1)
    source._thread.join()

    async def take() -> None:
        assert opened.audio is not None
        assert opened.audio.take() == SILENT
        assert opened.audio.take() is None
        source._audio = deque()
        with pytest.raises(MediaError, match="sound is broken"):
            opened.audio.take()

    asyncio.run(take())
    opened.close()


def test_a_broken_source_of_sound_becomes_silence_and_is_told() -> None:
    class Broken(sources.AudioOutput):
        def take(self) -> bytes:
            raise MediaError("broken")

    errors: list[str] = []

    async def send() -> bytes:
        track = AudioTrack(Broken().open(video=False, audio=True), lambda error: errors.append(str(error)))
        await track.recv()
        frame = await track.recv()
        track.stop()
        with pytest.raises(MediaStreamError):
            await track.recv()
        return samples_of(frame)

    assert asyncio.run(send()) == bytes(4 * AUDIO_FRAME_SAMPLES)
    assert errors == ["broken"]


def test_decoded_keyframes_are_not_sent_as_keyframes() -> None:
    source = sources.file("testsrc=size=64x48:rate=30", input_format="lavfi")

    async def send() -> list[av.VideoFrame]:
        track = VideoTrack(source.open(video=True, audio=False), lambda _error: None)
        frames = [await track.recv() for _ in range(3)]
        track.close()
        return frames

    frames = asyncio.run(send())
    assert {frame.pict_type for frame in frames} == {PictureType.NONE}
    steps = [later.pts - sooner.pts for sooner, later in pairwise(frames) if later.pts and sooner.pts is not None]
    assert steps == pytest.approx([3000, 3000], abs=2)


def test_a_picture_that_is_due_later_does_not_hold_up_another_source() -> None:
    async def send() -> int:
        slow = sources.pattern("slow", 64, 48, fps=1e-6).open(video=True, audio=False)
        slow = evolve(slow, pacer=Pacer(leap=float("inf")))  # or a leap of time would send it at once
        track = VideoTrack(slow, lambda _error: None)
        assert (await track.recv()).width == 64
        waiting = asyncio.ensure_future(track.recv())
        await asyncio.sleep(0)
        track.replace(sources.pattern("quick", 96, 64).open(video=True, audio=False))
        return (await asyncio.wait_for(waiting, PATIENCE)).width

    assert asyncio.run(send()) == 96
