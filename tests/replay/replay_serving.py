"""Our controller with the accounts of the recordings, over real sockets, with a media server without packets."""

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
    """A `m3core.serving.MediaServer` whose reports go through the portal, as those of a real one do."""

    def __init__(self, report: Callable[[MediaReport], None], *, loopback: bool) -> None:
        self._report = report
        self._sfu = SilentSfu()

    def start(self) -> None:
        """Do nothing: there is no thread to start."""

    def submit(self, command: SfuCommand) -> None:
        for report in self._sfu.perform(command):
            self._report(report)

    def close(self) -> None:
        """Do nothing: there is no thread to end."""


@asynccontextmanager
async def serving_for_replay(loop: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Serve in the running ``loop``; yields host and port."""
    monkeypatch.setattr(serving, "TokenTable", lambda _: TokenTable(USERS))  # `serve` has only one account
    serve = importlib.import_module(f"m3{loop}.server").serve
    monkeypatch.setattr(serve.__self__, "_media_server_factory", lambda: _MediaServer)
    async with serve(config=CONFIG) as server:
        address, port = server.address
        yield f"{address}:{port}"
