"""Gives each message of the server to its handler, sends the commands of the user, and assigns errors to calls.

The state tables (`m3core.signaling`) have checked before that a message is legal in the present state.
"""

from __future__ import annotations

from typing import Any, Final

from m3core.conference.all_modules import Modules
from m3core.conference.calls import Call, CallKind
from m3core.conference.context import Context
from m3core.conference.events import PeerMisbehaved, ServerRefused, UnknownMessage
from m3core.conference.joining import Joining
from m3core.conference.life import Life
from m3core.conference.modules.base import BY_SILENCE, ClientModule, Handler, Rule
from m3core.conference.streams import Streams
from m3core.errors import CallRefused, RemoteProtocolError
from m3core.io import CallId
from m3core.limits import ANSWER_TIMEOUT, SILENCE_MEANS_DONE
from m3core.messages import Command, Event, UnknownCommand, UnknownEvent, control, echo
from m3core.messages import kind as kind_of
from m3core.values import MediaSessionKey

_NO_NAMESPACE: Final = control.ControlErrorCode.INVALID_NAMESPACE
"""The answer to a command of a module that the server does not have (signaling.md § 4)."""


class Dispatcher:
    """The handlers of one conference, by message class."""

    def __init__(self, context: Context, streams: Streams, modules: Modules, life: Life, joining: Joining) -> None:
        self._context = context
        self._streams = streams
        self._modules = modules
        self._life = life
        self._joining = joining
        self._handlers: dict[type, tuple[ClientModule[Any] | None, Handler]] = {
            control.Error: (None, self._control_error),
            echo.Pong: (None, lambda _: life.keepalive.echoed()),
            **{event: (None, handler) for event, handler in joining.handlers().items()},
            **{event: (module, handler) for module in modules.all for event, handler in module.handlers().items()},
        }
        self._ruled: dict[type, ClientModule[Any]] = {
            command: module for module in modules.all for command in module.RULES
        }

    @property
    def handled(self) -> frozenset[type]:
        """The message classes that have a handler."""
        return frozenset(self._handlers)

    # -- the user's commands ---
    def command(self, command: Command | UnknownCommand) -> CallId:
        """Send ``command``. The call is done when the server acknowledges it, or by silence if the server need not."""
        calls = self._context.calls
        rule = self._rule_of(command)
        calls.check_capacity()  # before sending: a call that cannot be opened must not have been sent
        self._context.outbox.send(command)
        namespace, name = kind_of(command)
        call = calls.open(
            CallKind.COMMAND,
            name,
            self._context.now,
            ANSWER_TIMEOUT if rule.answered else SILENCE_MEANS_DONE,
            slugs=rule.refusals,
            silent=not rule.answered,
            namespace=namespace,
            command=command,
        )
        module = self._modules.of(namespace)
        if module is not None and isinstance(command, Command):
            module.touch()
            module.sent(command)
        return call

    def _rule_of(self, command: Command | UnknownCommand) -> Rule:
        module = self._ruled.get(type(command))
        return BY_SILENCE if module is None or not isinstance(command, Command) else module.rule_of(command)

    # -- what the server says ---
    def take(self, event: Event | UnknownEvent | Command | UnknownCommand) -> None:
        """Give one message to its handler. One that makes no sense becomes a `PeerMisbehaved`."""
        module, handler = self._handlers.get(type(event), (None, self._unknown))
        try:
            if module is not None:
                module.touch()
            handler(event)
        except RemoteProtocolError as error:
            self._context.outbox.notify(PeerMisbehaved(error=error))

    def _unknown(self, event: Event | UnknownEvent) -> None:
        if isinstance(event, UnknownEvent) and event.namespace == echo.Pong.NAMESPACE:
            self._life.keepalive.echoed()  # a server sends back what it got, in whatever shape (signaling.md § 15)
        else:
            self._context.outbox.notify(UnknownMessage(event=event))

    # -- errors ---
    def _control_error(self, event: control.Error) -> None:
        """Assign an error of namespace `control`: to our `join`, to our echo, or to a command of any namespace."""
        slug = event.error.value
        if self._joining.refused(slug):
            return
        if event.error is _NO_NAMESPACE:
            if self._life.keepalive.is_echo_refused():
                return
            # The error does not say which namespace the server lacks (signaling.md § 4).
            if (foreign := self._context.calls.oldest_of_a_module()) is not None:
                self.refuse_call(foreign, slug)
                return
        self.refuse("control", slug)

    def refuse(self, namespace: str, slug: str, key: MediaSessionKey | None = None) -> None:
        """Refuse the oldest open call that the error ``slug`` can mean; without one, tell the user `ServerRefused`."""
        call = self._context.calls.refused_by(namespace, slug, key)
        if call is None:
            self._context.outbox.notify(ServerRefused(namespace=namespace, code=slug))
        else:
            self.refuse_call(call, slug)

    def refuse_call(self, call: Call, slug: str) -> None:
        """End ``call``, which the server refused with ``slug``, and the stream that it asked for."""
        error = CallRefused(slug)
        publications, subscriptions = self._streams.publications, self._streams.subscriptions
        if call.kind is CallKind.PUBLISH and call.key is not None:
            if (session := publications.get(call.key)) is not None:
                # The server keeps a publisher whose offer it refused (media.md § 4.6) until `unpublish`.
                publications.lost(session, error, tell_server=True)
        elif call.kind is CallKind.SUBSCRIBE and call.key is not None:
            if (session := subscriptions.get(call.key)) is not None:
                subscriptions.stop(session, error)
        elif isinstance(call.command, Command) and (module := self._modules.of(call.namespace)) is not None:
            module.touch()
            module.refused(call.command)
        self._context.calls.finish(call.id, error=error)
