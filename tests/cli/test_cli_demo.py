"""`m3 demo` as users run it: what it prints, what it draws, and that it needs nothing but this machine."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import av
import numpy as np
import pytest
from cli_helpers import ESCAPE, M3, m3, run
from extent import cases
from PIL import Image

from m3asyncio.cli.demo_picture import CAPTION, CELL, GAP, HEAD, LABEL, MARGIN
from m3asyncio.cli.main import main
from m3asyncio.pattern import read_pattern, sender_code
from m3core.controller.features import FeatureLevel
from m3core.media import VideoFrame

DEMO = ("demo", "--json", "--seconds", "1")
STREAMS = {("Ada", "Bob", "video"), ("Bob", "Ada", "video"), ("Bob", "Ada", "screen")}
MESSAGES = """publish sdp_candidate sdp_end_of_candidates publish_complete subscribe sdp_offer sdp_answer webrtc_up
raise_hand lower_hand unpublish update_media_session join join_success"""


def check_result(process: subprocess.CompletedProcess[str]) -> None:
    """The demo succeeded, as its exit code and its JSON object say."""
    assert process.returncode == 0, process.stdout + process.stderr
    for word in ("Traceback", "Warning", "never retrieved", "FAILED"):
        assert word not in process.stderr
    told = json.loads(process.stdout.splitlines()[-1])
    assert set(told) == {"ok", "participants"}
    assert told["ok"] is True
    assert [participant["name"] for participant in told["participants"]] == ["Ada", "Bob"]
    streams = set()
    for participant in told["participants"]:
        assert set(participant) == {"name", "streams_received"}
        for stream in participant["streams_received"]:
            assert set(stream) == {"from", "media_session_type", "video_frames", "audio_frames", "first_frame_s"}
            kind = stream["media_session_type"]
            streams.add((participant["name"], stream["from"], kind))
            assert isinstance(stream["video_frames"], int)
            assert stream["video_frames"] > 0
            assert isinstance(stream["audio_frames"], int)
            assert (stream["audio_frames"] > 0) is (kind == "video")
            assert isinstance(stream["first_frame_s"], float)
            assert stream["first_frame_s"] > 0
    assert streams == STREAMS


def senders_in(picture: Image.Image) -> dict[int, set[tuple[int, ...]]]:
    """The senders whose patterns the picture shows, with the frame counters of each row."""
    found: dict[int, set[tuple[int, ...]]] = {}
    for row in count():
        top = HEAD + row * (CELL[1] + CAPTION + GAP)
        if top + CELL[1] > picture.height:
            return found
        for size in ((640, 480), (1280, 720)):
            height = CELL[0] * size[1] // size[0]
            counters = []
            for column in range(5):
                left, above = MARGIN + LABEL + column * (CELL[0] + GAP), top + (CELL[1] - height) // 2
                cell = picture.crop((left, above, left + CELL[0], above + height)).resize(size)
                reading = read_pattern(VideoFrame.from_rgb(*size, cell.tobytes()))
                if reading is not None:
                    counters.append(reading.counter)
                    found.setdefault(reading.sender_code, set())
            if counters and reading is not None:
                found[reading.sender_code].add(tuple(counters))
    return found


@pytest.mark.soak
@pytest.mark.parametrize("level", cases(FeatureLevel, part=1))
def test_a_demo_is_held_at_every_level(tmp_path: Path, level: FeatureLevel) -> None:
    check_result(m3(tmp_path, *DEMO, "--no-picture", "--feature-level", level.value))


def test_a_demo_prints_and_draws_what_happened(tmp_path: Path) -> None:
    process = m3(tmp_path, *DEMO, NO_COLOR="1")
    print(process.stderr)
    check_result(process)
    assert process.stdout.count("\n") == 1, "stdout is only for programs"
    assert ESCAPE not in process.stdout + process.stderr
    for message in MESSAGES.split():
        assert re.search(rf"\b[1-9]\d* {message}\b", process.stderr), message
    for line in ("shares her screen", "stops sharing the screen", "turns the camera off", "turns the microphone on"):
        assert line in process.stderr
    table = re.findall(r"(\w+ ← \w+ \w+) .*? ([1-9]\d*) .*? (\d+) .*? \d+\.\d+ s ", process.stderr)
    assert {row[0] for row in table} == {f"{receiver} ← {sender} {kind}" for receiver, sender, kind in STREAMS}
    assert re.search(r"all \d+ checks passed", process.stderr)

    with Image.open(tmp_path / "demo.png") as picture:
        assert picture.width > 800
        assert picture.height > 400
        shown = senders_in(picture.convert("RGB"))
    assert set(shown) == {sender_code(name) for name in ("Ada", "Bob", "Ada's screen")}
    for rows in shown.values():
        for counters in rows:
            assert list(counters) == sorted(set(counters)), "from left to right, the frame counter increases"


@pytest.mark.soak
@pytest.mark.parametrize(
    ("loop", "where"),
    cases([("both", "Ada on asyncio, Bob on trio"), ("trio", "Ada on trio, Bob on trio")], part=1),
)
def test_a_demo_on_other_loops_tells_the_same(tmp_path: Path, loop: str, where: str) -> None:
    process = m3(tmp_path, *DEMO, "--no-picture", "--loop", loop)
    check_result(process)
    assert where in process.stderr
    assert re.search(r"all \d+ checks passed", process.stderr)


ONLY_LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    def flags(name, request=0x8913, value=0):  # SIOCGIFFLAGS
        reply = fcntl.ioctl(control, request, struct.pack("16sH14x", name.encode(), value))
        return struct.unpack("16sH14x", reply)[1]
    flags("lo", 0x8914, flags("lo") | 1)  # SIOCSIFFLAGS, IFF_UP
    print("up:", *[name for _, name in socket.if_nameindex() if flags(name) & 1], flush=True)
if sys.argv[1:]:
    os.execv(sys.argv[1], sys.argv[1:])
"""
"""Brings up `lo` with ioctls, because not every machine has `ip`; prints which interfaces are up; runs the command."""


def namespace(where: Path) -> tuple[str, ...]:
    """How to run a command in a network namespace with only the loopback interface.

    Skips, and fails in CI, if this machine cannot make one.
    """
    why = "no command `unshare`"
    for options in ("-rn", "-n") if shutil.which("unshare") else ():
        command = ("unshare", options, sys.executable, "-c", ONLY_LOOPBACK)
        process = run(command, where)
        if process.returncode == 0:
            assert process.stdout == "up: lo\n"
            return command
        why = process.stderr.strip() or f"unshare {options}: {process.returncode}"
    why = f"cannot make a network namespace: {why}"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def test_a_demo_with_only_the_loopback_interface(tmp_path: Path) -> None:
    process = run((*namespace(tmp_path), *M3, *DEMO, "--no-picture"), tmp_path)
    assert process.stdout.startswith("up: lo\n")
    check_result(process)
    assert not (tmp_path / "demo.png").exists()


def make_clip(path: Path, seconds: int = 2, fps: int = 20) -> None:
    """Write a small clip of a moving bar with a tone, in codecs that every build of PyAV has."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=fps)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        audio = container.add_stream("aac", rate=48_000, layout="mono")
        assert isinstance(audio, av.AudioStream)
        for number in range(seconds * fps):
            pixels = np.full((240, 320, 3), 90, dtype=np.uint8)
            pixels[:, number * 7 % 300 : number * 7 % 300 + 20] = 230
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))
        for start in range(0, seconds * 48_000, 1024):
            at = np.arange(start, start + 1024) * (2 * math.pi * 440 / 48_000)
            samples = (np.sin(at) * 0.4).astype(np.float32).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def test_a_demo_publishes_a_media_file(tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4")
    process = m3(tmp_path, *DEMO, "--file", "clip.mp4", "--picture", "seen.png")
    check_result(process)
    with Image.open(tmp_path / "seen.png") as picture:
        assert picture.width > 800


@pytest.mark.parametrize("name", ["absent.mp4", "text.mp4", "."])
def test_a_file_that_is_no_clip_is_one_line(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.mp4").write_text("not a clip")
    assert main(["demo", "--json", "--file", str(tmp_path / name)]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("m3 demo: ")
    assert printed.err.count("\n") == 1
    assert printed.out == ""
