"""A thread reads lines from pipes and files, and nothing waits for it, not even the end of the process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from cli_helpers import environment
from patience import PATIENCE

from m3asyncio.cli.line_reader import MAX_LINE, LineReader
from m3asyncio.loop import BACKEND


def with_pipe(work: Callable[[LineReader, int], Awaitable[None]]) -> None:
    """Run ``work`` with a reader, and the descriptor that writes to it."""
    reading, writing = os.pipe()

    async def main() -> None:
        reader = LineReader(reading, BACKEND)
        await work(reader, writing)
        reader.close()

    asyncio.run(main())
    os.close(reading)


def test_lines_of_a_pipe() -> None:
    async def work(reader: LineReader, writing: int) -> None:
        os.write(writing, "one\r\ntwo: ä".encode())
        assert await anext(reader) == "one"
        os.write(writing, b"\n\n\xff last")
        assert await anext(reader) == "two: ä"
        assert await anext(reader) == ""
        os.close(writing)
        assert [line async for line in reader] == ["\ufffd last"]
        assert [line async for line in reader] == []

    with_pipe(work)


def test_lines_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("".join(f"{number}\n" for number in range(50_000)))

    async def main() -> list[str]:
        with path.open("rb") as file:
            return [line async for line in LineReader(file.fileno(), BACKEND)]

    assert asyncio.run(main()) == [str(number) for number in range(50_000)]


def test_a_line_is_cut_where_it_is_too_long() -> None:
    async def work(reader: LineReader, writing: int) -> None:
        def write() -> None:
            with os.fdopen(writing, "wb") as file:
                file.write(b"a" * (2 * MAX_LINE) + b"\nb\n")

        written = asyncio.create_task(asyncio.to_thread(write))
        assert [len(line) async for line in reader] == [MAX_LINE, 1]
        await written

    with_pipe(work)


def test_close_ends_the_wait_for_a_line() -> None:
    async def work(reader: LineReader, writing: int) -> None:
        waiting = asyncio.create_task(_all(reader))
        await asyncio.sleep(0)
        reader.close()
        assert await waiting == []
        os.close(writing)  # the thread, which reads, ends too
        assert reader._thread is not None
        await asyncio.to_thread(reader._thread.join)
        assert await _all(reader) == []

    with_pipe(work)


async def _all(reader: LineReader) -> list[str]:
    return [line async for line in reader]


def test_what_cannot_be_read_has_no_lines() -> None:
    async def main() -> list[str]:
        reading, writing = os.pipe()
        os.close(reading)
        os.close(writing)
        return await _all(LineReader(reading, BACKEND))

    assert asyncio.run(main()) == []


WAITS = """
import asyncio
from m3asyncio.cli.line_reader import LineReader
from m3asyncio.loop import BACKEND
async def main():
    reader = LineReader(0, BACKEND)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(anext(reader))
        while reader._thread is None:
            await asyncio.sleep(0)
        waiting.cancel()
asyncio.run(main())
print("over")
"""


def test_a_thread_that_reads_does_not_hold_up_the_end_of_the_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WAITS]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()  # ends with the process; its standard input is open until then
        assert process.wait(PATIENCE) == 0
    assert printed == b"over\n"
