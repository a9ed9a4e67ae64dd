"""The client engine: one conference from the first REST call to its end. Inputs in, outputs out (see `m3core.io`).

This is the facade. It passes each input and each command of the user to the part that it concerns (`life`, `dispatch`,
`streams`, `roster`) and collects ended calls afterwards. It knows no tokens, sockets or event loops.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from types import MappingProxyType

from attrs import evolve

from m3core.conference.all_modules import Modules
from m3core.conference.calls import Call, CallKind, Calls
from m3core.conference.commands import Commands
from m3core.conference.common import EndReason, Participant, Phase
from m3core.conference.dispatch import Dispatcher
from m3core.conference.entrance import Entrance
from m3core.conference.events import ConferenceEvent, PeerMisbehaved
from m3core.conference.joining import Joining
from m3core.conference.life import Life
from m3core.conference.modules.breakout import BreakoutModule
from m3core.conference.outbox import Outbox, Output
from m3core.conference.roster import Roster
from m3core.conference.state import ConferenceState
from m3core.conference.streams import Streams
from m3core.errors import CallCancelled, CallTimedOut, LocalProtocolError, M3Error
from m3core.io import CallId, ConnectionId, Headers, HttpResponse, IceServer, MediaReport, PeerId, RequestId
from m3core.messages import Command, UnknownCommand
from m3core.signaling import NEED_DATA, BadMessage
from m3core.values import BreakoutRoomId, MediaSessionKey, MediaSessionType, ParticipantId


class Conference:
    """One conference, as a client. Use it once: `start`, then inputs until `state.ended` is set.

    ``jitter`` gives a float in [0, 1), a new one for each call (`random.random`): it spreads the attempts of many
    clients to reconnect. ``utc_at_zero``, aware of its time zone, is the instant of ``now`` = 0; without it the engine
    asks for TURN credentials only once. Commands raise `LocalProtocolError` where they are impossible.
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
        """The largest ``now`` of any input so far."""
        self.jitter = jitter
        self.outbox = Outbox()
        self.calls = Calls()
        self.ice_servers: tuple[IceServer, ...] = ()
        self.own: Participant | None = None
        self.roster = Roster()
        self.streams = Streams(self)
        self.publications, self.subscriptions = self.streams.publications, self.streams.subscriptions
        self.modules = Modules(self)
        rooms = self.modules[BreakoutModule]
        self.life = Life(self, self.streams, rooms, entrance, display_name, utc_at_zero=utc_at_zero)
        self.joining = Joining(self, self.outbox, self.modules, self.life)
        self.dispatcher = Dispatcher(self, self.streams, self.modules, self.life, self.joining)
        self._snapshot: ConferenceState | None = None
        self._an_input = _Input(self._end_input)

    # -- the contract ---
    def outputs(self) -> Iterator[Output]:
        """The outputs to perform, in order. Drain them after every input, before the next one."""
        yield from self.outbox.drain()

    @property
    def deadline(self) -> float | None:
        """When to call `advance`; ``None`` if nothing is due at any time."""
        modules = None if self.life.ended else self.modules.deadline
        deadlines = (self.life.deadline, self.calls.deadline, modules, self.streams.deadline)
        return min((at for at in deadlines if at is not None and at < math.inf), default=None)

    @property
    def phase(self) -> Phase:
        """The present phase."""
        return self.life.phase

    @property
    def is_inside(self) -> bool:
        """Whether we are in the room now (not in the waiting room, not reconnecting)."""
        return self.phase is Phase.JOINED

    @property
    def state(self) -> ConferenceState:
        """A frozen snapshot. It is built when read, and is the same object until the next input."""
        if self._snapshot is None:
            self._snapshot = ConferenceState(
                phase=self.phase,
                room_id=self.life.room_id,
                own=self.own,
                participants=MappingProxyType(dict(self.roster.participants)),
                focus=self.roster.focus,
                publications=self.publications.states(),
                subscriptions=self.subscriptions.states(),
                modules=self.joining.raw_modules,
                ended=self.life.ended,
                **self.modules.states(),
            )
        return self._snapshot

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        """The events that lead from an empty room to the present state, for an observer who begins to listen now."""
        present = list(self.roster.present_events())
        for module in self.modules.all:
            present += module.present_events()
        return tuple(present)

    # -- the user's commands ---
    def start(self, now: float) -> CallId:
        """Get a ticket, connect and join; the call is done when we are in the room and ICE servers are known."""
        with self._input(now):
            return self.life.start()

    def leave(self, now: float) -> CallId:
        """Stop all streams and close; the call is done when the connection is closed."""
        with self._input(now):
            return self.life.leave()

    def switch_room(self, breakout_room: BreakoutRoomId | None, now: float) -> CallId:
        """Go into a breakout room, or back into the main room (None); the call is done when we are in it.

        Our streams are published again there, by the same id (signaling.md § 8, assignment flow).
        """
        with self._input(now):
            self._joined()
            return self.life.move(breakout_room)

    def command(self, message: Command | UnknownCommand, now: float) -> CallId:
        """Send any command; done by its acknowledgement, or by silence where the server need not answer."""
        with self._input(now):
            self._joined()
            return self.dispatcher.command(message)

    def commands(self, now: float) -> Commands[CallId]:
        """Every command as a method that is called at ``now``: ``conference.commands(now).chat("hello")``."""
        return Commands(lambda message: self.command(message, now), lambda: self.state)

    def raise_hand(self, now: float) -> CallId:
        """Raise our hand."""
        return self.commands(now).raise_hand()

    def lower_hand(self, now: float) -> CallId:
        """Lower our hand."""
        return self.commands(now).lower_hand()

    # -- the user's streams (media.md § 4, 5) ---
    def new_peer(self) -> PeerId:
        """An id for `publish`. With it, sources can be opened (which may take long) before anything is sent."""
        return self.outbox.new_peer()

    def publish(
        self,
        media_session_type: MediaSessionType,
        *,
        audio: bool,
        video: bool,
        peer: PeerId | None = None,
        now: float,
    ) -> tuple[CallId, PeerId]:
        """Publish a stream. Its sources belong to the peer that is returned. `CallDone.result` is the stream's key."""
        with self._input(now):
            own = self._joined()
            return self.publications.publish(own, media_session_type, audio=audio, video=video, peer=peer)

    def set_sending(self, media_session_type: MediaSessionType, *, audio: bool, video: bool, now: float) -> CallId:
        """Mute and unmute the tracks of a stream of ours."""
        with self._input(now):
            own = self._joined()
            return self.publications.set_sending(MediaSessionKey(own.id, media_session_type), audio=audio, video=video)

    def unpublish(self, media_session_type: MediaSessionType, now: float) -> CallId:
        """Stop a stream of ours; an open call of `publish` for it ends with `CallCancelled`."""
        with self._input(now):
            own = self._joined()
            return self.publications.stop(MediaSessionKey(own.id, media_session_type))

    def subscribe(
        self,
        participant_id: ParticipantId,
        media_session_type: MediaSessionType,
        *,
        without_video: bool = False,
        now: float,
    ) -> tuple[CallId, PeerId]:
        """Receive a stream. Its tracks belong to the peer that is returned. `CallDone.result` is the stream's key."""
        with self._input(now):
            self._joined()
            key = MediaSessionKey(participant_id, media_session_type)
            self.roster.check_publishes(key)
            return self.subscriptions.subscribe(key, without_video=without_video)

    def configure(
        self,
        participant_id: ParticipantId,
        media_session_type: MediaSessionType,
        *,
        video: bool | None = None,
        substream: int | None = None,
        now: float,
    ) -> CallId:
        """Leave out or resume the video of a subscription, or choose its layer (media.md § 5)."""
        with self._input(now):
            self._joined()
            key = MediaSessionKey(participant_id, media_session_type)
            return self.subscriptions.configure(key, video=video, substream=substream)

    def park(self, participant_id: ParticipantId, media_session_type: MediaSessionType, now: float) -> None:
        """Say that nobody reads a subscription any more: its video is switched off (media.md § 4.4)."""
        with self._input(now):
            self.streams.park(MediaSessionKey(participant_id, media_session_type))

    def cancel(self, call: CallId, now: float) -> None:
        """Give up an open call. A publish whose offer was sent is unpublished; a subscription is parked."""
        with self._input(now):
            pending = self.calls.get(call)
            if pending is not None:
                error = CallCancelled(f"{pending.what} was cancelled")
                if pending.kind is CallKind.START:
                    self.life.give_up(error)
                else:
                    self.streams.cancel(pending, error)
                self.calls.finish(call, error=error)

    # -- what the driver says ---
    def media_report(self, report: MediaReport, now: float) -> None:
        """The media engine reports something. A report about a peer that is closed is ignored."""
        with self._input(now):
            self.streams.report(report)

    def http_response(self, request: RequestId, response: HttpResponse, now: float) -> None:
        """The response to a request came. It is ignored if nobody waits for it any more."""
        with self._input(now):
            self.life.requests.response(request, response)

    def http_failed(self, request: RequestId, error: M3Error, now: float) -> None:
        """A request could not be performed, or no response came."""
        with self._input(now):
            self.life.requests.failed(request, error)

    def connected(self, connection: ConnectionId, now: float) -> None:
        """The WebSocket is open."""
        with self._input(now):
            if connection == self.outbox.connection:
                self.life.connected()

    def connect_refused(
        self, connection: ConnectionId, status: int, body: bytes, now: float, headers: Headers = ()
    ) -> None:
        """The handshake was answered with an HTTP error (signaling.md § 1).

        The names of ``headers`` are in lower case. Of them, `Retry-After` and `Date` are read.
        """
        with self._input(now):
            if connection == self.outbox.connection:
                self.life.connect_refused(HttpResponse(status, headers, body))

    def connection_lost(
        self, connection: ConnectionId, now: float, *, code: int | None = None, reason: str = ""
    ) -> None:
        """The WebSocket is closed; ``code`` if a close frame came. ``reason`` is text for people."""
        with self._input(now):
            if connection == self.outbox.connection:
                self.life.connection_lost(code, reason)

    def receive_text(self, connection: ConnectionId, data: bytes | str, now: float) -> None:
        """A text message came."""
        with self._input(now):
            # While leaving, messages are ignored: the Close was put out, and nothing may be sent in answer after it.
            if connection == self.outbox.connection and self.phase is not Phase.LEAVING:
                self.life.heard()
                self.outbox.signaling.receive_text(data)
                while (event := self.outbox.signaling.next_event()) is not NEED_DATA:
                    if isinstance(event, BadMessage):
                        self.outbox.notify(PeerMisbehaved(error=event.error))
                        if event.fatal:
                            self.life.flooded(event.error)
                    else:
                        self.dispatcher.take(event)

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None:
        """A pong came. Its payload does not matter: any pong shows that the connection lives."""
        del payload
        self.pinged(connection, now)

    def pinged(self, connection: ConnectionId, now: float) -> None:
        """The server pinged, and the WebSocket below the engine has answered: the connection lives."""
        with self._input(now):
            if connection == self.outbox.connection:
                self.life.heard()

    def advance(self, now: float) -> None:
        """Do what is due at ``now``; call it at `deadline`."""
        with self._input(now):
            self.life.advance()
            if not self.life.ended:
                self.modules.advance(self.now)
            for call in self.calls.expired(self.now):
                error = CallTimedOut(call.what, call.deadline - call.started)
                self.streams.timed_out(call, error)
                self.calls.finish(call.id, error=error)
            self.streams.advance()

    # -- what modules need: see `surroundings` ---
    def participant(self, participant_id: ParticipantId) -> Participant | None:
        """The participant with that id, perhaps ourselves or one who left; ``None`` if unknown."""
        if self.own is not None and participant_id == self.own.id:
            return self.own
        return self.roster.participants.get(participant_id)

    def rename(self, participant_id: ParticipantId, display_name: str) -> None:
        """Change the name of a participant, perhaps of ourselves."""
        if self.own is not None and participant_id == self.own.id:
            self.own = evolve(self.own, display_name=display_name)
        self.roster.rename(participant_id, display_name)

    def notify(self, *events: ConferenceEvent) -> None:
        """Tell the user."""
        self.outbox.notify(*events)

    def expect_end(self, reason: EndReason) -> None:
        """The server announced ``reason``, and is about to close the connection."""
        self.life.expect_end(reason)

    def refuse(self, namespace: str, slug: str, key: MediaSessionKey | None = None) -> None:
        """Refuse the oldest open call that the error ``slug`` can mean; without one, tell the user `ServerRefused`."""
        self.dispatcher.refuse(namespace, slug, key)

    def refuse_call(self, call: Call, slug: str) -> None:
        """End ``call``, which the server refused with ``slug``."""
        self.dispatcher.refuse_call(call, slug)

    # -- inside ---
    def _input(self, now: float) -> _Input:
        """Begin an input; raises `LocalProtocolError` if outputs of the last one are not drained."""
        self.outbox.check_drained()
        self.now = max(self.now, now)  # a clock that goes backwards does no harm
        return self._an_input

    def _joined(self) -> Participant:
        """Ourselves; raises `LocalProtocolError` outside of the room."""
        if self.phase is Phase.RECONNECTING:
            raise LocalProtocolError("reconnecting, since the connection was lost: try again after the event `Resumed`")
        if self.phase is not Phase.JOINED or self.own is None:
            raise LocalProtocolError(f"the conference is not in the room: its phase is `{self.phase.value}`")
        return self.own

    def _end_input(self) -> None:
        self._snapshot = None
        for done in self.calls.done:
            self.outbox.put(done)
        self.calls.done.clear()


class _Input:
    """The `with` block of one input: at its end calls that ended become outputs and the snapshot is discarded.

    That also happens if the input raises. A generator with `contextmanager` would make messages a fifth slower.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._end()
