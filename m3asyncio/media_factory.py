"""The media engine and the SFU, for any event loop. Imported at their first use: aiortc takes half a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from m3core.client.media import MediaFactory
from m3core.errors import MissingExtra

if TYPE_CHECKING:
    from m3core.serving import MediaServerFactory


def media_factory() -> MediaFactory:
    """`m3asyncio.media.MediaEngine`. Raises `MissingExtra` without the extra."""
    try:
        from m3asyncio import media
    except ImportError as error:
        raise MissingExtra.of("media", "media", error) from None
    return cast(MediaFactory, media.MediaEngine)  # it takes only sources of m3asyncio.sources


def media_server_factory() -> MediaServerFactory:
    """`m3asyncio.sfu.EmbeddedSfu`, imported and warmed up. Raises `MissingExtra` without the extra.

    Blocks for most of a second; for a thread that has no event loop.
    """
    try:
        from m3asyncio.sfu import EmbeddedSfu, warm_up
    except ImportError as error:
        raise MissingExtra.of("media", "media", error) from None
    warm_up()
    return EmbeddedSfu
