"""M3 conferences for asyncio: join, publish, receive, serve.

::

    import m3asyncio as m3

    async with m3.join("https://meet.example/invite/95e0...", display_name="Ada") as conference:
        async for event in conference.events(m3.ParticipantJoined):
            print(event.participant.display_name)

`m3trio` has the same names for trio. Media (aiortc) is imported when the first stream is published or received.
"""

import importlib
from typing import TYPE_CHECKING

from m3asyncio.account import Account, Meeting
from m3asyncio.client import AUDIO, VIDEO, Conference, Joining, Publication, Receive, Subscription, join
from m3asyncio.server import Server, serve
from m3asyncio.streams import EventStream, FrameStream
from m3core.account import Tokens
from m3core.conference.events import (
    ConferenceEvent,
    ConferenceJoined,
    ConnectionSlow,
    Ended,
    FocusChanged,
    HandLowered,
    HandRaised,
    MuteRequested,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    PeerMisbehaved,
    PresenterChanged,
    PublicationStarted,
    PublicationStopped,
    ReceivingChanged,
    RoleChanged,
    ServerRefused,
    SpeakerChanged,
    StreamChanged,
    StreamStarted,
    StreamStopped,
    SubscriptionStopped,
    UnknownMessage,
    WaitingRoomEntered,
)
from m3core.conference.state import ConferenceState, EndReason, Participant, Stream
from m3core.errors import (
    ApiError,
    AuthError,
    CallCancelled,
    CallError,
    CallRefused,
    CallTimedOut,
    ConferenceEnded,
    EventsOverflow,
    LinkError,
    LocalProtocolError,
    M3Error,
    MediaError,
    RemoteProtocolError,
    TransportError,
)
from m3core.media import AudioFrame, VideoFrame
from m3core.values import MediaKind, MediaSessionType, ParticipantId, Role, Secret

if TYPE_CHECKING:
    from m3asyncio import sources as sources
    from m3asyncio.audio_output import AudioOutput as AudioOutput

_MEDIA_NAMES = {"sources": "m3asyncio.sources", "AudioOutput": "m3asyncio.audio_output"}


def __getattr__(name: str) -> object:
    """Media modules are imported when they are first named: signalling alone needs neither av nor numpy."""
    if name not in _MEDIA_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(_MEDIA_NAMES[name])
    except ModuleNotFoundError as error:
        raise LocalProtocolError(f"media needs the extra m3-conference[media] (no module {error.name})") from None
    return getattr(module, name, module)


__all__ = [
    "AUDIO",
    "VIDEO",
    "Account",
    "ApiError",
    "AudioFrame",
    "AudioOutput",
    "AuthError",
    "CallCancelled",
    "CallError",
    "CallRefused",
    "CallTimedOut",
    "Conference",
    "ConferenceEnded",
    "ConferenceEvent",
    "ConferenceJoined",
    "ConferenceState",
    "ConnectionSlow",
    "EndReason",
    "Ended",
    "EventStream",
    "EventsOverflow",
    "FocusChanged",
    "FrameStream",
    "HandLowered",
    "HandRaised",
    "Joining",
    "LinkError",
    "LocalProtocolError",
    "M3Error",
    "MediaError",
    "MediaKind",
    "MediaSessionType",
    "Meeting",
    "MuteRequested",
    "Participant",
    "ParticipantChanged",
    "ParticipantId",
    "ParticipantJoined",
    "ParticipantLeft",
    "PeerMisbehaved",
    "PresenterChanged",
    "Publication",
    "PublicationStarted",
    "PublicationStopped",
    "Receive",
    "ReceivingChanged",
    "RemoteProtocolError",
    "Role",
    "RoleChanged",
    "Secret",
    "Server",
    "ServerRefused",
    "SpeakerChanged",
    "Stream",
    "StreamChanged",
    "StreamStarted",
    "StreamStopped",
    "Subscription",
    "SubscriptionStopped",
    "Tokens",
    "TransportError",
    "UnknownMessage",
    "VideoFrame",
    "WaitingRoomEntered",
    "join",
    "serve",
    "sources",
]
