"""The server engine: rooms, tickets and participants behind HTTP requests and WebSocket messages.

Inputs in, outputs out (see `m3core.io`); `front` turns bytes into these inputs. Owns who is connected, heartbeats and
fan-out; what commands mean is in one module for each namespace (`control`, `media`), mirroring `m3core.messages`.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from m3core import handshake
from m3core.controller.api import Api
from m3core.controller.config import ControllerConfig, Identities
from m3core.controller.control import ControlModule
from m3core.controller.media import MediaModule
from m3core.controller.media_reports import MediaReports
from m3core.controller.room import LiveRoom, Participant, Rooms, Session
from m3core.controller.sfu import SfuCommand, SfuOperation
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
from m3core.messages import Event, UnknownCommand, UnknownEvent, encode
from m3core.messages.base import Command
from m3core.rest.cors import preflight, with_cors
from m3core.rest.errors import NOT_FOUND, Problem
from m3core.signaling import NEED_DATA, SERVER, BadMessage, SignalingConnection
from m3core.values import InviteCode, ParticipantId, RoomId, Timestamp, format_uuid

Output: TypeAlias = HttpReply | Accept | Reject | SendText | Ping | Close | SfuCommand | Notify

HEARTBEAT = b"heartbeat"
"""The payload of the server's pings (signaling.md § 2)."""
GOING_AWAY = 1001
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
        self._entropy = entropy
        self._utc_at_zero = utc_at_zero
        self._now = 0.0
        self._queue: deque[Output] = deque()
        self._tickets = Tickets(entropy)
        self._api = Api(config, identities, self._tickets, entropy=entropy, utc=lambda: self._timestamp(6))
        self._rooms = Rooms()
        self._sessions: dict[ConnectionId, Session] = {}
        self._ticks: list[tuple[float, ConnectionId]] = []
        self._control = ControlModule(self, self._rooms)
        self.streams = Streams(self)
        self._media = MediaModule(self, self._control, self.streams)
        self._reports = MediaReports(self, self._control, self.streams)
        self._last_peer = 0
        self._last_command = 0

    # -- the contract ---
    def outputs(self) -> Iterator[Output]:
        """What to perform, in order; drained at once after every input."""
        while self._queue:
            yield self._queue.popleft()

    @property
    def deadline(self) -> float | None:
        """When the next heartbeat is due; ``None``: nobody is connected."""
        return self._ticks[0][0] if self._ticks else None

    def invite_url(self, code: InviteCode) -> str:
        """The link for a guest."""
        return self._api.invite_url(code)

    # -- inputs ---
    def http_request(
        self, request: RequestId, method: str, target: str, headers: Headers, body: bytes, now: float
    ) -> None:
        """A REST request."""
        self._begin(now)
        if method == "OPTIONS":
            response = preflight()
        else:
            response = with_cors(self._api.answer(method, target, headers, body, self._now))
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
        offered = handshake.parse(value for name, value in headers if name == "sec-websocket-protocol")
        if isinstance(offered, handshake.HandshakeRefusal):
            self._reject(connection, offered)
            return
        admission = self._tickets.redeem(offered.ticket, self._now)
        if admission is None:
            self._reject(connection, handshake.INVALID_TICKET)
            return
        self._sessions[connection] = Session(connection, admission, SignalingConnection(SERVER), last_pong=self._now)
        heapq.heappush(self._ticks, (self._now + HEARTBEAT_INTERVAL, connection))
        self._queue.append(Accept(connection, offered.subprotocol.value))

    def receive_text(self, connection: ConnectionId, data: bytes, now: float) -> None:
        """A message of a client."""
        self._begin(now)
        session = self._sessions.get(connection)
        if session is None:
            return
        session.signaling.receive_text(data)
        while (event := session.signaling.next_event()) is not NEED_DATA:
            if isinstance(event, BadMessage):
                self._answer_bad(session, event)
            elif isinstance(event, Command):
                self._dispatch(session, event)
            elif isinstance(event, UnknownCommand) and event.namespace == "echo":
                self.tell(session, UnknownEvent("echo", "", event.payload, timestamp=self.direct()))

    def pong(self, connection: ConnectionId, payload: bytes, now: float) -> None:
        """A pong; only the heartbeat's payload counts (signaling.md § 2)."""
        self._begin(now)
        session = self._sessions.get(connection)
        if session is not None and payload == HEARTBEAT:
            session.last_pong = self._now

    def connection_lost(self, connection: ConnectionId, now: float, code: int | None = None) -> None:
        """A WebSocket is closed: closing is the leave (signaling.md § 2)."""
        del code
        self._begin(now)
        self._drop(connection)

    def sfu_report(self, report: MediaReport, now: float) -> None:
        """The media server says something."""
        self._begin(now)
        self._reports.take(report)

    def advance(self, now: float) -> None:
        """Heartbeats: ping, or drop whose last pong is too old."""
        self._begin(now)
        self._tickets.forget_expired(self._now)
        while self._ticks and self._ticks[0][0] <= self._now:
            connection = self._ticks[0][1]
            if self._now - self._sessions[connection].last_pong > HEARTBEAT_TIMEOUT:
                self._queue.append(Close(connection))
                self._drop(connection)
            else:
                self._queue.append(Ping(connection, HEARTBEAT))
                heapq.heapreplace(self._ticks, (self._now + HEARTBEAT_INTERVAL, connection))
                self._forget_ticks()

    def shut_down(self, now: float) -> None:
        """Close every connection with 1001 and free all media."""
        self._begin(now)
        for connection in list(self._sessions):
            self._queue.append(Close(connection, GOING_AWAY))
            self._drop(connection)

    # -- for the modules ---
    def direct(self) -> Timestamp:
        """Now, with nanoseconds."""
        return self._timestamp(9)

    def relayed(self) -> Timestamp:
        """Now, in whole seconds."""
        return self._timestamp(0)

    def tell(self, session: Session, event: Event | UnknownEvent) -> None:
        """Send to one."""
        self._queue.append(SendText((session.connection,), session.signaling.send(event)))

    def tell_all(self, participants: Iterable[Participant], event: Event) -> None:
        """Send to many: encoded once."""
        sessions = [participant.session for participant in participants]
        for session in sessions:
            session.signaling.note_sent(event)
        if sessions:
            self._queue.append(SendText(tuple(session.connection for session in sessions), encode(event)))

    def refuse(self, session: Session, slug: str) -> None:
        """Answer `control.error`."""
        self._queue.append(SendText((session.connection,), session.signaling.refuse(slug, self.direct())))

    def live_room(self, room_id: RoomId) -> LiveRoom | None:
        """The room, if it is live."""
        return self._rooms.live.get(room_id)

    def room_of(self, participant: Participant) -> LiveRoom:
        """The room that a participant is in."""
        return self._rooms.live[participant.session.admission.room.id]

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

    def new_participant_id(self) -> ParticipantId:
        """A new UUID."""
        return ParticipantId(format_uuid(self._entropy(16)))

    # -- helpers ---
    def _begin(self, now: float) -> None:
        if self._queue:
            raise LocalProtocolError("drain the outputs of an input before the next one")
        self._now = max(self._now, now)

    def _timestamp(self, digits: int) -> Timestamp:
        return Timestamp.of(self._utc_at_zero + dt.timedelta(seconds=self._now), digits=digits)

    def _reject(self, connection: ConnectionId, refusal: handshake.HandshakeRefusal) -> None:
        self._queue.append(Reject(connection, Problem(refusal.status, refusal.code).response()))

    def _answer_bad(self, session: Session, bad: BadMessage) -> None:
        if bad.reply is not None:
            self.refuse(session, bad.reply)
        if bad.fatal:  # over-long or too deep: dropped without a close frame (signaling.md § 2)
            self._queue.append(Close(session.connection))
            self._drop(session.connection)

    def _dispatch(self, session: Session, command: Command) -> None:
        participant = session.participant
        if participant is None:
            self._control.enter(session, command)
        elif command.NAMESPACE == "control":
            self._control.handle(participant, command)
        else:
            self._media.handle(participant, command)

    def _drop(self, connection: ConnectionId) -> None:
        """Forget a connection; its participant leaves."""
        session = self._sessions.pop(connection, None)
        if session is None:
            return
        self._forget_ticks()
        session.signaling.close()
        participant = session.participant
        if participant is not None:
            self._media.leave(participant)
            self._control.left(participant)

    def _forget_ticks(self) -> None:
        """The next heartbeat is that of somebody connected: nobody is woken for those who are gone."""
        while self._ticks and self._ticks[0][1] not in self._sessions:
            heapq.heappop(self._ticks)
