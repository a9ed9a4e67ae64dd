"""A process that serves, and in which a participant publishes for the first time: ``LOOP``.

It prints as JSON whether media is available as soon as it serves, what the thread of the event loop imports from then
on, and which modules of aiortc and its dependencies any thread imports.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import anyio
from places import ADAPTERS


class Watcher:
    """A finder that finds nothing, and remembers what was looked for in this thread."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self.names: list[str] = []

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if threading.get_ident() == self._thread:
            self.names.append(name)
        return None


def modules() -> set[str]:
    """What is imported of the libraries that make peer connections."""
    return {
        name for name in sys.modules if name.startswith(("aiortc", "aioice", "cryptography", "OpenSSL", "pylibsrtp"))
    }


async def main(loop: str) -> None:
    m3 = ADAPTERS[loop]
    assert "aiortc" not in sys.modules
    async with m3.serve() as server, server.account() as account:
        loaded = "m3asyncio.sfu" in sys.modules and "aiortc" in sys.modules
        below = modules()
        meeting = await account.create_meeting(title="Media")
        async with meeting.start(display_name="Olga") as owner:
            tone, watcher = m3.sources.tone(), Watcher()
            sys.meta_path.insert(0, watcher)
            await owner.publish(audio=tone)
        late = modules() - below
    print(json.dumps([loaded, watcher.names, sorted(late)]))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], backend=sys.argv[1])
