"""Ctrl-C and SIGTERM end the commands at once, quietly, and whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cli_helpers import M3, environment
from patience import PATIENCE

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def interrupted(command: tuple[str, ...], where: Path, until: str, number: signal.Signals) -> tuple[int, str]:
    """Run ``command`` until it prints ``until``, send the signal; its exit code and all it printed."""
    with subprocess.Popen(
        command,
        cwd=where,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        printed = []
        try:
            for line in process.stdout:
                printed.append(line)
                if until in line:
                    break
            else:
                pytest.fail(f"never printed {until!r}: {''.join(printed)}")
            began = time.monotonic()
            process.send_signal(number)
            rest, _ = process.communicate(timeout=PATIENCE)
            print(f"ended {time.monotonic() - began:.2f} s after {number.name}")
        finally:
            watchdog.cancel()
            process.kill()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # the process led its group: nobody is left in it
    return process.returncode, "".join(printed) + rest


@pytest.mark.parametrize(
    ("number", "loop"), [(signal.SIGINT, "asyncio"), (signal.SIGTERM, "trio"), (signal.SIGINT, "both")]
)
def test_a_signal_ends_the_demo_while_media_flow(tmp_path: Path, number: signal.Signals, loop: str) -> None:
    command = (*M3, "demo", "--seconds", "30", "--loop", loop)
    code, printed = interrupted(command, tmp_path, "has Ada's screen", number)
    assert code == 130
    for word in ("Traceback", "Error", "Warning", "never retrieved"):
        assert word not in printed


STUCK = """
import argparse, os, signal, sys
import anyio
from m3asyncio.cli import main
main.STOP_TIMEOUT = float(sys.argv[2])
async def work(_):
    print("working", flush=True)
    try:
        await anyio.sleep_forever()
    finally:
        print("stopping takes for ever", flush=True)
        if sys.argv[3:]:
            os.kill(os.getpid(), signal.SIGINT)
        with anyio.CancelScope(shield=True):
            await anyio.sleep_forever()
raise SystemExit(main._run(work, argparse.Namespace(), sys.argv[1], stopped=130))
"""


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_what_hangs_while_it_stops_is_ended(tmp_path: Path, loop: str) -> None:
    command = (sys.executable, "-c", STUCK, loop, "0.05")
    code, printed = interrupted(command, tmp_path, "working", signal.SIGINT)
    assert code == 130
    assert printed == "working\nstopping takes for ever\n"


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_who_asks_twice_does_not_wait(tmp_path: Path, loop: str) -> None:
    command = (sys.executable, "-c", STUCK, loop, "3600", "again")
    code, _ = interrupted(command, tmp_path, "working", signal.SIGINT)
    assert code == 130


def test_ctrl_c_while_the_command_is_still_being_loaded(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "m3asyncio", "demo", "--no-picture"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("m3core.errors" in line for line in process.stderr)  # the first of our own that is imported
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in rest
