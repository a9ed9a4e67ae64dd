"""The commands as users run them: processes of their own, with a known environment and without a terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

from patience import PATIENCE

ROOT = Path(__file__).parents[2]
M3 = (sys.executable, "-m", "m3asyncio")
ESCAPE = "\x1b"
_LEFT_OUT = [
    "NO_COLOR",
    "FORCE_COLOR",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
    "COLUMNS",
    "LINES",
    "TERM",
    "PYTHONUNBUFFERED",
]
"""Variables that change how or when a command prints."""


def environment(**more: str) -> dict[str, str]:
    """The environment of this process, without `_LEFT_OUT`, and with the sources on `PYTHONPATH`."""
    inherited = {key: value for key, value in os.environ.items() if key not in _LEFT_OUT}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "TERM": "xterm", **more}


def run(command: Iterable[str], where: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in ``where`` to its end."""
    return subprocess.run(
        list(command),
        cwd=where,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def m3(where: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run ``m3 ARGUMENTS`` in ``where``, with ``more`` in its environment."""
    return run((*M3, *arguments), where, **more)


def check_failures(output: str, names: set[str]) -> None:
    """Exactly the checks ``names`` failed. A demo prints each of them twice: at once, and in its report."""
    lines = [line.removeprefix("FAILED ") for line in output.splitlines() if line.startswith("FAILED ")]
    assert [line for line in lines if not line.startswith(tuple(names))] == []
    for name in names:
        assert sum(line.startswith(name) for line in lines) == 2, name


def new_threads(before: Iterable[threading.Thread]) -> set[threading.Thread]:
    """The threads that a run of an event loop left behind.

    The workers of anyio end soon, but its run does not wait for them. The workers of trio wait some seconds for more
    work, so they do not count.
    """
    left = set(threading.enumerate()) - set(before)
    for thread in left:
        if thread.name.startswith("AnyIO worker"):
            thread.join(PATIENCE)
    return {thread for thread in left if thread.is_alive() and not thread.name.startswith("Trio thread")}
