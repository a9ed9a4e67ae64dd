"""`m3 demo`: a whole conference on this machine, shown, checked and drawn."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
import av

from m3asyncio import sources
from m3asyncio.cli.adapters import adapter
from m3asyncio.cli.demo_conversation import FPS, Clip, Played
from m3asyncio.cli.demo_picture import draw_sheet
from m3asyncio.cli.demo_place import Here, Place, elsewhere
from m3asyncio.cli.demo_report import as_json, print_report
from m3asyncio.cli.demo_scenario import Scenario
from m3asyncio.cli.demo_stage import DemoFailed, Stage
from m3asyncio.cli.output import Output
from m3asyncio.cli.trouble import all_errors
from m3core.controller.features import FeatureLevel
from m3core.errors import M3Error, MediaError


async def run(options: argparse.Namespace) -> int:
    """Hold the demo; 0 when all checks held, else 1."""
    output = Output(json=options.json)
    clip = None if options.file is None else await anyio.to_thread.run_sync(_clip, options.file)
    stage, played = Stage(output), Played()
    try:
        async with _places(options.loop) as (home, guest):
            level = FeatureLevel(options.feature_level)
            await Scenario(stage, played, home, guest, level).play(options.seconds, clip)
    except* DemoFailed:
        pass
    except* (M3Error, TimeoutError) as errors:
        if options.debug:
            raise
        for error in all_errors(errors):
            stage.check("the conference goes well", ok=False, detail=str(error) or type(error).__name__)
    if options.picture is not None:
        path = Path(options.picture)
        why = await anyio.to_thread.run_sync(_draw, path, played)
        stage.check("the picture shows what was received", not why, why)
        if not why:
            output.line("", ("picture: ", "bold"), str(path))
    print_report(output, stage, played)
    output.object(as_json(stage, played))
    return 0 if stage.ok else 1


@asynccontextmanager
async def _places(loop: str) -> AsyncIterator[tuple[Here, Place]]:
    """Where the owner and the guest are for what ``--loop`` says."""
    if loop == "both":
        home = Here(adapter("asyncio"))
        async with elsewhere(home.adapter, adapter("trio")) as guest:
            yield home, guest
    else:
        home = Here(adapter(loop))
        yield home, home


def _draw(path: Path, played: Played) -> str:
    """Draw the picture; why that was not possible, or nothing."""
    try:
        return "" if draw_sheet(path, played.probes) else "there are no frames to draw"
    except (OSError, ValueError) as error:  # ValueError: a suffix that names no kind of picture
        return str(error)


def _clip(path: str) -> Clip:
    source = sources.file(path, loop=True)
    video, audio = source.has_video, source.has_audio  # raises `MediaError` for what cannot be opened
    fps = FPS
    if video:
        try:
            with av.open(path) as container:
                fps = float(container.streams.video[0].average_rate or FPS)
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"cannot open {Path(path).name!r} ({type(error).__name__})") from None
    return Clip(source, video, audio, fps)
