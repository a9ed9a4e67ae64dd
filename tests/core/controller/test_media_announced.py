"""Streams that are announced, whether or not there is media: who is told, and who may subscribe (media.md § 2)."""

from __future__ import annotations

from typing import Any

import pytest
from stage import Line, Stage
from test_one_by_one import CANDIDATE, OFFER, knock, told

from m3core.controller.features import FeatureLevel
from m3core.controller.sfu import RelayPublisher
from m3core.limits import STREAM_TOLD_TIMEOUT

BARE = "".join(line for line in OFFER.splitlines(keepends=True) if "candidate" not in line)
"""Candidates are trickled: until the first comes, there is no media."""


def announce(line: Line, action: str = "publish_complete", kind: str = "video", *, audio: bool = True) -> None:
    state = {"audio": audio, "video": True, "video_settings": 2}
    line.say("media", action, media_session_type=kind, media_session_state=state)


def offer(line: Line, kind: str = "video") -> None:
    line.say("media", "publish", target=line.id, media_session_type=kind, sdp=BARE)


def connect(line: Line, kind: str = "video") -> None:
    """ICE succeeds."""
    line.say("media", "sdp_candidate", target=line.id, media_session_type=kind, candidate=CANDIDATE)


def media(line: Line) -> list[dict[str, Any]]:
    """The `media` keys of the entries that the line got since the last time."""
    return [
        one["media"]
        for payload in line.heard()
        for one in (payload, *payload.get("participants", ()))
        if "media" in one
    ]


def subscribe(line: Line, target: str) -> list[str]:
    line.heard()
    line.say("media", "subscribe", target=target, media_session_type="video")
    return [payload.get("error", payload["message"]) for payload in line.heard()]


@pytest.mark.parametrize("negotiated", [False, True])
@pytest.mark.parametrize("level", [FeatureLevel.V0_3, FeatureLevel.V0_16])
def test_a_stream_without_media_is_told_and_listed(level: FeatureLevel, *, negotiated: bool) -> None:
    server = Stage(level)
    ada, bob = server.joined("Ada", "Bob")
    if negotiated:
        offer(bob)
    on = {"is_presenter": True, "video": {"audio": True, "video": True}}
    muted = {"is_presenter": True, "video": {"audio": False, "video": True}}
    announce(bob)
    assert media(ada) == [on]
    announce(bob, "update_media_session", audio=False)
    announce(bob, "update_media_session", "screen")  # was never announced
    assert media(ada) == [muted]
    late = server.enter("Cyd")
    assert muted in media(late)
    assert subscribe(ada, bob.id) == ["invalid_request_offer"]
    bob.say("media", "unpublish", media_session_type="video")
    assert media(ada) == [{"is_presenter": True}]
    announce(bob, "update_media_session")
    assert media(ada) == []
    server.settle()


def test_media_that_comes_after_its_announcement() -> None:
    server = Stage(FeatureLevel.V0_16)
    ada, bob = server.joined("Ada", "Bob")
    announce(bob, audio=False)
    offer(bob)
    relayed = [one.operation for one in server.sfu.commands if isinstance(one.operation, RelayPublisher)]
    assert relayed == [RelayPublisher(audio=False, video=True)]  # as was announced
    assert subscribe(ada, bob.id) == ["invalid_request_offer"]
    connect(bob)
    assert subscribe(ada, bob.id) == ["sdp_offer"]
    server.settle()


def test_an_offer_that_is_refused_ends_what_was_announced() -> None:
    server = Stage()
    ada, bob = server.joined("Ada", "Bob")
    announce(bob)
    server.sfu.refuse_next = "no"
    offer(bob)
    assert [one.get("video") for one in media(ada)] == [{"audio": True, "video": True}, None]


def test_who_leaves_says_nothing_of_a_stream_without_media() -> None:
    server = Stage()
    _, bob = server.joined("Ada", "Bob")
    announce(bob)
    server.forget()
    bob.leave()
    assert server.log == [("Ada", "control.left")]
    (gone,) = [one for one in server.enter("Cyd").heard()[0]["participants"] if one["id"] == bob.id]
    assert gone["media"] == {"is_presenter": True}


def test_subscribing_to_who_left_is_refused() -> None:
    server = Stage()
    ada, bob = server.joined("Ada", "Bob")
    bob.leave()
    assert subscribe(ada, bob.id) == ["invalid_request_offer"]
    assert subscribe(ada, "00000000-0000-4000-8000-000000000000") == []


def test_who_is_told_one_at_a_time_hears_of_it_when_media_comes() -> None:
    """Before that its `subscribe` would be refused, and it would wait in vain."""
    server = Stage()
    bob = server.joined("Ada", "Bob")[1]
    announce(bob)
    offer(bob)
    mustang = knock(server, "Mustang", "k3k-signaling-json-v1.0")
    mustang.say("control", "join", display_name="Mustang")
    server.sleep(STREAM_TOLD_TIMEOUT)
    assert [one for one in told(mustang) if one] == []
    connect(bob)
    assert told(mustang) == [["Bob video"]]
    assert subscribe(mustang, bob.id) == ["sdp_offer"]
    server.settle()


def test_force_mute_silences_what_is_not_announced_yet() -> None:
    server = Stage(FeatureLevel.V0_16)
    ada, bob = server.joined("Ada", "Bob")
    offer(bob)
    before = len(server.sfu.commands)
    ada.say("media", "moderator_enable_force_mute", allow_list=[])
    assert [one.operation for one in server.sfu.commands[before:]] == [RelayPublisher(audio=False, video=True)]


def test_force_mute_silences_what_has_no_media() -> None:
    server = Stage(FeatureLevel.V0_16)
    ada, bob = server.joined("Ada", "Bob")
    announce(bob)
    ada.heard()
    ada.say("media", "moderator_enable_force_mute", allow_list=[])
    assert media(ada) == [{"is_presenter": True, "video": {"audio": False, "video": True}}]


@pytest.mark.parametrize("is_up", [False, True])
def test_a_screen_that_is_taken_away(*, is_up: bool) -> None:
    server = Stage()
    ada, bob = server.joined("Ada", "Bob")
    offer(bob, "screen")
    if is_up:
        connect(bob, "screen")
    announce(bob, kind="screen")
    server.forget()
    ada.say("media", "revoke_presenter_role", participant_ids=[bob.id])
    assert [one["message"] for one in bob.heard()] == ["presenter_revoked", *["webrtc_down"] * is_up]
    assert media(ada) == [{"is_presenter": False}]
