"""Bots in this process: a served meeting, the options of `m3 join --commands`, and what it printed."""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import m3asyncio as m3
from m3asyncio.cli.adapters import adapter
from m3asyncio.cli.options import parse
from m3core.controller.config import ControllerConfig, User
from m3core.controller.features import FeatureLevel

TOKEN = "sesame"
LATEST = ControllerConfig(web_url="", feature_level=FeatureLevel.V0_16)


LOOPS = pytest.mark.parametrize("loop", ["asyncio", "trio"])


def run(main: Callable[[], Awaitable[int]], loop: str = "asyncio") -> int:
    """Run ``main`` on ``loop``; what it returns."""
    return anyio.run(main, backend=loop)


@asynccontextmanager
async def meeting(
    *, waiting_room: bool = False, loop: str = "asyncio", owner: User | None = None
) -> AsyncIterator[tuple[m3.Server, m3.Meeting, str]]:
    async with (
        adapter(loop).serve(owner_token=TOKEN, config=LATEST, owner=owner) as server,
        server.account() as account,
    ):
        held = await account.create_meeting(title="Bots", waiting_room=waiting_room)
        yield server, held, await held.invite()


def options(folder: Path, link: str, *lines: str | Mapping[str, object], more: str = "") -> argparse.Namespace:
    """The options of a bot that carries out ``lines``. ``more`` are further options."""
    path = folder / "commands"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    given = ("--no-receive", "--events", "jsonl", "--commands", str(path))
    return parse(["join", link, "--name", "Bot", *given, *more.split()])


class Printed:
    """What a bot printed; on stdout only JSON lines."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.text = capsys.readouterr()
        self.lines: list[dict[str, Any]] = [json.loads(line) for line in self.text.out.splitlines()]
        self.done = {line["done"]: line for line in self.lines if "done" in line}
        self.events = [line["event"] for line in self.lines if "event" in line]

    def error(self, done: object) -> dict[str, Any]:
        assert not self.done[done]["ok"]
        found: dict[str, Any] = self.done[done]["error"]
        return found
