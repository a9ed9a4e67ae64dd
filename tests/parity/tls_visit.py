"""A process that joins a conference often and at once, and counts the TLS contexts it makes: ``LOOP LINK COUNT``.

Prints of each whether it was made in the thread of the event loop, as JSON.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading

import anyio
from places import ADAPTERS


def count_contexts(made: list[bool]) -> None:
    """From now on."""
    make = ssl.SSLContext.__new__

    def counted(kind: type[ssl.SSLContext], *args: int) -> ssl.SSLContext:
        made.append(threading.current_thread() is threading.main_thread())
        return make(kind, *args)

    ssl.SSLContext.__new__ = counted  # type: ignore[assignment, method-assign]


async def main(loop: str, link: str, count: int) -> None:
    """Guests who come in at once, and say something."""
    m3 = ADAPTERS[loop]
    made: list[bool] = []
    count_contexts(made)

    async def visit() -> None:
        async with m3.join(link, display_name="Gus") as conference:
            await conference.chat("hello")

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(visit)
    print(json.dumps(made))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2], int(sys.argv[3]), backend=sys.argv[1])
