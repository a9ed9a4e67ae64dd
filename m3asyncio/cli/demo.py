"""`m3 demo`: a whole conference on this machine, shown, checked and drawn."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread

from m3asyncio import sources
from m3asyncio.cli.adapters import adapter
from m3asyncio.cli.demo_loop import EventLoop, OwnLoop, other_loop
from m3asyncio.cli.demo_picture import draw_sheet
from m3asyncio.cli.demo_report import as_json, print_report
from m3asyncio.cli.demo_script import OWNER, Demo, Outcome
from m3asyncio.cli.demo_stage import DemoFailed, Stage
from m3asyncio.cli.output import Output
from m3asyncio.cli.publishing import camera
from m3asyncio.cli.trouble import all_errors
from m3core.controller.features import FeatureLevel
from m3core.errors import M3Error


async def run(options: argparse.Namespace) -> int:
    """Hold the demo; 0 if all checks held, else 1. Raises `MediaError` if ``--file`` cannot be opened."""
    output = Output(json=options.json)
    # In a thread, because a file on a slow disk takes its time to open.
    video, audio = await anyio.to_thread.run_sync(camera, options.file or "pattern", OWNER)
    outcome = Outcome.of(is_file=options.file is not None and video is not None)
    async with event_loops(options.loop) as (home, guest):
        stage = Stage(output, home.adapter.backend)
        try:
            demo = Demo(stage, outcome, home, guest, options.seconds)
            level = FeatureLevel(options.feature_level)
            await demo.hold(level, video or sources.pattern(OWNER), audio or sources.tone())
        except* DemoFailed:
            pass  # the check is noted
        except* (M3Error, TimeoutError) as errors:
            if options.debug:
                raise
            for error in all_errors(errors):
                stage.check("the conference goes well", ok=False, detail=str(error) or type(error).__name__)
    if options.picture is not None:
        path = Path(options.picture)
        why = await anyio.to_thread.run_sync(_draw, path, outcome)
        stage.check("the picture shows what was received", not why, why)
        if not why:
            output.line("", ("picture: ", "bold"), str(path))
    print_report(output, stage, outcome)
    output.object(as_json(stage, outcome))
    return 0 if stage.ok else 1


@asynccontextmanager
async def event_loops(loop: str) -> AsyncIterator[tuple[OwnLoop, EventLoop]]:
    """The event loops of the owner and the guest, as ``--loop`` says."""
    if loop == "both":
        home = OwnLoop(adapter("asyncio"))
        async with other_loop(home.adapter, adapter("trio")) as guest:
            yield home, guest
    else:
        home = OwnLoop(adapter(loop))
        yield home, home


def _draw(path: Path, outcome: Outcome) -> str:
    """Draw the picture. Returns why that was not possible, or nothing."""
    try:
        return "" if draw_sheet(path, outcome.streams) else "no pictures were received"
    except (OSError, ValueError) as error:  # ValueError: Pillow knows no format for this suffix
        return str(error)
