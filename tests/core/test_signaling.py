"""Every message in every state, for both roles and directions, against hand-written tables. Every row is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from tables import signaling_table as table

from m3core import signaling
from m3core.errors import LimitExceeded, LocalProtocolError, MalformedMessage, UnexpectedMessage
from m3core.limits import MAX_MESSAGE
from m3core.messages import Command, UnknownEvent, control, decode_command, decode_event, media
from m3core.signaling import CLIENT, NEED_DATA, SERVER, BadMessage, SignalingConnection, State, note_sent
from m3core.values import ParticipantId, Role, Timestamp

_COMMANDS = {kind: json.dumps(message).encode() for kind, message in table.COMMANDS.items()}
_EVENTS = {kind: json.dumps(message).encode() for kind, message in table.EVENTS.items()}
_DECODED_COMMANDS = {kind: decode_command(data) for kind, data in _COMMANDS.items()}
_DECODED_EVENTS = {kind: decode_event(data) for kind, data in _EVENTS.items()}
NOW = Timestamp("2024-03-05T09:30:01Z")


def _in_state(role: signaling.SignalingRole, state: str) -> SignalingConnection:
    connection = SignalingConnection(role)
    connection.state = State(state)
    return connection


def _sent(role: signaling.SignalingRole, state: str, message: Any) -> tuple[str, str | None]:
    """The state after sending, and the class of the error."""
    connection = _in_state(role, state)
    try:
        connection.send(message)
    except LocalProtocolError:
        return connection.state.value, "LocalProtocolError"
    return connection.state.value, None


def _received(role: signaling.SignalingRole, state: str, data: bytes) -> tuple[str, str | None, str | None]:
    """The state after receiving, the class of the error, and what a server answers."""
    connection = _in_state(role, state)
    connection.receive_text(data)
    event = connection.next_event()
    assert connection.next_event() is NEED_DATA
    if event is NEED_DATA:
        return connection.state.value, "dropped", None
    if isinstance(event, BadMessage):
        assert not event.fatal
        return connection.state.value, type(event.error).__name__, event.reply
    return connection.state.value, None, None


def _mismatches() -> Iterator[str]:
    for state in table.STATES:
        closed = state == table.CLOSED
        for kind, data in _COMMANDS.items():
            to = table.CLIENT_MAY.get((state, kind))
            answer = table.SERVER_ANSWERS.get(state, {}).get(kind)
            sent = (state, "LocalProtocolError") if to is None else (to, None)
            if _sent(CLIENT, state, _DECODED_COMMANDS[kind]) != sent:
                yield f"a client in {state} sends {kind}"
            if closed:
                received: tuple[str, str | None, str | None] = (state, "dropped", None)
            elif to is None:
                received = (state, "UnexpectedMessage", answer)
            elif kind.split(".")[0] in table.UNKNOWN_NAMESPACES:
                received = (state, "MalformedMessage", answer)
            else:
                received = (to, None, None)
            if _received(SERVER, state, data) != received:
                yield f"a server in {state} receives {kind}"
        for kind, data in _EVENTS.items():
            to = table.SERVER_MAY.get((state, kind))
            sent = (state, "LocalProtocolError") if to is None else (to, None)
            if _sent(SERVER, state, _DECODED_EVENTS[kind]) != sent:
                yield f"a server in {state} sends {kind}"
            received = (state, "UnexpectedMessage", None) if to is None else (to, None, None)
            if _received(CLIENT, state, data) != ((state, "dropped", None) if closed else received):
                yield f"a client in {state} receives {kind}"
        for text, (joined, not_joined) in table.MALFORMED.items():
            answer = joined if state == table.JOINED else not_joined
            malformed = (state, "dropped", None) if closed else (state, "MalformedMessage", answer)
            if _received(SERVER, state, text.encode()) != malformed:
                yield f"a server in {state} receives {text}"


def test_every_message_in_every_state_is_as_the_protocol_says() -> None:
    assert list(_mismatches()) == []


def test_the_table_knows_every_message_and_state() -> None:
    assert {state.value for state in State} == set(table.STATES)
    for module, events, commands in (
        (control, table.CONTROL_EVENTS, table.CONTROL_COMMANDS),
        (media, table.MEDIA_EVENTS, table.MEDIA_COMMANDS),
    ):
        kinds = [cls for cls in vars(module).values() if isinstance(cls, type) and cls.__module__ == module.__name__]
        messages = {str(getattr(cls, "MESSAGE", None)) for cls in kinds if getattr(cls, "MESSAGE", None)}
        actions = {str(getattr(cls, "ACTION", None)) for cls in kinds if getattr(cls, "ACTION", "")}
        assert messages - {"error"} == set(events) - {"error"}
        assert actions == set(commands)
    assert {code.value for code in control.ControlErrorCode} == set(table.CONTROL_ERRORS)
    typed = {kind for kind, message in _DECODED_COMMANDS.items() if isinstance(message, Command)}
    assert typed == set(_COMMANDS) - {"control.fly", "media.dance", "nope.x"}


def _rows(name: str) -> list[tuple[str, State, str]]:
    return [(name, state, kind) for state, rows in getattr(signaling, name).items() for kind in rows]


@pytest.mark.parametrize(
    ("name", "state", "kind"),
    [*_rows("CLIENT_SENDS"), *_rows("SERVER_SENDS"), *_rows("REFUSALS")],
    ids=lambda value: getattr(value, "value", value),
)
def test_no_row_can_be_taken_away(monkeypatch: pytest.MonkeyPatch, name: str, state: State, kind: str) -> None:
    rows: dict[State, Mapping[str, object]] = dict(getattr(signaling, name))
    rows[state] = MappingProxyType({key: value for key, value in rows[state].items() if key != kind})
    monkeypatch.setattr(signaling, name, MappingProxyType(rows))
    try:
        first = next(_mismatches(), None)
    except KeyError:  # a refusal that is not in the tables at all
        return
    assert first is not None, "the row decides nothing"


def test_a_refused_message_leaves_the_state_alone() -> None:
    client = SignalingConnection(CLIENT)
    with pytest.raises(LocalProtocolError):
        client.send(control.Join(display_name="\ud800"))
    assert client.state is State.NEW  # UTF-8 cannot encode it, so nothing was sent
    with pytest.raises(LocalProtocolError):
        client.send(control.HandRaised())
    with pytest.raises(LocalProtocolError):
        SignalingConnection(SERVER).send(control.Join(display_name="Ada"))
    assert client.state is State.NEW


def test_messages_come_in_the_order_in_which_they_were_received() -> None:
    server = SignalingConnection(SERVER)
    server.receive_text(b"nonsense")
    server.receive_text(_COMMANDS["control.join"].decode())
    server.receive_text(_COMMANDS["control.join"])
    first, second, third = server.next_event(), server.next_event(), server.next_event()
    assert isinstance(first, BadMessage)
    assert isinstance(first.error, MalformedMessage)
    assert second == control.Join(display_name="Ada Lovell")
    assert isinstance(third, BadMessage)
    assert isinstance(third.error, UnexpectedMessage)
    assert third.error.kind == "control.join"
    assert third.error.state == "joining"
    assert third.reply == "already_joined"
    assert server.next_event() is NEED_DATA


@pytest.mark.parametrize("role", [CLIENT, SERVER])
def test_an_over_long_message_ends_a_connection(role: signaling.SignalingRole) -> None:
    connection = SignalingConnection(role)
    connection.receive_text(b'"' + b"x" * MAX_MESSAGE + b'"')
    bad = connection.next_event()
    assert isinstance(bad, BadMessage)
    assert bad.fatal
    assert isinstance(bad.error, LimitExceeded)
    assert bad.reply is None


@pytest.mark.parametrize(("role", "reply"), [(CLIENT, None), (SERVER, "invalid_json")])
@pytest.mark.parametrize("data", [b"[" * 9_000, b"[" * 33 + b"]" * 33])
def test_a_deep_message_is_no_json(role: signaling.SignalingRole, reply: str | None, data: bytes) -> None:
    connection = SignalingConnection(role)
    connection.receive_text(data)
    bad = connection.next_event()
    assert isinstance(bad, BadMessage)
    assert isinstance(bad.error, LimitExceeded)
    assert (bad.reply, bad.fatal) == (reply, role is CLIENT)


@pytest.mark.parametrize(
    "data",
    [_COMMANDS["media.subscribe"], b'{"namespace": "media", "payload": {"action": "subscribe"}}'],
    ids=["well-formed", "malformed"],
)
@pytest.mark.parametrize(("state", "reply"), [(State.JOINED, "invalid_namespace"), (State.WAITING, None)])
def test_a_server_may_offer_less_than_all_namespaces(data: bytes, state: State, reply: str | None) -> None:
    server = SignalingConnection(SERVER, namespaces=frozenset({"control", "chat"}))
    server.state = state
    server.receive_text(data)
    bad = server.next_event()
    assert isinstance(bad, BadMessage)
    assert (bad.reply, bad.fatal, server.state) == (reply, False, state)


def test_a_client_hears_of_what_it_cannot_read_and_goes_on() -> None:
    client = _in_state(CLIENT, "joined")
    client.receive_text(b"[1, 2]")
    client.receive_text(_EVENTS["control.left"])
    bad = client.next_event()
    assert isinstance(bad, BadMessage)
    assert isinstance(bad.error, MalformedMessage)
    assert not bad.fatal
    assert isinstance(client.next_event(), control.Left)


def test_fan_out_moves_the_states_without_encoding() -> None:
    servers = [_in_state(SERVER, "joined"), _in_state(SERVER, "joined")]
    note_sent(servers, UnknownEvent("moderation", "in_waiting_room"))
    assert [server.state for server in servers] == [State.WAITING, State.WAITING]
    with pytest.raises(LocalProtocolError):
        note_sent(servers, control.HandRaised())


def test_fan_out_looks_at_the_state_of_each_receiver() -> None:
    """The receivers of one message may be in different states, in any order."""
    states = ("joined", "waiting", "waiting", "joined", "accepted")
    servers = [_in_state(SERVER, state) for state in states]
    note_sent(servers, control.RoleUpdated(new_role=Role.MODERATOR))
    assert [server.state.value for server in servers] == list(states)
    with pytest.raises(LocalProtocolError):
        note_sent(servers, control.HandRaised())
    assert [server.state.value for server in servers] == list(states)


def test_closing_drops_what_was_received() -> None:
    client = _in_state(CLIENT, "joined")
    client.receive_text(_EVENTS["control.left"])
    client.close()
    client.receive_text(_EVENTS["control.left"])
    assert client.next_event() is NEED_DATA
    assert client.state is State.CLOSED
    client.close()


def test_refuse_answers_with_a_control_error() -> None:
    server = SignalingConnection(SERVER)
    assert decode_event(server.refuse("not_yet_joined", NOW)) == control.Error(
        error=control.ControlErrorCode.NOT_YET_JOINED, timestamp=NOW
    )
    server.close()
    with pytest.raises(LocalProtocolError):
        server.refuse("invalid_json", NOW)


def test_both_ends_walk_through_the_waiting_room_together() -> None:
    client, server = SignalingConnection(CLIENT), SignalingConnection(SERVER)
    steps: list[tuple[SignalingConnection, Any, State]] = [
        (client, control.Join(display_name="Bob"), State.JOINING),
        (server, UnknownEvent("moderation", "in_waiting_room"), State.WAITING),
        (server, UnknownEvent("moderation", "accepted"), State.ACCEPTED),
        (client, control.EnterRoom(), State.ENTERING),
        (server, _DECODED_EVENTS["control.join_success"], State.JOINED),
        (client, control.GrantModeratorRole(target=ParticipantId(table.ID)), State.JOINED),
    ]
    for sender, message, state in steps:
        receiver = server if sender is client else client
        receiver.receive_text(sender.send(message))
        event = receiver.next_event()
        assert not isinstance(event, BadMessage)
        assert client.state is server.state is state
