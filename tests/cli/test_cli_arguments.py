"""Help, versions, wrong arguments, missing parts, and terminals without colours."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from cli_helpers import m3, run

from m3asyncio.cli.main import main
from m3asyncio.cli.options import parse
from m3core import controller
from m3core.controller.features import FeatureLevel
from m3core.limits import MAX_PARTICIPANTS


@pytest.mark.parametrize("command", ["demo", "serve", "join"])
def test_help_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: m3 {command}")
    assert re.search(rf"examples:\n  m3 {command}\b", printed)
    assert "exit codes:" in printed
    assert max(map(len, printed.splitlines())) <= 110


def test_help_lists_all_commands(tmp_path: Path) -> None:
    process = m3(tmp_path, "--help", FORCE_COLOR="1")
    assert process.returncode == 0
    assert process.stderr == ""
    for command in ("demo", "serve", "join"):
        assert re.search(rf"^    {command}\s+\w", process.stdout, re.MULTILINE)


LOADED = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from m3asyncio.__main__ import main
sys.argv[1:] = ["--help"]
main()
"""
HEAVY = {
    *("asyncio", "anyio", "rich", "PIL", "httpx", "h11", "wsproto", "aiortc", "av", "numpy", "trio"),
    *("cattrs", "email", "importlib.metadata", "ssl"),
    *("m3core.controller.engine", "m3core.controller.config", "m3core.conference", "m3core.client", "m3core.serving"),
    *("m3core.rest", "m3core.sdp", "m3core.signaling", "m3core.negotiation", "m3core.messages.control", "m3trio"),
}


def test_help_imports_nothing_that_only_commands_need(tmp_path: Path) -> None:
    process = run((sys.executable, "-c", LOADED), tmp_path)
    assert process.returncode == 0
    loaded = set(process.stderr.split())
    assert "m3core.controller.features" in loaded
    assert loaded & HEAVY == set()


def test_names_of_the_controller_are_there_when_they_are_named() -> None:
    for name in controller.__all__:
        assert getattr(controller, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = controller.nothing


def test_the_newest_level_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    newest = list(FeatureLevel)[-1].value
    for command in ("serve", "demo"):
        assert parse([command]).feature_level == newest
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert f"0.3 ... {newest} ({newest})" in " ".join(capsys.readouterr().out.split())


def test_serve_says_which_client_needs_what(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    printed = capsys.readouterr().out
    for word in (
        "OpenTalk's web client",
        "opentalk-signaling-json-v1.0",
        "Mustang's client",
        "no waiting room",
        "capture",
    ):
        assert word in printed


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert re.fullmatch(r"m3 (\d+\.\d+\.\d+\S*|\(not installed: .*\))\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["demo", "--loud"],
        ["demo", "--seconds", "0"],
        ["demo", "--seconds", "-1"],
        ["demo", "--seconds", "nan"],
        ["demo", "--seconds", "soon"],
        ["demo", "surplus"],
        ["serve", "--port", "65536"],
        ["serve", "--port", "-1"],
        ["serve", "--feature-level", "0.2"],
        ["demo", "--feature-level", "0.2"],
        ["serve", "--participant-limit", "0"],
        ["serve", "--time-limit", "-1"],
        ["join"],
        ["join", "URL", "--events", "xml"],
        ["join", "URL", "--json"],
        ["join", "URL", "--chat", "--commands", "-"],
        ["join", "URL", "--account"],
        ["join", "URL", "--account", "--controller", "http://127.0.0.1:1"],
    ],
    ids=" ".join,
)
def test_wrong_arguments(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("M3_TOKEN", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: m3")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["demo", "--seconds", "soon"],
            "argument --seconds: must be a number of seconds, more than 0 and at most 86400",
        ),
        (["serve", "--port", "65536"], "argument --port: must be a whole number from 0 to 65535"),
        (["serve", "--participant-limit", "0"], f"must be a whole number from 1 to {MAX_PARTICIPANTS}"),
        (["join", "URL", "--account"], "--account needs --controller URL"),
        (["join", "URL", "--account", "--controller", "URL"], "the environment variable M3_TOKEN"),
    ],
)
def test_wrong_arguments_are_explained(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("M3_TOKEN", "")
    with pytest.raises(SystemExit):
        parse(arguments)
    assert told in capsys.readouterr().err


def test_the_greatest_and_the_smallest_arguments() -> None:
    assert parse(["demo", "--seconds", "86400"]).seconds == 86_400
    assert [parse(["serve", "--port", port]).port for port in ("0", "65535")] == [0, 65_535]
    assert parse(["serve", "--participant-limit", "1"]).participant_limit == 1


def test_wrong_arguments_of_a_process(tmp_path: Path) -> None:
    assert m3(tmp_path, "dance").returncode == 2


WITHOUT = """
import sys
for name in sys.argv[1].split():
    sys.modules[name] = None
from m3asyncio.cli.main import main
raise SystemExit(main(sys.argv[2:]))
"""
ALL = "rich PIL httpx anyio h11 wsproto aioice aiortc av numpy trio"


@pytest.mark.parametrize(
    ("modules", "extra"),
    [("rich", "cli"), ("aiortc", "media"), ("h11", "asyncio"), ("httpx", "asyncio"), (ALL, "cli")],
)
def test_a_missing_extra_is_one_line_that_names_it(tmp_path: Path, modules: str, extra: str) -> None:
    process = run((sys.executable, "-c", WITHOUT, modules, "demo"), tmp_path)
    assert process.returncode == 2, process.stderr
    assert process.stdout == ""
    assert process.stderr.count("\n") == 1
    assert f'extra "{extra}"' in process.stderr
    assert "pip install" in process.stderr


@pytest.mark.parametrize(
    "arguments", ["demo --loop trio", "demo --loop both", "serve --loop trio", "join x --loop trio"]
)
def test_a_missing_loop_is_one_line_that_names_it(tmp_path: Path, arguments: str) -> None:
    process = run((sys.executable, "-c", WITHOUT, "trio", *arguments.split()), tmp_path)
    assert (process.returncode, process.stdout, process.stderr.count("\n")) == (2, "", 1)
    assert 'extra "trio"' in process.stderr


def test_trio_uses_no_adapter_of_asyncio(tmp_path: Path) -> None:
    bot = ("join", "http://127.0.0.1:1/invite/00000000-0000-4000-8000-000000000000", "--loop", "trio")
    process = run((sys.executable, "-c", WITHOUT, "m3asyncio.client m3asyncio.loop", *bot), tmp_path)
    assert process.returncode == 1
    assert "is the controller running" in process.stderr


def test_only_the_demo_has_both_loops(tmp_path: Path) -> None:
    assert m3(tmp_path, "serve", "--loop", "both").returncode == 2


def test_a_bot_without_streams_needs_no_media(tmp_path: Path) -> None:
    bot = ("join", "http://127.0.0.1:1/invite/00000000-0000-4000-8000-000000000000", "--no-receive")
    process = run((sys.executable, "-c", WITHOUT, "aiortc av numpy", *bot), tmp_path)
    assert process.returncode == 1
    assert "is the controller running" in process.stderr


def test_help_needs_no_extra(tmp_path: Path) -> None:
    process = run((sys.executable, "-c", WITHOUT, ALL, "demo", "--help"), tmp_path)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("usage: m3 demo")
