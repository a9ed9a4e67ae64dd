"""What a conference looks like at one moment, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import field, frozen

from m3core.conference.common import EndReason as EndReason
from m3core.conference.common import Participant as Participant
from m3core.conference.common import Phase as Phase
from m3core.conference.common import Stream as Stream
from m3core.conference.modules.automod import Automod
from m3core.conference.modules.breakout import BreakoutState
from m3core.conference.modules.chat import ChatState
from m3core.conference.modules.control import ControlState
from m3core.conference.modules.legal_vote import LegalVoteState
from m3core.conference.modules.media import MediaState
from m3core.conference.modules.minutes import MinutesState
from m3core.conference.modules.moderation import ModerationState
from m3core.conference.modules.polls import PollsState
from m3core.conference.modules.recording import RecordingState
from m3core.conference.modules.recording_service import RecordingServiceState
from m3core.conference.modules.shared_folder import SharedFolder
from m3core.conference.modules.timer import Timer
from m3core.conference.modules.whiteboard import WhiteboardState
from m3core.values import MediaSessionType, ParticipantId, RoomId


@frozen(kw_only=True)
class PublicationState:
    """One of our own streams."""

    media_session_type: MediaSessionType
    audio: bool
    video: bool
    is_live: bool
    """The server has it, and the others see it."""


@frozen(kw_only=True)
class SubscriptionState:
    """One stream of another participant that we receive."""

    participant_id: ParticipantId
    media_session_type: MediaSessionType
    is_live: bool
    is_parked: bool
    """Video is configured off; the protocol has no unsubscribe (media.md § 4.4)."""


@frozen(kw_only=True)
class ConferenceState:
    """A snapshot of everything that the conference knows."""

    phase: Phase = Phase.IDLE
    room_id: RoomId | None = None
    own: Participant | None = None
    participants: Mapping[ParticipantId, Participant] = field(factory=lambda: MappingProxyType({}))
    """All others, those who left included."""
    focus: ParticipantId | None = None
    """The active speaker, perhaps ourselves (media.md § 7)."""
    publications: tuple[PublicationState, ...] = ()
    subscriptions: tuple[SubscriptionState, ...] = ()
    control: ControlState = field(factory=ControlState)
    """What the server told about the meeting."""
    media: MediaState = field(factory=MediaState)
    moderation: ModerationState = field(factory=ModerationState)
    """The switches of the room, and who waits."""
    chat: ChatState = field(factory=ChatState)
    polls: PollsState = field(factory=PollsState)
    timer: Timer | None = None
    """The timer that runs."""
    breakout: BreakoutState = field(factory=BreakoutState)
    recording: RecordingState = field(factory=RecordingState)
    recording_service: RecordingServiceState = field(factory=RecordingServiceState)
    """What we have to do if we are a recorder."""
    minutes: MinutesState = field(factory=MinutesState)
    whiteboard: WhiteboardState = field(factory=WhiteboardState)
    legal_vote: LegalVoteState = field(factory=LegalVoteState)
    automod: Automod | None = None
    """The talking stick, while there is one."""
    shared_folder: SharedFolder | None = None
    modules: Mapping[str, object] = field(factory=lambda: MappingProxyType({}), repr=False)
    """What namespaces that have no type here said in `join_success`, raw."""
    ended: EndReason | None = None
