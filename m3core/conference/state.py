"""The snapshot of a conference as frozen values. Its fields also say which modules a conference has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import field, fields, frozen

from m3core.conference.common import EndReason as EndReason
from m3core.conference.common import Participant as Participant
from m3core.conference.common import Phase as Phase
from m3core.conference.common import PublicationState as PublicationState
from m3core.conference.common import Stream as Stream
from m3core.conference.common import SubscriptionState as SubscriptionState
from m3core.conference.modules.automod import Automod, AutomodModule
from m3core.conference.modules.base import ClientModule, StateT
from m3core.conference.modules.breakout import BreakoutModule, BreakoutState
from m3core.conference.modules.chat import ChatModule, ChatState
from m3core.conference.modules.control import ControlModule, ControlState
from m3core.conference.modules.legal_vote import LegalVoteModule, LegalVoteState
from m3core.conference.modules.media import MediaModule, MediaState
from m3core.conference.modules.minutes import MinutesModule, MinutesState
from m3core.conference.modules.moderation import ModerationModule, ModerationState
from m3core.conference.modules.polls import PollsModule, PollsState
from m3core.conference.modules.recording import RecordingModule, RecordingState
from m3core.conference.modules.recording_service import RecordingServiceModule, RecordingServiceState
from m3core.conference.modules.shared_folder import SharedFolder, SharedFolderModule
from m3core.conference.modules.timer import Timer, TimerModule
from m3core.conference.modules.whiteboard import WhiteboardModule, WhiteboardState
from m3core.values import ParticipantId, RoomId

_MODULE: Final = "module"


def by(module: type[ClientModule[Any]]) -> Mapping[str, type[ClientModule[Any]]]:
    """The metadata of a field that ``module`` fills."""
    return {_MODULE: module}


@frozen(kw_only=True)
class ConferenceState:
    """Everything that a conference knows at one moment."""

    phase: Phase = Phase.IDLE
    room_id: RoomId | None = None
    own: Participant | None = None
    participants: Mapping[ParticipantId, Participant] = field(factory=lambda: MappingProxyType({}))
    """All other participants, those who left included."""
    focus: ParticipantId | None = None
    """The active speaker, perhaps ourselves (media.md § 7)."""
    publications: tuple[PublicationState, ...] = ()
    subscriptions: tuple[SubscriptionState, ...] = ()

    # The modules of a conference, each with the field that it fills. Their hooks are called in this order.
    control: ControlState = field(factory=ControlState, metadata=by(ControlModule))
    """What the server said about the meeting."""
    media: MediaState = field(factory=MediaState, metadata=by(MediaModule))
    moderation: ModerationState = field(factory=ModerationState, metadata=by(ModerationModule))
    """The switches of the room, and the people in the waiting room."""
    chat: ChatState = field(factory=ChatState, metadata=by(ChatModule))
    polls: PollsState = field(factory=PollsState, metadata=by(PollsModule))
    timer: Timer | None = field(default=None, metadata=by(TimerModule))
    """The timer, while one runs."""
    breakout: BreakoutState = field(factory=BreakoutState, metadata=by(BreakoutModule))
    recording: RecordingState = field(factory=RecordingState, metadata=by(RecordingModule))
    recording_service: RecordingServiceState = field(factory=RecordingServiceState, metadata=by(RecordingServiceModule))
    """What we are asked to record, if we are a recorder."""
    minutes: MinutesState = field(factory=MinutesState, metadata=by(MinutesModule))
    whiteboard: WhiteboardState = field(factory=WhiteboardState, metadata=by(WhiteboardModule))
    shared_folder: SharedFolder | None = field(default=None, metadata=by(SharedFolderModule))
    legal_vote: LegalVoteState = field(factory=LegalVoteState, metadata=by(LegalVoteModule))
    automod: Automod | None = field(default=None, metadata=by(AutomodModule))
    """The talking stick, while there is one."""

    modules: Mapping[str, object] = field(factory=lambda: MappingProxyType({}), repr=False)
    """The JSON of namespaces without a message class here, as it came in `join_success`."""
    ended: EndReason | None = None

    def of(self, module: type[ClientModule[StateT]]) -> StateT:
        """The value of the field that ``module`` fills."""
        value: StateT = getattr(self, _FIELD_OF[module])
        return value


MODULES: Final[Mapping[str, type[ClientModule[Any]]]] = MappingProxyType(
    {one.name: one.metadata[_MODULE] for one in fields(ConferenceState) if _MODULE in one.metadata}
)
"""The modules of a conference, by their fields."""
_FIELD_OF: Final = {module: name for name, module in MODULES.items()}
