"""A loss hits both sides: a subscriber who returns first keeps the subscription until the publisher returns."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from scripted import NEW_ME, ON, OTHER, person
from stream_script import Streams, entry
from worlds import VIDEO, flows, seeing_each_other, settle

from m3core.conference.events import PeerMisbehaved, SubscriptionStopped
from m3core.errors import CallTimedOut, MediaError
from m3core.io import PeerId
from m3core.limits import (
    LEAVE_TIMEOUT,
    NEGOTIATION_TIMEOUT,
    PUBLISHER_RENEWAL,
    PUBLISHER_RETURN,
    RECONNECT_CAP,
    STREAM_RENEWAL_DELAY,
)
from m3core.testing.descriptions import make_offer
from m3core.testing.pair import World

PEER = PeerId(1)
STAYED = "2024-03-05T09:30:00Z"
CAME_AGAIN = "2024-03-05T09:40:00Z"


def joined_at(one: dict[str, Any], at: str) -> dict[str, Any]:
    return {**one, "control": {**one["control"], "joined_at": at}}


WHERE: dict[str, tuple[dict[str, Any], ...]] = {
    "listed as gone": (entry(left=True, is_live=False),),
    "not known": (),
    "here, and not publishing yet": (joined_at(entry(is_live=False), CAME_AGAIN),),
}


def reading() -> Streams:
    script = Streams(joined_at(entry(), STAYED))
    script.subscribe()
    script.offer()
    return script


def reasons(script: Streams) -> list[str]:
    return [event.reason for event in script.of(SubscriptionStopped)]


@pytest.mark.parametrize("where", WHERE)
def test_a_reader_waits_for_a_publisher_who_is_not_back_yet(where: str) -> None:
    script = reading()
    script.back(*WHERE[where])
    assert script.flows == [False]
    assert script.actions() == []
    script.idle(PUBLISHER_RETURN - 1)
    if not where.startswith("here"):
        script.comes()
    script.update(is_live=True)
    script.offer()
    assert script.flows == [True]
    assert script.media.peers[PEER].opened == 2
    assert not reasons(script)


@pytest.mark.parametrize("where", WHERE)
def test_a_publisher_who_does_not_come_back(where: str) -> None:
    script = reading()
    script.back(*WHERE[where])
    script.idle(PUBLISHER_RETURN - 0.1)
    assert not reasons(script)
    script.sleep(0.2)
    assert reasons(script) == ["the publisher did not come back"]
    assert script.media.peers == {}
    script.update(is_live=True)
    assert script.actions() == []


def test_a_publisher_who_was_there_all_the_time_has_stopped() -> None:
    stopped = ["the publisher stopped the stream"]
    script = reading()
    script.back(
        joined_at(person(OTHER, "Bob", screen=ON), STAYED)
    )  # a publisher who was lost would publish nothing at all
    assert reasons(script) == stopped
    script = reading()
    script.back(joined_at(entry(is_live=False), STAYED))
    script.idle(PUBLISHER_RENEWAL - 0.1)
    assert not reasons(script)
    script.sleep(0.2)
    assert reasons(script) == stopped
    script = reading()
    script.back(joined_at(entry(is_live=False), CAME_AGAIN))
    script.idle(PUBLISHER_RETURN - 0.1)
    assert not reasons(script)


def test_a_server_that_notices_later_that_the_publisher_is_lost() -> None:
    """It may answer the publisher with `session_running` until then (signaling.md § 2)."""
    script = reading()
    script.back(entry())
    script.offer()
    script.idle(20.0)
    script.says("webrtc_down", OTHER)
    script.update()
    script.left()
    script.idle(PUBLISHER_RETURN - 21.0)
    assert not reasons(script)
    script.comes()
    script.update(is_live=True)
    script.offer()
    assert script.flows == [True]
    script.idle(PUBLISHER_RETURN)
    script.left()  # from now on, that is that
    assert reasons(script) == ["the publisher stopped the stream"]


def test_a_server_that_notices_while_the_stream_is_renewed() -> None:
    script = reading()
    script.back(entry())
    script.says("sdp_offer", OTHER, sdp=make_offer(("audio", "video"), 99, lite=True))
    script.says("webrtc_down", OTHER)
    script.left()
    script.idle(PUBLISHER_RETURN - 1.0)
    assert not reasons(script)
    script.actions()
    script.comes()
    script.update(is_live=True)
    script.offer()
    assert script.flows == [True]


def test_what_is_said_of_a_stream_that_is_waited_for_begins_nothing() -> None:
    script = reading()
    script.back()
    script.says("webrtc_down", OTHER)
    script.idle(5.0)
    assert script.actions() == []
    assert script.flows == [False]


def test_a_second_loss_while_waiting() -> None:
    script = reading()
    script.back()
    script.idle(PUBLISHER_RETURN / 2)
    script.back()
    script.idle(PUBLISHER_RETURN - 1)
    assert not reasons(script)
    script.back(entry())
    script.offer()
    assert script.flows == [True]


def test_nobody_reads_it_while_it_waits() -> None:
    script = reading()
    script.back()
    script.give(lambda c, now: c.park(entry()["id"], VIDEO, now))
    assert script.media.peers == {}
    script.comes()
    script.update(is_live=True)
    assert script.actions() == []


def test_a_call_that_waits_has_its_own_deadline() -> None:
    script = Streams()
    call = script.subscribe()
    script.back()
    script.idle(PUBLISHER_RETURN + 0.2)
    assert isinstance(script.done[call].error, MediaError | CallTimedOut)
    assert script.flows == []
    assert NEGOTIATION_TIMEOUT > PUBLISHER_RETURN


def test_a_ghost_ends_and_is_not_asked_for_again() -> None:
    """A controller that crashed lists the participants of before, and they never leave (signaling.md § 3)."""
    script = reading()
    script.back(entry(), me=NEW_ME)
    assert script.actions() == ["subscribe"]
    script.refuse_request()
    assert reasons(script) == ["the server refused: invalid_request_offer"]
    script.idle(PUBLISHER_RETURN)
    assert script.actions() == []
    assert script.media.peers == {}


def test_leaving_while_it_waits() -> None:
    script = reading()
    script.back()
    script.give(lambda c, now: c.leave(now))
    script.sleep(LEAVE_TIMEOUT)
    assert script.media.peers == {}
    assert script.conference.deadline is None


@pytest.mark.parametrize(("seed", "reader_first"), list(itertools.product(range(9), (False, True))))
def test_both_come_back_in_any_order(seed: int, reader_first: bool) -> None:
    world = World()
    world.now = seed * 0.7
    ada, bob = seeing_each_other(world)
    first, second = (ada, bob) if reader_first else (bob, ada)
    world.cut(second)
    world.cut(first)
    for _ in range(seed):  # more often, and the attempts come later
        if first.conference.is_inside and not second.conference.is_inside:
            world.cut(second)
        world.sleep(RECONNECT_CAP / 10)
    world.sleep(PUBLISHER_RETURN)
    for client in (ada, bob):
        assert flows(client) == [True] * 3
        assert not client.of(SubscriptionStopped)
        assert not client.of(PeerMisbehaved)
    world.sleep(STREAM_RENEWAL_DELAY)
    settle(world)
