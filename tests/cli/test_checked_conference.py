"""A whole conference, checked message by message and frame by frame, on every loop and at every level.

Sabotaged conferences fail with exactly the checks that they break: what is checked is really checked.
"""

from __future__ import annotations

import anyio
import checked
import checker_conversation
import pytest
from checker_stage import CheckedStage
from extent import cases
from sabotage import left_as_it_was, replace_patterns

from m3asyncio import sources
from m3core.controller.features import FeatureLevel

NEWEST = list(FeatureLevel)[-1]
STREAMS = {"Bob ← Ada video", "Ada ← Bob video", "Bob ← Ada screen"}


def hold(loop: str, level: FeatureLevel = NEWEST, seconds: float = 1.0) -> tuple[CheckedStage, set[str]]:
    """Hold a checked conference: its stage, and the names of the streams that were received."""
    backend = "trio" if loop == "trio" else "asyncio"
    with left_as_it_was():
        stage, scenario = anyio.run(checked.hold, loop, level, seconds, backend=backend)
    return stage, {probe.name for probe in scenario.probes if probe.video_frames}


def failed(stage: CheckedStage) -> set[str]:
    return {check.name for check in stage.checks if not check.ok}


@pytest.mark.soak
@pytest.mark.parametrize("level", cases(FeatureLevel, part=1))
def test_at_every_level(level: FeatureLevel) -> None:
    stage, streams = hold("asyncio", level)
    assert failed(stage) == set()
    assert len(stage.checks) > 30
    assert streams == STREAMS


@pytest.mark.soak
@pytest.mark.parametrize("loop", cases(["both", "trio"], part=1))
def test_on_other_loops(loop: str) -> None:
    stage, streams = hold(loop)
    assert failed(stage) == set()
    assert streams == STREAMS


def test_frames_of_the_wrong_sender_and_too_few_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_patterns(
        monkeypatch, lambda pattern, name: pattern("Ada", fps=checker_conversation.FPS) if name == "Bob" else None
    )
    monkeypatch.setattr(checker_conversation, "ENOUGH", 100)
    stage, streams = hold("asyncio", seconds=0.5)
    assert failed(stage) == {"Ada ← Bob video: every picture is its sender's"} | {
        f"{name}: enough pictures" for name in STREAMS
    }
    assert streams == STREAMS
    assert "a picture of another sender" in {check.detail for check in stage.checks}


@pytest.mark.soak
@pytest.mark.parametrize("loop", cases(["both", "trio", "asyncio"], part=1))
def test_a_stream_without_pictures(monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    replace_patterns(monkeypatch, lambda _, name: sources.frames([]) if name == "Ada" else None)
    monkeypatch.setattr(checker_conversation, "PATIENCE", 1.0)
    stage, _ = hold(loop)
    assert failed(stage) == {"Bob ← Ada video: a first picture"}
