"""The controller: handshake, tickets, heartbeats, the drain, rooms that come and go, fan-out."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from worlds import NOBODY, close, deadline, errors, link, published, say_raw, settle, subscribed

from m3core.conference.events import ConnectionLost, Ended, ParticipantLeft
from m3core.conference.state import Phase
from m3core.controller import joining as joining_module
from m3core.controller import room as room_module
from m3core.controller.config import ControllerConfig, User
from m3core.controller.engine import HEARTBEAT
from m3core.controller.features import FeatureLevel
from m3core.controller.focus import FocusQueue
from m3core.controller.store import StoredRoom
from m3core.controller.tickets import Tickets
from m3core.errors import CallRefused, LocalProtocolError
from m3core.io import Accept, Close, ConnectionId, PeerId, Ping, Reject, RequestId, SendText, Up
from m3core.limits import (
    HEARTBEAT_INTERVAL,
    HEARTBEAT_TICK,
    MAX_COMMAND_VALUES,
    MAX_MESSAGE,
    MAX_STRING,
    TICKET_LIFETIME,
)
from m3core.rest.rooms import StartResponse
from m3core.testing.pair import BASE_URL, OWNER, World, seeded_entropy
from m3core.values import ParticipantId, RoomId, Secret, Timestamp, UserId

ROOM = StoredRoom(
    id=RoomId("9f0a7e2c-43b8-4b13-9a39-7d3c4e6f0a11"), owner=OWNER.id, created_at=Timestamp("2024-03-05T09:30:00Z")
)


def ticket(world: World) -> StartResponse:
    room = world.controller.store.rooms[world.room_id]
    return world.controller.tickets.issue(room, None, world.now)


def knock(world: World, *values: str, target: str = "/signaling") -> Accept | Reject:
    headers = tuple(("sec-websocket-protocol", value) for value in values)
    world.controller.websocket_requested(ConnectionId(900), target, (("host", "x"), *headers), world.now)
    (output,) = world.controller.outputs()
    assert isinstance(output, Accept | Reject)
    return output


def refusal(output: Accept | Reject) -> tuple[int, str]:
    assert isinstance(output, Reject)
    return output.response.status, json.loads(output.response.body)["code"]


def test_the_handshake_in_the_order_of_the_checks() -> None:
    world = World()
    k3k = "k3k-signaling-json-v1.0"
    assert refusal(knock(world, k3k, target="/elsewhere")) == (404, "not_found")
    assert refusal(knock(world)) == (400, "missing_protocol")
    assert refusal(knock(world, "ticket#x")) == (400, "missing_protocol")
    assert refusal(knock(world, k3k)) == (401, "missing_ticket")
    assert refusal(knock(world, f"ticket#short, {k3k}")) == (401, "invalid_ticket")
    assert refusal(knock(world, f"ticket#{'x' * 64}, {k3k}")) == (401, "invalid_ticket")
    good = ticket(world).ticket.reveal()
    assert knock(world, f"ticket#{good}, {k3k}", target="/signalling?x=1") == Accept(ConnectionId(900), k3k)
    assert refusal(knock(world, f"ticket#{good}, {k3k}")) == (401, "invalid_ticket")  # single use


def test_a_ticket_is_used_up_by_an_attempt_that_is_too_late() -> None:
    world = World()
    late = ticket(world).ticket.reveal()
    world.now = TICKET_LIFETIME
    for _ in range(2):
        assert refusal(knock(world, f"ticket#{late}", "k3k-signaling-json-v1.0")) == (401, "invalid_ticket")


def test_tickets() -> None:
    tickets = Tickets(seeded_entropy())
    first, second = tickets.issue(ROOM, None, 0.0), tickets.issue(ROOM, OWNER, 10.0)
    assert first.ticket != second.ticket
    assert first.ticket.reveal().isalnum()
    assert tickets.redeem(Secret("x" * 64), 0.0) is None
    admission = tickets.redeem(second.ticket, 39.9)
    assert admission is not None
    assert (admission.room, admission.user) == (ROOM, OWNER)
    assert tickets.redeem(second.ticket, 39.9) is None
    assert tickets.redeem(first.ticket, 30.0) is None
    tickets.issue(ROOM, None, 40.0)
    tickets.issue(ROOM, None, 50.0)
    tickets.forget_expired(75.0)
    assert len(tickets) == 1
    tickets.forget_expired(80.0)
    assert len(tickets) == 0


def test_tickets_take_what_random_bytes_are_fit() -> None:
    """Bytes that would favour some letters are thrown away, so one batch of them may not be enough."""
    batches = iter([b"\xff" * 96, b"\x00" * 96, b"\x01" * 96])
    tickets = Tickets(lambda _: next(batches))
    answer = tickets.issue(ROOM, None, 0.0, participant_id=NOBODY)
    assert answer.ticket.reveal() == "A" * 64
    assert answer.resumption.reveal() == "B" * 64


def test_focus_queue() -> None:
    a, b = ParticipantId("a"), ParticipantId("b")
    queue = FocusQueue()
    assert FocusQueue().focus is None
    assert queue.start(a)
    assert not queue.start(b)
    assert queue.start(a)  # again: to the end
    assert queue.focus == b
    assert not queue.stop(a)
    assert not queue.stop(a)
    assert queue.stop(b)
    assert queue.focus is None


def test_heartbeats() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    server = link(world, ada)[0]
    assert deadline(world.controller) == HEARTBEAT_INTERVAL
    world.controller.advance(HEARTBEAT_INTERVAL)
    assert list(world.controller.outputs()) == [Ping(server, HEARTBEAT)]
    world.controller.pong(server, b"something else", 15.1)
    world.controller.pong(ConnectionId(99), HEARTBEAT, 15.1)
    world.controller.advance(30.0)  # one unanswered ping is fatal 15 s later
    assert list(world.controller.outputs()) == [Close(server, None)]
    assert deadline(world.controller) is None
    assert not world.controller.sessions


def test_heartbeats_share_ticks() -> None:
    """Connections that open within one tick are pinged at one time, which is late for none of them."""
    world = World()
    opened: dict[ConnectionId, float] = {}
    for number in range(10):
        world.now = number * HEARTBEAT_TICK / 4
        client = world.guest(f"Guest {number}")
        world.run()
        opened[link(world, client)[0]] = world.now
    pinged: dict[ConnectionId, float] = {}
    times = 0
    while len(pinged) < len(opened):
        now = deadline(world.controller)
        assert now is not None
        times += 1
        world.controller.advance(now)
        pinged |= {each.connection: now for each in world.controller.outputs() if isinstance(each, Ping)}
    assert times == 3  # the last of the ten opened 2.25 ticks after the first
    for connection, at in opened.items():
        assert HEARTBEAT_INTERVAL - HEARTBEAT_TICK < pinged[connection] - at <= HEARTBEAT_INTERVAL


def test_later_heartbeats_keep_the_interval() -> None:
    world = World()
    world.now = 0.1
    (ada,) = world.joined("Ada")
    server = link(world, ada)[0]
    for now in (15.0, 30.0, 45.0):
        assert deadline(world.controller) == now
        world.controller.advance(now + 0.03)  # the event loop may be late
        assert list(world.controller.outputs()) == [Ping(server, HEARTBEAT)]
        world.controller.pong(server, HEARTBEAT, now + 0.05)


def test_a_connection_that_answers_lives() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    world.sleep(300.0)
    assert ada.conference.phase is bob.conference.phase is Phase.JOINED


def test_those_who_do_not_answer_leave_for_the_others() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    subscribed(world, ada, bob)
    server = link(world, bob)[0]
    world._pong = lambda connection, payload: (  # type: ignore[method-assign]
        world.controller.pong(connection, payload, world.now) if connection != server else None
    )
    world.sleep(31.0)
    assert bob.of(ConnectionLost)[0].detail == "no close frame"
    assert [event.participant.id for event in ada.of(ParticipantLeft)] == [bob.id]
    settle(world)


def test_heartbeats_of_those_who_left_wake_nobody() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    world.now = 5.0
    carol = world.guest("Carol")
    world.run()
    world.cut(bob)
    world.cut(ada)
    assert deadline(world.controller) == 20.0
    world.controller.advance(20.0)
    assert list(world.controller.outputs()) == [Ping(link(world, carol)[0], HEARTBEAT)]
    world.cut(carol)
    assert deadline(world.controller) is None


def test_a_second_input_before_the_drain_is_an_error() -> None:
    world = World()
    world.controller.http_request(RequestId(1), "GET", "/v1/auth/login", (), b"", 0.0)
    c, one = world.controller, ConnectionId(1)
    inputs: list[Callable[[], object]] = [
        lambda: c.advance(0.0),
        lambda: c.http_request(RequestId(2), "GET", "/v1/auth/login", (), b"", 0.0),
        lambda: c.websocket_requested(one, "/signaling", (), 0.0),
        lambda: c.receive_text(one, b"", 0.0),
        lambda: c.pong(one, HEARTBEAT, 0.0),
        lambda: c.connection_lost(one, 0.0),
        lambda: c.sfu_report(Up(PeerId(1)), 0.0),
        lambda: c.shut_down(0.0),
    ]
    for early in inputs:
        with pytest.raises(LocalProtocolError, match="drain"):
            early()
    assert len(list(world.controller.outputs())) == 1
    world.controller.advance(0.0)


def test_what_is_not_connected_is_ignored() -> None:
    world = World()
    world.controller.receive_text(ConnectionId(5), b"x", 0.0)
    world.controller.connection_lost(ConnectionId(5), 0.0, 1000)
    assert list(world.controller.outputs()) == []


def test_shutting_down() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    subscribed(world, bob, ada)
    world.controller.shut_down(world.now)
    world.drain_server()
    world.run()
    assert deadline(world.controller) is None
    assert world.sfu.peers == {}
    for client in (ada, bob):
        assert [event.detail for event in client.of(ConnectionLost)] == ["close code 1001"]
    settle(world)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b" " * (MAX_MESSAGE + 1), 1008),  # it costs more than `BUDGET`; the front refuses it earlier, with 1009
        (b'{"namespace":"control","payload":{"action":"raise_hand","x":"' + b"x" * (MAX_STRING + 1) + b'"}}', 1009),
        (b'{"namespace":"chat","payload":{"action":"x","a":[' + b"1," * MAX_COMMAND_VALUES + b"1]}}", 1009),
        (b"[" * (MAX_COMMAND_VALUES + 1), 1009),
    ],
    ids=["message", "string", "values", "brackets"],
)
def test_only_limits_of_size_end_a_connection(data: bytes, code: int) -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    for harmless in (b"\xff", b"", b"[" * 5_000):
        assert errors(say_raw(world, bob, harmless)) == ["invalid_json"]
    say_raw(world, bob, data)
    assert bob.of(Ended)[0].detail == f"close code {code}"
    assert ada.of(ParticipantLeft)


def test_a_room_is_forgotten_with_the_last_who_leaves() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    world.cut(bob)
    world.run()
    room = world.controller.rooms.live[world.room_id].rooms[None]
    assert list(room.gone) == [bob.id]
    world.cut(ada)
    assert world.controller.rooms.live == {}
    carol = world.guest("Carol")
    world.run()
    assert dict(carol.conference.state.participants) == {}


def test_a_full_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining_module, "MAX_PARTICIPANTS", 2)
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    carol = world.guest("Carol")
    world.run()
    (end,) = carol.done.values()
    assert isinstance(end.error, CallRefused)
    assert end.error.code == "participant_limit_reached"
    assert not ada.of(ParticipantLeft)
    assert bob.conference.phase is Phase.JOINED
    settle(world)


def test_those_who_left_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "MAX_LEAVERS", 2)
    world = World()
    world.joined("Ada")
    ids = []
    for number in range(3):
        guest = world.guest(f"Guest {number}")
        world.run()
        ids.append(guest.id)
        world.cut(guest)
        world.run()
    room = world.controller.rooms.live[world.room_id].rooms[None]
    assert list(room.gone) == ids[1:]


def test_comings_and_goings_leave_nothing() -> None:
    world = World()
    world.joined("Ada")
    room = world.controller.store.rooms[world.room_id]
    for number in range(200):
        connection = ConnectionId(10_000 + number)
        admitted = world.controller.tickets.issue(room, None, 0.0).ticket.reveal()
        header = ("sec-websocket-protocol", f"ticket#{admitted}, k3k-signaling-json-v1.0")
        world.controller.websocket_requested(connection, "/signaling", (header,), 0.0)
        list(world.controller.outputs())
        world.controller.receive_text(
            connection, b'{"namespace":"control","payload":{"action":"join","display_name":"x"}}', 0.0
        )
        list(world.controller.outputs())
        world.controller.connection_lost(connection, 0.0)
        list(world.controller.outputs())
    assert len(world.controller.sessions) == 1
    assert len(world.controller.tickets) == 0
    assert world.controller.streams.peers == {}
    world.controller.advance(HEARTBEAT_INTERVAL)
    assert [type(output) for output in world.controller.outputs()] == [Ping]


def test_users_with_an_account_who_do_not_own_the_room() -> None:
    """They have the role `user`, and their avatar is shown (signaling.md § 5)."""
    world = World()
    (ada,) = world.joined("Ada")
    eve = User(
        id=UserId("2c1b3d9a-6a05-4bb5-9a5e-54c4ef2f2a31"), email="e@x", display_name="Eve", avatar_url="https://a/"
    )
    room = world.controller.store.rooms[world.room_id]
    admitted = world.controller.tickets.issue(room, eve, 0.0).ticket.reveal()
    connection = ConnectionId(77)
    header = ("sec-websocket-protocol", f"ticket#{admitted}, k3k-signaling-json-v1.0")
    world.controller.websocket_requested(connection, "/signaling", (header,), 0.0)
    list(world.controller.outputs())
    world.controller.receive_text(connection, b'{"namespace":"control","payload":{"action":"join"}}', 0.0)
    success, joined = world.controller.outputs()
    assert isinstance(success, SendText)
    payload = json.loads(success.data)["payload"]
    assert (payload["role"], payload["display_name"], payload["avatar_url"]) == ("user", "Eve", "https://a/")
    assert isinstance(joined, SendText)
    assert json.loads(joined.data)["payload"]["control"]["avatar_url"] == "https://a/"
    revoke = {"action": "grant_moderator_role", "target": payload["id"]}
    world.controller.receive_text(
        link(world, ada)[0], json.dumps({"namespace": "control", "payload": revoke}).encode(), 0.0
    )
    list(world.controller.outputs())
    revoke["action"] = "revoke_moderator_role"
    world.controller.receive_text(
        link(world, ada)[0], json.dumps({"namespace": "control", "payload": revoke}).encode(), 0.0
    )
    told = [output for output in world.controller.outputs() if isinstance(output, SendText)]
    assert json.loads(told[0].data)["payload"] == {"message": "role_updated", "new_role": "user"}


def test_fan_out_is_encoded_once() -> None:
    world = World(ControllerConfig(web_url=BASE_URL, feature_level=FeatureLevel.CAPTURE))
    ada, bob, carol = world.joined("Ada", "Bob", "Carol")
    command = b'{"namespace":"control","payload":{"action":"raise_hand"}}'
    world.controller.receive_text(link(world, ada)[0], command, 0.0)
    (output,) = world.controller.outputs()
    assert isinstance(output, SendText)
    assert set(output.connections) == {link(world, bob)[0], link(world, carol)[0]}


def test_namespaces_that_are_not_served_are_refused() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    for namespace in ("livekit", "whiteboard", "legal_vote", "automod", "shared_folder", "elsewhere"):
        said = json.dumps({"namespace": namespace, "payload": {"action": "start"}}).encode()
        assert errors(say_raw(world, ada, said)) == ["invalid_namespace"]
    close(world, ada, 1000)
