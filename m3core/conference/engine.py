"""The client engine: one conference from the first REST call to its end. Inputs in, outputs out (see `m3core.io`).

The facade: every input and every command of the user passes through here to the part that it concerns (`life`,
`dispatch`, `publications`, `subscriptions`, `roster`), and its calls and outputs are collected afterwards. Knows no
tokens, sockets or event loops.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from attrs import evolve

from m3core.conference.calls import CallKind, Calls
from m3core.conference.commands import Commands
from m3core.conference.dispatch import Dispatcher, Modules
from m3core.conference.entrance import Entrance
from m3core.conference.events import ConferenceEvent, PeerMisbehaved
from m3core.conference.life import Life
from m3core.conference.outbox import Outbox, Output
from m3core.conference.publications import Publications
from m3core.conference.roster import Roster
from m3core.conference.snapshot import snapshot_of
from m3core.conference.state import ConferenceState, Participant, Phase
from m3core.conference.streaming import Streaming
from m3core.conference.subscriptions import Subscriptions
from m3core.errors import CallCancelled, CallTimedOut, LocalProtocolError, M3Error
from m3core.io import (
    CallId,
    ConnectionId,
    HttpResponse,
    IceServer,
    RequestId,
)
from m3core.limits import ANSWER_TIMEOUT, SILENCE_MEANS_DONE
from m3core.messages import Command, UnknownCommand
from m3core.messages import kind as kind_of
from m3core.signaling import NEED_DATA, BadMessage
from m3core.values import BreakoutRoomId, ParticipantId


class Conference(Streaming):
    """One conference, as a client. Use it once: `start`, then inputs until `state.ended`.

    ``jitter`` gives a float in [0, 1), a new one each time (`random.random`): it spreads the attempts of many clients
    to come back after a lost connection. ``utc_at_zero``, aware of its time zone, is the instant of ``now`` = 0;
    without it TURN credentials are never asked for anew.
    """

    def __init__(
        self,
        entrance: Entrance,
        *,
        display_name: str,
        jitter: Callable[[], float] = lambda: 0.5,
        utc_at_zero: dt.datetime | None = None,
    ) -> None:
        self.now = -math.inf
        """The latest time that any input told."""
        self.jitter = jitter
        self.outbox = Outbox()
        self.calls = Calls()
        self.ice_servers: tuple[IceServer, ...] = ()
        self.roster = Roster()
        self.publications = Publications(self)
        self.subscriptions = Subscriptions(self)
        self.life = Life(self, entrance, display_name, jitter=jitter, utc_at_zero=utc_at_zero)
        self.own: Participant | None = None
        self.raw_modules: Mapping[str, object] = MappingProxyType({})
        self.modules = Modules(self)
        self.dispatcher = Dispatcher(self)
        self._snapshot: ConferenceState | None = None

    # -- the contract ---
    def outputs(self) -> Iterator[Output]:
        """What to perform, in order; drained at once after every input."""
        yield from self.outbox.drain()

    @property
    def deadline(self) -> float | None:
        """When to call `advance`; ``None``: never."""
        sessions = (self.publications.deadline, self.subscriptions.deadline)
        deadlines = (self.life.deadline, self.calls.deadline, self.modules.breakout.deadline, *sessions)
        return min((at for at in deadlines if at is not None and at < math.inf), default=None)

    @property
    def phase(self) -> Phase:
        """Where the conference stands."""
        return self.life.phase

    @property
    def state(self) -> ConferenceState:
        """The snapshot: frozen, built when read, the same object until something changes."""
        if self._snapshot is None:
            self._snapshot = snapshot_of(self)
        return self._snapshot

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        """The events that lead to the present state: what an observer who comes now has missed."""
        present = list(self.roster.present_events())
        for module in self.modules.all:
            present += module.present_events()
        return tuple(present)

    # -- the user's commands ---
    def start(self, now: float) -> CallId:
        """Enter and join; the call is done when we are in the room."""
        self._begin(now)
        call = self.life.start()
        self._end_input()
        return call

    def leave(self, now: float) -> CallId:
        """Stop all streams and close; the call is done when the connection is closed."""
        self._begin(now)
        call = self.life.leave()
        self._end_input()
        return call

    def switch_room(self, breakout_room: BreakoutRoomId | None, now: float) -> CallId:
        """Go into a breakout room, or back into the main room (None); the call is done when we are in it.

        Our streams are published again there, by the same id (signaling.md § 8, assignment flow).
        """
        self._begin_joined(now)
        call = self.life.move(breakout_room)
        self._end_input()
        return call

    def command(self, message: Command | UnknownCommand, now: float) -> CallId:
        """Send any command; done by its acknowledgement, or by silence where the server need not answer."""
        self._begin_joined(now)
        namespace, name = kind_of(message)
        rule = self.dispatcher.rule_of(message)
        self.calls.check_capacity()
        self.outbox.send(message)
        call = self.calls.open(
            CallKind.COMMAND,
            name,
            self.now,
            ANSWER_TIMEOUT if rule.answered else SILENCE_MEANS_DONE,
            slugs=rule.refusals,
            silent=not rule.answered,
            namespace=namespace,
            command=message,
        )
        self.dispatcher.sent(message)
        self._end_input()
        return call

    def commands(self, now: float) -> Commands[CallId]:
        """Every command as a method, given at ``now``: ``conference.commands(now).chat("hello")``."""
        return Commands(lambda message: self.command(message, now), lambda: self.state)

    def raise_hand(self, now: float) -> CallId:
        """Raise the own hand."""
        return self.commands(now).raise_hand()

    def lower_hand(self, now: float) -> CallId:
        """Lower the own hand."""
        return self.commands(now).lower_hand()

    def cancel(self, call: CallId, now: float) -> None:
        """Give a call up. A publish whose offer has left is unpublished; a subscription is parked."""
        self._begin(now)
        pending = self.calls.get(call)
        if pending is not None:
            error = CallCancelled(f"{pending.what} was cancelled")
            if pending.kind is CallKind.START:
                self.life.give_up(error)
            elif pending.kind is CallKind.PUBLISH and pending.key is not None:
                self.publications.unpublish(pending.key, error)
            elif pending.kind is CallKind.SUBSCRIBE and pending.key is not None:
                self._park(pending.key)
            self.calls.finish(call, error=error)
        self._end_input()

    # -- what the driver says ---
    def http_response(self, request: RequestId, response: HttpResponse, now: float) -> None:
        """A request was answered."""
        self._begin(now)
        self.life.response(request, response)
        self._end_input()

    def http_failed(self, request: RequestId, error: M3Error, now: float) -> None:
        """A request could not be performed."""
        self._begin(now)
        self.life.request_failed(request, error)
        self._end_input()

    def connected(self, connection: ConnectionId, now: float) -> None:
        """The WebSocket is open."""
        self._begin(now)
        if connection == self.outbox.connection:
            self.life.connected()
        self._end_input()

    def connect_refused(self, connection: ConnectionId, status: int, body: bytes, now: float) -> None:
        """The handshake was answered with an HTTP error (signaling.md § 1)."""
        self._begin(now)
        if connection == self.outbox.connection:
            self.life.connect_refused(status, body)
        self._end_input()

    def connection_lost(
        self, connection: ConnectionId, now: float, *, code: int | None = None, reason: str = ""
    ) -> None:
        """The WebSocket is closed, with ``code`` if there was a close frame; a ``reason`` is for people."""
        self._begin(now)
        if connection == self.outbox.connection:
            self.life.connection_lost(code, reason)
        self._end_input()

    def receive_text(self, connection: ConnectionId, data: bytes | str, now: float) -> None:
        """A text message came."""
        self._begin(now)
        if connection == self.outbox.connection and self.phase is not Phase.LEAVING:  # after the Close nothing leaves
            self.life.heard()
            self.outbox.signaling.receive_text(data)
            while (event := self.outbox.signaling.next_event()) is not NEED_DATA:
                if isinstance(event, BadMessage):
                    self.outbox.notify(PeerMisbehaved(error=event.error))
                    if event.fatal:
                        self.life.flooded(event.error)
                else:
                    self.dispatcher.take(event)
        self._end_input()

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None:
        """A pong came: the connection lives, whatever the pong says."""
        del payload
        self.pinged(connection, now)

    def pinged(self, connection: ConnectionId, now: float) -> None:
        """The server pinged, which was answered below us: the connection lives."""
        self._begin(now)
        if connection == self.outbox.connection:
            self.life.heard()
        self._end_input()

    def advance(self, now: float) -> None:
        """Time passed."""
        self._begin(now)
        self.life.advance()
        self.modules.breakout.advance()
        for call in self.calls.expired(self.now):
            error = CallTimedOut(call.what, call.deadline - call.started)
            for session in (*self.publications.all(), *self.subscriptions.all()):
                if session.call == call.id:
                    self._media_lost(session, error)
            self.calls.finish(call.id, error=error)
        for sessions in (self.publications, self.subscriptions):
            for session in sessions.all():
                if session.deadline is not None and session.deadline <= self.now:
                    sessions.late(session)
        if self.phase is Phase.JOINED:
            self.publications.begin_due(self.now)
            self.subscriptions.begin_due(self.now)
        self._end_input()

    def participant(self, participant_id: ParticipantId) -> Participant | None:
        """Somebody, perhaps ourselves or one who left; None if unknown."""
        if self.own is not None and participant_id == self.own.id:
            return self.own
        return self.roster.participants.get(participant_id)

    @property
    def is_inside(self) -> bool:
        """Whether we are in the room, and do not wait."""
        return self.phase is Phase.JOINED

    @property
    def has_breakout_rooms(self) -> bool:
        """Whether breakout rooms are open, as far as we were told."""
        return self.modules.breakout.state.is_active

    def breakout_rooms_are_over(self) -> None:
        """There are none, it turned out."""
        self.modules.breakout.over()

    def rename(self, participant_id: ParticipantId, display_name: str) -> None:
        """Somebody, perhaps we, got another name."""
        if self.own is not None and participant_id == self.own.id:
            self.own = evolve(self.own, display_name=display_name)
        self.roster.rename(participant_id, display_name)

    # -- inside ---
    def _begin(self, now: float) -> None:
        self.outbox.check_drained()
        self.now = max(self.now, now)  # a clock that goes backwards does no harm

    def _begin_joined(self, now: float) -> Participant:
        self._begin(now)
        if self.phase is Phase.RECONNECTING:
            raise LocalProtocolError("reconnecting: the connection was lost; try again after the event `Resumed`")
        if self.phase is not Phase.JOINED or self.own is None:
            raise LocalProtocolError(f"not in the room (phase: {self.phase.value})")
        return self.own

    def _end_input(self) -> None:
        self._snapshot = None
        for done in self.calls.done:
            self.outbox.put(done)
        self.calls.done.clear()
