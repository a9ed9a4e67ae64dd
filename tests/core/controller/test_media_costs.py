"""Peer connections of participants: what they cost, how long they may take, and to which addresses they lead."""

from __future__ import annotations

from typing import Any

import pytest
from stage import Line, Stage

from m3core.controller import streams
from m3core.controller.features import FeatureLevel
from m3core.controller.ice_policy import IceCandidates
from m3core.controller.sfu import AcceptPublisher, OfferSubscription, RestartSubscription, SfuCommand
from m3core.io import AddCandidates, ClosePeer, Described, MediaReport, Up
from m3core.limits import (
    BUDGET,
    BUDGET_RATE,
    NEGOTIATION_TIMEOUT,
    PEER_COST,
    PEER_RESERVE,
    PEER_TIMEOUT,
)
from m3core.testing.descriptions import make_answer, make_offer

CANDIDATE = {"candidate": "candidate:7 1 udp 2113937151 192.0.2.7 50007 typ host", "sdpMLineIndex": 0}
STREAM = {"media_session_type": "video"}
AT_ONCE = (BUDGET - PEER_RESERVE) // (PEER_COST + 1)
"""Subscriptions that a full budget pays at once. Each costs one unit more for its message."""


def publish(line: Line, number: int, kind: str = "video", *, candidates: bool = True) -> list[dict[str, Any]]:
    """Publish with credentials of ``number``; with candidates it comes up at once."""
    sdp = make_offer(["audio", "video"], number)
    if not candidates:
        sdp = "".join(one for one in sdp.splitlines(keepends=True) if "candidate" not in one)
    line.say("media", "publish", target=line.id, media_session_type=kind, sdp=sdp)
    return line.heard("media")


def subscribe(line: Line, to: Line, **fields: object) -> None:
    line.say("media", "subscribe", target=to.id, **STREAM, **fields)


def room(*names: str) -> tuple[Stage, list[Line]]:
    """A room in which all but the first publish."""
    stage = Stage(FeatureLevel.V0_16)
    lines = stage.joined(*names)
    for number, line in enumerate(lines[1:], 1):
        publish(line, number)
    stage.forget()
    stage.sleep(BUDGET / BUDGET_RATE)
    stage.sfu.commands.clear()
    return stage, lines


def told(line: Line) -> list[tuple[str, str]]:
    """What was told of streams: the message, or its error, and the source."""
    return [(one.get("error", one["message"]), one.get("source", "")) for one in line.heard("media")]


def operations(stage: Stage, kind: type) -> list[Any]:
    return [command.operation for command in stage.sfu.commands if isinstance(command.operation, kind)]


# -- what subscriptions cost ---
def test_a_whole_room_is_subscribed_to_in_order_and_nobody_is_thrown_out() -> None:
    names = [f"p{number}" for number in range(60)]
    stage, (ada, *others) = room("ada", *names)
    began = stage.now
    for other in others:
        subscribe(ada, other)
    assert len(operations(stage, OfferSubscription)) == AT_ONCE
    offered: list[str] = []
    while len(offered) < len(others):
        for message in ada.heard("media"):
            if message["message"] == "sdp_offer":
                target = message["source"]
                offered.append(target)
                answer = make_answer(message["sdp"], len(offered))
                ada.say("media", "sdp_answer", target=target, **STREAM, sdp=answer)
                for _ in range(8):
                    ada.say("media", "sdp_candidate", target=target, **STREAM, candidate=CANDIDATE)
                ada.say("media", "configure", target=target, **STREAM, configuration={"video": True})
        assert stage.closed == {}
        stage.sleep(0.25)
    assert offered == [other.id for other in others]
    assert stage.now - began < NEGOTIATION_TIMEOUT
    stage.settle()


def test_a_stream_waits_once_however_often_it_is_asked_for() -> None:
    stage, (ada, bob, cyd) = room("ada", "bob", "cyd")
    for _ in range(2 * AT_ONCE):
        subscribe(ada, bob)
    subscribe(ada, cyd)
    begun = len(operations(stage, OfferSubscription))
    assert begun == AT_ONCE
    assert len(operations(stage, ClosePeer)) == begun  # the last one, too: a later one takes its place
    subscribe(ada, bob, without_video=True)
    stage.sleep(20)
    later = operations(stage, OfferSubscription)[begun:]
    # Bob's place is that of his first request that waits, and its content that of the last.
    assert [one.without_video for one in later] == [True, False]
    assert [key.participant_id for key in stage_subscriptions(stage, ada)] == [bob.id, cyd.id]
    assert sum(peer.publisher is not None for peer in stage.sfu.peers.values()) == 2
    stage.settle()


def stage_subscriptions(stage: Stage, line: Line) -> list[Any]:
    session = stage.controller.sessions[line.connection]
    assert session.participant is not None
    return list(session.participant.subscriptions)


def test_a_second_subscribe_replaces_the_first() -> None:
    stage, (ada, bob) = room("ada", "bob")
    subscribe(ada, bob)
    (first,) = [peer for peer, known in stage.sfu.peers.items() if known.publisher is not None]
    subscribe(ada, bob)
    (second,) = [peer for peer, known in stage.sfu.peers.items() if known.publisher is not None]
    assert second != first
    assert [name for name, _ in told(ada)] == ["sdp_offer", "sdp_offer"]


def test_a_subscription_that_waits_ends_with_its_publisher() -> None:
    stage, (ada, bob, cyd) = room("ada", "bob", "cyd")
    for _ in range(AT_ONCE):
        subscribe(ada, cyd)
    subscribe(ada, bob)
    bob.say("media", "unpublish", **STREAM)
    ada.heard()
    stage.sleep(10)
    assert ("invalid_request_offer", bob.id) in told(ada)


def test_subscriptions_of_a_participant_that_left_do_not_begin() -> None:
    stage, (ada, bob) = room("ada", "bob")
    for _ in range(AT_ONCE + 1):
        subscribe(ada, bob)
    ada.leave()
    stage.sfu.commands.clear()
    stage.sleep(10)
    assert operations(stage, OfferSubscription) == []


def test_restarts_of_subscriptions_cost_as_much() -> None:
    stage, (ada, bob) = room("ada", "bob")
    subscribe(ada, bob)
    for number in range(2 * AT_ONCE):
        offers = [message for message in ada.heard("media") if message["message"] == "sdp_offer"]
        if not offers:
            break
        ada.say("media", "sdp_answer", target=bob.id, **STREAM, sdp=make_answer(offers[0]["sdp"], number))
        ada.say("media", "resubscribe", target=bob.id, **STREAM)
    begun = len(operations(stage, RestartSubscription))
    assert 0 < begun < AT_ONCE
    stage.sleep(10)
    assert len(operations(stage, RestartSubscription)) == begun + 1


def test_a_restart_that_waits_ends_with_its_subscription() -> None:
    stage, (ada, bob, cyd) = room("ada", "bob", "cyd")
    subscribe(ada, bob)
    (offer,) = [message for message in ada.heard("media") if message["message"] == "sdp_offer"]
    ada.say("media", "sdp_answer", target=bob.id, **STREAM, sdp=make_answer(offer["sdp"], 9))
    for _ in range(AT_ONCE):
        subscribe(ada, cyd)
    ada.heard()
    ada.say("media", "resubscribe", target=bob.id, **STREAM)
    bob.say("media", "unpublish", **STREAM)
    stage.sleep(10)
    assert operations(stage, RestartSubscription) == []
    assert ("invalid_request_offer", bob.id) in told(ada)


# -- what publications cost ---
def test_offers_with_new_credentials_cost_a_connection_its_budget() -> None:
    stage = Stage(FeatureLevel.V0_16)
    (bob,) = stage.joined("bob")
    size = 1 + len(make_offer(["audio", "video"], 1)) // 1024
    number = 0
    while not stage.closed:
        number += 1
        publish(bob, number)
    assert stage.closed == {"bob": 1008}
    assert abs(number - BUDGET / (PEER_COST + size)) <= 2
    assert len(operations(stage, AcceptPublisher)) == number - 1
    assert stage.sfu.peers == {}


def test_offers_with_the_same_credentials_cost_only_their_bytes() -> None:
    stage = Stage(FeatureLevel.V0_16)
    (bob,) = stage.joined("bob")
    for _ in range(BUDGET // (PEER_COST + 3) + 10):
        publish(bob, 1)
    assert stage.closed == {}


def test_a_participant_has_one_publishing_peer_for_each_type() -> None:
    stage = Stage(FeatureLevel.V0_16)
    (bob,) = stage.joined("bob")
    for number in range(10):
        publish(bob, number)
        publish(bob, number, "screen")
    assert len(stage.sfu.peers) == 2


def test_the_media_server_knows_who_owns_a_command() -> None:
    stage, (ada, bob) = room("ada", "bob")
    subscribe(ada, bob)
    publish(ada, 7)
    publish(bob, 8)
    owners = [command.owner for command in stage.sfu.commands if not isinstance(command.operation, ClosePeer)]
    assert set(owners) == {ada.connection, bob.connection}
    assert owners[0] == owners[1] == ada.connection


# -- how long they may take ---
@pytest.mark.parametrize("direction", ["publisher", "subscriber"])
def test_a_peer_that_never_comes_up_is_closed(direction: str) -> None:
    stage, (ada, bob) = room("ada", "bob")
    if direction == "publisher":
        publish(ada, 7, candidates=False)
        source = ada.id
    else:
        subscribe(ada, bob)
        source = bob.id
    told(ada)
    peers = set(stage.sfu.peers)
    stage.sleep(PEER_TIMEOUT - 1)
    assert told(ada) == []
    assert set(stage.sfu.peers) == peers
    stage.sleep(2)
    assert told(ada) == [("webrtc_down", source)]
    assert len(stage.sfu.peers) == 1
    stage.settle()


def test_a_peer_that_came_up_remains() -> None:
    stage, (ada, bob) = room("ada", "bob")
    subscribe(ada, bob)
    (offer,) = [message for message in ada.heard("media") if message["message"] == "sdp_offer"]
    ada.say("media", "sdp_answer", target=bob.id, **STREAM, sdp=make_answer(offer["sdp"], 9))
    assert ("webrtc_up", bob.id) in told(ada)
    stage.sleep(2 * PEER_TIMEOUT)
    assert told(ada) == told(bob) == []


def test_a_publisher_that_restarts_has_its_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old connection may come up while the new one is being made; that says nothing of the new one."""
    stage = Stage(FeatureLevel.V0_16)
    (bob,) = stage.joined("bob")
    publish(bob, 1, candidates=False)
    held: list[Any] = []
    perform = stage.sfu.perform

    def hold(command: SfuCommand) -> list[MediaReport]:
        held.extend(perform(command))
        return []

    monkeypatch.setattr(stage.sfu, "perform", hold)
    publish(bob, 2, candidates=False)
    (described,) = held
    assert isinstance(described, Described)
    for report in (Up(described.peer), described):
        stage.controller.sfu_report(report, stage.now)
        stage.drain()
    bob.heard()
    stage.sleep(PEER_TIMEOUT + 1)
    assert told(bob) == [("webrtc_down", bob.id)]


def test_a_renegotiation_of_a_publisher_that_is_up_has_no_limit() -> None:
    stage, (_, bob) = room("ada", "bob")
    publish(bob, 1)
    told(bob)
    stage.sleep(2 * PEER_TIMEOUT)
    assert told(bob) == []


def test_a_media_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PEER_TIMEOUT", 5.0)
    stage = Stage(FeatureLevel.V0_16)
    (bob,) = stage.joined("bob")
    monkeypatch.setattr(stage.sfu, "perform", lambda command: [])
    publish(bob, 1)
    stage.sleep(6)
    assert told(bob) == [("webrtc_down", bob.id)]


# -- to which addresses they lead ---
def trickled(line: Line, *addresses: str, port: int = 50007) -> None:
    for address in addresses:
        candidate = f"candidate:7 1 udp 2113937151 {address} {port} typ host"
        payload = {"candidate": candidate, "sdpMLineIndex": 0}
        line.say("media", "sdp_candidate", target=line.id, **STREAM, candidate=payload)


def given(stage: Stage) -> list[str]:
    """The addresses that the media server got."""
    return [text.split()[4] for one in operations(stage, AddCandidates) for text, _ in one.candidates]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, ["192.0.2.1", "198.51.100.1", "10.0.0.1", "9.9.9.9"]),
        (IceCandidates.ALL, ["192.0.2.1", "198.51.100.1", "10.0.0.1", "9.9.9.9"]),
        (IceCandidates.PRIVATE, ["192.0.2.1", "198.51.100.1", "10.0.0.1"]),
        (IceCandidates.PUBLIC, ["9.9.9.9"]),
    ],
)
def test_candidates_of_descriptions_and_trickled_ones_are_chosen(
    policy: IceCandidates | None, expected: list[str]
) -> None:
    stage = Stage(FeatureLevel.V0_16, ice_candidates=policy, own_ports=(8080,))
    (bob,) = stage.joined("bob")
    offer = make_offer(["audio"], 1).replace("a=end-of-candidates\r\n", "")
    bob.say("media", "publish", target=bob.id, **STREAM, sdp=offer)
    trickled(bob, "10.0.0.1", "9.9.9.9", "224.0.0.1", "5d6ca9b5.local", "printer.example")
    trickled(bob, "10.0.0.2", "9.9.9.10", port=8080)
    assert "error" not in [one["message"] for one in bob.heard("media")]
    assert given(stage) == expected


def test_the_end_of_candidates_is_withheld_if_some_were_refused() -> None:
    """ICE would fail at once otherwise, although the participant can reach the media server by itself."""
    for policy, ends in ((IceCandidates.ALL, True), (IceCandidates.PUBLIC, False)):
        stage = Stage(FeatureLevel.V0_16, ice_candidates=policy)
        (bob,) = stage.joined("bob")
        publish(bob, 1)
        bob.say("media", "sdp_end_of_candidates", target=bob.id, **STREAM)
        assert any(one.end for one in operations(stage, AddCandidates)) is ends
