"""Ctrl-C, SIGTERM and a closed terminal end commands soon, without a traceback, and with all their processes."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import anyio
import pytest
from cli_helpers import M3, environment
from cli_processes import EVENTS, m3
from extent import cases
from patience import PATIENCE

from m3asyncio.cli import main
from m3asyncio.cli.signals import ending

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def interrupted(command: tuple[str, ...], where: Path, until: str, number: signal.Signals) -> tuple[int, str]:
    """Run ``command`` until it prints ``until``, and send the signal; its exit code, and everything that it printed."""
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
        os.killpg(process.pid, 0)  # the process led its group, and no other process is left in it
    return process.returncode, "".join(printed) + rest


@pytest.mark.soak
@pytest.mark.parametrize(
    ("number", "loop"),
    cases(
        [(signal.SIGINT, "both"), (signal.SIGTERM, "trio"), (signal.SIGHUP, "asyncio"), (signal.SIGINT, "asyncio")],
        part=2,
    ),
)
def test_a_signal_ends_the_demo_while_media_flow(tmp_path: Path, number: signal.Signals, loop: str) -> None:
    command = (*M3, "demo", "--seconds", "30", "--loop", loop)
    code, printed = interrupted(command, tmp_path, "first picture of Ada's screen", number)
    assert code == 130
    for word in ("Traceback", "Error", "Warning", "never retrieved"):
        assert word not in printed


@pytest.mark.soak
@pytest.mark.parametrize(
    ("number", "loop"),
    cases(zip([signal.SIGTERM, signal.SIGHUP] * 2, ["asyncio", "trio", "trio", "asyncio"], strict=True), part=2),
)
def test_a_signal_makes_participant_and_server_leave(tmp_path: Path, number: signal.Signals, loop: str) -> None:
    with m3(tmp_path, "serve", "--json", "--loop", loop) as serve:
        link = serve.event("serving")["invitation"]
        with m3(tmp_path, "join", link, "--name", "Ada", *EVENTS, "--loop", loop) as ada:
            ada.event("ConferenceJoined")
            with m3(tmp_path, "join", link, "--name", "Bob", *EVENTS, "--loop", loop) as bob:
                ada.event("ParticipantJoined")
                bob.event("ConferenceJoined")
                bob.process.send_signal(number)
                status, _out, err = bob.end()
                assert (status, "Traceback" in err) == (0, False)
            ada.event("ParticipantLeft")  # it left: a connection that was only lost would be waited for
            serve.process.send_signal(number)
            assert serve.end()[0] == 0
            assert ada.event("ConnectionLost")["detail"] == "close code 1001"


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_signal_before_the_command_has_joined_is_no_success(tmp_path: Path, loop: str) -> None:
    with m3(tmp_path, "serve", "--json", "--waiting-room", "--loop", loop) as serve:
        link = serve.event("serving")["invitation"]
        with m3(tmp_path, "join", link, "--name", "Bob", "--loop", loop) as bob:
            bob.until(lambda line: "you are in the waiting room" in line)
            bob.process.send_signal(signal.SIGTERM)
            assert bob.end()[0] == 130


def test_a_terminal_that_is_closed_makes_its_participant_leave(tmp_path: Path) -> None:
    with m3(tmp_path, "serve", "--json") as serve:
        link = serve.event("serving")["invitation"]
        with m3(tmp_path, "join", link, "--name", "Ada", *EVENTS) as ada:
            ada.event("ConferenceJoined")
            ours, theirs = os.openpty()
            try:
                bob = subprocess.Popen(
                    [sys.executable, "-c", ON_ITS_TERMINAL, *M3[1:], "join", link, "--name", "Bob"],
                    cwd=tmp_path,
                    env=environment(),
                    stdin=theirs,
                    stdout=theirs,
                    stderr=theirs,
                    start_new_session=True,
                )
            finally:
                os.close(theirs)
            with bob:
                printed = b""
                while b"you joined as Bob" not in printed:
                    printed += os.read(ours, 100_000)
                os.close(ours)
                assert bob.wait(PATIENCE) == 0
            ada.event("ParticipantLeft")


ON_ITS_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


NOHUP = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_a_program_that_nohup_starts_ignores_the_end_of_its_terminal(tmp_path: Path) -> None:
    ignoring = (sys.executable, "-c", NOHUP, *M3[1:])
    with m3(tmp_path, "serve", "--json", program=ignoring) as serve:
        link = serve.event("serving")["invitation"]
        serve.process.send_signal(signal.SIGHUP)
        with m3(tmp_path, "join", link, *EVENTS) as ada:
            ada.event("ConferenceJoined")
            assert ada.interrupt()[0] == 0
        assert serve.interrupt()[0] == 0


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
raise SystemExit(main._run(work, argparse.Namespace(begun=False), sys.argv[1]))
"""


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_what_hangs_while_it_stops_is_ended(tmp_path: Path, loop: str) -> None:
    command = (sys.executable, "-c", STUCK, loop, "1")
    code, printed = interrupted(command, tmp_path, "working", signal.SIGINT)
    assert code == 130
    assert printed == "working\nstopping takes for ever\n"


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_second_signal_ends_the_process_at_once(tmp_path: Path, loop: str) -> None:
    command = (sys.executable, "-c", STUCK, loop, "3600", "again")
    code, _ = interrupted(command, tmp_path, "working", signal.SIGINT)
    assert code == 130


BLOCKED = """
import argparse, sys, threading
from m3asyncio.cli import main
main.STOP_TIMEOUT = 0.1
async def work(_):
    print("working", flush=True)
    threading.Event().wait()
raise SystemExit(main._run(work, argparse.Namespace(begun=False), sys.argv[1]))
"""


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_what_blocks_the_event_loop_is_ended(tmp_path: Path, loop: str) -> None:
    code, printed = interrupted((sys.executable, "-c", BLOCKED, loop), tmp_path, "working", signal.SIGINT)
    assert (code, printed) == (130, "working\n")


AS_ON_WINDOWS = """
import asyncio, argparse
import anyio
from m3asyncio.cli import main
def add_signal_handler(*_):
    raise NotImplementedError
asyncio.SelectorEventLoop.add_signal_handler = add_signal_handler
async def work(options):
    options.begun = True
    print("working", flush=True)
    try:
        await anyio.sleep_forever()
    finally:
        print("left", flush=True)
raise SystemExit(main._run(work, argparse.Namespace(begun=False), "asyncio"))
"""


def test_an_event_loop_without_signal_handlers_is_enough(tmp_path: Path) -> None:
    code, printed = interrupted((sys.executable, "-c", AS_ON_WINDOWS), tmp_path, "working", signal.SIGINT)
    assert (code, printed) == (0, "working\nleft\n")


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_the_signal_handlers_of_the_process_are_put_back(loop: str) -> None:
    before = [signal.getsignal(number) for number in ending()]
    within: list[object] = []

    async def work(_: argparse.Namespace) -> int:
        within.extend(signal.getsignal(number) for number in ending())
        return 7

    assert main._run(work, argparse.Namespace(begun=True), loop) == 7
    assert [signal.getsignal(number) for number in ending()] == before
    assert not set(before) & set(within)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_command_is_still_being_loaded(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "m3asyncio", "demo", "--no-picture"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("m3core.errors" in line for line in process.stderr)  # the first of our own that is imported
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in rest


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_signal_that_does_not_interrupt_the_wait_of_the_loop_is_noticed(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that another thread gets is like one that comes just before the main thread begins to wait."""

    sent = threading.Event()

    def interrupt() -> None:
        time.sleep(0.2)  # until the loop waits, most likely; if it does not yet, the test passes without testing much
        signal.raise_signal(signal.SIGINT)
        sent.set()

    async def wait(options: argparse.Namespace) -> int:
        options.begun = True
        threading.Thread(target=interrupt).start()
        await anyio.sleep_forever()
        return 1

    monkeypatch.setattr(main, "_end_later", lambda code: None)  # it would end the tests
    assert main._run(wait, argparse.Namespace(begun=False), loop) == 0
    assert sent.wait(PATIENCE)
