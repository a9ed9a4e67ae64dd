"""A subscription that breaks while the signaling lives is renewed when its publisher is there."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from scripted import OTHER, THIRD
from stream_script import Streams, entry
from worlds import VIDEO, flows, published, report, server_peer, settle, subscribed

from m3core.conference.events import PeerMisbehaved, ServerRefused, StreamStopped, SubscriptionStopped
from m3core.errors import LocalProtocolError
from m3core.io import Down, Failed, PeerId
from m3core.limits import PUBLISHER_RENEWAL, PUBLISHER_RETURN, STREAM_RENEWAL_DELAY, STREAM_STABLE
from m3core.testing.descriptions import make_offer
from m3core.testing.pair import World
from m3core.values import ParticipantId

PEER = PeerId(1)
MOMENT = 1.5 * STREAM_RENEWAL_DELAY
STOPPED = "the publisher stopped the stream"
SIGNS: dict[str, Callable[[Streams], None]] = {
    "down": lambda script: script.reports(Down(PEER)),
    "webrtc_down": lambda script: script.says("webrtc_down", OTHER),
    "update": lambda script: script.update(),
}


def reading() -> Streams:
    """Ada receives Bob's camera."""
    script = Streams()
    script.subscribe()
    script.offer()
    script.sent.clear()
    return script


def reasons(script: Streams) -> list[str]:
    return [event.reason for event in script.of(SubscriptionStopped)]


@pytest.mark.parametrize("how", ["down", "webrtc_down"])
def test_it_is_asked_for_again(how: str) -> None:
    script = reading()
    SIGNS[how](script)
    assert script.flows == [False]
    assert script.actions() == []
    script.sleep(MOMENT)
    script.offer()
    assert script.flows == [True]
    assert script.media.peers[PEER].opened == 2
    assert not reasons(script)
    assert not script.of(PeerMisbehaved)


def test_a_publisher_who_broke_as_well_is_waited_for() -> None:
    """The media server refuses until it has the stream again."""
    script = reading()
    script.says("webrtc_down", OTHER)
    script.update()
    script.sleep(PUBLISHER_RENEWAL - 0.1)
    assert script.actions() == []
    script.update(is_live=True)
    script.offer()
    assert script.flows == [True]
    assert not reasons(script)


@pytest.mark.parametrize("order", [*itertools.permutations(SIGNS), ("update",), ("down", "update"), ("update", "down")])
def test_a_stream_that_stops_is_told_with_one_reason(order: tuple[str, ...]) -> None:
    script = reading()
    for sign in order:
        SIGNS[sign](script)
    # What breaks first may come again with its publisher.
    assert reasons(script) == ([STOPPED] if order[0] == "update" else [])
    script.sleep(PUBLISHER_RENEWAL)
    assert reasons(script) == [STOPPED]
    assert script.actions() == []
    assert script.media.peers == {}


@pytest.mark.parametrize("signs", [(), ("down",), ("webrtc_down",), ("webrtc_down", "update"), ("down", "webrtc_down")])
def test_a_publisher_who_leaves_is_not_waited_for(signs: tuple[str, ...]) -> None:
    script = reading()
    for sign in signs:
        SIGNS[sign](script)
    script.left()
    assert reasons(script) == [STOPPED]


@pytest.mark.parametrize("how", ["down", "webrtc_down"])
def test_what_breaks_again_soon_has_ended(how: str) -> None:
    script = reading()
    SIGNS[how](script)
    script.sleep(MOMENT)
    script.offer()
    script.idle(STREAM_STABLE - MOMENT - 1)
    SIGNS[how](script)
    script.sleep(MOMENT)
    assert reasons(script) == ["the media connection ended"]
    assert script.actions() == []
    assert script.media.peers == {}


def test_what_stops_soon_after_a_break_has_stopped() -> None:
    script = reading()
    script.says("webrtc_down", OTHER)
    script.sleep(MOMENT)
    script.offer()
    script.reports(Down(PEER))
    script.says("webrtc_down", OTHER)
    script.update()
    assert reasons(script) == [STOPPED]


def test_what_was_stable_in_between_is_mended_again() -> None:
    script = reading()
    for _ in range(3):
        script.says("webrtc_down", OTHER)
        script.sleep(MOMENT)
        script.offer()
        script.idle(STREAM_STABLE)
    assert script.flows == [True]


def test_a_stream_that_the_media_server_has_lost_and_the_controller_still_lists() -> None:
    script = reading()
    script.reports(Failed(None, PEER, "no consent"))
    script.sleep(MOMENT)
    assert script.actions() == ["subscribe"]
    script.refuse_request()
    assert script.actions() == ["resubscribe"]  # it may not have noticed, and refuse what we have already
    script.refuse_request()
    script.idle(10.0)
    assert script.actions() == []  # no retries
    assert not reasons(script)
    script.update()
    script.update(is_live=True)
    script.offer()
    assert script.flows == [True]
    assert not script.of(ServerRefused)


def test_a_server_that_has_not_noticed_offers_it_anew() -> None:
    script = reading()
    script.reports(Down(PEER))
    script.sleep(MOMENT)
    script.refuse_request()
    script.offer(action="resubscribe")
    assert script.flows == [True]
    assert script.media.peers[PEER].opened == 2


def test_a_server_that_notices_late() -> None:
    script = reading()
    script.reports(Down(PEER))
    script.sleep(MOMENT)
    script.refuse_request()
    script.refuse_request()
    script.actions()
    script.says("webrtc_down", OTHER)
    script.sleep(MOMENT)
    script.offer()
    assert script.flows == [True]


def test_a_stream_that_is_refused_for_good_ends() -> None:
    script = reading()
    script.says("webrtc_down", OTHER)
    script.sleep(MOMENT)
    script.refuse_request()
    script.actions()
    script.idle(PUBLISHER_RETURN)
    assert len(reasons(script)) == 1
    assert "invalid_request_offer" in reasons(script)[0]
    assert script.actions() == []


def test_a_server_that_announces_and_refuses_for_ever() -> None:
    script = reading()
    script.says("webrtc_down", OTHER)
    asked = 0
    for _ in range(100):
        script.update()
        script.update(is_live=True)
        asked += script.actions().count("subscribe")
        script.refuse_request()
        script.idle(1.0)
    assert len(reasons(script)) == 1
    assert asked <= PUBLISHER_RETURN + 2


def test_a_first_subscribe_that_breaks_is_an_error_of_its_call() -> None:
    script = Streams()
    call = script.subscribe()
    script.says("webrtc_down", OTHER)
    assert script.done[call].error is not None
    assert script.flows == []


def test_what_nobody_reads_is_not_mended() -> None:
    script = reading()
    script.says("webrtc_down", OTHER)
    script.give(lambda c, now: c.park(ParticipantId(OTHER), VIDEO, now))
    assert script.media.peers == {}
    script.sleep(MOMENT)
    assert script.actions() == []
    script.subscribe()
    script.offer()
    script.give(lambda c, now: c.park(ParticipantId(OTHER), VIDEO, now))
    script.actions()
    script.says("webrtc_down", OTHER)
    script.sleep(MOMENT)
    assert script.flows == []
    assert script.actions() == []


def test_what_is_read_again_in_the_moment_of_a_break_is_mended() -> None:
    script = reading()
    script.give(lambda c, now: c.park(ParticipantId(OTHER), VIDEO, now))
    script.says("webrtc_down", OTHER)
    call = script.subscribe()
    script.sleep(MOMENT)
    script.offer()
    assert script.done[call].error is None
    assert script.flows == [True]


@pytest.mark.parametrize("sign", ["down", "webrtc_down"])
def test_what_nobody_reads_stops_in_the_same_order(sign: str) -> None:
    script = reading()
    script.give(lambda c, now: c.park(ParticipantId(OTHER), VIDEO, now))
    before = len(script.events)
    SIGNS[sign](script)
    script.update()
    assert [type(event) for event in script.events[before:]] == [StreamStopped, SubscriptionStopped]


@pytest.mark.parametrize("is_up", [False, True])
def test_who_subscribes_at_each_announcement_takes_it_over(is_up: bool) -> None:
    script = reading()
    with pytest.raises(LocalProtocolError, match="already"):
        script.subscribe()
    script.says("webrtc_down", OTHER)
    script.update()
    script.update(is_live=True)
    if is_up:
        script.offer()
    call = script.subscribe()
    assert (call in script.done) is is_up
    if not is_up:
        script.offer()
    assert script.done[call].error is None
    assert list(script.media.peers) == [PEER]
    with pytest.raises(LocalProtocolError, match="already"):
        script.subscribe()


def test_offers_that_nobody_asked_for_begin_nothing() -> None:
    script = reading()
    script.says("webrtc_down", OTHER)
    script.says("webrtc_up", OTHER)
    assert script.flows == [False]
    assert not script.of(PeerMisbehaved)


@pytest.mark.parametrize("media_server_knows", [False, True])
def test_a_publisher_whose_path_is_lost_keeps_his_readers(media_server_knows: bool) -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    subscribed(world, bob, ada)
    ada.tell(lambda c, now: c.media_report(Down(next(iter(ada.media.peers))), now))
    if media_server_knows:
        report(world, Down(server_peer(world, ada)))
    world.sleep(3 * STREAM_RENEWAL_DELAY)
    for client in (ada, bob):
        assert flows(client) == [True]
        assert not client.of(SubscriptionStopped)
        assert not client.of(PeerMisbehaved)
    settle(world)


def test_who_takes_a_subscription_over_receives_the_video_that_was_left_out() -> None:
    script = reading()
    script.give(lambda c, now: c.configure(ParticipantId(OTHER), VIDEO, video=False, now=now))
    script.says("webrtc_down", OTHER)
    script.sleep(MOMENT)
    script.offer()
    assert script.take("configure")["configuration"] == {"video": False}  # before the break
    assert script.take("configure")["configuration"] == {"video": False}  # after the renewal
    call = script.subscribe()
    assert script.done[call].error is None
    assert script.take("configure")["configuration"] == {"video": True}


def test_what_was_configured_in_two_steps_is_configured_again_as_one() -> None:
    script = reading()
    script.give(lambda c, now: c.configure(ParticipantId(OTHER), VIDEO, video=False, now=now))
    script.give(lambda c, now: c.configure(ParticipantId(OTHER), VIDEO, substream=1, now=now))
    script.says("webrtc_down", OTHER)
    script.sleep(MOMENT)
    script.sent.clear()
    script.says("webrtc_down", OTHER)  # about the subscription before the renewal
    script.says("sdp_offer", OTHER, sdp=make_offer(("audio", "video"), 7, lite=True))
    script.says("webrtc_up", OTHER)
    assert script.take("configure")["configuration"] == {"video": False, "substream": 1}


def test_another_participant_who_leaves_ends_nothing() -> None:
    script = Streams(entry(), entry(THIRD, "Cyd"))
    script.subscribe()
    script.offer()
    script.left(THIRD)
    assert script.flows == [True]
    script.left(OTHER)
    assert script.flows == []
