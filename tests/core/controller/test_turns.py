"""Turns and budgets of connections: however much one client sends, the others are served, and its work is paid for.

The attacks are those of the benchmark; tests/parity/test_written_at_once_sockets.py has them over sockets.
"""

from __future__ import annotations

import pytest
from attrs import define

from benchmarks.attack_bytes import ATTACKS, PING, PONG, TEXT, Attack, Target, frame, text
from m3core.controller.budget import Budget
from m3core.controller.front import Front
from m3core.controller.front_port import FrontOutput, HalfClose, Pause, Resume, Shut, Write
from m3core.controller.http import HttpConnection, Phase
from m3core.io import ConnectionId
from m3core.limits import BUDGET, CLOSE_TIMEOUT, MAX_HTTP_HEAD, MAX_READ_AHEAD, TURN_BYTES, TURN_EVENTS, TURN_WRITES
from m3core.testing import World

MIB = 1 << 20
ATTACKER, BYSTANDER = ConnectionId(1), ConnectionId(2)
GET = b"GET /v1/auth/login HTTP/1.1\r\nHost: a\r\n\r\n"


@define
class Counted:
    """What the front has read since `clear`."""

    steps: int = 0
    size: int = 0

    def clear(self) -> None:
        self.steps = self.size = 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    count = Counted()
    step, receive = HttpConnection.step, HttpConnection.receive_data

    def counting_step(self: HttpConnection) -> bool:
        has_read = step(self)
        count.steps += has_read
        return has_read

    def counting_receive(self: HttpConnection, data: bytes) -> None:
        if self.phase is not Phase.LINGERING:  # then the bytes are dropped, and nobody reads them
            count.size += len(data)
        receive(self, data)

    monkeypatch.setattr(HttpConnection, "step", counting_step)
    monkeypatch.setattr(HttpConnection, "receive_data", counting_receive)
    return count


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets without end: only turns bound what one connection causes."""
    monkeypatch.setattr(Budget, "take", lambda *_: True)


class Place:
    """A front before a real controller, the bytes that it wrote, and the sockets that it closed."""

    def __init__(self) -> None:
        self.world = World()
        self.front = Front(self.world.controller)
        self.now = 0.0
        self.written: dict[ConnectionId, bytearray] = {}
        self.shut: dict[ConnectionId, bool] = {}
        self.paused: list[FrontOutput] = []
        self.target = Target(self.world.room_id, self.world.invite_code)

    def drain(self) -> None:
        for output in self.front.outputs():
            match output:
                case Write(connections, data):
                    for connection in connections:
                        self.written.setdefault(connection, bytearray()).extend(data)
                case HalfClose(connection):
                    self.shut[connection] = False
                case Shut(connection, abort):
                    self.shut[connection] = abort
                case Pause() | Resume():
                    self.paused.append(output)

    def give(self, connection: ConnectionId, data: bytes) -> None:
        self.front.data_received(connection, data, self.now)
        self.drain()

    def take(self, connection: ConnectionId) -> bytes:
        return bytes(self.written.pop(connection, b""))

    def connect(self, connection: ConnectionId) -> None:
        self.front.connection_made(connection, self.now)
        self.drain()

    def is_due(self) -> bool:
        due = self.front.deadline
        return due is not None and due <= self.now

    def turn(self) -> None:
        self.front.advance(self.now)
        self.drain()

    def catch_up(self) -> None:
        while self.is_due():
            self.turn()

    def upgrade(self, connection: ConnectionId) -> None:
        """Open a WebSocket that has not joined."""
        asking = ConnectionId(1_000 + connection)
        self.connect(asking)
        self.give(asking, self.target.start)
        ticket = self.take(asking).rpartition(b'"ticket":"')[2].partition(b'"')[0]
        self.connect(connection)
        head = (
            b"GET /signaling HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: k3k-signaling-json-v1.0, ticket#%s\r\n\r\n"
        )
        self.give(connection, head % ticket)
        assert self.take(connection).startswith(b"HTTP/1.1 101 ")

    def join(self, connection: ConnectionId) -> None:
        """Enter the room; the target then knows the participant."""
        self.upgrade(connection)
        self.give(connection, text("control", action="join", display_name="Mallory"))
        joined = self.take(connection)
        assert b"join_success" in joined
        self.target = Target(self.target.room, self.target.code, joined.partition(b'"id":"')[2][:36].decode())

    def begin(self, attack: Attack) -> None:
        """Open the attacker's connection, and send what is sent once."""
        if attack.is_joined:
            self.join(ATTACKER)
        else:
            self.connect(ATTACKER)
        if attack.once:
            self.give(ATTACKER, attack.once)

    def attack(self, attack: Attack, size: int) -> None:
        """Let the attacker send ``size`` bytes at once, or one message if that is longer."""
        repeated = attack.repeated(self.target)
        self.give(ATTACKER, (repeated * (size // len(repeated) + 1))[: max(size, len(repeated))])


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture(params=ATTACKS)
def attack(request: pytest.FixtureRequest) -> Attack:
    return ATTACKS[str(request.param)]


# -- turns ---
@pytest.mark.usefixtures("endless")
def test_a_bystander_waits_for_one_turn_of_an_attacker(place: Place, attack: Attack, counted: Counted) -> None:
    place.connect(BYSTANDER)
    place.begin(attack)
    counted.clear()
    place.attack(attack, MIB)
    for _ in range(50):
        assert counted.steps <= TURN_EVENTS
        assert counted.size <= TURN_BYTES
        place.give(BYSTANDER, GET)
        assert status_of(place.take(BYSTANDER)) == 200
        if not place.is_due():
            break
        counted.clear()
        place.turn()


@pytest.mark.usefixtures("endless")
def test_what_waits_is_read_in_order_and_whole(place: Place) -> None:
    place.connect(ATTACKER)
    place.give(ATTACKER, b"".join(b"GET /v1/%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(999)) + GET)
    place.give(ATTACKER, b"")  # the client closes its side; its requests are still answered
    place.catch_up()
    answers = place.take(ATTACKER)
    assert answers.count(b"HTTP/1.1 404") == 999
    assert answers.count(b"HTTP/1.1 200") == 1
    assert answers.rpartition(b"HTTP/1.1 ")[2].startswith(b"200")
    assert place.shut == {ATTACKER: False}
    assert not place.is_due()


@pytest.mark.usefixtures("endless")
def test_connections_that_wait_take_turns(place: Place) -> None:
    third = ConnectionId(3)
    for connection in (ATTACKER, third):
        place.connect(connection)
        place.give(connection, GET * 1_000)
    place.give(ATTACKER, GET * 1_000)  # sending more gives it no turn before the other
    answered = []
    for _ in range(6):
        place.take(ATTACKER), place.take(third)
        place.turn()
        answered.append({each: data.count(b" 200 ") for each, data in place.written.items()})
    assert all(len(each) == 1 for each in answered)
    assert [next(iter(each)) for each in answered] == [ATTACKER, third] * 3
    assert all(0 < count <= TURN_EVENTS for each in answered for count in each.values())


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize("end", ["lost", "closed by the server"])
def test_a_connection_that_ends_waits_no_more(place: Place, end: str) -> None:
    place.join(ATTACKER)
    place.give(ATTACKER, frame(PING) * 1_000)
    assert place.is_due()
    if end == "lost":
        place.front.connection_lost(ATTACKER, place.now)
        place.drain()
    else:
        place.front.shut_down(place.now)
        place.drain()
        place.now += CLOSE_TIMEOUT
        place.turn()
        assert place.shut[ATTACKER]
    assert not place.is_due()
    assert place.front.connections == 1


@pytest.mark.usefixtures("endless")
def test_pieces_that_come_before_the_next_turn_share_one(place: Place, counted: Counted) -> None:
    place.join(ATTACKER)
    place.give(ATTACKER, frame(PING) * 40)  # more than half of a turn: another begins
    place.catch_up()
    counted.clear()
    for _ in range(3):
        place.give(ATTACKER, frame(PING) * 30)
    assert counted.steps == TURN_EVENTS
    place.turn()
    assert counted.steps == 3 * 30
    place.turn()
    assert not place.is_due()


@pytest.mark.usefixtures("endless")
def test_bytes_that_were_given_but_not_read_count_for_the_next_turn(place: Place, counted: Counted) -> None:
    place.join(ATTACKER)
    place.give(ATTACKER, frame(PING) * 40)  # more than half of a turn: another begins
    place.catch_up()
    counted.clear()
    place.give(ATTACKER, frame(PING) * TURN_EVENTS + frame(TEXT, b"x" * 200_000))
    assert counted.steps == TURN_EVENTS
    given = counted.size
    assert given > TURN_BYTES // 2
    counted.clear()
    place.turn()
    assert (counted.steps, counted.size) == (1, TURN_BYTES - given)


def test_a_long_head_is_refused_before_all_of_it_is_parsed(place: Place, counted: Counted) -> None:
    place.connect(ATTACKER)
    place.give(ATTACKER, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a:b\r\n" * 10_000 + b"\r\n")
    place.catch_up()
    assert status_of(place.take(ATTACKER)) == 431
    assert counted.size <= MAX_HTTP_HEAD + 4_096


def test_a_turn_ends_when_it_has_caused_many_writes(place: Place) -> None:
    receivers = [ConnectionId(number) for number in range(10, 40)]
    for connection in (ATTACKER, *receivers):
        place.join(connection)
    place.catch_up()
    place.written.clear()
    place.give(ATTACKER, text("chat", action="send_message", scope="global", content="hello") * 60)
    sent = [sum(data.count(b"hello") for data in place.written.values())]
    while place.is_due():
        place.written.clear()
        place.turn()
        sent.append(sum(data.count(b"hello") for data in place.written.values()))
    assert sum(sent) == 60 * 31
    assert max(sent) < TURN_WRITES + 31


def test_nothing_is_read_from_a_client_that_sends_faster_than_it_gets_turns(place: Place, counted: Counted) -> None:
    place.join(ATTACKER)
    place.give(ATTACKER, frame(PING) * TURN_EVENTS)
    place.catch_up()
    assert place.paused == []
    counted.clear()
    data = frame(TEXT, b"x" * 60_000) * 3
    place.give(ATTACKER, data)
    assert place.paused == [Pause(ATTACKER)]
    place.give(ATTACKER, frame(PING))
    while len(place.paused) == 1:
        assert len(data) + len(frame(PING)) - counted.size > MAX_READ_AHEAD
        place.turn()
    assert len(data) + len(frame(PING)) - counted.size <= MAX_READ_AHEAD
    assert place.paused == [Pause(ATTACKER), Resume(ATTACKER)]
    place.catch_up()
    assert place.take(ATTACKER).endswith(frame(10, b"")[:1] + b"\0")  # the pong
    assert len(place.paused) == 2


# -- the budget ---
def test_an_attacker_is_closed_when_its_budget_is_empty(place: Place, attack: Attack, counted: Counted) -> None:
    place.begin(attack)
    counted.clear()
    place.attack(attack, MIB)
    place.catch_up()
    answers = place.take(ATTACKER)
    if not attack.is_joined:
        last = answers[answers.rindex(b"HTTP/1.1 ") :]
        assert status_of(last) in {429, 431}
        assert (status_of(last) == 431) or b"\r\nretry-after: 1\r\n" in last
        assert b"\r\nconnection: close\r\n" in last
        assert place.shut[ATTACKER] is False
    else:
        assert b"\x88\x02\x03\xf0" in answers or b"\x88\x02\x03\xf1" in answers  # 1008, 1009
        assert ATTACKER not in place.world.controller.sessions
        # Some attackers have one message only, and may go on until it is clear that they do not answer the close frame.
        for _ in range(3):
            place.attack(attack, MIB)
            place.catch_up()
        assert ATTACKER in place.shut
    assert counted.steps <= 4 * BUDGET


def test_what_is_refused_is_not_done(place: Place) -> None:
    place.connect(ATTACKER)
    place.give(ATTACKER, GET * (BUDGET - 45))
    place.catch_up()
    before = len(place.world.controller.tickets)
    place.take(ATTACKER)
    place.give(ATTACKER, place.target.start * 100)
    place.catch_up()
    issued = len(place.world.controller.tickets) - before
    answers = place.take(ATTACKER)
    assert answers.count(b"HTTP/1.1 200") == issued < 100
    assert answers.count(b"HTTP/1.1 429") == 1
    assert b'"code":"too_many_requests"' in answers


def test_a_budget_grows_again(place: Place) -> None:
    place.connect(ATTACKER)
    place.join(BYSTANDER)
    for _ in range(5):
        place.give(ATTACKER, GET * 900)
        place.give(BYSTANDER, frame(PING) * 900)
        place.catch_up()
        place.now += 9.5
        place.give(BYSTANDER, frame(PONG, b"heartbeat"))
        place.turn()
    assert place.shut.keys() & {ATTACKER, BYSTANDER} == set()
    assert place.take(ATTACKER).count(b"HTTP/1.1 200") == 4_500


def test_a_message_that_comes_in_parts_is_charged_once(place: Place) -> None:
    place.join(ATTACKER)
    data = text("echo", action="ping", x="x" * 60_000)
    for _ in range(12):
        place.give(ATTACKER, data[:30_000])
        place.give(ATTACKER, data[30_000:])
        place.catch_up()
    assert ATTACKER in place.world.controller.sessions
    for _ in range(12):
        place.give(ATTACKER, data[:30_000])
        place.give(ATTACKER, data[30_000:])
        place.catch_up()
    assert ATTACKER not in place.world.controller.sessions


def test_an_honest_client_with_much_to_say_is_not_closed(place: Place) -> None:
    place.join(ATTACKER)
    for _ in range(20):
        place.give(ATTACKER, text("chat", action="send_message", scope="global", content="x" * 4_000) * 10)
        place.catch_up()
        place.now += 0.5
    assert ATTACKER in place.world.controller.sessions
    assert place.take(ATTACKER).count(b"message_sent") == 200
