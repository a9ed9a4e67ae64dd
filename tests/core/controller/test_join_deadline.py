"""A WebSocket has 30 seconds to join, and what it does before is charged (signaling.md § 2)."""

from __future__ import annotations

import pytest
from stage import Stage

from m3core.io import ConnectionId
from m3core.limits import BUDGET, JOIN_DEADLINE


def test_a_socket_that_does_not_join_is_closed() -> None:
    stage = Stage()
    stage.joined("ada")
    bob = stage.guest("Bob")
    stage.sleep(JOIN_DEADLINE - 0.01)
    assert stage.closed == {}
    stage.sleep(0.01)
    assert stage.closed == {bob.who: 1008}
    assert stage.heard("ada") == []
    assert len(stage.controller.sessions) == 1


@pytest.mark.parametrize("namespace", ["echo", "control", "chat"])
def test_other_messages_do_not_prolong_it(namespace: str) -> None:
    stage = Stage()
    bob = stage.guest("Bob")
    for _ in range(5):
        stage.sleep(JOIN_DEADLINE / 6)
        bob.say(namespace, "ping")
        stage.controller.charge(bob.connection, 1, stage.now)
    stage.sleep(JOIN_DEADLINE / 6)
    assert stage.closed == {bob.who: 1008}


def test_who_joined_late_or_waits_is_not_closed() -> None:
    stage = Stage()
    (ada,) = stage.joined("ada")
    ada.say("moderation", "enable_waiting_room")
    bob, cyd = stage.guest("Bob"), stage.guest("Cyd")
    stage.sleep(JOIN_DEADLINE - 1)
    bob.say("control", "join", display_name="Bob")
    assert "in_waiting_room" in stage.names(bob.who)
    ada.say("moderation", "disable_waiting_room")
    cyd.say("control", "join", display_name="Cyd")
    assert "join_success" in stage.names(cyd.who)
    stage.sleep(3 * JOIN_DEADLINE)
    assert stage.closed == {}
    for one in (bob, cyd):
        one.leave()
    stage.settle()


def test_a_refused_join_does_not_prolong_it() -> None:
    stage = Stage()
    bob = stage.guest("Bob")
    stage.sleep(JOIN_DEADLINE - 1)
    bob.say("control", "join", display_name="")
    assert "error" in stage.names(bob.who)
    stage.sleep(1)
    assert stage.closed == {bob.who: 1008}


def test_a_socket_that_left_is_forgotten() -> None:
    stage = Stage()
    bob = stage.guest("Bob")
    stage.lose(bob.who)
    assert stage.controller.deadline is None


def test_work_without_messages_is_charged() -> None:
    stage = Stage()
    ada, bob = stage.joined("ada", "bob")
    stage.controller.charge(bob.connection, BUDGET - 1, stage.now)
    stage.drain()
    assert stage.closed == {}
    stage.controller.charge(bob.connection, 2, stage.now)
    stage.drain()
    assert stage.closed == {bob.who: 1008}
    assert stage.names(ada.who) == ["left"]
    stage.controller.charge(bob.connection, 1, stage.now)
    stage.controller.charge(ConnectionId(99), 1, stage.now)
    stage.drain()
    assert len(stage.closed) == 1


def test_a_message_that_was_charged_in_parts_is_not_charged_again() -> None:
    stage = Stage()
    (ada,) = stage.joined("ada")
    data = b'{"namespace":"echo","payload":{"action":"ping","x":"%s"}}' % (b"x" * 50_000)
    for _ in range(100):
        stage.controller.receive_text(ada.connection, data, stage.now, is_charged=True)
        stage.drain()
    assert stage.closed == {}
    for _ in range(100):
        if ada.who in stage.closed:
            break
        stage.controller.receive_text(ada.connection, data, stage.now)
        stage.drain()
    assert stage.closed == {ada.who: 1008}
