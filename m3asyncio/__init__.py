"""M3 conferences for asyncio: join, publish, receive, serve.

::

    import m3asyncio as m3

    async with m3.join("https://meet.example/invite/95e0...", display_name="Ada") as conference:
        async for event in conference.events(m3.ParticipantJoined):
            print(event.participant.display_name)

`m3trio` has the same names for trio. Media (aiortc) is imported when the first stream is published or received.
"""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from m3asyncio import sources as sources
    from m3asyncio.account import Account, Meeting
    from m3asyncio.audio_output import AudioOutput
    from m3asyncio.client import AUDIO, VIDEO, Conference, Joining, Publication, Receive, Subscription, join
    from m3asyncio.server import Server, serve
    from m3asyncio.streams import EventStream, FrameStream
    from m3core.account import Tokens
    from m3core.conference.events import (
        AssetReady,
        AutomodStarted,
        AutomodStopped,
        BreakoutRoomJoined,
        BreakoutRoomLeft,
        BreakoutStarted,
        BreakoutStopped,
        ChatCleared,
        ChatMessage,
        ChatSwitched,
        ConferenceEvent,
        ConferenceJoined,
        ConnectionLost,
        ConnectionSlow,
        DebriefingStarted,
        DisplayNameChanged,
        Ended,
        FocusChanged,
        ForceMuteChanged,
        HandLowered,
        HandRaised,
        HandsReset,
        LegalVoteCast,
        LegalVoteEnded,
        LegalVoteIssueReported,
        LegalVoteNotCounted,
        LegalVoteStarted,
        LegalVoteUpdated,
        MinutesReadable,
        MinutesWritable,
        MuteRequested,
        ParticipantChanged,
        ParticipantJoined,
        ParticipantLeft,
        PeerMisbehaved,
        PollDone,
        PollStarted,
        PollUpdated,
        PresenterChanged,
        PublicationStarted,
        PublicationStopped,
        RaiseHandsSwitched,
        ReceivingChanged,
        RecorderFailed,
        RecordingStarted,
        RecordingStopped,
        RemainingSpeakersChanged,
        Resumed,
        RoleChanged,
        ServerRefused,
        SharedFolderChanged,
        SpeakerChanged,
        SpeakerDrawn,
        SpeakerSelected,
        StreamChanged,
        StreamingChanged,
        StreamsPauseRequested,
        StreamsStartRequested,
        StreamsStopRequested,
        StreamStarted,
        StreamStopped,
        SubscriptionStopped,
        TimerReadyChanged,
        TimerStarted,
        TimerStopped,
        UnknownMessage,
        WaitingRoomEntered,
        WaitingRoomJoined,
        WaitingRoomLeft,
        WaitingRoomSwitched,
        WhiteboardOpened,
    )
    from m3core.conference.modules.automod import Automod
    from m3core.conference.modules.ballots import LegalVote
    from m3core.conference.modules.conversations import Conversation
    from m3core.conference.modules.polls import Poll, PollChoice
    from m3core.conference.modules.shared_folder import SharedFolder
    from m3core.conference.modules.timer import Timer
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
        UnsupportedServer,
    )
    from m3core.media import AudioFrame, VideoFrame
    from m3core.messages.automod import SelectHow, SelectionStrategy
    from m3core.messages.breakout import BreakoutRoom
    from m3core.messages.legal_vote import IssueKind, VoteKind, VoteOption
    from m3core.messages.moderation import KickScope
    from m3core.messages.recording import StreamStatus
    from m3core.values import MediaKind, MediaSessionType, ParticipantId, Role, Secret

# Where the names are: by the extra that they need, then by module. They are imported when they are first named, so that
# a missing extra is one clear error, signalling alone needs neither av nor numpy, and the command `m3` starts at once.
_EVENTS = """
AssetReady AutomodStarted AutomodStopped BreakoutRoomJoined BreakoutRoomLeft BreakoutStarted BreakoutStopped
ChatCleared ChatMessage ChatSwitched ConferenceEvent ConferenceJoined ConnectionLost ConnectionSlow DebriefingStarted
DisplayNameChanged Ended FocusChanged ForceMuteChanged HandLowered HandRaised HandsReset LegalVoteCast LegalVoteEnded
LegalVoteIssueReported LegalVoteNotCounted LegalVoteStarted LegalVoteUpdated MinutesReadable MinutesWritable
MuteRequested ParticipantChanged ParticipantJoined ParticipantLeft PeerMisbehaved PollDone PollStarted PollUpdated
PresenterChanged PublicationStarted PublicationStopped RaiseHandsSwitched ReceivingChanged RecorderFailed
RecordingStarted RecordingStopped RemainingSpeakersChanged Resumed RoleChanged ServerRefused SharedFolderChanged
SpeakerChanged SpeakerDrawn SpeakerSelected StreamChanged StreamStarted StreamStopped StreamingChanged
StreamsPauseRequested StreamsStartRequested StreamsStopRequested SubscriptionStopped TimerReadyChanged TimerStarted
TimerStopped UnknownMessage WaitingRoomEntered WaitingRoomJoined WaitingRoomLeft WaitingRoomSwitched WhiteboardOpened
"""
_HOMES: dict[str, dict[str, Sequence[str]]] = {
    "": {
        "m3asyncio.streams": (
            "EventStream",
            "FrameStream",
        ),
        "m3core.account": ("Tokens",),
        "m3core.conference.events": _EVENTS.split(),
        "m3core.conference.modules.automod": ("Automod",),
        "m3core.conference.modules.ballots": ("LegalVote",),
        "m3core.conference.modules.shared_folder": ("SharedFolder",),
        "m3core.conference.modules.conversations": ("Conversation",),
        "m3core.conference.modules.polls": ("Poll", "PollChoice"),
        "m3core.conference.modules.timer": ("Timer",),
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
            "UnsupportedServer",
        ),
        "m3core.media": (
            "AudioFrame",
            "VideoFrame",
        ),
        "m3core.messages.automod": ("SelectHow", "SelectionStrategy"),
        "m3core.messages.breakout": ("BreakoutRoom",),
        "m3core.messages.legal_vote": ("IssueKind", "VoteKind", "VoteOption"),
        "m3core.messages.recording": ("StreamStatus",),
        "m3core.messages.moderation": ("KickScope",),
        "m3core.values": (
            "MediaKind",
            "MediaSessionType",
            "ParticipantId",
            "Role",
            "Secret",
        ),
    },
    "asyncio": {
        "m3asyncio.account": ("Account", "Meeting"),
        "m3asyncio.client": (
            "AUDIO",
            "VIDEO",
            "Conference",
            "Joining",
            "Publication",
            "Receive",
            "Subscription",
            "join",
        ),
    },
    "controller": {"m3asyncio.server": ("Server", "serve")},
    "media": {"m3asyncio.sources": ("sources",), "m3asyncio.audio_output": ("AudioOutput",)},
}
_LAZY = {name: (home, extra) for extra, homes in _HOMES.items() for home, names in homes.items() for name in names}


def __getattr__(name: str) -> object:
    """Import what is named for the first time (see `_HOMES`)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, extra = _LAZY[name]
    try:
        module = importlib.import_module(home)
    except ModuleNotFoundError as error:
        from m3core.errors import LocalProtocolError

        raise LocalProtocolError(f"m3asyncio.{name} needs m3-conference[{extra}] (no module {error.name})") from None
    value: object = getattr(module, name, module)
    globals()[name] = value
    return value


__all__ = [
    "AUDIO",
    "VIDEO",
    "Account",
    "ApiError",
    "AssetReady",
    "AudioFrame",
    "AudioOutput",
    "AuthError",
    "Automod",
    "AutomodStarted",
    "AutomodStopped",
    "BreakoutRoom",
    "BreakoutRoomJoined",
    "BreakoutRoomLeft",
    "BreakoutStarted",
    "BreakoutStopped",
    "CallCancelled",
    "CallError",
    "CallRefused",
    "CallTimedOut",
    "ChatCleared",
    "ChatMessage",
    "ChatSwitched",
    "Conference",
    "ConferenceEnded",
    "ConferenceEvent",
    "ConferenceJoined",
    "ConferenceState",
    "ConnectionLost",
    "ConnectionSlow",
    "Conversation",
    "DebriefingStarted",
    "DisplayNameChanged",
    "EndReason",
    "Ended",
    "EventStream",
    "EventsOverflow",
    "FocusChanged",
    "ForceMuteChanged",
    "FrameStream",
    "HandLowered",
    "HandRaised",
    "HandsReset",
    "IssueKind",
    "Joining",
    "KickScope",
    "LegalVote",
    "LegalVoteCast",
    "LegalVoteEnded",
    "LegalVoteIssueReported",
    "LegalVoteNotCounted",
    "LegalVoteStarted",
    "LegalVoteUpdated",
    "LinkError",
    "LocalProtocolError",
    "M3Error",
    "MediaError",
    "MediaKind",
    "MediaSessionType",
    "Meeting",
    "MinutesReadable",
    "MinutesWritable",
    "MuteRequested",
    "Participant",
    "ParticipantChanged",
    "ParticipantId",
    "ParticipantJoined",
    "ParticipantLeft",
    "PeerMisbehaved",
    "Poll",
    "PollChoice",
    "PollDone",
    "PollStarted",
    "PollUpdated",
    "PresenterChanged",
    "Publication",
    "PublicationStarted",
    "PublicationStopped",
    "RaiseHandsSwitched",
    "Receive",
    "ReceivingChanged",
    "RecorderFailed",
    "RecordingStarted",
    "RecordingStopped",
    "RemainingSpeakersChanged",
    "RemoteProtocolError",
    "Resumed",
    "Role",
    "RoleChanged",
    "Secret",
    "SelectHow",
    "SelectionStrategy",
    "Server",
    "ServerRefused",
    "SharedFolder",
    "SharedFolderChanged",
    "SpeakerChanged",
    "SpeakerDrawn",
    "SpeakerSelected",
    "Stream",
    "StreamChanged",
    "StreamStarted",
    "StreamStatus",
    "StreamStopped",
    "StreamingChanged",
    "StreamsPauseRequested",
    "StreamsStartRequested",
    "StreamsStopRequested",
    "Subscription",
    "SubscriptionStopped",
    "Timer",
    "TimerReadyChanged",
    "TimerStarted",
    "TimerStopped",
    "Tokens",
    "TransportError",
    "UnknownMessage",
    "UnsupportedServer",
    "VideoFrame",
    "VoteKind",
    "VoteOption",
    "WaitingRoomEntered",
    "WaitingRoomJoined",
    "WaitingRoomLeft",
    "WaitingRoomSwitched",
    "WhiteboardOpened",
    "join",
    "serve",
    "sources",
]
