"""The signaling conversation as state tables, for both roles: before join, waiting room, joined, closed.

Both peers keep the same `State` of their conversation. A message changes the state of both: of its sender when it is
sent, of its receiver when it is received. `CLIENT_SENDS` and `SERVER_SENDS` have every transition. `REFUSALS` has the
answers of a server to messages that a client must not send (signaling.md § 4 and 5). The tables do not depend on our
role. `SignalingConnection` has a role: it checks our messages with one table, and those of the peer with the other.
docs/state-diagrams.md is drawn from the tables.

The keys of rows are kinds of messages. ``control.error.invalid_username`` comes before ``control.error``. ``media.*``
stands for a whole namespace, and ``*`` for all namespaces but `control`.

This module knows neither session descriptions nor participants.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
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
    """Which end of the conversation a `SignalingConnection` is."""

    CLIENT = "client"
    SERVER = "server"


CLIENT: Final = SignalingRole.CLIENT
SERVER: Final = SignalingRole.SERVER


class State(Enum):
    """The state of a conversation."""

    NEW = "new"
    """The WebSocket is open, and the client has not sent `join`."""
    JOINING = "joining"
    """The client has sent `join`, and the server has not answered it."""
    WAITING = "waiting"
    """The participant is in the waiting room."""
    ACCEPTED = "accepted"
    """A moderator has accepted the participant, who is still in the waiting room."""
    ENTERING = "entering"
    """The client has sent `enter_room`, and the server has not answered it."""
    JOINED = "joined"
    """The participant is in the room."""
    CLOSED = "closed"
    """The WebSocket is closed."""


Table: TypeAlias = Mapping[State, Mapping[str, State]]

_S = State
# Messages that the server sends to everybody, also to the waiting room (signaling.md § 5 and 6), and answers to a
# heartbeat.
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
        # The web client sends heartbeats (echo) in every state while the WebSocket is open (signaling.md § 4 and 15).
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
"""The messages that a client may send in each state, with the next state (signaling.md § 5)."""

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
        # A moderator may give a role to a participant in the waiting room (signaling.md § 5).
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
            # From 0.15 on the WebSocket is not closed when a moderator sends a participant to the waiting room
            # (signaling.md § 6).
            "moderation.in_waiting_room": _S.WAITING,
            "*": _S.JOINED,
        },
        _S.CLOSED: {},
    }
)
"""The messages that a server may send in each state, with the next state (signaling.md § 5 and 6)."""

DROP: Final = "drop"
"""The refusal of a server that sends no answer."""

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
"""The namespaces of M3, without that of servers that use LiveKit.

In the room a server answers any other with `invalid_namespace` (signaling.md § 4).
"""


def _row(rows: Mapping[str, State], message: Message) -> State | None:
    """The next state after ``message``, or None if no row allows it. The row with the most particular key counts.

    `*` never stands for `control`, since the rows of `control` are complete.
    """
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
    """The peer sent a message that is malformed, or that is not legal in this state.

    The connection goes on, unless ``fatal``: then the message is too long, or, for a client, nested too deeply.
    ``reply`` is the slug that a server has to answer (signaling.md § 4); `SignalingConnection.refuse` encodes it.
    """

    error: RemoteProtocolError
    reply: str | None = None
    fatal: bool = False


class _Envelope(msgspec.Struct, gc=False):
    """The part of a message that tells its namespace, and that the payload is there."""

    namespace: str
    payload: msgspec.Raw


class NeedData(Enum):
    """The sentinel type of `NEED_DATA`."""

    NEED_DATA = "NEED_DATA"


NEED_DATA: Final = NeedData.NEED_DATA


class SignalingConnection:
    """One signaling conversation, sans-IO: texts to typed messages and back, checked with the tables.

    `send` returns the bytes to write. `receive_text` takes a text that came, and `next_event` returns the message in
    it, or `NEED_DATA`. `next_event` raises no error: a fault of the peer is a `BadMessage`. `close` ends all.
    """

    def __init__(self, role: SignalingRole, *, namespaces: frozenset[str] = NAMESPACES) -> None:
        self.role = role
        self.namespaces = namespaces
        """The namespaces that this server offers; a client does not use it."""
        self.state = State.NEW
        self._received: deque[bytes | str] = deque()

    def send(self, message: Message) -> bytes:
        """Check ``message`` with the tables, encode it, and change the state.

        Raises `LocalProtocolError`, and then changes nothing.
        """
        to = self.next_state(message)
        # Encoding comes first: it fails for a text that UTF-8 cannot encode, and then nothing is sent.
        data = encode(message)
        self.state = to
        return data

    def next_state(self, message: Message) -> State:
        """The state after we have sent ``message``. Raises `LocalProtocolError` if this state does not allow it."""
        if isinstance(message, (Event, UnknownEvent)) is (self.role is CLIENT):
            raise LocalProtocolError(
                "a client cannot send events, only commands"
                if self.role is CLIENT
                else "a server cannot send commands, only events"
            )
        table = CLIENT_SENDS if self.role is CLIENT else SERVER_SENDS
        to = _row(table[self.state], message)
        if to is None:
            namespace, name = kind_of(message)
            raise LocalProtocolError(f"we cannot send {namespace}.{name} in state {self.state.value}")
        return to

    def refuse(self, slug: str, timestamp: Timestamp) -> bytes:
        """The encoded `control.error` with ``slug``, which a server may send in every state but closed."""
        return self.send(control.Error(error=control.ControlErrorCode(slug), timestamp=timestamp))

    def receive_text(self, data: bytes | str) -> None:
        """Keep one text message until `next_event`; after `close` it is dropped."""
        if self.state is not State.CLOSED:
            self._received.append(data)

    def next_event(self) -> Message | BadMessage | Literal[NeedData.NEED_DATA]:
        """The next message of the peer, or `NEED_DATA`. Changes the state."""
        if not self._received:
            return NEED_DATA
        data = self._received.popleft()
        return self._next_from_server(data) if self.role is CLIENT else self._next_from_client(data)

    def close(self) -> None:
        """The WebSocket is closed: drop the texts that were not decoded. Nothing may be sent or received any more."""
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
            # Nested too deeply is not JSON for the reference, which goes on (signaling.md § 4); too long ends the
            # connection (signaling.md § 2).
            is_size = error.name != NESTING
            return BadMessage(error, reply=None if is_size else "invalid_json", fatal=is_size)
        except MalformedMessage as error:
            return BadMessage(error, reply=self._answer_to_malformed(data))
        to = _row(CLIENT_SENDS[self.state], command)
        if to is None:
            slug = _refusal(REFUSALS[self.state], command)
            unexpected = UnexpectedMessage(".".join(kind_of(command)), self.state.value)
            return BadMessage(unexpected, reply=None if slug == DROP else slug)
        # The state comes first: before the room a server ignores namespaces without a look at them (signaling.md § 4).
        if kind_of(command)[0] not in self.namespaces:
            return BadMessage(
                MalformedMessage("a namespace that this server does not offer", "$.namespace"),
                reply="invalid_namespace",
            )
        self.state = to
        return command

    def _answer_to_malformed(self, data: bytes | str) -> str | None:
        """The answer to a message that does not decode (signaling.md § 4), or None for silence.

        It is `invalid_json`, unless the envelope is complete and its namespace is not `control`.
        """
        try:
            namespace = msgspec.json.decode(data, type=_Envelope).namespace
        except (msgspec.MsgspecError, UnicodeError):
            return "invalid_json"
        if namespace == "control":
            return "invalid_json"
        if self.state is State.JOINED and namespace not in self.namespaces:
            return "invalid_namespace"
        return None  # the modules of the reference ignore payloads that they cannot read (signaling.md § 4)


def note_sent(conversations: Iterable[SignalingConnection], message: Message) -> None:
    """Change the states as `SignalingConnection.send` does, for a message that was encoded once for all of them.

    Raises `LocalProtocolError` at the first whose state does not allow the message.
    """
    before: State | None = None
    after = State.NEW
    for each in conversations:
        # Nearly all receivers of a message are in the room. So the tables are asked once, and not for each receiver.
        if each.state is not before:
            before, after = each.state, each.next_state(message)
        each.state = after
