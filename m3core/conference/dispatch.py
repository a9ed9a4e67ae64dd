"""Which module takes which message of the server, and what becomes of errors.

The state tables (`m3core.signaling`) have let the message through already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from m3core.conference.calls import Call, CallKind
from m3core.conference.events import PeerMisbehaved, ServerRefused, UnknownMessage
from m3core.conference.modules.automod import AutomodModule
from m3core.conference.modules.base import BY_SILENCE, ClientModule, Handler, Rule
from m3core.conference.modules.breakout import BreakoutModule
from m3core.conference.modules.chat import ChatModule
from m3core.conference.modules.control import ControlModule
from m3core.conference.modules.legal_vote import LegalVoteModule
from m3core.conference.modules.media import MediaModule
from m3core.conference.modules.minutes import MinutesModule
from m3core.conference.modules.moderation import ModerationModule
from m3core.conference.modules.polls import PollsModule
from m3core.conference.modules.recording import RecordingModule
from m3core.conference.modules.recording_service import RecordingServiceModule
from m3core.conference.modules.shared_folder import SharedFolderModule
from m3core.conference.modules.timer import TimerModule
from m3core.conference.modules.whiteboard import WhiteboardModule
from m3core.errors import CallRefused, RemoteProtocolError
from m3core.messages import Command, Event, UnknownCommand, UnknownEvent
from m3core.messages import kind as kind_of
from m3core.values import MediaSessionKey

if TYPE_CHECKING:
    from m3core.conference.engine import Conference


class Modules:
    """One module of each namespace."""

    def __init__(self, conference: Conference) -> None:
        self.control = ControlModule(conference)
        self.media = MediaModule(conference)
        self.moderation = ModerationModule(conference)
        self.chat = ChatModule(conference)
        self.polls = PollsModule(conference)
        self.timer = TimerModule(conference)
        self.breakout = BreakoutModule(conference)
        self.recording = RecordingModule(conference)
        self.recording_service = RecordingServiceModule(conference)
        self.minutes = MinutesModule(conference)
        self.whiteboard = WhiteboardModule(conference)
        self.shared_folder = SharedFolderModule(conference)
        self.legal_vote = LegalVoteModule(conference)
        self.automod = AutomodModule(conference)
        self.all: tuple[ClientModule[Any], ...] = tuple(vars(self).values())

    def of(self, namespace: str) -> ClientModule[Any] | None:
        """The module of ``namespace``."""
        return next((module for module in self.all if namespace == module.NAMESPACE), None)


class Dispatcher:
    """Takes the events of one conference."""

    def __init__(self, conference: Conference) -> None:
        self._conference = conference
        self._handlers: dict[type, tuple[ClientModule[Any] | None, Handler]] = {
            event: (module, handler)
            for module in conference.modules.all
            for event, handler in module.handlers().items()
        }
        self._ruled: dict[type, ClientModule[Any]] = {
            command: module for module in conference.modules.all for command in module.RULES
        }

    def rule_of(self, command: Command | UnknownCommand) -> Rule:
        """How ``command`` ends."""
        module = self._ruled.get(type(command))
        return BY_SILENCE if module is None or not isinstance(command, Command) else module.rule_of(command)

    def take(self, event: Event | UnknownEvent | Command | UnknownCommand) -> None:
        """Fold one message. What is wrong with it is told and ignored."""
        module, handler = self._handlers.get(type(event), (None, self._unknown))
        try:
            if module is not None:
                module.touch()
            handler(event)
        except RemoteProtocolError as error:
            self._conference.outbox.notify(PeerMisbehaved(error=error))

    def sent(self, command: Command | UnknownCommand) -> None:
        """A command has left."""
        module = self._conference.modules.of(command.NAMESPACE) if isinstance(command, Command) else None
        if module is not None and isinstance(command, Command):
            module.touch()
            module.sent(command)

    def refuse(self, namespace: str, slug: str, key: MediaSessionKey | None = None) -> None:
        """The server sent the error ``slug``: the oldest open call that it can mean is refused, else it is told."""
        call = self._conference.calls.refused_by(namespace, slug, key)
        if call is None:
            self._conference.outbox.notify(ServerRefused(namespace=namespace, code=slug))
        else:
            self.refuse_call(call, slug)

    def refuse_call(self, call: Call, slug: str) -> None:
        """``call`` was refused, with all that this means."""
        conference = self._conference
        error = CallRefused(slug)
        if call.kind is CallKind.PUBLISH and call.key is not None:
            if (session := conference.publications.get(call.key)) is not None:
                conference.publications.lost(session, error, tell_server=True)
        elif call.kind is CallKind.SUBSCRIBE and call.key is not None:
            if (session := conference.subscriptions.get(call.key)) is not None:
                conference.subscriptions.stop(session, error)
        elif isinstance(call.command, Command) and (module := conference.modules.of(call.namespace)) is not None:
            module.touch()
            module.refused(call.command)
        conference.calls.finish(call.id, error=error)

    def _unknown(self, event: Event | UnknownEvent) -> None:
        if kind_of(event)[0] == "echo":
            self._conference.life.keepalive.echoed()
        else:
            self._conference.outbox.notify(UnknownMessage(event=event))
