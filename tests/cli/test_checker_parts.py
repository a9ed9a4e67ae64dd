"""The parts of the checked conference: what a probe says of frames, and what the list of steps says of messages."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest
from checker_probe import StreamProbe
from checker_steps import missing_steps, sequences
from checker_wire import Note

from m3asyncio.loop import BACKEND
from m3asyncio.pattern import draw
from m3core.client.loop import Backend
from m3core.media import VideoFrame
from m3trio.loop import BACKEND as TRIO

BLACK = VideoFrame.from_rgb(320, 240, bytes(320 * 240 * 3))
BACKENDS: dict[str, Backend] = {"asyncio": BACKEND, "trio": TRIO}
GREY = VideoFrame.from_rgb(320, 240, b"\x80" * (320 * 240 * 3))


def _at_once(what: Callable[[], object]) -> None:
    what()


def probe_of(*frames: VideoFrame, pattern: str = "Bob", muted: bool = False) -> StreamProbe:
    """A probe of Bob's camera that was shown ``frames``."""
    probe = StreamProbe("Ada", "Bob", "video", pattern, home=BACKEND, tell=_at_once)
    probe.muted = muted
    for frame in frames:
        probe.video_frames += 1
        probe._check(frame)
    return probe


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_does_not_come_is_not_waited_for_though_others_come_all_the_time(backend: str) -> None:
    """On a busy machine there is a frame in every turn of the loop."""
    probe = StreamProbe("Ada", "Bob", "video", "Bob", home=BACKENDS[backend], tell=_at_once)
    turns = 0

    async def others(over: anyio.Event) -> None:
        nonlocal turns
        while not over.is_set():
            turns += 1
            assert turns < 100_000, "nobody ends the wait"
            probe._tell(probe._changed.set)
            await anyio.lowlevel.checkpoint()

    async def main() -> None:
        over = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(others, over)
            assert not await probe.more_video(1, patience=0.0)
            over.set()

    anyio.run(main, backend=backend)


def test_frames_of_the_sender_in_order_are_right() -> None:
    assert probe_of(draw("Bob", 0), draw("Bob", 1), draw("Bob", 7)).faults == []


@pytest.mark.parametrize(
    ("frames", "fault"),
    [
        ([draw("Bob", 0), draw("Ada", 1)], "a picture of another sender"),
        ([draw("Bob", 0), draw("Bob's screen", 1)], "a picture of another sender"),
        ([draw("Bob", 3), draw("Bob", 3)], "the frame counter does not increase"),
        ([draw("Bob", 3), draw("Bob", 2)], "the frame counter does not increase"),
        ([draw("Bob", 3), BLACK], "a picture without a readable pattern"),
        ([GREY, GREY], "a picture without a readable pattern"),
    ],
    ids=["another sender", "another stream", "repeated", "backwards", "black", "grey"],
)
def test_wrong_frames_are_faults_told_once(frames: list[VideoFrame], fault: str) -> None:
    assert probe_of(*frames).faults == [fault]


def test_black_is_right_while_muted_and_other_senders_never() -> None:
    assert probe_of(BLACK, BLACK, muted=True).faults == []
    assert probe_of(GREY, muted=True).faults == ["a picture without a readable pattern"]
    assert probe_of(draw("Ada", 1), muted=True).faults == ["a picture of another sender"]


TOLD = pytest.mark.parametrize("told", [False, True], ids=["found out", "told"])


def capture(told: bool = False) -> list[Note]:
    """Notes of all steps, one sequence after the other."""
    return [
        Note(step.who, step.arrow, step.name, step.media_session_type, step.facts)
        for sequence in sequences("Ada", "Bob", speaking_is_told=told)
        for step in sequence
    ]


@TOLD
def test_the_capture_is_complete(told: bool) -> None:
    assert missing_steps(capture(told), "Ada", "Bob", speaking_is_told=told) == []
    assert missing_steps(capture(told), "Ada", "Bob", speaking_is_told=not told) != []


@TOLD
def test_each_step_that_is_missing_is_named(told: bool) -> None:
    notes = capture(told)
    for step in {step for sequence in sequences("Ada", "Bob", speaking_is_told=told) for step in sequence}:
        rest = [note for note in notes if not step.fits(note)]
        assert str(step) in missing_steps(rest, "Ada", "Bob", speaking_is_told=told)


def test_the_order_counts() -> None:
    assert missing_steps(reversed(capture()), "Ada", "Bob") != []


def test_the_people_count() -> None:
    assert missing_steps(capture(), "Bob", "Ada") != []
