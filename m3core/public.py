"""The public names that all adapters share, and where they are.

They are imported when they are first named, so that a missing extra is one clear error, signalling alone needs neither
av nor numpy, and the command `m3` starts at once. Adding one takes a line in each of the three lists.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from m3core.account import (
        Tokens,
    )
    from m3core.client.account import (
        Meeting,
    )
    from m3core.client.conference import (
        AUDIO,
        VIDEO,
        Conference,
        Receive,
    )
    from m3core.client.joining import (
        Joining,
    )
    from m3core.client.publication import (
        Publication,
        Subscription,
    )
    from m3core.client.streams import (
        EventStream,
        FrameStream,
    )
    from m3core.conference.events import (
        ConferenceEvent,
        ConferenceJoined,
        ConnectionLost,
        Ended,
        FocusChanged,
        HandLowered,
        HandRaised,
        ParticipantChanged,
        ParticipantJoined,
        ParticipantLeft,
        PeerMisbehaved,
        PresenterChanged,
        PublicationStarted,
        PublicationStopped,
        ReceivingChanged,
        Resumed,
        RoleChanged,
        RoomChanged,
        ServerRefused,
        StreamChanged,
        StreamStarted,
        StreamStopped,
        SubscriptionStopped,
        UnknownMessage,
    )
    from m3core.conference.modules.assets import AssetReady
    from m3core.conference.modules.automod import (
        Automod,
        AutomodStarted,
        AutomodStopped,
        RemainingSpeakersChanged,
        SpeakerDrawn,
        SpeakerSelected,
    )
    from m3core.conference.modules.ballots import (
        LegalVote,
    )
    from m3core.conference.modules.breakout import (
        BreakoutRoomJoined,
        BreakoutRoomLeft,
        BreakoutStarted,
        BreakoutStopped,
    )
    from m3core.conference.modules.chat import ChatCleared, ChatSwitched
    from m3core.conference.modules.conversations import (
        ChatMessage,
        Conversation,
    )
    from m3core.conference.modules.legal_vote import (
        LegalVoteCast,
        LegalVoteEnded,
        LegalVoteIssueReported,
        LegalVoteNotCounted,
        LegalVoteStarted,
        LegalVoteUpdated,
    )
    from m3core.conference.modules.media import ConnectionSlow, ForceMuteChanged, MuteRequested, SpeakerChanged
    from m3core.conference.modules.minutes import MinutesReadable, MinutesWritable
    from m3core.conference.modules.moderation import (
        DebriefingStarted,
        DisplayNameChanged,
        HandsReset,
        RaiseHandsSwitched,
        WaitingRoomEntered,
        WaitingRoomJoined,
        WaitingRoomLeft,
        WaitingRoomSwitched,
    )
    from m3core.conference.modules.polls import (
        Poll,
        PollChoice,
        PollDone,
        PollStarted,
        PollUpdated,
    )
    from m3core.conference.modules.recording import RecorderFailed, RecordingStarted, RecordingStopped, StreamingChanged
    from m3core.conference.modules.recording_service import (
        StreamsPauseRequested,
        StreamsStartRequested,
        StreamsStopRequested,
    )
    from m3core.conference.modules.shared_folder import (
        SharedFolder,
        SharedFolderChanged,
    )
    from m3core.conference.modules.timer import (
        Timer,
        TimerReadyChanged,
        TimerStarted,
        TimerStopped,
    )
    from m3core.conference.modules.whiteboard import WhiteboardOpened
    from m3core.conference.state import (
        ConferenceState,
        EndReason,
        Participant,
        Stream,
    )
    from m3core.errors import (
        ApiError,
        AuthError,
        CallCancelled,
        CallError,
        CallRefused,
        CallTimedOut,
        ConferenceEnded,
        EventsOverflow,
        FieldError,
        LinkError,
        LocalProtocolError,
        M3Error,
        MediaError,
        RemoteProtocolError,
        TransportError,
        UnsupportedServer,
    )
    from m3core.media import (
        AudioFrame,
        VideoFrame,
    )
    from m3core.messages.automod import (
        SelectHow,
        SelectionStrategy,
    )
    from m3core.messages.breakout import (
        BreakoutRoom,
    )
    from m3core.messages.legal_vote import (
        IssueKind,
        VoteKind,
        VoteOption,
    )
    from m3core.messages.moderation import (
        KickScope,
    )
    from m3core.messages.recording import (
        StreamStatus,
    )
    from m3core.serving import (
        Server,
    )
    from m3core.values import (
        BreakoutRoomId,
        MediaKind,
        MediaSessionType,
        ParticipantId,
        Role,
        Secret,
    )

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
        "ConnectionLost",
        "Ended",
        "FocusChanged",
        "HandLowered",
        "HandRaised",
        "ParticipantChanged",
        "ParticipantJoined",
        "ParticipantLeft",
        "PeerMisbehaved",
        "PresenterChanged",
        "PublicationStarted",
        "PublicationStopped",
        "ReceivingChanged",
        "Resumed",
        "RoleChanged",
        "RoomChanged",
        "ServerRefused",
        "StreamChanged",
        "StreamStarted",
        "StreamStopped",
        "SubscriptionStopped",
        "UnknownMessage",
    ),
    "m3core.conference.modules.assets": ("AssetReady",),
    "m3core.conference.modules.automod": (
        "Automod",
        "AutomodStarted",
        "AutomodStopped",
        "RemainingSpeakersChanged",
        "SpeakerDrawn",
        "SpeakerSelected",
    ),
    "m3core.conference.modules.breakout": (
        "BreakoutRoomJoined",
        "BreakoutRoomLeft",
        "BreakoutStarted",
        "BreakoutStopped",
    ),
    "m3core.conference.modules.chat": (
        "ChatCleared",
        "ChatSwitched",
    ),
    "m3core.conference.modules.conversations": (
        "ChatMessage",
        "Conversation",
    ),
    "m3core.conference.modules.legal_vote": (
        "LegalVoteCast",
        "LegalVoteEnded",
        "LegalVoteIssueReported",
        "LegalVoteNotCounted",
        "LegalVoteStarted",
        "LegalVoteUpdated",
    ),
    "m3core.conference.modules.media": (
        "ConnectionSlow",
        "ForceMuteChanged",
        "MuteRequested",
        "SpeakerChanged",
    ),
    "m3core.conference.modules.minutes": (
        "MinutesReadable",
        "MinutesWritable",
    ),
    "m3core.conference.modules.moderation": (
        "DebriefingStarted",
        "DisplayNameChanged",
        "HandsReset",
        "RaiseHandsSwitched",
        "WaitingRoomEntered",
        "WaitingRoomJoined",
        "WaitingRoomLeft",
        "WaitingRoomSwitched",
    ),
    "m3core.conference.modules.polls": (
        "Poll",
        "PollChoice",
        "PollDone",
        "PollStarted",
        "PollUpdated",
    ),
    "m3core.conference.modules.recording": (
        "RecorderFailed",
        "RecordingStarted",
        "RecordingStopped",
        "StreamingChanged",
    ),
    "m3core.conference.modules.recording_service": (
        "StreamsPauseRequested",
        "StreamsStartRequested",
        "StreamsStopRequested",
    ),
    "m3core.conference.modules.shared_folder": (
        "SharedFolder",
        "SharedFolderChanged",
    ),
    "m3core.conference.modules.timer": (
        "Timer",
        "TimerReadyChanged",
        "TimerStarted",
        "TimerStopped",
    ),
    "m3core.conference.modules.whiteboard": ("WhiteboardOpened",),
    "m3core.conference.modules.ballots": ("LegalVote",),
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
        "FieldError",
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
    "m3core.messages.automod": (
        "SelectHow",
        "SelectionStrategy",
    ),
    "m3core.messages.breakout": ("BreakoutRoom",),
    "m3core.messages.legal_vote": (
        "IssueKind",
        "VoteKind",
        "VoteOption",
    ),
    "m3core.messages.moderation": ("KickScope",),
    "m3core.messages.recording": ("StreamStatus",),
    "m3core.serving": ("Server",),
    "m3core.values": (
        "BreakoutRoomId",
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
    "AssetReady",
    "AudioFrame",
    "AuthError",
    "Automod",
    "AutomodStarted",
    "AutomodStopped",
    "BreakoutRoom",
    "BreakoutRoomId",
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
    "FieldError",
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
    "RoomChanged",
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
]
