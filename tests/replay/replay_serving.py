"""The controller of the recordings, served over real sockets, with the media server to which no packets come."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from replay_memory import CONFIG, USERS, SilentSfu

from m3core import serving
from m3core.controller import TokenTable
from m3core.controller.sfu import SfuCommand
from m3core.io import MediaReport


class _MediaServer:
    """See `m3core.serving.MediaServer`. Its reports take the way of a real one's, through the portal."""

    def __init__(self, report: Callable[[MediaReport], None], *, loopback: bool) -> None:
        self._report = report
        self._sfu = SilentSfu()

    def start(self) -> None:
        """There is no thread."""

    def submit(self, command: SfuCommand) -> None:
        for report in self._sfu.perform(command):
            self._report(report)

    def close(self) -> None:
        """There is none."""


@asynccontextmanager
async def serving_for_replay(loop: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Serve in the running ``loop``; where."""
    monkeypatch.setattr(serving, "TokenTable", lambda _: TokenTable(USERS))  # `serve` knows one account alone
    serve = importlib.import_module(f"m3{loop}.server").serve
    monkeypatch.setattr(serve.__self__, "_media_server_factory", lambda: _MediaServer)
    async with serve(config=CONFIG) as server:
        address, port = server.address
        yield f"{address}:{port}"
