"""Carries out commands that are lines of JSON, one after the other (`m3 join --commands`, docs/scripting.md)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping

import anyio
from anyio.abc import TaskStatus

from m3asyncio.cli.catalogue import people_of
from m3asyncio.cli.from_json import WrongArgument
from m3asyncio.cli.jsonl import error_value, plain
from m3asyncio.cli.publishing import OwnStreams
from m3asyncio.cli.script import EventQueue, Script
from m3core.client.conference import Conference
from m3core.errors import M3Error


class Bot:
    """Carries out commands. ``tell`` is called with the end of each: ``{"done": ..., "ok": ..., ...}``."""

    def __init__(
        self,
        conference: Conference,
        queue: EventQueue,
        streams: OwnStreams,
        tell: Callable[[Mapping[str, object]], None],
    ) -> None:
        self._catalogue = Script(conference, queue, streams).catalogue
        self._people = people_of(lambda: conference.state)
        self._tell = tell
        self.failed = 0
        """How many commands failed, or could not be read."""

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Carry out ``lines`` until all commands have ended. Lines that are empty or begin with ``#`` are skipped."""
        number = 0
        async with anyio.create_task_group() as begun:
            async for text in lines:
                number += 1
                if not text.strip() or text.lstrip().startswith("#"):
                    continue
                done: str | int = number
                try:
                    line = _object(text)
                    done = _id(line.get("id", number))
                    in_background = line.get("background", False)
                    if not isinstance(in_background, bool):
                        raise WrongArgument("must be true or false", "background")
                except WrongArgument as error:
                    self._failed(done, number, error)
                    continue
                if in_background:
                    await begun.start(self._carry_out, done, number, line)
                else:
                    await self._carry_out(done, number, line)

    async def _carry_out(
        self,
        done: str | int,
        number: int,
        line: Mapping[str, object],
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        # The reader goes on once this task waits for the first time, and until then the task has sent its message. So
        # messages leave in the order of the lines, also those of commands in the background.
        task_status.started()
        try:
            result = await self._catalogue.of_line(line).call(line, self._people)
        except (M3Error, OSError) as error:  # OSError: a file that cannot be read; `TimeoutError` of `wait` is one, too
            self._failed(done, number, error)
        else:
            self._tell({"done": done, "ok": True, "result": plain(result)})

    def _failed(self, done: str | int, number: int, error: Exception) -> None:
        self.failed += 1
        told = error_value(error)
        if isinstance(error, WrongArgument):
            told = {"type": "WrongArgument", "line": number, "argument": error.argument, "message": str(error)}
        self._tell({"done": done, "ok": False, "error": told})


def _id(given: object) -> str | int:
    if not isinstance(given, str | int):
        raise WrongArgument("must be a text or a whole number", "id")
    return given


def _object(text: str) -> dict[str, object]:
    try:
        line = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise WrongArgument(f"the line is not JSON: {error}") from None
    except RecursionError:
        raise WrongArgument("the line has too many brackets within brackets") from None
    if not isinstance(line, dict):
        raise WrongArgument('the line is not a JSON object, as {"do": "help"} is')
    return line


def _no_number(_: str) -> object:
    raise ValueError("JSON has no NaN or Infinity")
