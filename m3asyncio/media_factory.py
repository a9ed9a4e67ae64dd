"""The media engine and the SFU, for any event loop, imported when they are wanted: aiortc takes a fifth of a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from m3core.client.media import MediaFactory
from m3core.errors import LocalProtocolError
from m3core.io import MediaReport

if TYPE_CHECKING:
    from m3core.serving import MediaServer


def media_factory() -> MediaFactory:
    """`m3asyncio.media.MediaEngine`. Raises `LocalProtocolError` without the extra."""
    try:
        from m3asyncio import media
    except ModuleNotFoundError as error:
        raise LocalProtocolError(f"media needs the extra m3-conference[media] (no module {error.name})") from None
    return cast(MediaFactory, media.MediaEngine)  # it takes its own sources alone


def media_server(report: Callable[[MediaReport], None], *, loopback: bool) -> MediaServer:
    """`m3asyncio.sfu.EmbeddedSfu`."""
    from m3asyncio.sfu import EmbeddedSfu

    return EmbeddedSfu(report, loopback=loopback)
