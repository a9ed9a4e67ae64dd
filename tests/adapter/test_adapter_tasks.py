"""Tasks of a conference end with it, also those that have just ended by themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest
from patience import PATIENCE

CLOSES = """
import asyncio, sys
from m3asyncio.loop import BACKEND

gather = asyncio.gather

def as_since_312(*work, return_exceptions=False):
    if not all(asyncio.isfuture(one) and one.done() for one in work):
        return gather(*work, return_exceptions=return_exceptions)
    done = asyncio.get_running_loop().create_future()
    done.set_result([])
    return done

if sys.argv[1] == "since 3.12":
    asyncio.gather = as_since_312

async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)

async def main():
    for work in range(4):
        for before in range(6):
            async with BACKEND.tasks() as tasks:
                running = tasks.spawn(turns(work))
                await turns(before)
            assert running.done()

asyncio.run(main())
print("all closed")
"""


@pytest.mark.parametrize("gather", ["as here", "since 3.12"])
def test_closing_ends_though_the_tasks_have_just_finished(gather: str) -> None:
    """A task that ends in this turn of the loop calls back in the next. Since 3.12 `gather` does not wait for that.

    It runs in a process of its own, because a loop that never gives way cannot be stopped from within.
    """
    run = subprocess.run(
        [sys.executable, "-c", CLOSES, gather], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (run.stdout, run.stderr) == ("all closed\n", "")
