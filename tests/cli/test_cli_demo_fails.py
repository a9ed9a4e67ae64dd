"""The exit code of the demo is honest: it fails if media do not flow, says where, and leaves nothing behind."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import anyio
import pytest
from cli_helpers import check_failures
from sabotage import left_as_it_was, replace_patterns

from m3asyncio import sources
from m3asyncio.cli import demo, demo_script, demo_stage
from m3asyncio.cli.options import parse
from m3asyncio.pattern import draw
from m3core.media import VideoFrame


def hold(*arguments: str) -> int:
    """The exit code of a demo in this process."""
    options = parse(["demo", "--json", *arguments])

    async def held() -> int:
        code = await demo.run(options)
        assert [task.id for task in anyio.get_running_tasks()] == [anyio.get_current_task().id]
        return code

    with left_as_it_was():
        # trio has tasks of its own, and none of them outlives a run
        return anyio.run(demo.run, options, backend="trio") if options.loop == "trio" else anyio.run(held)


def test_pictures_of_another_sender_and_a_picture_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace_patterns(monkeypatch, lambda pattern, name: pattern("Ada") if name == "Bob" else None)
    assert hold("--seconds", "0.5", "--picture", str(tmp_path / "absent" / "demo.png")) == 1
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert told["ok"] is False
    assert all(stream["video_frames"] > 0 for person in told["participants"] for stream in person["streams_received"])
    failed = {"Ada ← Bob video: every picture is its sender's", "the picture shows what was received"}
    check_failures(printed.err, failed)
    assert re.search(r"^2 of \d+ checks failed", printed.err, re.MULTILINE)


def test_a_stream_that_stops(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    is_over = threading.Event()

    def until_over() -> Iterator[VideoFrame]:
        for number in count():
            if is_over.is_set():
                return
            yield draw("Bob", number)

    async def stop_and_watch(self: demo_script.Demo) -> None:
        is_over.set()
        (stream,) = (one for one in self._outcome.streams if one.sender == "Bob")
        before = -1
        while before != stream.received.video_frames:  # pictures that are on their way
            before = stream.received.video_frames
            await anyio.sleep(0.5)
        await watch(self)

    watch = demo_script.Demo._watch
    monkeypatch.setattr(demo_script.Demo, "_watch", stop_and_watch)
    replace_patterns(monkeypatch, lambda _, name: sources.frames(until_over()) if name == "Bob" else None)
    assert hold("--seconds", "1", "--no-picture") == 1
    check_failures(capsys.readouterr().err, {"Ada ← Bob video: enough pictures"})


@pytest.mark.parametrize("loop", ["asyncio", "trio", "both"])
def test_a_stream_without_pictures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], loop: str
) -> None:
    replace_patterns(monkeypatch, lambda _, name: sources.frames([]) if name == "Ada" else None)
    monkeypatch.setattr(demo_stage, "PATIENCE", 2.0)
    assert hold("--seconds", "1", "--no-picture", "--loop", loop) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["ok"] is False
    check_failures(printed.err, {"Bob ← Ada video: a first picture"})
