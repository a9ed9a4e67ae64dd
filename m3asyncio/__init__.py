"""M3 conferences for asyncio: join, publish, receive, serve.

::

    import m3asyncio as m3

    async with m3.join("https://meet.example/invite/95e0...", display_name="Ada") as conference:
        async for event in conference.events(m3.ParticipantJoined):
            print(event.participant.display_name)

`m3trio` has the same names for trio. Most of them are those of `m3core.public`. Nothing is imported before it is
named; media (aiortc) when a server starts, or the first stream is published or received.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m3asyncio import sources as sources
    from m3asyncio.audio_output import AudioOutput
    from m3asyncio.client import Account, HttpPool, join, run
    from m3asyncio.server import serve
    from m3core import public
    from m3core.public import *  # noqa: F403 - the same list for both adapters

    __all__ = ["Account", "AudioOutput", "HttpPool", "join", "run", "serve", "sources"]
    __all__ += public.__all__

_OWN = {
    "Account": "asyncio:m3asyncio.client",
    "AudioOutput": "media:m3asyncio.audio_output",
    "HttpPool": "asyncio:m3asyncio.client",
    "join": "asyncio:m3asyncio.client",
    "run": "asyncio:m3asyncio.client",
    "serve": "controller:m3asyncio.server",
    "sources": "media:m3asyncio.sources",
}


def __getattr__(name: str) -> object:
    """Import what is named for the first time."""
    from m3core import public

    value: object = [*_OWN, *public.__all__] if name == "__all__" else public.find(name, __name__, _OWN)
    globals()[name] = value
    return value
