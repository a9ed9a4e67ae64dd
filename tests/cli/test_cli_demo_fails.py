"""What the demo checks, it really checks: demos that are sabotaged fail, say where, and leave nothing behind."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import psutil
import pytest
from cli_helpers import check_failures, new_threads

from m3asyncio import sources
from m3asyncio.cli import demo, demo_conversation
from m3asyncio.cli.options import build_parser
from m3asyncio.source_base import Source

MakePattern = Callable[..., Source]


def sabotage(monkeypatch: pytest.MonkeyPatch, make: Callable[[MakePattern, str], Source | None]) -> None:
    """``make`` may give another source where the demo wants the pattern of a name."""
    pattern = sources.pattern

    def made(name: str, *arguments: object, **options: object) -> Source:
        make_pattern: MakePattern = pattern
        other = make(make_pattern, name)
        return make_pattern(name, *arguments, **options) if other is None else other

    monkeypatch.setattr(sources, "pattern", made)


def hold(*arguments: str) -> int:
    """A demo in this process, which must be left as it was."""
    threads, connections = set(threading.enumerate()), set(psutil.Process().net_connections())
    children = psutil.Process().children()

    options = build_parser().parse_args(["demo", "--json", *arguments])

    async def held() -> int:
        code = await demo.run(options)
        assert [task.id for task in anyio.get_running_tasks()] == [anyio.get_current_task().id]
        return code

    # trio has tasks of its own, and none that outlive a run
    code = anyio.run(demo.run, options, backend="trio") if options.loop == "trio" else anyio.run(held)
    assert new_threads(threads) == set()
    assert set(psutil.Process().net_connections()) <= connections
    assert psutil.Process().children() == children
    return code


def test_frames_of_the_wrong_sender_and_too_few_frames(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sabotage(monkeypatch, lambda pattern, name: pattern("Ada", fps=demo_conversation.FPS) if name == "Bob" else None)
    monkeypatch.setattr(demo_conversation, "ENOUGH", 100)
    assert hold("--seconds", "0.5", "--picture", str(tmp_path / "absent" / "demo.png")) == 1
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert told["ok"] is False
    assert all(stream["video_frames"] > 0 for person in told["participants"] for stream in person["streams_received"])
    failed = {
        "Ada ← Bob video: every picture is its sender's",
        "Ada ← Bob video: enough pictures",
        "Bob ← Ada video: enough pictures",
        "Bob ← Ada screen: enough pictures",
        "the picture shows what was received",
    }
    check_failures(printed.err, failed)
    assert "a picture of another sender" in printed.err
    assert re.search(r"^5 of \d+ checks failed", printed.err, re.MULTILINE)


@pytest.mark.parametrize("loop", ["asyncio", "trio", "both"])
def test_a_stream_without_pictures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], loop: str
) -> None:
    sabotage(monkeypatch, lambda _, name: sources.frames([]) if name == "Ada" else None)
    monkeypatch.setattr(demo_conversation, "PATIENCE", 1.0)
    assert hold("--seconds", "1", "--no-picture", "--loop", loop) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["ok"] is False
    check_failures(printed.err, {"Bob ← Ada video: a first picture"})
