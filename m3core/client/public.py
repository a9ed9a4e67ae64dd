"""The public names that all adapters share, and where they are.

They are imported when they are first named, so that a missing extra is one clear error, signalling alone needs neither
av nor numpy, and the command `m3` starts at once. Adding one takes a line in each of the three lists.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from m3core.account import Tokens
    from m3core.client.account import Meeting
    from m3core.client.conference import AUDIO, VIDEO, Conference, Receive
    from m3core.client.joining import Joining
    from m3core.client.publication import Publication, Subscription
    from m3core.client.streams import EventStream, FrameStream
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
    from m3core.serving import Server
    from m3core.values import MediaKind, MediaSessionType, ParticipantId, Role, Secret

_HOMES: Final[dict[str, tuple[str, ...]]] = {
    "m3core.account": ("Tokens",),
    "m3core.client.account": ("Meeting",),
    "m3core.client.conference": (
        "AUDIO",
        "Conference",
        "Receive",
        "VIDEO",
    ),
    "m3core.client.joining": ("Joining",),
    "m3core.client.publication": (
        "Publication",
        "Subscription",
    ),
    "m3core.client.streams": (
        "EventStream",
        "FrameStream",
    ),
    "m3core.conference.events": (
        "ConferenceEvent",
        "ConferenceJoined",
        "ConnectionSlow",
        "Ended",
        "FocusChanged",
        "HandLowered",
        "HandRaised",
        "MuteRequested",
        "ParticipantChanged",
        "ParticipantJoined",
        "ParticipantLeft",
        "PeerMisbehaved",
        "PresenterChanged",
        "PublicationStarted",
        "PublicationStopped",
        "ReceivingChanged",
        "RoleChanged",
        "ServerRefused",
        "SpeakerChanged",
        "StreamChanged",
        "StreamStarted",
        "StreamStopped",
        "SubscriptionStopped",
        "UnknownMessage",
        "WaitingRoomEntered",
    ),
    "m3core.conference.state": (
        "ConferenceState",
        "EndReason",
        "Participant",
        "Stream",
    ),
    "m3core.errors": (
        "ApiError",
        "AuthError",
        "CallCancelled",
        "CallError",
        "CallRefused",
        "CallTimedOut",
        "ConferenceEnded",
        "EventsOverflow",
        "LinkError",
        "LocalProtocolError",
        "M3Error",
        "MediaError",
        "RemoteProtocolError",
        "TransportError",
    ),
    "m3core.media": (
        "AudioFrame",
        "VideoFrame",
    ),
    "m3core.serving": ("Server",),
    "m3core.values": (
        "MediaKind",
        "MediaSessionType",
        "ParticipantId",
        "Role",
        "Secret",
    ),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}


def find(name: str, package: str, own: dict[str, str]) -> object:
    """The public ``name`` of an adapter, imported now; ``own`` says where those are that it does not share.

    A value is `module` or `extra: module`. Raises `AttributeError` for a name that there is not, and
    `LocalProtocolError`, which names the extra, if that is not installed.
    """
    extra, _, home = own.get(name, "").rpartition(":")
    home = home or _HOME_OF.get(name, "")
    if not home:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(home)
    except ModuleNotFoundError as error:
        from m3core.errors import LocalProtocolError

        extra = extra or ("controller" if home == "m3core.serving" else package.removeprefix("m3"))
        raise LocalProtocolError(f"{package}.{name} needs m3-conference[{extra}] (no module {error.name})") from None
    return getattr(module, name, module)


__all__ = [
    "AUDIO",
    "VIDEO",
    "ApiError",
    "AudioFrame",
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
]
