"""The media engine for any event loop, imported when it is wanted: aiortc takes a fifth of a second."""

from __future__ import annotations

from typing import cast

from m3core.client.media import MediaFactory
from m3core.errors import LocalProtocolError


def media_factory() -> MediaFactory:
    """`m3asyncio.media.MediaEngine`. Raises `LocalProtocolError` without the extra."""
    try:
        from m3asyncio import media
    except ModuleNotFoundError as error:
        raise LocalProtocolError(f"media needs the extra m3-conference[media] (no module {error.name})") from None
    return cast(MediaFactory, media.MediaEngine)  # it takes its own sources alone
