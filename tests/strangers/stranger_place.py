"""`m3 serve` as it comes, in a process of its own, for programs that know nothing of this project."""

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
"""What the cameras of people show."""


class Place:
    """Where a controller serves: ``invite`` is the code of the meeting that it has begun with."""

    def __init__(self, base_url: str, invitation: str, stderr: Path) -> None:
        self.base_url = base_url
        self.invite = invitation.rpartition("/")[2]
        self._stderr = stderr
        self._read = 0

    def complaints(self) -> str:
        """What it has told its operator since this was asked last; there should be nothing."""
        said = self._stderr.read_text().partition("Ctrl-C ends it.")[2]
        new, self._read = said[self._read :], len(said)
        return new.strip()


@contextmanager
def serving(loop: str, *options: str) -> Iterator[Place]:
    """A running `m3 serve --loop LOOP`, which must end well."""
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
            watchdog = threading.Timer(PATIENCE, process.kill)  # reading the line has no time-out of its own
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
    """With a faster heart than the real one's, no clock but the tests', and no patience with a full room."""
    return OpenTalkClient(place.base_url, name, interval=interval, patience=PATIENCE, retry=0.05, rest_timeout=PATIENCE)


def mustang(place: Place, name: str) -> MustangClient:
    """With no clock but the tests'."""
    return MustangClient(place.base_url, name, rest_timeout=PATIENCE)


def run(conference: Coroutine[Any, Any, None]) -> None:
    """Hold a conference in an event loop of its own; what its tasks forgot to tell fails it."""
    complaints: list[dict[str, Any]] = []

    def complain(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # aiortc forgets what it was doing for a peer connection that is closed while it connects: its fault, not ours.
        if not isinstance(context.get("exception"), InvalidStateError):
            complaints.append(context)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(complain)
        async with asyncio.timeout(PATIENCE):
            await conference

    with loopback():
        asyncio.run(main())
    assert complaints == [], complaints
