"""What `--publish`, `--screen` and lines that publish name: a test pattern or a media file.

Imports what decodes media when it is asked for: a bot that only writes starts without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m3asyncio.source_base import Source


def camera(wanted: str, name: str) -> tuple[Source | None, Source | None]:
    """Video and audio of a camera and microphone: ``pattern`` or the path of a media file."""
    from m3asyncio import sources

    if wanted == "pattern":
        return sources.pattern(name), sources.tone()
    source = sources.file(wanted, loop=True)
    return (source if source.has_video else None), (source if source.has_audio else None)


def screen(wanted: str, name: str) -> Source:
    """Video of a shared screen: ``pattern`` or the path of a media file."""
    from m3asyncio import sources

    if wanted == "pattern":
        return sources.pattern(f"{name}'s screen", 1280, 720, 10, style="screen")
    return sources.file(wanted, loop=True)
