"""The server engine: rooms, tickets and participants behind HTTP requests and WebSocket messages.

Inputs in, outputs out (see `m3core.io`); `front` turns bytes into these inputs. The engine owns connections, heartbeats
and fan-out. The meaning of commands is in one module for each namespace (`control`, `media`, `chat`, ...), and the ways
into a room and out of it are in `joining`.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from m3core import handshake
from m3core.controller.addresses import AddressLimits
from m3core.controller.alarms import Alarm, Alarms
from m3core.controller.api import Api
from m3core.controller.authorisation import PROBLEMS, denial
from m3core.controller.budget import Budget, cost
from m3core.controller.clock import Clock
from m3core.controller.config import ControllerConfig, Identities
from m3core.controller.echo import ECHO, Echo
from m3core.controller.entries import Entries
from m3core.controller.features import Feature
from m3core.controller.joining import Joining
from m3core.controller.media_reports import MediaReports
from m3core.controller.modules import modules_of
from m3core.controller.one_by_one import OneByOne
from m3core.controller.resumptions import Resumptions
from m3core.controller.room import Participant, Rooms, Session
from m3core.controller.sfu import SfuCommand, SfuOperation
from m3core.controller.store import Store
from m3core.controller.streams import Streams
from m3core.controller.tickets import Tickets
from m3core.errors import LocalProtocolError
from m3core.io import (
    Accept,
    Close,
    CommandId,
    ConnectionId,
    Headers,
    HttpReply,
    HttpResponse,
    MediaReport,
    Notify,
    PeerId,
    Ping,
    Reject,
    RequestId,
    SendText,
)
from m3core.limits import HEARTBEAT_INTERVAL, HEARTBEAT_TICK, HEARTBEAT_TIMEOUT, JOIN_DEADLINE
from m3core.messages import Command, Event, UnknownCommand, UnknownEvent, control, encode
from m3core.messages.control import LeftReason
from m3core.rest.cors import preflight, with_cors
from m3core.rest.errors import NOT_FOUND, Problem, too_many_requests
from m3core.signaling import NEED_DATA, SERVER, BadMessage, SignalingConnection, note_sent
from m3core.values import InviteCode, RoomId, Subprotocol, Timestamp, format_uuid

Output: TypeAlias = HttpReply | Accept | Reject | SendText | Ping | Close | SfuCommand | Notify

HEARTBEAT = b"heartbeat"
"""The payload of the server's pings. A pong with another payload does not count (signaling.md § 2)."""
GOING_AWAY = 1001
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
"""RFC 6455 s.7.4.1."""


class Controller:
    """One controller, and the `Surroundings` of its modules.

    ``entropy(n)`` gives n random bytes; ``utc_at_zero`` is the UTC instant of ``now`` = 0.
    """

    def __init__(
        self,
        config: ControllerConfig,
        identities: Identities,
        *,
        entropy: Callable[[int], bytes],
        utc_at_zero: dt.datetime,
    ) -> None:
        self.config = config
        self.rooms = Rooms()
        self.store = Store()
        self.addresses = AddressLimits(limit_loopback=config.limit_loopback)
        self._entropy = entropy
        self._clock = Clock(utc_at_zero)
        self._queue: deque[Output] = deque()
        self._alarms = Alarms()
        self._sessions: dict[ConnectionId, Session] = {}
        self._heartbeats: dict[ConnectionId, Alarm] = {}
        self._join_deadlines: dict[ConnectionId, Alarm] = {}
        self._tickets = Tickets(entropy)
        self._resumptions = Resumptions()
        self._api = Api(self, identities, self._tickets, self._resumptions)
        self.streams = Streams(self)
        self._one_by_one = OneByOne(self)
        self._modules = modules_of(self, self.streams, self._one_by_one)
        self._echo = Echo(self)
        self.namespaces = frozenset((*self._modules, ECHO))
        entries = Entries(self._modules.values(), tells_owner=self.has(Feature.ROOM_OWNER))
        self._entries = entries
        self._joining = Joining(self, self._modules.values(), entries)
        self._reports = MediaReports(self, self.streams, self._one_by_one)
        self._last_peer = 0
        self._last_command = 0

    # -- the contract ---
    def outputs(self) -> Iterator[Output]:
        """What to perform, in order. The driver takes all of it before the next input."""
        while self._queue:
            yield self._queue.popleft()

    @property
    def deadline(self) -> float | None:
        """When to call `advance` for the next heartbeat, or the end of something; None: nothing is due."""
        return self._alarms.deadline

    @property
    def now(self) -> float:
        """Monotonic seconds: the time of the current input."""
        return self._clock.now

    def invite_url(self, code: InviteCode) -> str:
        """The link for a guest."""
        return self._api.invite_url(code)

    # -- for operators and tests ---
    @property
    def sessions(self) -> Mapping[ConnectionId, Session]:
        """The open WebSocket connections: a view, which changes as they come and go."""
        return MappingProxyType(self._sessions)

    @property
    def entries(self) -> Entries:
        """What a participant would be told if it joined now."""
        return self._entries

    @property
    def tickets(self) -> Tickets:
        """The tickets that wait for their use. More can be issued here for those whom the caller has identified."""
        return self._tickets

    # -- inputs ---
    def http_request(
        self,
        request: RequestId,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        now: float,
        address: str = "",
    ) -> None:
        """A REST request; the reply is in the outputs at once. ``address`` is that of the client, if it is known."""
        self._begin(now)
        # A preflight uses no budget: to refuse it costs as much as to answer it, and a browser would then keep the
        # request of a user who has logged in to itself.
        is_preflight = method == "OPTIONS"
        response = preflight() if is_preflight else with_cors(self._api.answer(method, target, headers, body, address))
        identified = HttpResponse(
            response.status,
            (*response.headers, ("x-request-id", format_uuid(self._entropy(16)))),
            response.body,
        )
        self._queue.append(HttpReply(request, identified))

    def websocket_requested(
        self, connection: ConnectionId, target: str, headers: Headers, now: float, address: str = ""
    ) -> None:
        """A WebSocket handshake (signaling.md § 1) of a client at ``address``."""
        self._begin(now)
        # The checks are in the order of signaling.md § 1: the path, the header, then the ticket.
        if target.partition("?")[0] not in handshake.SIGNALING_PATHS:
            self._reject(connection, NOT_FOUND, address)
            return
        values = [value for name, value in headers if name == "sec-websocket-protocol"]
        offered = handshake.parse(values)
        if isinstance(offered, handshake.HandshakeRefusal):
            self._reject(connection, Problem(offered.status, offered.code), address)
            return
        # The first attempt with a valid header uses the ticket up, whatever becomes of the connection (signaling.md
        # § 1, single use). So two attempts at the same time cannot both get in.
        admission = self._tickets.redeem(offered.ticket, self.now)
        if admission is None:
            invalid = handshake.INVALID_TICKET
            self._reject(connection, Problem(invalid.status, invalid.code), address)
            return
        denied = denial(self, admission.room, admission.user, admission.invite, was_inside=admission.is_resumed)
        if denied is not None:
            self._queue.append(Reject(connection, PROBLEMS[denied].response()))
            return
        signaling = SignalingConnection(SERVER, namespaces=self.namespaces)
        session = Session(
            connection,
            admission,
            signaling,
            last_pong=self.now,
            budget=Budget(self.now),
            # Mustang's client offers this name only, and cannot negotiate two streams at once (media.md § 10, row 4).
            one_by_one=offered.subprotocols == (Subprotocol.K3K,),
        )
        self._sessions[connection] = session
        # Not before: a resumption token becomes valid with its session (signaling.md § 3).
        self._resumptions.opened(admission, self.now)
        self._plan_heartbeat(session)
        self._expect_join(session)
        self._queue.append(Accept(connection, offered.subprotocols[0].value))

    def charge(self, connection: ConnectionId, units: int, now: float) -> None:
        """Take ``units`` from the budget of a client, for work that no message tells of: pings, parts of messages."""
        self._begin(now)
        session = self._sessions.get(connection)
        if session is not None:
            self._charge(session, units)

    def receive_text(self, connection: ConnectionId, data: bytes, now: float, *, is_charged: bool = False) -> None:
        """A message of a client. ``is_charged``: `charge` has taken its cost while it came."""
        self._begin(now)
        session = self._sessions.get(connection)
        if session is None:
            return  # it was dismissed, and its close frame is under way
        if not is_charged and not self._charge(session, cost(len(data))):
            return
        session.signaling.receive_text(data)
        while (event := session.signaling.next_event()) is not NEED_DATA:
            if isinstance(event, BadMessage):
                self._answer_bad(session, event)
            elif isinstance(event, Command | UnknownCommand):
                self._dispatch(session, event)

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None:
        """A pong. Only one with the payload of the heartbeat proves that the client is there (signaling.md § 2)."""
        self._begin(now)
        session = self._sessions.get(connection)
        if session is not None and payload == HEARTBEAT:
            session.last_pong = self.now

    def connection_lost(self, connection: ConnectionId, now: float, code: int | None = None) -> None:
        """A WebSocket is closed. There is no leave command: closing is the leave (signaling.md § 2)."""
        del code  # every code is a leave; whether the session may be resumed does not depend on it (signaling.md § 3)
        self._begin(now)
        session = self._sessions.pop(connection, None)
        if session is not None:
            self._forget(session, LeftReason.QUIT)

    def sfu_report(self, report: MediaReport, now: float) -> None:
        """A report of the media server."""
        self._begin(now)
        self._reports.take(report)

    def advance(self, now: float) -> None:
        """Time has passed: send heartbeats, and do what modules have set an alarm for."""
        self._begin(now)
        self._tickets.forget_expired(self.now)
        self._alarms.ring_due(self.now)

    def delete_room(self, room: RoomId, now: float) -> None:
        """Forget a room, its event and its invitations. A meeting in it ends with `room_deleted` (L 0.4)."""
        self._begin(now)
        self.store.remove_room(room)
        meeting = self.rooms.live.get(room)
        if meeting is not None:
            event = control.RoomDeleted(timestamp=self.relayed()) if self.has(Feature.ROOM_DELETED) else None
            self._joining.end(meeting, event)
        self.check_again(room)

    def shut_down(self, now: float) -> None:
        """Close every connection with 1001 and free all media."""
        self._begin(now)
        self.dismiss(list(self._sessions.values()), GOING_AWAY)

    # -- for the modules ---
    # `Surroundings` documents these methods.
    def has(self, feature: Feature) -> bool:
        return self.config.feature_level.has(feature)

    def direct(self) -> Timestamp:
        return self._clock.direct()

    def relayed(self) -> Timestamp:
        return self._clock.relayed()

    def in_utc(self, seconds: float, *, digits: int = 9) -> Timestamp:
        return self._clock.in_utc(seconds, digits=digits)

    def after(self, seconds: float, ring: Callable[[], None]) -> Alarm:
        return self._alarms.at(self.now + seconds, ring)

    def new_id(self) -> str:
        return format_uuid(self._entropy(16))

    def new_digits(self) -> str:
        return f"{int.from_bytes(self._entropy(8)) % 10**10:010d}"

    def tell(self, session: Session, event: Event | UnknownEvent) -> None:
        # Nothing follows a close frame: a session that is being dismissed is no longer among the sessions.
        if session.connection in self._sessions:
            self._queue.append(SendText((session.connection,), session.signaling.send(event)))

    def tell_encoded(self, session: Session, event: Event, data: bytes) -> None:
        if session.connection in self._sessions:
            note_sent((session.signaling,), event)
            self._queue.append(SendText((session.connection,), data))

    def tell_all(self, participants: Iterable[Participant], event: Event) -> None:
        sessions = [one.session for one in participants if one.session.connection in self._sessions]
        note_sent([session.signaling for session in sessions], event)
        if sessions:
            self._queue.append(SendText(tuple([session.connection for session in sessions]), encode(event)))

    def refuse(self, session: Session, slug: str) -> None:
        self._queue.append(SendText((session.connection,), session.signaling.refuse(slug, self.direct())))

    def announce(self, participant: Participant) -> None:
        if participant.is_visible:
            others = list(participant.room.others(participant))
            event = self._entries.update(participant, self.relayed())
            self.tell_all((other for other in others if not other.session.one_by_one), event)
            for other in others:
                if other.session.one_by_one:
                    self._one_by_one.update(other, participant)

    def announce_to(self, receiver: Participant, participant: Participant) -> None:
        self.tell(receiver.session, self._entries.update(participant, self.relayed(), receiver))

    def dismiss(self, sessions: Iterable[Session], code: int | None, reason: LeftReason = LeftReason.QUIT) -> None:
        # First close them all, then let them leave: those who are dismissed together get no `left` of each other.
        going = [session for session in sessions if self._sessions.pop(session.connection, None) is not None]
        for session in going:
            self._queue.append(Close(session.connection, code))
        for session in going:
            self._forget(session, reason)

    def check_again(self, room: RoomId) -> None:
        self._joining.check_again([one for one in self._sessions.values() if one.admission.room.id == room])

    def send_back(self, participant: Participant) -> None:
        self._joining.send_back(participant)

    def command_sfu(self, peer: PeerId, operation: SfuOperation) -> CommandId:
        self._last_command += 1
        command = CommandId(self._last_command)
        self._queue.append(SfuCommand(command, peer, operation, self.streams.owner_of(peer)))
        return command

    def new_peer(self) -> PeerId:
        self._last_peer += 1
        return PeerId(self._last_peer)

    # -- helpers ---
    def _begin(self, now: float) -> None:
        if self._queue:
            raise LocalProtocolError("drain the outputs of an input before the next one")
        self._clock.set(now)

    def _charge(self, session: Session, units: int) -> bool:
        """Whether ``units`` were left in the budget. If not, the session is over."""
        has_paid = session.budget.take(self.now, units)
        if not has_paid:
            self.dismiss((session,), POLICY_VIOLATION)
        return has_paid

    def _expect_join(self, session: Session) -> None:
        """Close a connection that does not join in time: it holds a session that others could use."""
        self._join_deadlines[session.connection] = self.after(
            JOIN_DEADLINE, lambda: self.dismiss((session,), POLICY_VIOLATION)
        )

    def _expect_no_join(self, session: Session) -> None:
        alarm = self._join_deadlines.pop(session.connection, None)
        if alarm is not None:
            alarm.cancel()

    def _reject(self, connection: ConnectionId, problem: Problem, address: str) -> None:
        """Refuse a handshake. Without a ticket it is a request without a login, and uses the budget of its address."""
        if wait := self.addresses.request(address, self.now):
            problem = too_many_requests(wait)
        self._queue.append(Reject(connection, problem.response()))

    def _heartbeat(self, session: Session) -> None:
        """Send a ping, or drop a client whose last pong is too old (signaling.md § 2).

        Pings are 15 s apart and a pong may be 20 s old. So one ping without an answer is fatal at the next tick, when
        the last pong is 30 s old; a pong that is late by less than 15 s does no harm. As in R there is no close frame.
        """
        if self.now - session.last_pong > HEARTBEAT_TIMEOUT:
            self.dismiss((session,), None, LeftReason.TIMEOUT)
        else:
            self._queue.append(Ping(session.connection, HEARTBEAT))
            self._plan_heartbeat(session)

    def _plan_heartbeat(self, session: Session) -> None:
        due = self.now + HEARTBEAT_INTERVAL
        tick = due - due % HEARTBEAT_TICK
        # A tick that has begun is no time to wait for: the next ping would be due in the same moment as this one.
        when = tick if tick > self.now else due
        self._heartbeats[session.connection] = self._alarms.at(when, lambda: self._heartbeat(session))

    def _answer_bad(self, session: Session, bad: BadMessage) -> None:
        if bad.reply is not None:
            self.refuse(session, bad.reply)
        if bad.fatal:
            # Too large. R drops the connection without a close frame, which looks like a broken network; with a code
            # the client knows its fault (docs/differences.md).
            self.dismiss((session,), MESSAGE_TOO_BIG)

    def _dispatch(self, session: Session, command: Command | UnknownCommand) -> None:
        """Give a command to its handler.

        The state tables of `m3core.signaling` let through what is legal: `join` before the room, `enter_room` in the
        waiting room, and an echo at any time. The rest of what comes then is dropped here.
        """
        participant = session.participant
        namespace = command.namespace if isinstance(command, UnknownCommand) else command.NAMESPACE
        if namespace == ECHO:
            self._echo.answer(session, command)
        elif participant is None:
            if isinstance(command, control.Join):
                self._joining.join(session, command.display_name)
                if session.participant is not None:
                    self._expect_no_join(session)
        elif participant.is_waiting:
            if isinstance(command, control.EnterRoom):
                self._joining.enter_room(participant)
        else:
            self._modules[namespace].handle(participant, command)

    def _forget(self, session: Session, reason: LeftReason) -> None:
        """A connection is gone, and with it its participant."""
        self._heartbeats.pop(session.connection).cancel()
        self._expect_no_join(session)
        session.signaling.close()
        participant = session.participant
        until = self._resumptions.lost(session.admission, self.now) if session.is_resumable else None
        if until is None:
            self._resumptions.ended(session.admission)
        if participant is not None:
            # An acceptance lives as long as the resumption token (signaling.md § 6).
            if participant.is_accepted and until is not None:
                participant.room.meeting.remember_accepted(participant.id, until)
            self._joining.leave(participant, reason)
