"""`m3 serve` in a process of its own, for clients that share no code with this project."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from aiortc.exceptions import InvalidStateError
from mustang_client import MustangClient
from opentalk_client import OpenTalkClient
from patience import PATIENCE
from stranger_media import loopback

ROOT: Final = Path(__file__).parents[2]
LOOPS: Final = ("asyncio", "trio")
TOKEN: Final = "the-token-of-the-owner"

GREYS: Final = {"Ada": 60, "Bob": 120, "Cyd": 180, "Dan": 230}
"""The grey that each camera shows."""


class Place:
    """A running controller. ``invite`` is the invite code of the meeting that it made when it started."""

    def __init__(self, base_url: str, invitation: str, stderr: Path) -> None:
        self.base_url = base_url
        self.invite = invitation.rpartition("/")[2]
        self._stderr = stderr
        self._read = 0

    def complaints(self) -> str:
        """What it printed for its operator since the last call; tests expect nothing."""
        said = self._stderr.read_text().partition("Ctrl-C ends it.")[2]
        new, self._read = said[self._read :], len(said)
        return new.strip()


@contextmanager
def serving(loop: str, *options: str) -> Iterator[Place]:
    """Run `m3 serve --loop LOOP`; fails unless it ends with 0 and without complaints."""
    with tempfile.NamedTemporaryFile() as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "m3asyncio", "serve", "--json", "--loop", loop, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "M3_TOKEN": TOKEN},
        )
        try:
            assert process.stdout is not None
            watchdog = threading.Timer(PATIENCE, process.kill)  # `readline` has no time-out
            watchdog.start()
            line = process.stdout.readline()
            watchdog.cancel()
            watchdog.join()
            told = json.loads(line)
            place = Place(told["controller"], told["invitation"], Path(stderr.name))
            yield place
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE)
            assert process.returncode == 0
            complaints = place.complaints()
            assert complaints == "", complaints
        finally:
            process.kill()
            process.communicate()


def opentalk(place: Place, name: str, *, interval: float = 0.05) -> OpenTalkClient:
    """OpenTalk's client with a faster heartbeat, with the time-outs of the tests, and no wait while a room is full."""
    return OpenTalkClient(place.base_url, name, interval=interval, patience=PATIENCE, retry=0.05, rest_timeout=PATIENCE)


def mustang(place: Place, name: str) -> MustangClient:
    """Mustang's client with the time-outs of the tests."""
    return MustangClient(place.base_url, name, rest_timeout=PATIENCE)


def run(conference: Coroutine[Any, Any, None]) -> None:
    """Run a conference in an event loop of its own. Fails if a task raised something that nobody awaited."""
    complaints: list[dict[str, Any]] = []

    def complain(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # aiortc does not await its own task when a peer connection is closed while it connects: not our fault.
        if not isinstance(context.get("exception"), InvalidStateError):
            complaints.append(context)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(complain)
        async with asyncio.timeout(PATIENCE):
            await conference

    with loopback():
        asyncio.run(main())
    assert complaints == [], complaints
