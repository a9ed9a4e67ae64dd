"""A stream of ours that breaks while the signaling lives is published once more (media.md § 4.5, 4.6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from stream_script import Streams
from worlds import SCREEN, VIDEO, flows, published, report, seeing_each_other, settle

from m3core.conference.events import (
    PeerMisbehaved,
    PublicationStarted,
    PublicationStopped,
    Resumed,
    SubscriptionStopped,
)
from m3core.io import ClosePeer, Down, Failed, PeerId
from m3core.limits import NEGOTIATION_TIMEOUT, STREAM_RENEWAL_DELAY, STREAM_RESTART, STREAM_STABLE
from m3core.testing.pair import World

PEER = PeerId(1)
MOMENT = 1.5 * STREAM_RENEWAL_DELAY


def down(script: Streams) -> None:
    script.reports(Down(PEER))


def says_so(script: Streams) -> None:
    script.says("webrtc_down")


BREAKS: dict[str, tuple[Callable[[Streams], None], ...]] = {
    "our peer connection ends": (down,),
    "our media engine fails": (lambda script: script.reports(Failed(None, PEER, "no consent")),),
    "the server says so": (says_so,),
    "both, we first": (down, says_so),
    "both, the server first": (says_so, down),
}


def break_(script: Streams, how: str) -> None:
    for sign in BREAKS[how]:
        sign(script)


def live() -> Streams:
    """Ada's camera is live."""
    script = Streams()
    script.publish()
    script.live()
    script.sent.clear()
    return script


@pytest.mark.parametrize("how", BREAKS)
def test_it_is_published_once_more(how: str) -> None:
    script = live()
    break_(script, how)
    assert script.flows == [False]
    assert script.actions() == []  # a moment, in which the connection may turn out to be lost as well
    script.sleep(MOMENT)
    assert [one["action"] for one in script.sent if "candidate" not in one["action"]] == ["publish"]
    script.live()
    assert script.flows == [True]
    assert script.media.peers[PEER].opened == 2
    assert len(script.of(PublicationStarted)) == 2
    assert not script.of(PublicationStopped)
    assert not script.of(PeerMisbehaved)
    assert not any(isinstance(one.operation, ClosePeer) for one in script.media.commands)


@pytest.mark.parametrize("how", ["no media", "refused", "failed", "the server ends it"])
def test_a_server_that_cannot_restart_a_stream_is_told_to_forget_it(how: str) -> None:
    script = live()
    down(script)
    script.sleep(MOMENT)
    if how == "refused":
        script.hear("media", message="error", error="invalid_sdp_offer")
    else:
        script.answer_offer()
        if how == "failed":
            down(script)
        elif how == "the server ends it":
            says_so(script)
    script.sent.clear()
    script.sleep(MOMENT + (STREAM_RESTART if how == "no media" else 0))
    known = [] if how == "the server ends it" else ["unpublish"]
    assert [one["action"] for one in script.sent if "candidate" not in one["action"]] == [*known, "publish"]
    script.live()
    if known:
        says_so(script)  # of the old one
    assert script.flows == [True]
    assert not script.of(PublicationStopped)
    assert not script.of(PeerMisbehaved)


@pytest.mark.parametrize("how", BREAKS)
def test_what_breaks_again_soon_has_ended(how: str) -> None:
    script = live()
    break_(script, how)
    script.sleep(MOMENT)
    script.live()
    script.idle(STREAM_STABLE - MOMENT - 1)
    break_(script, how)
    (stopped,) = script.of(PublicationStopped)
    reason = "the media engine failed: no consent" if "engine" in how else "the media connection ended"
    assert stopped.reason == reason
    script.sent.clear()
    script.sleep(5.0)
    assert script.actions() == []
    assert script.media.peers == {}


def test_what_was_stable_in_between_is_mended_again() -> None:
    script = live()
    for _ in range(3):
        script.says("webrtc_down")
        script.sleep(MOMENT)
        script.live()
        script.idle(STREAM_STABLE)
    assert script.flows == [True]
    assert not script.of(PublicationStopped)


def test_an_attempt_that_fails_is_the_end() -> None:
    script = live()
    script.reports(Failed(None, PEER, "no consent"))
    script.sleep(MOMENT)
    for _ in range(2):
        script.answer_offer()
        script.reports(Failed(None, PEER, "no path found"))
        script.sleep(MOMENT)
    (stopped,) = script.of(PublicationStopped)
    assert stopped.reason == (
        "the media engine failed: no path found "
        "(while the stream was renewed, which had broken: the media engine failed: no consent)"
    )
    assert script.actions() == ["unpublish", "unpublish"]  # the second attempt, and its end


def test_an_attempt_that_is_refused_is_the_end() -> None:
    script = live()
    script.says("webrtc_down")
    script.sleep(MOMENT)
    script.hear("media", message="error", error="invalid_sdp_offer")
    (stopped,) = script.of(PublicationStopped)
    assert "invalid_sdp_offer" in stopped.reason
    assert script.actions()[-1] == "unpublish"  # the server keeps a publisher


def test_an_attempt_without_an_answer_is_the_end() -> None:
    script = live()
    script.says("webrtc_down")
    script.sleep(MOMENT)
    script.idle(NEGOTIATION_TIMEOUT)
    (stopped,) = script.of(PublicationStopped)
    assert "within 60 s" in stopped.reason
    assert script.media.peers == {}


def test_a_peer_that_cannot_be_opened_again_is_the_end() -> None:
    script = live()
    script.reports(Failed(None, PEER, "the media thread died"))
    script.media.refuse_next = "the media thread does not run"
    script.sleep(MOMENT)
    (stopped,) = script.of(PublicationStopped)
    assert "died" in stopped.reason
    assert "does not run" in stopped.reason


def test_media_that_ends_a_moment_before_its_connection() -> None:
    """The resume renews all streams once, also those that broke before."""
    script = live()
    script.subscribe()
    script.offer()
    for _ in range(2):
        script.says("webrtc_down")
        script.reports(Down(PeerId(2)))
        script.sleep(STREAM_RENEWAL_DELAY / 4)
        script.back(*script.people)
        assert [one["action"] for one in script.sent if "candidate" not in one["action"]] == ["publish", "subscribe"]
        script.live()
        script.offer()
    assert not script.of(PublicationStopped)
    assert not script.of(SubscriptionStopped)
    assert len(script.of(Resumed)) == 2


def test_the_user_meanwhile() -> None:
    script = live()
    script.reports(Down(PEER))
    call = script.give(lambda c, now: c.set_sending(VIDEO, audio=False, video=True, now=now))
    assert script.done[call].error is None
    script.sleep(MOMENT)
    script.answer_offer()
    script.comes_up()
    state = script.take("publish_complete")["media_session_state"]
    assert (state["audio"], state["video"]) == (False, True)
    assert not script.media.peers[PEER].audio


@pytest.mark.parametrize(("by_server", "expected"), [(False, ["unpublish"]), (True, [])])
def test_it_is_stopped_meanwhile(by_server: bool, expected: list[str]) -> None:
    script = live()
    script.reports(Down(PEER))
    if by_server:
        script.says("webrtc_down")
    script.stop()
    assert script.actions() == expected
    assert [event.reason for event in script.of(PublicationStopped)] == [""]
    script.sleep(MOMENT)
    assert script.actions() == []


def test_a_screen_whose_permission_was_revoked() -> None:
    script = Streams()
    script.publish(SCREEN)
    script.live(SCREEN)
    script.says("webrtc_down", kind=SCREEN)
    script.hear("media", message="presenter_revoked")
    assert ["permission" in event.reason for event in script.of(PublicationStopped)] == [True]
    script.sleep(MOMENT)
    assert "publish" not in script.actions()


def test_moderators_share_their_screen_without_the_permission() -> None:
    script = Streams()
    script.hear("control", message="role_updated", new_role="moderator")
    script.publish(SCREEN)
    script.live(SCREEN)
    script.hear("media", message="presenter_revoked")
    assert script.of(PublicationStopped) == []
    assert [(one.media_session_type, one.is_live) for one in script.conference.state.publications] == [(SCREEN, True)]


def test_leaving_meanwhile() -> None:
    script = live()
    script.reports(Down(PEER))
    script.give(lambda c, now: c.leave(now))
    script.sleep(MOMENT)
    assert script.actions() == ["unpublish"]
    assert script.media.peers == {}


def test_all_clients_of_a_media_server_do_not_begin_at_once() -> None:
    world = World()
    clients = world.joined("Ada", "Bob", "Carol")
    for client in clients:
        published(world, client)
    for peer in list(world.sfu.peers):
        report(world, Down(peer))
    due = [client.conference.publications.deadline for client in clients]
    assert len(set(due)) == 3


def test_a_media_server_that_restarts() -> None:
    """The streams of all participants break, and all readers go on to receive."""
    world = World()
    ada, bob = seeing_each_other(world)
    for peer in list(world.sfu.peers):
        if peer in world.sfu.peers:
            report(world, Down(peer))
    assert world.sfu.peers == {}
    world.sleep(3 * STREAM_RENEWAL_DELAY)
    for client in (ada, bob):
        assert all(flows(client))
        assert not client.of(PublicationStopped)
        assert not client.of(SubscriptionStopped)
        assert all(peer.opened == 2 for peer in client.media.peers.values())
        assert not client.of(PeerMisbehaved)
    settle(world)
