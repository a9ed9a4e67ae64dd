"""Every command of a conference as a method, written once for the engine and for every adapter.

The engine has ``Commands[CallId]`` (`Conference.commands`); an adapter whose users await commands has
``Commands[Awaitable[object]]``.
"""

from __future__ import annotations

from collections.abc import Callable

from m3core.conference.modules.automod import AutomodCommands
from m3core.conference.modules.base import Snapshot, T
from m3core.conference.modules.breakout import BreakoutCommands
from m3core.conference.modules.chat import ChatCommands
from m3core.conference.modules.control import ControlCommands
from m3core.conference.modules.legal_vote import LegalVoteCommands
from m3core.conference.modules.media import MediaCommands
from m3core.conference.modules.minutes import MinutesCommands
from m3core.conference.modules.moderation import ModerationCommands
from m3core.conference.modules.polls import PollsCommands
from m3core.conference.modules.recording import RecordingCommands
from m3core.conference.modules.recording_service import RecordingServiceCommands
from m3core.conference.modules.timer import TimerCommands
from m3core.conference.modules.whiteboard import WhiteboardCommands
from m3core.messages import Command


class Commands(ControlCommands[T], MediaCommands[T]):
    """Hands, roles and muting are methods; other namespaces are groups of methods.

    ``perform`` sends a command and gives what the method returns (a call id, an awaitable). ``state`` gives the present
    state: some commands take their subject from it, for example the poll that runs. A method raises
    `LocalProtocolError`, and sends nothing, for what is impossible. A command that the server refuses ends with
    `CallRefused`.
    """

    def __init__(self, perform: Callable[[Command], T], state: Callable[[], Snapshot]) -> None:
        super().__init__(perform, state)
        self.chat = ChatCommands(perform, state)
        self.polls = PollsCommands(perform, state)
        self.timer = TimerCommands(perform, state)
        self.moderation = ModerationCommands(perform, state)
        self.breakout = BreakoutCommands(perform, state)
        self.recording = RecordingCommands(perform, state)
        self.recording_service = RecordingServiceCommands(perform, state)
        self.minutes = MinutesCommands(perform, state)
        self.whiteboard = WhiteboardCommands(perform, state)
        self.legal_vote = LegalVoteCommands(perform, state)
        self.automod = AutomodCommands(perform, state)
