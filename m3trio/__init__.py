"""M3 conferences for trio: join, publish, receive, serve.

::

    import m3trio as m3

    async with m3.join("https://meet.example/invite/95e0...", display_name="Ada") as conference:
        async for event in conference.events(m3.ParticipantJoined):
            print(event.participant.display_name)

Signalling and HTTP are native trio, media runs in a thread of its own. Everything is imported when it is first named.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m3asyncio import sources as sources
    from m3asyncio.audio_output import AudioOutput
    from m3core import public
    from m3core.public import *  # noqa: F403 - the same list for both adapters
    from m3trio.client import Account, HttpPool, join, run
    from m3trio.server import serve

    __all__ = ["Account", "AudioOutput", "HttpPool", "join", "run", "serve", "sources"]
    __all__ += public.__all__

_OWN = {
    "Account": "trio:m3trio.client",
    "AudioOutput": "media:m3asyncio.audio_output",
    "HttpPool": "trio:m3trio.client",
    "join": "trio:m3trio.client",
    "run": "trio:m3trio.client",
    "serve": "controller:m3trio.server",
    "sources": "media:m3asyncio.sources",
}


def __getattr__(name: str) -> object:
    """Import what is named for the first time."""
    from m3core import public

    value: object = [*_OWN, *public.__all__] if name == "__all__" else public.find(name, __name__, _OWN)
    globals()[name] = value
    return value
