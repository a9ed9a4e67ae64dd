"""What commands print: colours only on terminals that want them, JSON lines at once, and nothing that misleads."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_helpers import ESCAPE, M3, environment, run
from patience import PATIENCE

PRINT = """
from m3asyncio.cli.output import Output
output = Output()
output.line(("red", "bold red"), " and plain")
output.table("Title", ["a", "b"], [["x", "1"]])
"""


def on_a_terminal(where: Path, **more: str) -> str:
    """What `PRINT` prints if stdout is a terminal."""
    ours, theirs = os.openpty()
    try:
        command = [sys.executable, "-c", PRINT]
        subprocess.run(command, cwd=where, env=environment(**more), stdout=theirs, timeout=PATIENCE, check=True)
        return os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


COLOUR = re.compile(r"\x1b\[(?:\d+;)*[34]\d")


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals of POSIX")
def test_no_color_means_none(tmp_path: Path) -> None:
    assert COLOUR.search(on_a_terminal(tmp_path))
    assert not COLOUR.search(on_a_terminal(tmp_path, NO_COLOR="1"))


HOSTILE = """
from m3asyncio.cli.output import Output
output = Output()
output.line("hi\\n12:00:00  Ada left", ("\\x1b[2Jcleared\\x9b\\u202e", "red"))
output.table("Title", ["a"], [["\\x1b]0;title\\x07"]])
"""


def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    printed = run((sys.executable, "-c", HOSTILE), tmp_path).stdout
    assert printed.startswith("hi 12:00:00  Ada left\ufffd[2Jcleared\ufffd\ufffd\n")
    assert not [letter for letter in printed if letter != "\n" and not letter.isprintable()]


def test_pipes_get_plain_text(tmp_path: Path) -> None:
    process = run((sys.executable, "-c", PRINT), tmp_path)
    assert "red and plain\n" in process.stdout
    assert ESCAPE not in process.stdout


JSON = """
import json, os, sys
from m3asyncio.cli.output import Output
output = Output(json=True)
output.line("text for people")
output.object({"text": json.loads(sys.argv[1])})
os._exit(0)
"""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("text", ["a", "\u00e4", "\ud800"])
def test_json_lines_are_there_at_once_whatever_stdout_can_encode(tmp_path: Path, text: str, encoding: str) -> None:
    process = run((sys.executable, "-c", JSON, json.dumps(text)), tmp_path, PYTHONIOENCODING=encoding)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == {"text": text}
    assert process.stdout.count("\n") == 1
    assert process.stderr == "text for people\n"


def test_the_program_that_reads_the_output_ends_first(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*M3, "serve", "--json"], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (1, b"")
