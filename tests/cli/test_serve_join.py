"""`m3 serve` and `m3 join` as people run them: processes of their own, ended by Ctrl-C."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cli_processes import EVENTS, m3
from PIL import Image

from m3asyncio.cli.main import main
from m3asyncio.pattern import read_pattern, sender_code
from m3core.media import VideoFrame

LOOPS = pytest.mark.parametrize("loop", ["asyncio", "trio"], indirect=True)


@pytest.fixture
def loop(request: pytest.FixtureRequest) -> str:
    """The value of `--loop` for all commands of a test."""
    return str(getattr(request, "param", "asyncio"))


@pytest.fixture
def invitation(tmp_path: Path, loop: str) -> Iterator[str]:
    """The link of a running `m3 serve`, which must end with success."""
    with m3(tmp_path, "serve", "--json", "--title", "Stand-up", "--loop", loop) as serve:
        told = serve.event("serving")
        assert told["title"] == "Stand-up"
        yield told["invitation"]
        status, _out, err = serve.interrupt()
        assert status == 0
        assert "Traceback" not in err


@LOOPS
def test_people_see_each_other(tmp_path: Path, invitation: str, loop: str) -> None:
    publishing = ("--publish", "pattern", "--screen", "pattern", "--loop", loop)
    watching = ("--save-frames", "seen", "--loop", loop)
    with m3(tmp_path, "join", invitation, "--name", "Ada", *publishing) as ada, ExitStack() as later:
        ada.until(lambda line: "you joined" in line)
        bob = later.enter_context(m3(tmp_path, "join", invitation, "--name", "Bob", *watching))
        bob.until(lambda line: "you joined as Bob" in line)
        for _ in range(2):
            bob.until(lambda line: re.search(r"you see Ada's (video|screen), after \d+\.\d\d s$", line) is not None)
        ada.until(lambda line: "Bob joined" in line)
        status, out, err = bob.interrupt()
        assert (status, err) == (0, "")
        assert "not received" not in out
        received = {
            row[0]: row[1:] for row in re.findall(r"Ada (\w+) .*? (\d+) .*? (\d+) .*? [\d.]+ s .*? (\d+) ", out)
        }
        assert set(received) == {"video", "screen"}
        assert min(int(frames) for frames, _, _ in received.values()) > 0
        assert int(received["video"][1]) > 0
        assert sum(int(saved) for _, _, saved in received.values()) == len(list((tmp_path / "seen").iterdir()))
        ada.until(lambda line: "Bob left" in line)
        status, _out, err = ada.interrupt()
        assert (status, err) == (0, "")
    pictures = sorted((tmp_path / "seen").glob("Ada-video-*.png"))
    assert pictures
    with Image.open(pictures[-1]) as image:
        frame = VideoFrame.from_rgb(image.width, image.height, image.convert("RGB").tobytes())
    reading = read_pattern(frame)
    assert reading is not None
    assert reading.sender_code == sender_code("Ada")


_IMPATIENT = """
import sys, m3core.conference.backoff as backoff
from m3asyncio.cli.main import main
backoff.RECONNECT_PATIENCE = 0.1
sys.exit(main(sys.argv[1:]))
"""


def test_a_server_that_does_not_come_back_ends_its_guests(tmp_path: Path) -> None:
    with m3(tmp_path, "serve", "--json") as serve:
        link = serve.event("serving")["invitation"]
        impatient = (sys.executable, "-c", _IMPATIENT)
        with m3(tmp_path, "join", link, "--name", "Eve", *EVENTS, program=impatient) as eve:
            eve.event("ConferenceJoined")
            assert serve.interrupt()[0] == 0
            status, out, err = eve.end()
        assert status == 1
        assert json.loads(out.splitlines()[-1])["event"] == "Ended"
        assert err.splitlines()[-1].startswith("m3 join: the conference ended")
        assert "Traceback" not in err


@LOOPS
def test_guests_wait_for_a_server_that_ends(tmp_path: Path, loop: str) -> None:
    joining = ("--name", "Eve", *EVENTS, "--loop", loop)
    with m3(tmp_path, "serve", "--json", "--loop", loop) as serve:
        with m3(tmp_path, "join", serve.event("serving")["invitation"], *joining) as eve:
            eve.event("ConferenceJoined")
            assert serve.interrupt()[0] == 0
            assert eve.event("ConnectionLost")["detail"] == "close code 1001"
            status, _out, err = eve.interrupt()
        assert (status, "Traceback" in err) == (0, False)


GOES_WRONG = (
    (("--publish", "no-such-file.mp4"), "no-such-file.mp4"),
    (("--publish", "no-such-file.mp4", "--loop", "trio"), "no-such-file.mp4"),
    (("--name", " "), "a name needs at least one visible character"),
    (("--password", "wrong", "--seconds", "0.1"), ""),
)


def test_what_goes_wrong_is_one_line(invitation: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, says in GOES_WRONG:
        assert main(["join", invitation, "--no-chat", *arguments]) == (1 if says else 0), arguments
        err = capsys.readouterr().err
        assert says in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("http://meet.example/invite/95e00679-12b5-4e8a-9eaa-b0b3d2423798", "https"),
        ("http://127.0.0.1:1/invite/95e00679-12b5-4e8a-9eaa-b0b3d2423798", "could not be reached"),
        ("https://127.0.0.1/nothing", "not an invitation link"),
    ],
)
@pytest.mark.parametrize("of_loop", [(), ("--loop", "trio")])
def test_links_that_lead_nowhere(
    link: str, says: str, of_loop: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["join", link, "--no-chat", *of_loop]) == 1
    err = capsys.readouterr().err
    assert says in err
    assert len(err.splitlines()) == 1


def test_plain_http_is_only_for_this_machine(tmp_path: Path) -> None:
    with m3(tmp_path, "serve", "--public-url", "http://meet.example") as serve:
        status, out, err = serve.end()
    assert (status, out) == (1, "")
    assert "--public-url https://" in err


def test_behind_a_proxy_the_link_is_that_of_the_proxy(tmp_path: Path) -> None:
    with m3(tmp_path, "serve", "--public-url", "https://meet.example", "--json") as serve:
        assert serve.event("serving")["invitation"].startswith("https://meet.example/invite/")
        assert serve.interrupt()[0] == 0
