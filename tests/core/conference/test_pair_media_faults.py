"""Faults of streams: our media engine fails, the server sends what it must not, calls are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from worlds import (
    CANDIDATE,
    NOBODY,
    SCREEN,
    VIDEO,
    client_peer,
    hear,
    published,
    sent,
    settle,
    subscribed,
)

from m3core.conference.events import (
    PeerMisbehaved,
    PublicationStopped,
    StreamStopped,
    SubscriptionStopped,
)
from m3core.errors import CallRefused, LocalProtocolError, MediaError, SdpError, StaleNegotiation
from m3core.io import (
    AddCandidates,
    ClosePeer,
    CommandId,
    Described,
    Down,
    Failed,
    MediaCommand,
    PeerId,
    Receiving,
    Trickled,
    Up,
)
from m3core.limits import MAX_CALLS, STREAM_RENEWAL_DELAY
from m3core.messages import media
from m3core.testing.descriptions import make_offer
from m3core.testing.pair import World
from m3core.values import MediaKind


# what our media engine says ---
def test_our_media_engine_fails() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    ada.media.refuse_next = "no camera"
    call = ada.publish()
    world.run()
    error = ada.done[call].error
    assert isinstance(error, MediaError)
    assert str(error) == "the media engine failed: no camera"
    assert "unpublish" not in str(sent(ada))  # the offer had not left
    published(world, ada)
    for _ in range(2):  # the first time it is mended
        ada.tell(lambda c, now: c.media_report(Failed(None, client_peer(ada), "unplugged"), now))
        world.sleep(2 * STREAM_RENEWAL_DELAY)
    assert ada.of(PublicationStopped)[-1].reason == "the media engine failed: unplugged"
    assert sent(ada)[-1]["action"] == "unpublish"
    assert bob.of(StreamStopped)
    published(world, ada)
    bob.media.refuse_next = "no decoder"
    call = bob.subscribe(ada.id)
    world.run()
    assert isinstance(bob.done[call].error, MediaError)
    subscribed(world, bob, ada)
    for _ in range(2):
        bob.tell(lambda c, now: c.media_report(Down(client_peer(bob)), now))
        world.sleep(2 * STREAM_RENEWAL_DELAY)
    assert [event.reason for event in bob.of(SubscriptionStopped)][-1:] == ["the media connection ended"]
    settle(world)


@pytest.mark.parametrize("sdp", ["nonsense", "v=0\r\n" + "a=x\r\n" * 40_000], ids=["broken", "long"])
def test_our_media_engine_makes_an_unusable_offer(sdp: str) -> None:
    world = World()
    (ada,) = world.joined("Ada")
    call, peer = ada.conference.publish(VIDEO, audio=True, video=True, now=world.now)
    (command,) = ada.conference.outputs()
    assert isinstance(command, MediaCommand)
    ada.tell(lambda c, now: c.media_report(Described(command.id, peer, sdp), now))
    error = ada.done[call].error
    assert isinstance(error, MediaError)
    assert [type(one.operation) for one in ada.media.commands] == []
    world.run()
    assert [type(one.operation) for one in ada.media.commands] == [ClosePeer]


def test_a_candidate_before_its_description_is_of_no_use() -> None:
    """A late candidate belongs to the peer connection before the present one."""
    world = World()
    (ada,) = world.joined("Ada")
    call, peer = ada.conference.publish(VIDEO, audio=True, video=True, now=world.now)
    list(ada.conference.outputs())
    ada.tell(lambda c, now: c.media_report(Trickled(peer, CANDIDATE), now))
    ada.tell(lambda c, now: c.media_report(Trickled(peer, None), now))
    assert call not in ada.done
    assert "sdp_candidate" not in [one["action"] for one in sent(ada)]


def test_late_and_foreign_reports_are_ignored() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    published(world, ada)
    peer = client_peer(ada)
    before = (len(ada.sent), len(ada.events))
    for late in (
        Described(CommandId(1), peer, "v=0"),
        Described(ada.media.commands[0].id, peer, "v=0"),  # a second time
        Up(peer),
        Up(PeerId(99)),
        Receiving(peer, MediaKind.AUDIO, receiving=True),
    ):
        ada.tell(lambda c, now: c.media_report(late, now))
    assert (len(ada.sent), len(ada.events)) == before
    ada.tell(lambda c, now: c.media_report(Trickled(peer, CANDIDATE, 0), now))
    ada.tell(lambda c, now: c.media_report(Trickled(peer, None), now))
    assert [one["action"] for one in sent(ada)][-2:] == ["sdp_candidate", "sdp_end_of_candidates"]
    ada.tell(lambda c, now: c.media_report(Trickled(peer, "nonsense"), now))
    assert ada.of(PublicationStopped)


# what the server must not say ---
def test_media_of_streams_that_are_not_negotiated() -> None:
    """Descriptions and candidates of streams that we did not negotiate are ignored."""
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    for source in (ada.id, bob.id, NOBODY):
        fields = {"source": source, "media_session_type": "video"}
        candidate = {"candidate": CANDIDATE, "sdpMLineIndex": 0}
        for message, more in (
            ("sdp_answer", {"sdp": make_offer(["audio"], 1)}),
            ("sdp_offer", {"sdp": make_offer(["audio"], 1)}),
            ("sdp_candidate", {"candidate": candidate}),
            ("sdp_end_of_candidates", {}),
            ("webrtc_up", {}),
            ("media_status", {"kind": "audio", "receiving": True}),
        ):
            count = len(bob.of(PeerMisbehaved))
            hear(world, bob, "media", message, **fields, **more)
            assert isinstance(bob.of(PeerMisbehaved)[count].error, StaleNegotiation), message
        hear(world, bob, "media", "webrtc_down", **fields)
    assert bob.media.commands == []
    published(world, ada)
    bob.subscribe(ada.id)
    count = len(bob.of(PeerMisbehaved))
    fields = {"source": ada.id, "media_session_type": "video"}
    hear(world, bob, "media", "webrtc_up", **fields)
    hear(world, bob, "media", "sdp_answer", **fields, sdp=make_offer(["audio"], 1))
    assert len(bob.of(PeerMisbehaved)) == count + 2
    assert [one.is_live for one in bob.conference.state.subscriptions] == [False]
    own = {"source": bob.id, "media_session_type": "video"}
    bob.publish()
    hear(world, bob, "media", "media_status", **own, kind="audio", receiving=True)
    assert "publish_complete" not in str(sent(bob))
    world.run()
    assert [one.is_live for one in bob.conference.state.subscriptions] == [True]
    settle(world)


def test_candidates_of_the_server() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    ada.publish()
    while not any(one["action"] == "publish" for one in sent(ada)):
        world.deliver(0)
    fields = {"source": ada.id, "media_session_type": "video"}
    hear(world, ada, "media", "sdp_candidate", candidate={"candidate": CANDIDATE, "sdpMLineIndex": 0}, **fields)
    hear(world, ada, "media", "sdp_candidate", candidate={"candidate": CANDIDATE, "sdpMLineIndex": 7}, **fields)
    error = ada.of(PeerMisbehaved)[-1].error
    assert isinstance(error, SdpError)
    assert error.path == "$.payload.candidate"
    assert "$.payload.candidate" in str(error)
    world.run()
    given = [one.operation for one in ada.media.commands if isinstance(one.operation, AddCandidates)]
    assert given[0].candidates[-1] == (CANDIDATE, 0)
    hear(world, ada, "media", "sdp_end_of_candidates", **fields)  # a second end is harmless
    assert len(ada.of(PeerMisbehaved)) == 1


@pytest.mark.parametrize("sdp", ["v=0\r\n", "v=0\r\n" + "a=x\r\n" * 10_000], ids=["broken", "long"])
def test_broken_descriptions_of_the_server(sdp: str) -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    call = ada.publish()
    while not any(one["action"] == "publish" for one in sent(ada)):
        world.deliver(0)
    hear(world, ada, "media", "sdp_answer", source=ada.id, media_session_type="video", sdp=sdp)
    assert ada.done[call].error is not None
    assert ada.done[call].error is ada.of(PeerMisbehaved)[-1].error
    assert "$.payload.sdp" in str(ada.done[call].error)
    assert sent(ada)[-1]["action"] == "unpublish"
    world.run()
    published(world, ada)
    call = bob.subscribe(ada.id)
    hear(world, bob, "media", "sdp_offer", source=ada.id, media_session_type="video", sdp=sdp)
    assert bob.done[call].error is bob.of(PeerMisbehaved)[-1].error
    world.run()
    settle(world)


def test_whose_permission_was_denied() -> None:
    """A camera needs no permission: the error is about the other call (media.md § 2)."""
    world = World()
    _ada, bob = world.joined("Ada", "Bob")
    publish = bob.publish()
    mute = bob.do(lambda c, now: c.command(media.ModeratorMute(targets=(), force=False), now))
    world.sleep(0.3)
    assert bob.done[publish].error is None
    assert isinstance(bob.done[mute].error, CallRefused)


def test_a_refusal_of_a_subscription_that_nobody_waits_for() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    call = bob.subscribe(ada.id)
    bob.tell(lambda c, now: c.cancel(call, now))
    world.sfu.refuse_next = "no"
    world.run()
    assert bob.conference.state.subscriptions == ()
    subscribed(world, bob, ada)  # asks anew, and does not wait for the refused one
    settle(world)


def test_too_many_calls_change_nothing() -> None:
    world = World()
    ada, _bob = world.joined("Ada", "Bob")
    published(world, ada)
    for _ in range(MAX_CALLS):
        ada.do(lambda c, now: c.raise_hand(now))
    wrongs: list[Callable[[], object]] = [
        lambda: ada.do(lambda c, now: c.set_sending(VIDEO, audio=False, video=False, now=now)),
        lambda: ada.do(lambda c, now: c.unpublish(VIDEO, now)),
        lambda: ada.do(lambda c, now: c.lower_hand(now)),
        lambda: ada.publish(SCREEN),
    ]
    for wrong in wrongs:
        state = ada.conference.state.publications
        with pytest.raises(LocalProtocolError):
            wrong()
        assert list(ada.conference.outputs()) == []
        assert ada.conference.state.publications == state
    ada.do(lambda c, now: c.leave(now))  # always possible
    world.run()
    assert len(ada.done) == MAX_CALLS + 3


def test_what_crosses_our_unpublish_is_nobodys_fault() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    published(world, ada)
    ada.do(lambda c, now: c.unpublish(VIDEO, now))
    fields = {"source": ada.id, "media_session_type": "video"}
    hear(world, ada, "media", "webrtc_up", **fields)
    hear(world, ada, "media", "media_status", kind="audio", receiving=False, **fields)
    assert ada.of(PeerMisbehaved) == []
    hear(world, ada, "media", "webrtc_up", source=ada.id, media_session_type="screen")
    assert len(ada.of(PeerMisbehaved)) == 1  # that one was never published
    settle(world)
