"""Offers of other stacks reach the media server, and are answered, through the whole controller."""

from __future__ import annotations

import pytest
from recorded import descriptions
from stage import Line, Stage

OFFERS = {
    one["name"]: one["sdp"] for one in descriptions() if one["kind"] == "offer" or one["name"].startswith("mini-")
}


def publish(line: Line, sdp: str) -> list[str]:
    line.heard()
    line.say("media", "publish", target=line.id, media_session_type="video", sdp=sdp)
    return [payload.get("error", payload["message"]) for payload in line.heard()][:1]


@pytest.mark.parametrize("name", OFFERS)
def test_an_offer_is_answered(name: str) -> None:
    (line,) = Stage().joined("Ada")
    assert publish(line, OFFERS[name]) == ["sdp_answer"]


def test_libwebrtc_may_restart_ice_after_an_answer_with_fewer_layers() -> None:
    (line,) = Stage().joined("Ada")
    assert publish(line, OFFERS["libwebrtc-offer-before-it"]) == ["sdp_answer"]
    again = OFFERS["libwebrtc-reoffer-after-our-aiortc-answer"]
    assert publish(line, again) == ["sdp_answer"]


def test_rtp_without_dtls_is_refused() -> None:
    (line,) = Stage().joined("Ada")
    (plain,) = (one["sdp"] for one in descriptions() if one["want"] == "refuse")
    assert publish(line, plain) == ["invalid_sdp_offer"]
