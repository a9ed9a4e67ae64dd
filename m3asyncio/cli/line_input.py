"""The input of `m3 join`: lines that are typed, or commands as lines of JSON."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus

from m3asyncio.cli.bot import Bot
from m3asyncio.cli.event_printer import EventPrinter
from m3asyncio.cli.line_reader import LineReader
from m3asyncio.cli.publishing import OwnStreams
from m3asyncio.cli.script import EventQueue
from m3asyncio.cli.trouble import error_line
from m3asyncio.cli.typed_lines import TypedLines
from m3core.client.conference import Conference
from m3core.errors import M3Error

STDIN: Final = 0


@contextlib.asynccontextmanager
async def opened(options: argparse.Namespace) -> AsyncIterator[int | None]:
    """The descriptor to read lines from; None if there is no input. Raises `OSError`."""
    if options.commands not in (None, "-"):
        # In a thread: to open a named pipe blocks until another program opens it for writing.
        opening = partial(open, options.commands, "rb", buffering=0)
        with await anyio.to_thread.run_sync(opening, abandon_on_cancel=True) as file:
            yield file.fileno()
    elif options.commands == "-" or _is_typed(options):
        yield STDIN
    else:
        yield None


def _is_typed(options: argparse.Namespace) -> bool:
    """Whether to read chat from stdin: if `--chat` says so, or else if a person types at the terminal."""
    if options.chat is not None:
        return bool(options.chat)
    if options.events or options.commands or not os.isatty(STDIN):
        return False
    with contextlib.suppress(OSError, AttributeError):  # AttributeError: Windows has no process groups
        # A process in the background that reads its terminal is stopped by SIGTTIN.
        return os.tcgetpgrp(STDIN) == os.getpgrp()
    return True


class LineInput:
    """Carries out lines until they end, or until the conference ends."""

    def __init__(
        self, conference: Conference, lines: LineReader, printer: EventPrinter, queue: EventQueue, streams: OwnStreams
    ) -> None:
        self._conference = conference
        self._printer = printer
        self._lines = lines
        self._bot = Bot(conference, queue, streams, printer.output.object)

    @property
    def failed(self) -> int:
        """How many commands failed."""
        return self._bot.failed

    async def run(self, commands: bool, stay: bool) -> None:
        """Carry out lines of JSON, or typed ones unless ``commands``; then leave, unless ``stay``."""
        if commands:
            await self._bot.run(self._lines)
        else:
            await self._type()
        if not stay:
            await self._conference.leave()

    def close(self) -> None:
        """End `run`, because the conference has ended."""
        self._lines.close()

    async def _type(self) -> None:
        typed = TypedLines(self._conference, self._say)
        async with anyio.create_task_group() as begun:
            async for text in self._lines:
                await begun.start(self._enter, typed, text)

    async def _enter(
        self, typed: TypedLines, text: str, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        task_status.started()  # messages leave in the order of the lines: see `Bot._carry_out`
        try:
            await typed.enter(text)
        except M3Error as error:
            self._say(f"not done: {error_line(error)}")

    def _say(self, text: str) -> None:
        self._printer.output.line(" " * 10, (text, "dim"))
