"""What users of a conference see, as opposed to what the wire says (`m3core.messages`).

Every event is a frozen value with the participant as it was right after the change.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import field, frozen

from m3core.conference.common import EndReason, Participant
from m3core.conference.media_events import ConnectionSlow as ConnectionSlow
from m3core.conference.media_events import FocusChanged as FocusChanged
from m3core.conference.media_events import ForceMuteChanged as ForceMuteChanged
from m3core.conference.media_events import MediaEvent
from m3core.conference.media_events import MuteRequested as MuteRequested
from m3core.conference.media_events import PresenterChanged as PresenterChanged
from m3core.conference.media_events import PublicationStarted as PublicationStarted
from m3core.conference.media_events import PublicationStopped as PublicationStopped
from m3core.conference.media_events import ReceivingChanged as ReceivingChanged
from m3core.conference.media_events import SpeakerChanged as SpeakerChanged
from m3core.conference.media_events import StreamChanged as StreamChanged
from m3core.conference.media_events import StreamStarted as StreamStarted
from m3core.conference.media_events import StreamStopped as StreamStopped
from m3core.conference.media_events import SubscriptionStopped as SubscriptionStopped
from m3core.conference.modules.assets import AssetReady as AssetReady
from m3core.conference.modules.automod import AutomodEvent
from m3core.conference.modules.automod import AutomodStarted as AutomodStarted
from m3core.conference.modules.automod import AutomodStopped as AutomodStopped
from m3core.conference.modules.automod import RemainingSpeakersChanged as RemainingSpeakersChanged
from m3core.conference.modules.automod import SpeakerDrawn as SpeakerDrawn
from m3core.conference.modules.automod import SpeakerSelected as SpeakerSelected
from m3core.conference.modules.breakout import BreakoutEvent
from m3core.conference.modules.breakout import BreakoutRoomJoined as BreakoutRoomJoined
from m3core.conference.modules.breakout import BreakoutRoomLeft as BreakoutRoomLeft
from m3core.conference.modules.breakout import BreakoutStarted as BreakoutStarted
from m3core.conference.modules.breakout import BreakoutStopped as BreakoutStopped
from m3core.conference.modules.chat import ChatCleared as ChatCleared
from m3core.conference.modules.chat import ChatEvent
from m3core.conference.modules.chat import ChatSwitched as ChatSwitched
from m3core.conference.modules.conversations import ChatMessage as ChatMessage
from m3core.conference.modules.legal_vote import LegalVoteCast as LegalVoteCast
from m3core.conference.modules.legal_vote import LegalVoteEnded as LegalVoteEnded
from m3core.conference.modules.legal_vote import LegalVoteEvent
from m3core.conference.modules.legal_vote import LegalVoteIssueReported as LegalVoteIssueReported
from m3core.conference.modules.legal_vote import LegalVoteNotCounted as LegalVoteNotCounted
from m3core.conference.modules.legal_vote import LegalVoteStarted as LegalVoteStarted
from m3core.conference.modules.legal_vote import LegalVoteUpdated as LegalVoteUpdated
from m3core.conference.modules.minutes import MinutesEvent
from m3core.conference.modules.minutes import MinutesReadable as MinutesReadable
from m3core.conference.modules.minutes import MinutesWritable as MinutesWritable
from m3core.conference.modules.moderation import DebriefingStarted as DebriefingStarted
from m3core.conference.modules.moderation import DisplayNameChanged as DisplayNameChanged
from m3core.conference.modules.moderation import HandsReset as HandsReset
from m3core.conference.modules.moderation import ModerationEvent
from m3core.conference.modules.moderation import RaiseHandsSwitched as RaiseHandsSwitched
from m3core.conference.modules.moderation import WaitingRoomEntered as WaitingRoomEntered
from m3core.conference.modules.moderation import WaitingRoomJoined as WaitingRoomJoined
from m3core.conference.modules.moderation import WaitingRoomLeft as WaitingRoomLeft
from m3core.conference.modules.moderation import WaitingRoomSwitched as WaitingRoomSwitched
from m3core.conference.modules.polls import PollDone as PollDone
from m3core.conference.modules.polls import PollsEvent
from m3core.conference.modules.polls import PollStarted as PollStarted
from m3core.conference.modules.polls import PollUpdated as PollUpdated
from m3core.conference.modules.recording import RecorderFailed as RecorderFailed
from m3core.conference.modules.recording import RecordingEvent
from m3core.conference.modules.recording import RecordingStarted as RecordingStarted
from m3core.conference.modules.recording import RecordingStopped as RecordingStopped
from m3core.conference.modules.recording import StreamingChanged as StreamingChanged
from m3core.conference.modules.recording_service import RecordingServiceEvent
from m3core.conference.modules.recording_service import StreamsPauseRequested as StreamsPauseRequested
from m3core.conference.modules.recording_service import StreamsStartRequested as StreamsStartRequested
from m3core.conference.modules.recording_service import StreamsStopRequested as StreamsStopRequested
from m3core.conference.modules.shared_folder import SharedFolderChanged as SharedFolderChanged
from m3core.conference.modules.timer import TimerEvent
from m3core.conference.modules.timer import TimerReadyChanged as TimerReadyChanged
from m3core.conference.modules.timer import TimerStarted as TimerStarted
from m3core.conference.modules.timer import TimerStopped as TimerStopped
from m3core.conference.modules.whiteboard import WhiteboardEvent
from m3core.conference.modules.whiteboard import WhiteboardOpened as WhiteboardOpened
from m3core.errors import RemoteProtocolError
from m3core.messages import Event, UnknownEvent
from m3core.values import BreakoutRoomId, ParticipantId


@frozen(kw_only=True)
class ConferenceJoined:
    """We are in the room. ``participant`` is ourselves."""

    participant: Participant


@frozen(kw_only=True)
class ConnectionLost:
    """The connection broke, and is being opened again: `Resumed` or `Ended` follows. ``detail`` is for people.

    Streams of ours and subscriptions live on as objects, but nothing flows meanwhile.
    """

    detail: str = ""


@frozen(kw_only=True)
class Resumed:
    """We are in the room again, and this is what changed among the others while we were away.

    ``participant`` is ourselves. ``previous_id`` is the id that we had; another one if the server had forgotten us:
    then the others saw us leave and somebody else come. (A server that crashed may list our old self for ever, among
    the others.) ``changed`` were here before and are here now. A subscription whose publisher is not back yet waits for
    40 seconds; one that could not be renewed is told by `SubscriptionStopped`; who is focused (media.md § 7) is unknown
    until the next `FocusChanged`.
    """

    participant: Participant
    previous_id: ParticipantId
    joined: tuple[Participant, ...] = ()
    left: tuple[Participant, ...] = ()
    changed: tuple[Participant, ...] = ()

    @property
    def same_id(self) -> bool:
        """Whether we are for the others who we were."""
        return self.participant.id == self.previous_id


@frozen(kw_only=True)
class RoomChanged:
    """We went into another room of the meeting; ``breakout_room`` None: the main room.

    ``participant`` is ourselves. Nobody of the old room is here; `ParticipantJoined` for everybody present follows, and
    our streams are published again.
    """

    participant: Participant
    breakout_room: BreakoutRoomId | None


@frozen(kw_only=True)
class ParticipantJoined:
    """Somebody came, or was already there when we joined."""

    participant: Participant


@frozen(kw_only=True)
class ParticipantLeft:
    """Somebody went. ``participant.left_at`` is set."""

    participant: Participant


@frozen(kw_only=True)
class ParticipantChanged:
    """Something about a participant changed that has no event of its own: name, avatar, groups, minutes, consent."""

    participant: Participant
    previous: Participant


@frozen(kw_only=True)
class HandRaised:
    """A participant raised the hand."""

    participant: Participant


@frozen(kw_only=True)
class HandLowered:
    """A participant lowered the hand, or a moderator did."""

    participant: Participant


@frozen(kw_only=True)
class RoleChanged:
    """A participant, perhaps we, became or ceased to be a moderator."""

    participant: Participant


@frozen(kw_only=True)
class ServerRefused:
    """The server sent an error that belongs to no call of ours."""

    namespace: str
    code: str


@frozen(kw_only=True)
class PeerMisbehaved:
    """The server sent something broken or illegal; it was ignored and the conference goes on."""

    error: RemoteProtocolError


@frozen(kw_only=True)
class UnknownMessage:
    """A message that the conference makes nothing of: of a namespace or kind without a class, or without a meaning."""

    event: UnknownEvent | Event = field(repr=False)


@frozen(kw_only=True)
class Ended:
    """The conference is over; the last event. ``detail`` is for people."""

    reason: EndReason
    detail: str = ""


ConferenceEvent: TypeAlias = (
    ConferenceJoined
    | ConnectionLost
    | Resumed
    | RoomChanged
    | ParticipantJoined
    | ParticipantLeft
    | ParticipantChanged
    | HandRaised
    | HandLowered
    | RoleChanged
    | ServerRefused
    | PeerMisbehaved
    | UnknownMessage
    | Ended
    | MediaEvent
    | ModerationEvent
    | ChatEvent
    | PollsEvent
    | TimerEvent
    | BreakoutEvent
    | RecordingEvent
    | RecordingServiceEvent
    | MinutesEvent
    | WhiteboardEvent
    | SharedFolderChanged
    | LegalVoteEvent
    | AutomodEvent
)
