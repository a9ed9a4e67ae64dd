"""The commands that `m3 serve`, the help texts and the docs print are run here in a shell, as they are."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_helpers import ROOT
from cli_processes import Command, m3
from extent import cases

from m3asyncio.cli.options import build_parser, parse
from m3asyncio.cli.serve import join_line
from m3asyncio.cli.trouble import WrongOptions

CODE = "95e00679-12b5-4e8a-9eaa-b0b3d2423798"
WEB = "https://web.example"
CONTROLLER = "http://127.0.0.1:8080"


@pytest.fixture
def shell(tmp_path: Path) -> str:
    """A `PATH` by which a shell finds `m3`, whether it is installed or not."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "m3"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m m3asyncio "$@"\n')
    script.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@contextmanager
def typed(line: str, folder: Path, shell: str, **more: str) -> Iterator[Command]:
    """Run ``line`` in a shell. `exec` replaces the shell, so that a signal reaches the command, as in a terminal."""
    line = re.sub(r"((?:\w+=\S+ )*)m3 ", r"\1exec m3 ", line, count=1)
    with m3(folder, program=("sh", "-c", line), stdin=subprocess.DEVNULL, PATH=shell, **more) as command:
        yield command


def told(serve: Command) -> dict[str, str]:
    """What `m3 serve` prints, by its labels."""
    serve.until(lambda line: "Ctrl-C ends it" in line)
    found = (re.fullmatch(r"  (\S+(?: \S+)?)  +(\S.*)\n", line) for line in serve.lines)
    return {match[1]: match[2] for match in found if match}


def joins(line: str, folder: Path, shell: str, name: str, **more: str) -> None:
    """Run ``line`` until it has joined, with ``name`` as login name."""
    with typed(line, folder, shell, LOGNAME=name, USER=name, **more) as joined:
        joined.until(lambda text: "you joined as" in text)
        assert joined.interrupt()[0] == 0


WEBS = ((), ("--web-url", "http://localhost:3000/"), ("--web-url", WEB))
PROXY = ("--public-url", "http://localhost:PORT/")


@pytest.mark.soak
@pytest.mark.parametrize(
    ("web", "proxy"),
    cases(
        [(WEBS[0], ()), (WEBS[1], PROXY), *((web, ()) for web in WEBS[1:]), (WEBS[0], PROXY), (WEBS[2], PROXY)], part=2
    ),
    ids=str,
)
def test_lines_that_serve_prints(tmp_path: Path, shell: str, web: tuple[str, ...], proxy: tuple[str, ...]) -> None:
    port = free_port()
    proxy = tuple(word.replace("PORT", str(port)) for word in proxy)
    with m3(tmp_path, "serve", "--port", str(port), *proxy, *web, M3_TOKEN="sesame") as serve:
        lines = told(serve)
        assert set(lines) == {"listens at", "invitation", "to join", "to moderate"}
        assert lines["listens at"] == f"127.0.0.1:{port}"
        origin = web[1].rstrip("/") if web else f"http://{'localhost' if proxy else '127.0.0.1'}:{port}"
        assert lines["invitation"].startswith(f"{origin}/invite/")
        assert ("--controller" in lines["to join"]) is bool(web)
        assert "--account --controller http://" in lines["to moderate"]
        with m3(tmp_path, "join", *shlex.split(lines["to join"])[2:], "--name", "Witness", M3_TOKEN="") as witness:
            witness.until(lambda line: "you joined" in line)
            joins(lines["to join"], tmp_path, shell, "guest")
            witness.until(lambda line: "guest joined" in line and "moderator" not in line)
            joins(lines["to moderate"], tmp_path, shell, "owner", M3_TOKEN="sesame")
            witness.until(lambda line: "Owner joined (moderator)" in line)  # by the name of the account
        assert serve.interrupt()[0] == 0


def test_programs_are_told_where_it_listens(tmp_path: Path) -> None:
    proxy = ("--public-url", "https://meet.example", "--web-url", WEB)
    with m3(tmp_path, "serve", "--json", "--host", "::1", *proxy) as serve:
        event = serve.event("serving")
        assert re.fullmatch(r"\[::1\]:[1-9]\d*", event["listening"])
        assert event["controller"] == "https://meet.example"
        assert event["invitation"].startswith(f"{WEB}/invite/")
        assert serve.interrupt()[0] == 0


@pytest.mark.parametrize(
    ("web", "controller", "more"),
    [
        (CONTROLLER, CONTROLLER, ""),
        (WEB, CONTROLLER, f" --controller {CONTROLLER}"),
        (WEB, WEB, ""),
        (WEB, "https://controller.web.example", ""),
        (WEB, "https://controller.web.example:8443", " --controller https://controller.web.example:8443"),
        ("http://localhost:3000", CONTROLLER, f" --controller {CONTROLLER}"),
        ("https://10.1.2.3", "https://10.1.2.3", " --allow-private"),
        (WEB, "https://10.1.2.3", " --controller https://10.1.2.3"),
    ],
)
def test_the_line_has_the_options_that_the_link_needs(web: str, controller: str, more: str) -> None:
    link = f"{web}/invite/{CODE}"
    assert join_line(link, controller, account=False) == f"m3 join {link}{more}"
    owner = join_line(link, controller, account=True)
    assert owner.startswith(f"m3 join {link} --account --controller {controller}")
    assert owner.endswith(" --allow-private") is ("10.1.2.3" in owner)


@pytest.mark.parametrize(
    ("web", "controller"),
    [
        ("http://web.example", CONTROLLER),
        (f"{WEB}/deep", CONTROLLER),
        (WEB, "https://meet.example/deep"),
        ("http://localhost:3000", "https://meet.example"),
        ("https://", CONTROLLER),
    ],
)
def test_an_invitation_that_nobody_could_use_is_refused(web: str, controller: str) -> None:
    with pytest.raises(WrongOptions, match=r"nobody could join with the invitation: .* --web-url") as caught:
        join_line(f"{web}/invite/{CODE}", controller, account=False)
    assert "=" not in str(caught.value)


def test_serve_refuses_such_addresses(tmp_path: Path) -> None:
    with m3(tmp_path, "serve", "--web-url", "http://web.example") as serve:
        status, out, err = serve.end()
    assert (status, out) == (1, "")
    assert err.startswith("m3 serve: nobody could join with the invitation: the address must start with https://")
    assert "is the controller running" not in err


# -- help texts and docs ---
def examples(command: str) -> list[str]:
    """The examples of a help text, without their explanations."""
    action = build_parser()._subparsers
    assert action is not None
    parser = action._group_actions[0].choices[command]  # type: ignore[index]
    block = parser.epilog.partition("examples:\n")[2].partition("\n\n")[0]
    return [re.split(r"   +", line.strip())[0] for line in block.splitlines()]


@pytest.mark.parametrize("command", ["demo", "serve", "join"])
def test_examples_of_the_helps_are_right(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M3_TOKEN", "sesame")
    lines = examples(command)
    assert len(lines) >= 5
    for line in lines:
        words = shlex.split(re.sub(r"^(\w+=\S+ )*", "", line).partition("|")[0])
        assert words[0] == "m3"
        assert parse(words[1:]).command == command


@pytest.mark.soak
@pytest.mark.parametrize("number", cases(range(len(examples("serve"))), part=2))
def test_examples_of_serve_serve(tmp_path: Path, shell: str, number: int) -> None:
    line = examples("serve")[number].replace("8080", str(free_port()))
    with typed(line, tmp_path, shell) as serve:
        lines = told(serve)
        assert ("to moderate" in lines) is ("M3_TOKEN" in line)
        assert serve.interrupt()[0] == 0


@pytest.mark.soak
@pytest.mark.parametrize("number", cases(range(len(examples("join"))), part=2))
def test_examples_of_join_join(tmp_path: Path, shell: str, number: int) -> None:
    port = free_port()
    with m3(tmp_path, "serve", "--port", str(port), "--json", M3_TOKEN="sesame") as serve:
        link = serve.event("serving")["invitation"]
        line = examples("join")[number].partition("|")[0].replace("8080", str(port)).replace("slides.mp4", "pattern")
        line = re.sub(r"http://\S+/invite/\S+|URL", link, line)
        assert "slides" not in line
        with typed(line, tmp_path, shell) as joined:
            joined.until(lambda text: "you joined" in text or "ConferenceJoined" in text)
            assert joined.interrupt()[0] == 0


def test_the_conference_of_the_docs(tmp_path: Path, shell: str) -> None:
    port = free_port()
    text = (ROOT / "docs" / "scripting.md").read_text(encoding="utf-8").replace("8080", str(port))
    block = text.partition("## A conference of one's own")[2].split("```\n")[1]
    export, serving, joining = block.splitlines()
    token = dict([export.removeprefix("export ").split("=")])
    with typed(serving, tmp_path, shell, **token) as serve:
        link = told(serve)["invitation"]
        joins(joining.replace("LINK", link), tmp_path, shell, "owner", **token)
        assert serve.interrupt()[0] == 0


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
