"""Commands in processes of their own, which a test reads from and sends signals to."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli_helpers import M3, environment
from patience import PATIENCE

EVENTS = ("--events", "jsonl")
"""Makes `m3 join` print events that `Command.event` reads."""


class Command:
    """One `m3` command in a process of its own."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        program: tuple[str, ...] = M3,
        stdin: int = subprocess.DEVNULL,
        **more: str,
    ) -> None:
        self.process = subprocess.Popen(
            [*program, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment(**{"NO_COLOR": "1", **more}),
        )
        self.lines: list[str] = []
        self._watchdog = threading.Timer(PATIENCE, self.process.kill)  # reading its lines has no time-out of its own
        self._watchdog.start()

    def until(self, found: Callable[[str], bool]) -> str:
        """The first line of stdout for which ``found`` is true. Fails if the process ends without it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found(line):
                return line
        raise AssertionError(f"the command ended without such a line: {''.join(self.lines)}")

    def event(self, name: str) -> dict[str, Any]:
        """The first JSON line whose event is ``name``."""
        told: dict[str, Any] = json.loads(self.until(lambda line: json.loads(line)["event"] == name))
        return told

    def interrupt(self) -> tuple[int, str, str]:
        """Send SIGINT; then see `end`."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        """Wait for the end of the process: its exit code, all of its stdout, and its stderr."""
        out, err = self.process.communicate()
        return self.process.returncode, "".join(self.lines) + out, err

    def kill(self) -> None:
        """End the process if it still runs."""
        self._watchdog.cancel()
        self.process.kill()
        self.process.communicate()


@contextmanager
def m3(
    folder: Path, *arguments: str, program: tuple[str, ...] = M3, stdin: int = subprocess.DEVNULL, **more: str
) -> Iterator[Command]:
    """Run ``m3 ARGUMENTS`` during the block. ``more`` is in its environment."""
    command = Command(folder, *arguments, program=program, stdin=stdin, **more)
    try:
        yield command
    finally:
        command.kill()
