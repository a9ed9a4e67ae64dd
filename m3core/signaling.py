"""The WebSocket plane as state tables, both roles: before join, waiting room, joined, closed.

Theory of operation. Both peers keep the same `State` of the one conversation. A message that one side sends moves
both: the sender when it sends, the receiver when it receives. `CLIENT_SENDS` and `SERVER_SENDS` hold every transition
there is; `REFUSALS` says what a server answers to what a client must not send (signaling.md § 4 and 5). The tables do
not know which role we play; `SignalingConnection` does, and polices us by one table and the peer by the other. Diagrams
are drawn from the tables.

Rows are keyed by kind: ``control.join``; ``control.error.invalid_username`` before ``control.error``; ``media.*`` for a
whole namespace; ``*`` for all others.

This module does not know what an SDP is, nor who is in the room.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec
from attrs import frozen

from m3core.errors import (
    LimitExceeded,
    LocalProtocolError,
    MalformedMessage,
    RemoteProtocolError,
    UnexpectedMessage,
)
from m3core.messages import (
    Command,
    Event,
    UnknownCommand,
    UnknownEvent,
    base,
    control,
    decode_command,
    decode_event,
    encode,
)
from m3core.messages import kind as kind_of
from m3core.strict_json import NESTING
from m3core.values import Timestamp

Message: TypeAlias = Command | Event | UnknownCommand | UnknownEvent


class SignalingRole(Enum):
    """Which end of the conversation we are."""

    CLIENT = "client"
    SERVER = "server"


CLIENT: Final = SignalingRole.CLIENT
SERVER: Final = SignalingRole.SERVER


class State(Enum):
    """Where the conversation stands."""

    NEW = "new"
    """Open, not joined."""
    JOINING = "joining"
    """`join` was sent, nothing came back yet."""
    WAITING = "waiting"
    """In the waiting room."""
    ACCEPTED = "accepted"
    """Let in by a moderator, not yet entered."""
    ENTERING = "entering"
    """`enter_room` was sent."""
    JOINED = "joined"
    CLOSED = "closed"


Table: TypeAlias = Mapping[State, Mapping[str, State]]

_S = State
# What the whole room hears, also those who wait (signaling.md § 6 and § 5).
_BEFORE_THE_ROOM: Final = (
    "moderation.*",
    "control.error",
    "control.room_deleted",
    "control.time_limit_quota_elapsed",
    "echo.*",
)


def _freeze(table: dict[State, dict[str, State]]) -> Table:
    return MappingProxyType({state: MappingProxyType(rows) for state, rows in table.items()})


def _waiting(state: State, **rows: State) -> dict[str, State]:
    return dict.fromkeys(_BEFORE_THE_ROOM, state) | {kind.replace("__", "."): to for kind, to in rows.items()}


CLIENT_SENDS: Final[Table] = _freeze(
    {
        # Heartbeats live as long as the connection, not as the participation (signaling.md § 15).
        _S.NEW: {"control.join": _S.JOINING, "echo.*": _S.NEW},
        _S.JOINING: {"echo.*": _S.JOINING},
        _S.WAITING: {"echo.*": _S.WAITING},
        _S.ACCEPTED: {"control.enter_room": _S.ENTERING, "echo.*": _S.ACCEPTED},
        _S.ENTERING: {"echo.*": _S.ENTERING},
        _S.JOINED: {
            "control.raise_hand": _S.JOINED,
            "control.lower_hand": _S.JOINED,
            "control.grant_moderator_role": _S.JOINED,
            "control.revoke_moderator_role": _S.JOINED,
            "*": _S.JOINED,
        },
        _S.CLOSED: {},
    }
)
"""What a client may send, and where it leads (signaling.md § 5)."""

SERVER_SENDS: Final[Table] = _freeze(
    {
        _S.NEW: {"control.error": _S.NEW, "echo.*": _S.NEW},
        _S.JOINING: _waiting(
            _S.JOINING,
            control__join_success=_S.JOINED,
            control__join_blocked=_S.NEW,
            moderation__in_waiting_room=_S.WAITING,
            control__error__invalid_username=_S.NEW,
            control__error__invalid_json=_S.NEW,
        ),
        # A moderator may give a role to who waits (signaling.md § 5).
        _S.WAITING: _waiting(_S.WAITING, moderation__accepted=_S.ACCEPTED, control__role_updated=_S.WAITING),
        _S.ACCEPTED: _waiting(_S.ACCEPTED, control__role_updated=_S.ACCEPTED),
        _S.ENTERING: _waiting(
            _S.ENTERING,
            control__role_updated=_S.ENTERING,
            control__join_success=_S.JOINED,
            control__join_blocked=_S.ACCEPTED,
            control__error__not_accepted_or_not_in_waiting_room=_S.WAITING,
        ),
        _S.JOINED: {
            "control.joined": _S.JOINED,
            "control.update": _S.JOINED,
            "control.left": _S.JOINED,
            "control.role_updated": _S.JOINED,
            "control.hand_raised": _S.JOINED,
            "control.hand_lowered": _S.JOINED,
            "control.time_limit_quota_elapsed": _S.JOINED,
            "control.room_deleted": _S.JOINED,
            "control.moderator_role_granted": _S.JOINED,
            "control.moderator_role_revoked": _S.JOINED,
            "control.error": _S.JOINED,
            # From 0.15 on the socket stays open when a moderator sends somebody back (signaling.md § 6).
            "moderation.in_waiting_room": _S.WAITING,
            "*": _S.JOINED,
        },
        _S.CLOSED: {},
    }
)
"""What a server may send, and where it leads (signaling.md § 5 and 6)."""

DROP: Final = "drop"
"""The refusal that is silence."""

_NOT_WAITING: Final = "not_accepted_or_not_in_waiting_room"
_UNJOINED: Final[dict[str, str]] = {
    "control.enter_room": _NOT_WAITING,
    "control.raise_hand": "not_yet_joined",
    "control.lower_hand": "not_yet_joined",
    "control.grant_moderator_role": "not_yet_joined",
    "control.revoke_moderator_role": "not_yet_joined",
    "control.*": "invalid_json",
    "*": DROP,
}
_ASKED: Final = _UNJOINED | {"control.join": "already_joined"}

REFUSALS: Final[Mapping[State, Mapping[str, str]]] = MappingProxyType(
    {
        _S.NEW: MappingProxyType(_UNJOINED),
        _S.JOINING: MappingProxyType(_ASKED),
        _S.WAITING: MappingProxyType(_ASKED),
        _S.ACCEPTED: MappingProxyType({kind: slug for kind, slug in _ASKED.items() if kind != "control.enter_room"}),
        _S.ENTERING: MappingProxyType(_ASKED),
        _S.JOINED: MappingProxyType(
            {"control.join": "already_joined", "control.enter_room": _NOT_WAITING, "control.*": "invalid_json"}
        ),
        _S.CLOSED: MappingProxyType({}),  # nothing is received there
    }
)
"""The slug of `control.error` that a server answers to what `CLIENT_SENDS` does not have, or `DROP`."""

NAMESPACES: Final = frozenset(base.NAMESPACES)
"""The namespaces of M3 but that of the LiveKit generation; any other is answered with `invalid_namespace` once joined
(signaling.md § 4)."""


def _row(rows: Mapping[str, State], message: Message) -> State | None:
    """The row for ``message``: the most particular first. `*` never stands for `control`, whose rows are complete."""
    namespace, name = kind_of(message)
    kind = f"{namespace}.{name}"
    if isinstance(message, control.Error) and (to := rows.get(f"{kind}.{message.error.value}")) is not None:
        return to
    return rows.get(kind) or rows.get(f"{namespace}.*") or (rows.get("*") if namespace != "control" else None)


def _refusal(rows: Mapping[str, str], command: Command | UnknownCommand) -> str:
    namespace, name = kind_of(command)
    return rows.get(f"{namespace}.{name}") or rows.get(f"{namespace}.*") or rows["*"]


@frozen
class BadMessage:
    """What the peer sent is broken, or not legal now. The connection lives unless ``fatal``: over-long, or for a client
    too deep.

    ``reply`` is what signaling.md § 4 wants a server to answer; it is sent with `SignalingConnection.refuse`.
    """

    error: RemoteProtocolError
    reply: str | None = None
    fatal: bool = False


class _Envelope(msgspec.Struct, gc=False):
    """What a message must have to be somebody's: the rest is the business of the namespace."""

    namespace: str
    payload: msgspec.Raw


class NeedData(Enum):
    """The sentinel type of `NEED_DATA`."""

    NEED_DATA = "NEED_DATA"


NEED_DATA: Final = NeedData.NEED_DATA


class SignalingConnection:
    """One WebSocket conversation, sans-IO: bytes of text messages to typed messages and back, policed by the tables.

    The four verbs: `send` (bytes out), `receive_text` (bytes in), `next_event` (typed, or `NEED_DATA`), `close`.
    `next_event` raises nothing: what is wrong with the peer is a `BadMessage`.
    """

    def __init__(self, role: SignalingRole, *, namespaces: frozenset[str] = NAMESPACES) -> None:
        self.role = role
        self.namespaces = namespaces
        """Those that a server offers."""
        self.state = State.NEW
        self._received: deque[bytes | str] = deque()

    def send(self, message: Message) -> bytes:
        """Check ``message`` against the tables, move the state, and encode it. Raises `LocalProtocolError`."""
        to = self._next_state(message)
        data = encode(message)  # raises for what no message can hold: then nothing was sent, and the state stays
        self.state = to
        return data

    def note_sent(self, message: Message) -> None:
        """`send` without encoding, for fan-out: the bytes are made once for many connections."""
        self.state = self._next_state(message)

    def _next_state(self, message: Message) -> State:
        if isinstance(message, (Event, UnknownEvent)) is (self.role is CLIENT):
            raise LocalProtocolError("a client sends commands, a server sends events")
        table = CLIENT_SENDS if self.role is CLIENT else SERVER_SENDS
        to = _row(table[self.state], message)
        if to is None:
            namespace, name = kind_of(message)
            raise LocalProtocolError(f"{namespace}.{name} must not be sent in state {self.state.value}")
        return to

    def refuse(self, slug: str, timestamp: Timestamp) -> bytes:
        """The `control.error` with ``slug``, encoded; legal in every state of an open connection (server role)."""
        return self.send(control.Error(error=control.ControlErrorCode(slug), timestamp=timestamp))

    def receive_text(self, data: bytes | str) -> None:
        """Buffer one text message; `next_event` decodes it."""
        if self.state is not State.CLOSED:
            self._received.append(data)

    def next_event(self) -> Message | BadMessage | Literal[NeedData.NEED_DATA]:
        """The next message of the peer, or `NEED_DATA`. Moves the state."""
        if not self._received:
            return NEED_DATA
        data = self._received.popleft()
        return self._next_from_server(data) if self.role is CLIENT else self._next_from_client(data)

    def close(self) -> None:
        """The WebSocket is closed: nothing more is legal, what was buffered is dropped."""
        self.state = State.CLOSED
        self._received.clear()

    def _next_from_server(self, data: bytes | str) -> Message | BadMessage:
        try:
            event = decode_event(data)
        except LimitExceeded as error:
            return BadMessage(error, fatal=True)
        except RemoteProtocolError as error:
            return BadMessage(error)
        to = _row(SERVER_SENDS[self.state], event)
        if to is None:
            return BadMessage(UnexpectedMessage(".".join(kind_of(event)), self.state.value))
        self.state = to
        return event

    def _next_from_client(self, data: bytes | str) -> Message | BadMessage:
        try:
            command = decode_command(data)
        except LimitExceeded as error:
            is_size = error.name != NESTING
            return BadMessage(error, reply=None if is_size else "invalid_json", fatal=is_size)
        except MalformedMessage as error:
            return BadMessage(error, reply=self._answer_to_malformed(data))
        to = _row(CLIENT_SENDS[self.state], command)
        if to is None:
            slug = _refusal(REFUSALS[self.state], command)
            unexpected = UnexpectedMessage(".".join(kind_of(command)), self.state.value)
            return BadMessage(unexpected, reply=None if slug == DROP else slug)
        if kind_of(command)[0] not in self.namespaces:
            return BadMessage(MalformedMessage("unknown namespace", "$.namespace"), reply="invalid_namespace")
        self.state = to
        return command

    def _answer_to_malformed(self, data: bytes | str) -> str | None:
        """signaling.md § 4: `invalid_json` unless the envelope is sound and names another namespace."""
        try:
            namespace = msgspec.json.decode(data, type=_Envelope).namespace
        except (msgspec.MsgspecError, UnicodeError):
            return "invalid_json"
        if namespace == "control":
            return "invalid_json"
        if self.state is State.JOINED and namespace not in self.namespaces:
            return "invalid_namespace"
        return None
