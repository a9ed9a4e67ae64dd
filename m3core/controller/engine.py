"""The server engine: rooms, tickets and participants behind HTTP requests and WebSocket messages.

Inputs in, outputs out (see `m3core.io`); `front` turns bytes into these inputs. Owns who is connected, heartbeats and
fan-out; what commands mean is in one module for each namespace (`control`, `media`, `chat`, ...), mirroring
`m3core.messages`, and the ways into and out of a room in `joining`.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from m3core import handshake
from m3core.controller.alarms import Alarm, Alarms
from m3core.controller.api import Api
from m3core.controller.config import ControllerConfig, Identities
from m3core.controller.echo import ECHO, Echo
from m3core.controller.entries import Entries
from m3core.controller.features import Feature
from m3core.controller.joining import Joining
from m3core.controller.media_reports import MediaReports
from m3core.controller.modules import modules_of
from m3core.controller.one_by_one import OneByOne
from m3core.controller.rate import RateLimit
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
from m3core.limits import HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT
from m3core.messages import Command, Event, UnknownCommand, UnknownEvent, control, encode
from m3core.messages.control import LeftReason
from m3core.rest.cors import preflight, with_cors
from m3core.rest.errors import NOT_FOUND, Problem
from m3core.signaling import NEED_DATA, SERVER, BadMessage, SignalingConnection
from m3core.values import InviteCode, RoomId, Subprotocol, Timestamp, format_uuid

Output: TypeAlias = HttpReply | Accept | Reject | SendText | Ping | Close | SfuCommand | Notify

HEARTBEAT = b"heartbeat"
"""The payload of the server's pings (signaling.md § 2)."""
GOING_AWAY = 1001
POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
"""RFC 6455 s.7.4.1."""


class Controller:
    """One controller. ``entropy(n)`` gives n random bytes; ``utc_at_zero`` is the UTC instant of ``now`` = 0."""

    def __init__(
        self,
        config: ControllerConfig,
        identities: Identities,
        *,
        entropy: Callable[[int], bytes],
        utc_at_zero: dt.datetime,
    ) -> None:
        self.config = config
        self.now = 0.0
        self.rooms = Rooms()
        self.store = Store()
        self._entropy = entropy
        self._utc_at_zero = utc_at_zero
        self._queue: deque[Output] = deque()
        self._alarms = Alarms()
        self._sessions: dict[ConnectionId, Session] = {}
        self._heartbeats: dict[ConnectionId, Alarm] = {}
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
        self._relayed = (self.now, self.in_utc(0.0, digits=0))
        """The last answer of `relayed`: it is asked for many times in one instant."""

    # -- the contract ---
    def outputs(self) -> Iterator[Output]:
        """What to perform, in order; drained at once after every input."""
        while self._queue:
            yield self._queue.popleft()

    @property
    def deadline(self) -> float | None:
        """When the next heartbeat, or the end of something, is due; ``None``: nothing."""
        return self._alarms.deadline

    def invite_url(self, code: InviteCode) -> str:
        """The link for a guest."""
        return self._api.invite_url(code)

    # -- inputs ---
    def http_request(
        self, request: RequestId, method: str, target: str, headers: Headers, body: bytes, now: float
    ) -> None:
        """A REST request."""
        self._begin(now)
        is_preflight = method == "OPTIONS"
        response = preflight() if is_preflight else with_cors(self._api.answer(method, target, headers, body))
        identified = HttpResponse(
            response.status,
            (*response.headers, ("x-request-id", format_uuid(self._entropy(16)))),
            response.body,
        )
        self._queue.append(HttpReply(request, identified))

    def websocket_requested(self, connection: ConnectionId, target: str, headers: Headers, now: float) -> None:
        """A WebSocket handshake (signaling.md § 1)."""
        self._begin(now)
        if target.partition("?")[0] not in handshake.SIGNALING_PATHS:
            self._queue.append(Reject(connection, NOT_FOUND.response()))
            return
        values = [value for name, value in headers if name == "sec-websocket-protocol"]
        offered = handshake.parse(values)
        if isinstance(offered, handshake.HandshakeRefusal):
            self._reject(connection, offered)
            return
        admission = self._tickets.redeem(offered.ticket, self.now)
        if admission is None:
            self._reject(connection, handshake.INVALID_TICKET)
            return
        signaling = SignalingConnection(SERVER, namespaces=self.namespaces)
        session = Session(
            connection,
            admission,
            signaling,
            last_pong=self.now,
            allowance=RateLimit(self.now),
            one_by_one=offered.subprotocols == (Subprotocol.K3K,),
        )
        self._sessions[connection] = session
        self._resumptions.opened(admission, self.now)
        self._heartbeats[connection] = self.after(HEARTBEAT_INTERVAL, lambda: self._heartbeat(session))
        self._queue.append(Accept(connection, offered.subprotocols[0].value))

    def receive_text(self, connection: ConnectionId, data: bytes, now: float) -> None:
        """A message of a client."""
        self._begin(now)
        session = self._sessions.get(connection)
        if session is None:
            return
        if not session.allowance.take(self.now):
            self.dismiss((session,), POLICY_VIOLATION)
            return
        session.signaling.receive_text(data)
        while (event := session.signaling.next_event()) is not NEED_DATA:
            if isinstance(event, BadMessage):
                self._answer_bad(session, event)
            elif isinstance(event, Command | UnknownCommand):
                self._dispatch(session, event)

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None:
        """A pong; only the heartbeat's payload counts (signaling.md § 2)."""
        self._begin(now)
        session = self._sessions.get(connection)
        if session is not None and payload == HEARTBEAT:
            session.last_pong = self.now

    def connection_lost(self, connection: ConnectionId, now: float, code: int | None = None) -> None:
        """A WebSocket is closed: closing is the leave (signaling.md § 2)."""
        del code
        self._begin(now)
        session = self._sessions.pop(connection, None)
        if session is not None:
            self._forget(session, LeftReason.QUIT)

    def sfu_report(self, report: MediaReport, now: float) -> None:
        """The media server says something."""
        self._begin(now)
        self._reports.take(report)

    def advance(self, now: float) -> None:
        """Time passed: heartbeats, and what modules want to happen."""
        self._begin(now)
        self._tickets.forget_expired(self.now)
        self._alarms.ring_due(self.now)

    def delete_room(self, room: RoomId, now: float) -> None:
        """The room is gone: everybody is told (L 0.4), and put out."""
        self._begin(now)
        self.store.remove_room(room)
        meeting = self.rooms.live.get(room)
        if meeting is not None:
            event = control.RoomDeleted(timestamp=self.relayed()) if self.has(Feature.ROOM_DELETED) else None
            self._joining.end(meeting, event)

    def shut_down(self, now: float) -> None:
        """Close every connection with 1001 and free all media."""
        self._begin(now)
        self.dismiss(list(self._sessions.values()), GOING_AWAY)

    # -- for the modules ---
    def has(self, feature: Feature) -> bool:
        """Whether the feature level has ``feature``."""
        return self.config.feature_level.has(feature)

    def direct(self) -> Timestamp:
        """Now, with nanoseconds."""
        return self.in_utc(0.0)

    def relayed(self) -> Timestamp:
        """Now, in whole seconds."""
        at, told = self._relayed
        if at != self.now:
            told = self.in_utc(0.0, digits=0)
            self._relayed = (self.now, told)
        return told

    def in_utc(self, seconds: float, *, digits: int = 9) -> Timestamp:
        """The instant that is so many seconds from now."""
        return Timestamp.of(self._utc_at_zero + dt.timedelta(seconds=self.now + seconds), digits=digits)

    def after(self, seconds: float, ring: Callable[[], None]) -> Alarm:
        """Call ``ring`` later."""
        return self._alarms.at(self.now + seconds, ring)

    def new_id(self) -> str:
        """A new UUID."""
        return format_uuid(self._entropy(16))

    def new_digits(self) -> str:
        """Ten decimal digits (SIP id and pin)."""
        return f"{int.from_bytes(self._entropy(8)) % 10**10:010d}"

    def tell(self, session: Session, event: Event | UnknownEvent) -> None:
        """Send to one; somebody who is being dismissed hears nothing more."""
        if session.connection in self._sessions:
            self._queue.append(SendText((session.connection,), session.signaling.send(event)))

    def tell_all(self, participants: Iterable[Participant], event: Event) -> None:
        """Send to many: encoded once."""
        sessions = [one.session for one in participants if one.session.connection in self._sessions]
        for session in sessions:
            session.signaling.note_sent(event)
        if sessions:
            self._queue.append(SendText(tuple(session.connection for session in sessions), encode(event)))

    def refuse(self, session: Session, slug: str) -> None:
        """Answer `control.error`."""
        self._queue.append(SendText((session.connection,), session.signaling.refuse(slug, self.direct())))

    def announce(self, participant: Participant) -> None:
        """Tell the others how somebody is now: complete, not a delta (signaling.md § 5.2)."""
        if participant.is_visible:
            others = list(participant.room.others(participant))
            event = self._entries.update(participant, self.relayed())
            self.tell_all((other for other in others if not other.session.one_by_one), event)
            for other in others:
                if other.session.one_by_one:
                    self._one_by_one.update(other, participant)

    def announce_to(self, receiver: Participant, participant: Participant) -> None:
        """Tell one of the others."""
        self.tell(receiver.session, self._entries.update(participant, self.relayed(), receiver))

    def dismiss(self, sessions: Iterable[Session], code: int | None, reason: LeftReason = LeftReason.QUIT) -> None:
        """Close connections, all before anybody is told; their participants leave."""
        going = [session for session in sessions if self._sessions.pop(session.connection, None) is not None]
        for session in going:
            self._queue.append(Close(session.connection, code))
        for session in going:
            self._forget(session, reason)

    def send_back(self, participant: Participant) -> None:
        """Put somebody who is in the room into the waiting room."""
        self._joining.send_back(participant)

    def command_sfu(self, peer: PeerId, operation: SfuOperation) -> CommandId:
        """Command the media server."""
        self._last_command += 1
        command = CommandId(self._last_command)
        self._queue.append(SfuCommand(command, peer, operation))
        return command

    def new_peer(self) -> PeerId:
        """An id for a new peer of the media server."""
        self._last_peer += 1
        return PeerId(self._last_peer)

    # -- helpers ---
    def _begin(self, now: float) -> None:
        if self._queue:
            raise LocalProtocolError("drain the outputs of an input before the next one")
        self.now = max(self.now, now)

    def _reject(self, connection: ConnectionId, refusal: handshake.HandshakeRefusal) -> None:
        self._queue.append(Reject(connection, Problem(refusal.status, refusal.code).response()))

    def _heartbeat(self, session: Session) -> None:
        """Ping, or drop who did not answer the last one."""
        if self.now - session.last_pong > HEARTBEAT_TIMEOUT:
            self.dismiss((session,), None, LeftReason.TIMEOUT)
        else:
            self._queue.append(Ping(session.connection, HEARTBEAT))
            self._heartbeats[session.connection] = self.after(HEARTBEAT_INTERVAL, lambda: self._heartbeat(session))

    def _answer_bad(self, session: Session, bad: BadMessage) -> None:
        if bad.reply is not None:
            self.refuse(session, bad.reply)
        if bad.fatal:  # over-long; the reference drops the connection without a word (signaling.md § 2)
            self.dismiss((session,), MESSAGE_TOO_BIG)

    def _dispatch(self, session: Session, command: Command | UnknownCommand) -> None:
        """The state tables have let it through: before the room that is `join`, in the waiting room `enter_room`, and
        an echo at any time."""
        participant = session.participant
        namespace = command.namespace if isinstance(command, UnknownCommand) else command.NAMESPACE
        if namespace == ECHO:
            self._echo.answer(session, command)
        elif participant is None:
            if isinstance(command, control.Join):
                self._joining.join(session, command.display_name)
        elif participant.is_waiting:
            if isinstance(command, control.EnterRoom):
                self._joining.enter_room(participant)
        else:
            self._modules[namespace].handle(participant, command)

    def _forget(self, session: Session, reason: LeftReason) -> None:
        """A connection is gone; its participant leaves."""
        self._heartbeats.pop(session.connection).cancel()
        session.signaling.close()
        until = self._resumptions.lost(session.admission, self.now)
        participant = session.participant
        if participant is not None:
            if participant.is_accepted:
                participant.room.meeting.remember_accepted(participant.id, until)
            self._joining.leave(participant, reason)
