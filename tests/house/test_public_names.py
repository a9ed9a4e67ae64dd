"""What is public is what `__all__` says, it is there, and it is typed."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = [
    "m3core",
    "m3core.messages",
    "m3core.sdp",
    "m3core.conference",
    "m3core.controller",
    "m3core.testing",
    "m3asyncio",
    "m3trio",
]


@pytest.mark.parametrize("name", PACKAGES)
def test_all_names_are_there_and_sorted(name: str) -> None:
    package = importlib.import_module(name)
    assert package.__all__
    assert len(set(package.__all__)) == len(package.__all__)
    assert [public for public in package.__all__ if not hasattr(package, public)] == []


@pytest.mark.parametrize("name", ["m3core", "m3asyncio", "m3trio"])
def test_packages_say_that_they_are_typed(name: str) -> None:
    assert (ROOT / name / "py.typed").exists()


def test_the_names_of_the_design_are_there() -> None:
    m3 = importlib.import_module("m3asyncio")
    for name in ("join", "Account", "Conference", "Publication", "Subscription", "serve", "sources", "AudioOutput"):
        assert name in m3.__all__
    for name in ("AudioFrame", "VideoFrame", "ParticipantJoined", "StreamStarted", "AUDIO", "VIDEO"):
        assert name in m3.__all__


def test_importing_the_core_brings_no_library_that_does_io() -> None:
    import subprocess
    import sys

    code = "import sys, m3core; m3core.SignalingConnection; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "m3core.signaling" in loaded
    heavy = {"asyncio", "aiortc", "av", "numpy", "httpx", "websockets", "trio", "h11", "wsproto"}
    assert not heavy & set(loaded)


def test_signalling_alone_does_not_import_aiortc() -> None:
    import subprocess
    import sys

    code = "import sys, m3asyncio; m3asyncio.join; m3asyncio.serve; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "m3asyncio.client" in loaded
    assert not {"aiortc", "av", "numpy"} & set(loaded)


@pytest.mark.parametrize("name", ["m3core", "m3asyncio", "m3trio"])
def test_names_that_are_not_there_are_attribute_errors(name: str) -> None:
    package = importlib.import_module(name)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = package.no_such_name


def test_rooms_of_the_core_are_imported_when_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    core = importlib.import_module("m3core")
    sdp = importlib.import_module("m3core.sdp")
    monkeypatch.delattr(core, "sdp")
    assert core.sdp is sdp
