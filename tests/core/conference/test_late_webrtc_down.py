"""The `webrtc_down` of a stream that we ended may come late or twice (media.md § 3): it does not end the next one."""

from __future__ import annotations

from collections import deque

import pytest
from scripted import ME
from stream_script import Streams
from worlds import CANDIDATE, SCREEN

from m3core.conference.events import PeerMisbehaved, PublicationStarted, PublicationStopped, ServerRefused
from m3core.errors import MediaError
from m3core.io import Down, PeerId
from m3core.limits import LATE_MEDIA_MESSAGES, STREAM_RENEWAL_DELAY
from m3core.testing.descriptions import make_answer

PLACES = ("after the stop", "before the offer", "after the offer", "after the answer", "after up", "live")


def again(script: Streams, late: tuple[str, ...]) -> None:
    """Stop and publish, with a late message at each of the places ``late``."""

    def at(place: str) -> None:
        for _ in range(late.count(place)):
            script.says("webrtc_down")

    script.stop()
    at("after the stop")
    script.media.holds = True
    call = script.publish()
    at("before the offer")
    script.describe()
    at("after the offer")
    script.answer_offer()
    at("after the answer")
    script.says("webrtc_up")
    at("after up")
    fields = {"source": ME, "media_session_type": "video", "kind": "audio", "receiving": True}
    script.hear("media", message="media_status", **fields)
    at("live")
    assert script.done[call].error is None
    assert script.flows == [True]


@pytest.mark.parametrize("place", PLACES)
def test_stop_and_publish_200_times(place: str) -> None:
    script = Streams()
    script.publish()
    script.live()
    for _ in range(200):
        again(script, (place,))
    assert not script.of(PeerMisbehaved)
    assert [event.reason for event in script.of(PublicationStopped)] == [""] * 200
    assert len(script.of(PublicationStarted)) == 201


def test_one_for_each_stream_that_was_ended() -> None:
    """We ended two streams before the message about the first one came."""
    script = Streams()
    script.publish()
    script.live()
    script.stop()
    script.publish()
    script.stop()
    script.publish()
    script.says("webrtc_down")
    script.sent.popleft()
    script.live()
    script.says("webrtc_down")
    assert script.flows == [True]
    script.says("webrtc_down")
    assert script.flows == [False]  # that one is meant


def test_twice_before_the_new_offer_has_left() -> None:
    script = Streams()
    script.publish()
    script.live()
    again(script, ("after the stop", "after the stop", "before the offer", "before the offer"))
    script.says("webrtc_down")
    assert script.flows == [False]


def test_one_that_never_came_hides_a_loss_for_seconds_only() -> None:
    script = Streams()
    script.publish()
    script.live()
    again(script, ())
    script.sleep(LATE_MEDIA_MESSAGES + 0.1)
    script.says("webrtc_down")
    assert script.flows == [False]


def test_a_stream_that_lived_for_long_is_owed_one_as_well() -> None:
    script = Streams()
    script.publish()
    script.live()
    script.stop()
    script.says("webrtc_down")
    script.sent.clear()
    script.publish()
    script.live()
    script.idle(2 * LATE_MEDIA_MESSAGES)
    again(script, ("after the offer",))


def test_a_restart_does_not_prolong_the_time_of_the_late_one() -> None:
    script = Streams()
    script.publish()
    script.live()
    again(script, ())
    (peer,) = script.media.peers
    script.sleep(LATE_MEDIA_MESSAGES - 2 * STREAM_RENEWAL_DELAY)
    script.reports(Down(peer))
    script.sleep(1.5 * STREAM_RENEWAL_DELAY)
    script.sent = deque(one for one in script.sent if one["action"] != "publish_complete")
    script.live()
    assert script.flows == [True]
    script.sleep(STREAM_RENEWAL_DELAY)
    script.says("webrtc_down")
    assert script.flows == []


def test_a_loss_that_was_taken_for_the_late_one_is_told_by_our_own_media_engine() -> None:
    script = Streams()
    script.publish()
    script.live()
    again(script, ())
    script.says("webrtc_down")
    assert script.flows == [True]
    (peer,) = script.media.peers
    script.reports(Down(peer))
    script.sleep(2 * STREAM_RENEWAL_DELAY)
    assert script.actions()[-1] == "publish"


def test_the_other_type_is_another_stream() -> None:
    script = Streams()
    script.publish()
    script.live()
    script.publish(SCREEN)
    script.live(SCREEN)
    script.stop()
    script.says("webrtc_down", kind=SCREEN)
    assert script.flows == [False]
    assert script.publications[0].media_session_type is SCREEN


def test_a_stream_that_is_not_up_yet_ends_when_the_server_means_it() -> None:
    script = Streams()
    call = script.publish()
    script.answer_offer()
    script.says("webrtc_down")
    assert isinstance(script.done[call].error, MediaError)
    assert script.flows == []


def test_a_later_connection_owes_nothing() -> None:
    script = Streams()
    script.publish()
    script.live()
    script.stop()
    script.publish()
    script.back()
    script.live()
    script.says("webrtc_down")
    assert script.flows == [False]


def test_other_words_about_a_stream_that_is_gone_are_nobodys_fault() -> None:
    """The late message comes until the new stream is negotiated, and does not concern it."""
    script = Streams()
    script.publish()
    script.answer_offer()
    script.comes_up()
    script.stop()
    answer = make_answer(script.offers[-1], 77, lite=True)
    for _ in range(2):
        script.says("sdp_answer", sdp=answer)
        script.says("sdp_candidate", candidate={"candidate": CANDIDATE, "sdpMLineIndex": 0})
        script.says("sdp_end_of_candidates")
        script.says("webrtc_up")
        script.hear(
            "media", message="media_status", source=ME, media_session_type="video", kind="audio", receiving=False
        )
        script.media.holds = True
        if not script.publications:
            script.publish()
    script.hear("media", message="error", error="invalid_candidate")
    script.hear("media", message="error", error="invalid_end_of_candidates")
    assert not script.of(PeerMisbehaved)
    assert not script.of(ServerRefused)
    script.describe()
    script.live()
    script.sleep(LATE_MEDIA_MESSAGES + 0.1)
    script.hear("media", message="error", error="invalid_candidate")
    assert [event.code for event in script.of(ServerRefused)] == ["invalid_candidate"]
    assert PeerId(1) not in script.media.peers
