"""M3 conferences for trio: join, publish, receive, serve.

::

    import m3trio as m3

    async with m3.join("https://meet.example/invite/95e0...", display_name="Ada") as conference:
        async for event in conference.events(m3.ParticipantJoined):
            print(event.participant.display_name)

Signaling and HTTP are native trio; media runs in a thread of its own. Each name is imported when it is first named.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m3asyncio import sources as sources
    from m3asyncio.audio_output import AudioOutput as AudioOutput
    from m3core.public import *  # noqa: F403 - the names that both adapters share
    from m3core.serving import Server as Server

    __all__: list[str]
    from m3trio.client import Account as Account
    from m3trio.client import HttpPool as HttpPool
    from m3trio.client import join as join
    from m3trio.client import run as run
    from m3trio.server import serve as serve

_OWN = {
    "Account": ("m3trio.client", "trio"),
    "AudioOutput": ("m3asyncio.audio_output", "media"),
    "HttpPool": ("m3trio.client", "trio"),
    "Server": ("m3core.serving", "controller"),
    "join": ("m3trio.client", "trio"),
    "run": ("m3trio.client", "trio"),
    "serve": ("m3trio.server", "trio,controller"),
    "sources": ("m3asyncio.sources", "media"),
}


def __getattr__(name: str) -> object:
    """Import what is named for the first time."""
    from m3core import lazy  # not above: the command `m3` handles Ctrl-C before it imports anything slow

    value: object = lazy.names(_OWN) if name == "__all__" else lazy.find(name, __name__, _OWN)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for completion and `help`."""
    from m3core import lazy

    return sorted({*globals(), *lazy.names(_OWN)})
