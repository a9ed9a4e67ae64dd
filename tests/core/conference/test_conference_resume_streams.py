"""Streams and calls when the connection breaks and another one replaces it (signaling.md § 3, media.md § 4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted import Script
from worlds import SCREEN, VIDEO, flows, published, sent, settle, subscribed

from m3core.conference.events import (
    ParticipantJoined,
    PeerMisbehaved,
    PublicationStarted,
    PublicationStopped,
    Resumed,
    StreamStopped,
    SubscriptionStopped,
)
from m3core.controller import streams
from m3core.errors import (
    CallCancelled,
    CallTimedOut,
    MediaError,
)
from m3core.io import ClosePeer, Down, Failed, MediaReport, OpenPublisher, OpenSubscriber, PeerId, Trickled
from m3core.limits import (
    NEGOTIATION_TIMEOUT,
    RECONNECT_CAP,
    RECONNECT_WINDOW,
)
from m3core.testing.pair import Client, World
from m3core.values import MediaSessionKey

LONG_ENOUGH = RECONNECT_WINDOW + 1


def opened(client: Client) -> list[PeerId]:
    """The peers that the media engine of ``client`` was told to open, for the first time or for a renewal."""
    return [
        command.peer
        for command in client.media.commands
        if isinstance(command.operation, OpenPublisher | OpenSubscriber)
    ]


def says(client: Client, report: MediaReport) -> None:
    """The media engine of ``client`` sends a report."""
    client.tell(lambda c, now: c.media_report(report, now))


# streams ---
def test_streams_are_published_and_subscribed_again() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, bob)
    published(world, bob, SCREEN)
    subscribed(world, bob, ada)
    bob.do(lambda c, now: c.set_sending(VIDEO, audio=False, video=True, now=now))
    world.sleep(0.5)
    peers, begun, count = dict(bob.media.peers), len(opened(bob)), len(bob.sent)
    old = bob.id
    world.cut(bob)
    assert [one.is_live for one in bob.conference.state.publications] == [False, False]
    assert [one.is_live for one in bob.conference.state.subscriptions] == [False]
    world.sleep(LONG_ENOUGH)
    assert len(bob.of(Resumed)) == 1
    assert not bob.of(PublicationStopped)
    assert not bob.of(SubscriptionStopped)
    assert len(bob.of(PublicationStarted)) == 4
    assert sorted(opened(bob)[begun:]) == sorted(peers)  # the same peers, each renewed
    assert all(peer.opened == 2 and peer.is_up for peer in bob.media.peers.values())
    assert not any(isinstance(command.operation, ClosePeer) for command in bob.media.commands)
    muted = next(iter(bob.media.peers.values()))
    assert (muted.audio, muted.video) == (False, True)
    actions = [one["action"] for one in sent(bob, count)]
    assert actions[0] == "join"
    assert {"subscribe", "publish", "publish_complete"} <= set(actions)
    completed = [one for one in sent(bob, count) if one["action"] == "publish_complete"]
    assert {one["media_session_type"]: one["media_session_state"]["audio"] for one in completed} == {
        "video": False,
        "screen": True,
    }
    state = bob.conference.state
    assert [one.is_live for one in state.publications] == [True, True]
    assert [one.is_live for one in state.subscriptions] == [True]
    seen = ada.conference.state.participants[bob.id]
    assert {kind: stream.audio for kind, stream in seen.streams.items()} == {VIDEO: False, SCREEN: True}
    assert bob.of(Resumed)[0].previous_id == old
    assert not bob.of(PeerMisbehaved)
    assert len(bob.of(ParticipantJoined)) == 1
    bob.do(lambda c, now: c.unpublish(VIDEO, now))
    world.run()
    assert ada.of(StreamStopped)
    settle(world)


def test_a_subscription_whose_publisher_stopped_ends() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, ada, SCREEN)
    subscribed(world, bob, ada)
    subscribed(world, bob, ada, SCREEN)
    world.cut(bob)
    ada.do(lambda c, now: c.unpublish(SCREEN, now))
    world.sleep(LONG_ENOUGH)
    assert [event.media_session_type for event in bob.of(SubscriptionStopped)] == [SCREEN]
    assert bob.events.index(bob.of(Resumed)[0]) < bob.events.index(bob.of(SubscriptionStopped)[0])
    assert [one.is_live for one in bob.conference.state.subscriptions] == [True]
    settle(world)


def test_what_was_configured_is_configured_again_and_what_was_parked_is_gone() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, ada, SCREEN)
    subscribed(world, bob, ada)
    subscribed(world, bob, ada, SCREEN)
    bob.do(lambda c, now: c.configure(ada.id, VIDEO, substream=1, now=now))
    bob.do(lambda c, now: c.configure(ada.id, VIDEO, video=False, now=now))
    world.sleep(0.5)
    bob.tell(lambda c, now: c.park(ada.id, SCREEN, now))
    world.run()
    count = len(bob.sent)
    world.cut(bob)
    assert [one.media_session_type for one in bob.conference.state.subscriptions] == [VIDEO]
    world.sleep(LONG_ENOUGH)
    configured = [one["configuration"] for one in sent(bob, count) if one["action"] == "configure"]
    assert configured == [{"video": False, "substream": 1}]
    assert not bob.of(SubscriptionStopped)
    subscribed(world, bob, ada, SCREEN)
    bob.tell(lambda c, now: c.park(ada.id, VIDEO, now))
    call = bob.subscribe(ada.id, VIDEO)
    assert bob.done[call].error is None
    settle(world)


def test_what_nobody_reads_any_more_is_not_renewed() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, ada, SCREEN)
    subscribed(world, bob, ada)
    pending = bob.subscribe(ada.id, SCREEN)
    world.cut(bob)
    bob.tell(lambda c, now: c.park(ada.id, VIDEO, now))
    bob.tell(lambda c, now: c.park(ada.id, VIDEO, now))
    bob.tell(lambda c, now: c.cancel(pending, now))
    assert isinstance(bob.done[pending].error, CallCancelled)
    assert bob.conference.state.subscriptions == ()
    world.sleep(LONG_ENOUGH)
    assert bob.of(Resumed)
    assert bob.media.peers == {}
    settle(world)


# calls ---
@pytest.mark.parametrize("steps", range(0, 60, 3))
def test_calls_under_way_are_completed_by_the_renewed_stream(steps: int) -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    calls = [bob.publish(), bob.subscribe(ada.id)]
    for step in range(steps):
        world.deliver(step)
    world.cut(bob)
    world.sleep(LONG_ENOUGH)
    for call in calls:
        assert bob.done[call].error is None
    keys = [MediaSessionKey(bob.id, VIDEO), MediaSessionKey(ada.id, VIDEO)]
    results = [bob.done[call].result for call in calls]
    assert results[1] == keys[1]
    assert isinstance(results[0], MediaSessionKey)
    state = bob.conference.state
    assert [one.is_live for one in state.publications] + [one.is_live for one in state.subscriptions] == [True, True]
    assert not bob.of(PeerMisbehaved)
    settle(world)


def test_the_deadline_of_a_call_stands() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    world.is_reachable = False
    calls = [bob.publish(), bob.subscribe(ada.id)]
    world.cut(bob)
    world.sleep(NEGOTIATION_TIMEOUT - 1)
    assert not any(call in bob.done for call in calls)
    world.sleep(1)
    assert all(isinstance(bob.done[call].error, CallTimedOut) for call in calls)
    assert bob.media.peers == {}
    world.is_reachable = True
    world.sleep(RECONNECT_CAP)
    assert bob.of(Resumed)
    assert bob.conference.state.publications == ()


def test_a_publish_is_cancelled_while_reconnecting() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    call = ada.publish()
    world.cut(ada)
    ada.tell(lambda c, now: c.cancel(call, now))
    world.sleep(LONG_ENOUGH)
    assert isinstance(ada.done[call].error, CallCancelled)
    assert ada.conference.state.publications == ()
    assert "unpublish" not in str(sent(ada))
    settle(world)


def test_a_screen_that_may_be_shared_no_more() -> None:
    script = Script()
    script.enter()
    call = script.give(lambda c, now: c.publish(SCREEN, audio=False, video=True, now=now)[0])
    script.lose()
    script.await_attempt()
    script.sent.clear()
    script.enter(media={"is_presenter": False})
    assert isinstance(script.done[call].error, MediaError)
    assert not script.sent
    assert script.media.peers == {}


# the media engine meanwhile ---
def test_what_the_old_peer_says_is_of_no_use() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, bob)
    subscribed(world, bob, ada)
    world.cut(bob)
    for peer in list(bob.media.peers):
        for report in (
            Down(peer),
            Failed(None, peer, "ICE"),
            Failed(bob.media.commands[-1].id, peer, "late"),
            Trickled(peer, None),
        ):
            says(bob, report)
    world.sleep(LONG_ENOUGH)
    assert not bob.of(PublicationStopped)
    assert not bob.of(SubscriptionStopped)
    assert flows(bob) == [True, True]
    for peer in list(bob.media.peers):  # from now on it is meant
        says(bob, Down(peer))
    assert flows(bob) == [False, False]
    settle(world)


def test_a_peer_that_could_never_be_opened_is_not_begun_anew() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    ada.media.refuse_next = "no camera"
    call = ada.publish()
    world.cut(ada)
    assert call not in ada.done
    world.run()  # the media engine comes to it
    error = ada.done[call].error
    assert isinstance(error, MediaError)
    assert "no camera" in str(error)
    world.sleep(LONG_ENOUGH)
    assert ada.of(Resumed)
    assert ada.conference.state.publications == ()
    settle(world)


def test_a_stream_that_cannot_be_renewed_stops() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    world.cut(bob)
    bob.media.refuse_next = "the camera is gone"
    world.sleep(LONG_ENOUGH)
    assert "the camera is gone" in bob.of(PublicationStopped)[0].reason
    published(world, ada)
    subscribed(world, bob, ada)
    world.cut(bob)
    world.sfu.refuse_next = "no"
    world.sleep(2 * LONG_ENOUGH)  # the second loss in a row
    assert len(bob.of(SubscriptionStopped)) == 1
    settle(world)


def test_a_renewed_stream_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PEER_TIMEOUT", 2 * NEGOTIATION_TIMEOUT)  # a server that never gives up
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, bob)
    subscribed(world, bob, ada)
    world.cut(bob)
    world._sfu = lambda command: None  # type: ignore[method-assign]
    world.sleep(LONG_ENOUGH)
    assert bob.of(Resumed)
    world.sleep(NEGOTIATION_TIMEOUT - LONG_ENOUGH)
    assert not bob.of(SubscriptionStopped)
    world.sleep(LONG_ENOUGH)
    late = str(CallTimedOut("renewing a stream", NEGOTIATION_TIMEOUT))
    assert [event.reason for event in bob.of(SubscriptionStopped)] == [late]
    assert [event.reason for event in bob.of(PublicationStopped)] == [late]
    assert bob.media.peers == {}


def test_an_offer_that_renews_a_subscription_begins_its_peer_anew() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    subscribed(world, bob, ada)
    (session,) = bob.conference.subscriptions.all()
    offer = next(one for one in bob.received if b"sdp_offer" in one)
    payload: dict[str, Any] = json.loads(offer)["payload"]
    connection = bob.conference.outbox.connection
    assert connection is not None
    bob.tell(lambda c, now: c.receive_text(connection, offer, now))
    assert payload["source"] == ada.id
    bob.tell(lambda c, now: c.media_report(Down(session.peer), now))  # the old one, crossing
    world.run()
    assert not bob.of(SubscriptionStopped)
    assert bob.media.peers[session.peer].opened == 2
