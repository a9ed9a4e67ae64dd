"""Two engines and their streams: publish, mute, subscribe, park, subscribe again, stop, and errors on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from worlds import (
    CANDIDATE,
    NOBODY,
    SCREEN,
    VIDEO,
    client_peer,
    done,
    errors,
    flows,
    hear,
    heard,
    published,
    report,
    say,
    sent,
    server_peer,
    settle,
    subscribed,
)

from m3core.conference.events import (
    PeerMisbehaved,
    PublicationStarted,
    PublicationStopped,
    ReceivingChanged,
    ServerRefused,
    StreamChanged,
    StreamStarted,
    StreamStopped,
    SubscriptionStopped,
)
from m3core.conference.modules.media import ConnectionSlow
from m3core.errors import CallRefused, LocalProtocolError, StaleNegotiation
from m3core.io import (
    AddCandidates,
    ApplyAnswer,
    CommandId,
    Described,
    Down,
    Failed,
    OpenSubscriber,
    PeerId,
    Receiving,
    SetSending,
    Slow,
    Trickled,
)
from m3core.limits import PUBLISHER_RENEWAL, STREAM_RENEWAL_DELAY, STREAM_STABLE
from m3core.messages import media
from m3core.sdp import SessionDescription
from m3core.testing.descriptions import make_offer
from m3core.testing.pair import World
from m3core.values import MediaKind, MediaSessionKey, SlowDirection


def test_publish_completes_and_is_seen() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    call = bob.publish()
    assert [one.is_live for one in bob.conference.state.publications] == [False]
    world.run()
    key = MediaSessionKey(bob.id, VIDEO)
    assert bob.done[call].result == key
    assert [payload["action"] for payload in sent(bob)] == [
        "join",
        "publish",
        "sdp_candidate",
        "sdp_candidate",
        "sdp_end_of_candidates",
        "publish_complete",
    ]
    assert [payload["message"] for payload in heard(bob)][-4:] == [
        "sdp_answer",
        "webrtc_up",
        "media_status",
        "media_status",
    ]
    assert len(bob.of(PublicationStarted)) == 1
    assert [(event.kind, event.receiving) for event in bob.of(ReceivingChanged)] == [
        (MediaKind.AUDIO, True),
        (MediaKind.VIDEO, True),
    ]
    assert [event.media_session_type for event in ada.of(StreamStarted)] == [VIDEO]
    (state,) = bob.conference.state.publications
    assert (state.media_session_type, state.audio, state.video, state.is_live) == (VIDEO, True, True, True)
    settle(world)


def test_media_commands_come_in_the_order_that_is_data() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    subscribed(world, bob, ada)
    operations = [type(command.operation) for command in bob.media.commands]
    assert operations == [OpenSubscriber, AddCandidates]
    assert [type(command.operation) for command in ada.media.commands][1:] == [ApplyAnswer, AddCandidates]
    (peer,) = bob.media.peers.values()
    assert peer.ended
    assert peer.candidates
    actions = [payload["action"] for payload in sent(bob)]
    assert actions[1:] == ["subscribe", "sdp_answer", "sdp_candidate", "sdp_candidate", "sdp_end_of_candidates"]
    opened = bob.media.commands[0].operation
    assert isinstance(opened, OpenSubscriber)
    assert "a=candidate" not in opened.offer


def test_mute_says_only_what_changed() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    before = len(bob.sent)
    assert done(world, bob, lambda c, now: c.set_sending(VIDEO, audio=True, video=True, now=now)) is None
    assert len(bob.sent) == before
    assert done(world, bob, lambda c, now: c.set_sending(VIDEO, audio=False, video=True, now=now)) is None
    assert bob.media.commands[-1].operation == SetSending(audio=False, video=True)
    (changed,) = ada.of(StreamChanged)
    assert (changed.audio, changed.video) == (False, True)
    assert not world.sfu.peers[server_peer(world, bob)].audio
    assert done(world, bob, lambda c, now: c.set_sending(VIDEO, audio=False, video=False, now=now)) is None
    assert VIDEO in ada.conference.state.participants[bob.id].streams  # both off is still published
    with pytest.raises(LocalProtocolError):
        bob.do(lambda c, now: c.set_sending(SCREEN, audio=True, video=True, now=now))


def test_mute_while_publishing_goes_into_publish_complete() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    bob.publish()
    call = bob.do(lambda c, now: c.set_sending(VIDEO, audio=False, video=True, now=now))
    assert bob.done[call].error is None
    world.run()
    stream = ada.conference.state.participants[bob.id].streams[VIDEO]
    assert (stream.audio, stream.video) == (False, True)


def test_screen_share_and_stop() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada, VIDEO)
    published(world, ada, SCREEN)
    subscribed(world, bob, ada, SCREEN)
    subscribed(world, bob, ada, VIDEO)
    assert done(world, ada, lambda c, now: c.unpublish(SCREEN, now)) is None
    assert ada.of(PublicationStopped)[0].reason == ""
    assert [event.media_session_type for event in bob.of(StreamStopped)] == [SCREEN]
    assert not bob.of(SubscriptionStopped)  # it might have been a break
    world.sleep(PUBLISHER_RENEWAL)
    assert [event.media_session_type for event in bob.of(SubscriptionStopped)] == [SCREEN]
    assert [one.media_session_type for one in bob.conference.state.subscriptions] == [VIDEO]
    with pytest.raises(LocalProtocolError):
        ada.do(lambda c, now: c.unpublish(SCREEN, now))
    settle(world)


@pytest.mark.parametrize(("audio", "video"), [(True, False), (False, True)])
def test_audio_or_video_alone(audio: bool, video: bool) -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    bob.publish(audio=audio, video=video)
    world.run()
    subscribed(world, ada, bob)
    (state,) = bob.conference.state.publications
    assert (state.audio, state.video) == (audio, video)


def test_what_cannot_be_asked_is_refused_before_anything_is_sent() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    subscribed(world, bob, ada)
    wrongs: list[Callable[[], object]] = [
        lambda: ada.publish(audio=False, video=False),
        lambda: ada.publish(),
        lambda: bob.subscribe(NOBODY),
        lambda: bob.subscribe(ada.id, SCREEN),
        lambda: bob.subscribe(ada.id),
        lambda: bob.do(lambda c, now: c.configure(ada.id, SCREEN, video=True, now=now)),
        lambda: bob.do(lambda c, now: c.configure(ada.id, VIDEO, substream=3, now=now)),
    ]
    for wrong in wrongs:
        before = len(ada.sent) + len(bob.sent)
        with pytest.raises(LocalProtocolError):
            wrong()
        assert len(ada.sent) + len(bob.sent) == before
    assert list(bob.conference.outputs()) == []


def test_park_and_wake() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    subscribed(world, bob, ada)
    bob.tell(lambda c, now: c.park(ada.id, VIDEO, now))
    bob.tell(lambda c, now: c.park(ada.id, VIDEO, now))
    bob.tell(lambda c, now: c.park(ada.id, SCREEN, now))
    world.run()
    assert sent(bob)[-1]["configuration"] == {"video": False}
    assert not world.sfu.peers[server_peer(world, bob, of=ada)].video
    assert [one.is_parked for one in bob.conference.state.subscriptions] == [True]
    peer = client_peer(bob)
    call, woken = bob.conference.subscribe(ada.id, VIDEO, now=world.now)
    world.drain(bob)
    world.run()
    assert woken == peer
    assert bob.done[call].error is None
    assert world.sfu.peers[server_peer(world, bob, of=ada)].video
    settle(world)


def test_parked_on_the_way_up() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    call = bob.subscribe(ada.id)
    bob.tell(lambda c, now: c.cancel(call, now))
    again = bob.subscribe(ada.id)  # wakes it before it is up
    bob.tell(lambda c, now: c.cancel(again, now))
    world.run()
    assert sent(bob)[-1] == {
        "action": "configure",
        "target": ada.id,
        "media_session_type": "video",
        "configuration": {"video": False},
    }
    third = bob.subscribe(ada.id)
    world.run()
    assert bob.done[third].error is None
    settle(world)


def test_configure() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    subscribed(world, bob, ada)
    assert done(world, bob, lambda c, now: c.configure(ada.id, VIDEO, substream=1, now=now)) is None
    assert sent(bob)[-1]["configuration"] == {"substream": 1}
    fields = {"target": ada.id, "media_session_type": "video"}
    assert say(world, bob, "media", "configure", configuration={"substream": 9}, **fields) == []
    assert "substream=2" in repr(world.sfu.commands[-1])  # larger means high
    call = bob.do(lambda c, now: c.configure(ada.id, VIDEO, video=True, now=now))
    hear(world, bob, "media", "error", error="invalid_configure_request", source=ada.id, media_session_type="video")
    assert isinstance(bob.done[call].error, CallRefused)
    fields["target"] = NOBODY
    assert say(world, bob, "media", "configure", configuration={}, **fields) == []


def test_without_video() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    bob.do(lambda c, now: c.subscribe(ada.id, VIDEO, without_video=True, now=now)[0])
    world.run()
    opened = bob.media.commands[0].operation
    assert isinstance(opened, OpenSubscriber)
    assert "m=video" not in opened.offer


def test_a_second_subscribe_is_offered_anew() -> None:
    """Mustang's client closes its peer silently and subscribes again (media.md § 10 row 10)."""
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    subscribed(world, bob, ada)
    old = server_peer(world, bob, of=ada)
    answers = say(world, bob, "media", "subscribe", target=ada.id, media_session_type="video")
    assert answers[0]["message"] == "sdp_offer"
    assert server_peer(world, bob, of=ada) != old
    assert old not in world.sfu.peers
    settle(world)


def test_what_a_server_refuses_and_what_it_ignores() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    of_ada: dict[str, Any] = {"target": ada.id, "media_session_type": "video"}
    own: dict[str, Any] = {"target": bob.id, "media_session_type": "video"}
    trickled = {"candidate": {"candidate": CANDIDATE, "sdpMLineIndex": 0}}
    cases: list[tuple[str, dict[str, Any], list[str]]] = [
        ("subscribe", own, ["invalid_request_offer"]),
        ("subscribe", {**of_ada, "media_session_type": "screen"}, ["invalid_request_offer"]),
        ("subscribe", {**own, "target": NOBODY}, []),
        ("resubscribe", of_ada, ["invalid_request_offer"]),
        ("sdp_answer", {**of_ada, "sdp": "v=0"}, ["handle_sdp_answer"]),
        ("sdp_answer", {**own, "sdp": "v=0"}, ["handle_sdp_answer"]),
        ("publish", {**of_ada, "sdp": make_offer(["audio"], 1)}, ["invalid_sdp_offer"]),
        ("publish", {**own, "sdp": "nonsense"}, ["invalid_sdp_offer"]),
        ("sdp_candidate", {**own, **trickled}, ["invalid_candidate"]),
        ("sdp_candidate", {**of_ada, **trickled}, ["invalid_candidate"]),
        ("sdp_end_of_candidates", own, ["invalid_end_of_candidates"]),
        ("sdp_end_of_candidates", of_ada, ["invalid_end_of_candidates"]),
        ("update_media_session", {"media_session_type": "video", "media_session_state": _state()}, []),
        ("publish_complete", {"media_session_type": "video", "media_session_state": _state()}, []),
        ("unpublish", {"media_session_type": "screen"}, []),
        ("update_speaking_state", {"is_speaking": True}, []),
    ]
    for action, fields, expected in cases:
        answers = say(world, bob, "media", action, **fields)
        assert errors(answers) == expected, action
        if expected == ["invalid_request_offer"]:
            assert answers[0]["source"] == fields["target"]
            assert answers[0]["media_session_type"] == fields["media_session_type"]
    assert bob.of(ServerRefused)[-1].code == "invalid_end_of_candidates"
    published(world, bob)  # and still all works
    subscribed(world, bob, ada)
    cases = [
        ("sdp_answer", {**of_ada, "sdp": "v=0"}, ["handle_sdp_answer"]),
        ("sdp_candidate", {**own, **trickled}, ["invalid_candidate"]),  # after the end of candidates
        ("sdp_end_of_candidates", of_ada, []),
    ]
    for action, fields, expected in cases:
        assert errors(say(world, bob, "media", action, **fields)) == expected, action
    settle(world)


def _state() -> dict[str, object]:
    return {"audio": True, "video": True}


def test_resubscribe_restarts() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    subscribed(world, bob, ada)
    before = len(heard(bob))
    bob.do(lambda c, now: c.command(media.Resubscribe(target=ada.id, media_session_type=VIDEO), now))
    world.run()
    assert [payload["message"] for payload in heard(bob, before)] == ["sdp_offer", "webrtc_up"]
    assert not bob.of(PeerMisbehaved)
    assert [one.is_live for one in bob.conference.state.subscriptions] == [True]
    settle(world)


# what the media server says ---
def test_the_media_server_refuses_an_offer() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    world.sfu.refuse_next = "full"
    call = bob.publish()
    world.run()
    error = bob.done[call].error
    assert isinstance(error, CallRefused)
    assert error.code == "invalid_sdp_offer"
    assert bob.media.peers == {}
    published(world, bob)
    world.sfu.refuse_next = "full"
    call = ada.subscribe(bob.id)
    world.run()
    error = ada.done[call].error
    assert isinstance(error, CallRefused)
    assert error.code == "invalid_request_offer"
    subscribed(world, ada, bob)
    settle(world)


def test_a_refused_renegotiation_ends_the_stream_for_all() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    subscribed(world, ada, bob)
    world.sfu.refuse_next = "no"
    answers = say(
        world, bob, "media", "publish", target=bob.id, media_session_type="video", sdp=make_offer(["audio", "video"], 9)
    )
    assert [one["message"] for one in answers] == ["error", "webrtc_down"]
    assert flows(bob) == flows(ada) == [False]
    assert ada.of(StreamStopped)
    settle(world)


def test_a_renegotiation_is_answered() -> None:
    world = World()
    _ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    offer = make_offer(["audio", "video"], 9)
    fields = {"target": bob.id, "media_session_type": "video", "sdp": offer}
    answers = [one["message"] for one in say(world, bob, "media", "publish", **fields)]
    assert answers == ["sdp_answer", "webrtc_up", "media_status", "media_status"]
    assert isinstance(bob.of(PeerMisbehaved)[-1].error, StaleNegotiation)  # our engine had not asked
    assert [one.is_live for one in bob.conference.state.publications] == [True]
    settle(world)


def test_an_answer_of_the_media_server_that_breaks_the_rules() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    call = ada.publish()
    while not any("publish" in str(payload) for payload in sent(ada)[1:]):
        world.deliver(0)
    while not world.channels.get(("sfu", 0)):
        world.deliver(0)
    world.channels["sfu", 0].clear()  # the media server says something else
    peer = server_peer(world, ada)
    report(world, Described(CommandId(999), peer, "v=0"))  # not what was asked
    report(world, Described(CommandId(1), peer, "v=0"))
    error = ada.done[call].error
    assert isinstance(error, CallRefused)
    assert error.code == "invalid_sdp_offer"
    settle(world)


def test_streams_that_die() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    subscribed(world, ada, bob)
    report(world, Down(server_peer(world, ada, of=bob)))
    assert flows(ada) == [False]
    assert VIDEO in ada.conference.state.participants[bob.id].streams
    world.sleep(2 * STREAM_RENEWAL_DELAY)
    assert flows(ada) == [True]
    world.sleep(STREAM_STABLE)
    report(world, Failed(None, server_peer(world, bob), "dead"))
    assert VIDEO not in ada.conference.state.participants[bob.id].streams
    world.sleep(3 * STREAM_RENEWAL_DELAY)
    assert flows(ada) == flows(bob) == [True]
    report(world, Failed(None, server_peer(world, bob), "dead"))  # too soon
    assert bob.of(PublicationStopped)[0].reason == "the media connection ended"
    assert [event.reason for event in ada.of(SubscriptionStopped)] == ["the publisher stopped the stream"]
    assert flows(ada) == flows(bob) == []
    settle(world)


def test_a_publisher_that_dies_before_it_was_announced() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    fields = {"target": bob.id, "media_session_type": "video"}
    say(world, bob, "media", "publish", sdp=make_offer(["audio"], 1), **fields)
    before = len(ada.received)
    report(world, Down(server_peer(world, bob)))
    assert len(ada.received) == before
    settle(world)


def test_small_talk_of_the_media_server() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    subscribed(world, ada, bob)
    published(world, ada, SCREEN)
    publisher, subscription = server_peer(world, bob), server_peer(world, ada, of=bob)
    report(world, Slow(publisher, SlowDirection.UPSTREAM))
    report(world, Slow(subscription, SlowDirection.DOWNSTREAM))
    assert [event.direction for event in bob.of(ConnectionSlow)] == [SlowDirection.UPSTREAM]
    assert [event.participant_id for event in ada.of(ConnectionSlow)] == [bob.id]
    report(world, Receiving(publisher, MediaKind.VIDEO, receiving=False))
    assert not bob.of(ReceivingChanged)[-1].receiving
    before = len(ada.received) + len(bob.received)
    report(world, Receiving(subscription, MediaKind.VIDEO, receiving=False))
    report(world, Receiving(PeerId(999), MediaKind.VIDEO, receiving=False))
    report(world, Trickled(subscription, "candidate:nonsense"))
    assert len(ada.received) + len(bob.received) == before
    report(world, Trickled(subscription, CANDIDATE))
    assert isinstance(ada.of(PeerMisbehaved)[-1].error, StaleNegotiation)  # the offer had ended the candidates
    report(world, Trickled(subscription, None))
    report(world, Trickled(publisher, None))
    assert [one["message"] for one in heard(bob)][-1] == "sdp_end_of_candidates"
    fields = {"target": ada.id, "media_session_type": "video"}
    offer = SessionDescription.parse(make_offer(["audio"], 1)).without_candidates().serialize()
    say(world, ada, "media", "publish", sdp=offer, **fields)
    world.controller.sfu_report(Receiving(server_peer(world, ada), MediaKind.AUDIO, receiving=True), world.now)
    assert list(world.controller.outputs()) == []  # not before webrtc_up (media.md § 10 row 5)
    settle(world)
