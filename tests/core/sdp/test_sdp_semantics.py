"""Each semantic check finds a description that breaks its rule and no other, and names rule and line."""

from __future__ import annotations

import pytest
from sdp_vectors import CHROMIUM, PUBLISH_ANSWER, PUBLISH_OFFER, SUBSCRIBE_OFFER, TRANSPORT, changed, section

from m3core.errors import SdpError
from m3core.sdp import SessionDescription

OFFER = PUBLISH_OFFER
BROKEN = {
    "mid missing": (changed(OFFER, "a=mid:0\r\n", ""), "an m-section without a=mid", 9),
    "mid twice": (
        changed(changed(OFFER, "a=mid:1", "a=mid:0"), "BUNDLE 0 1", "BUNDLE 0"),
        "two m-sections of one mid",
        49,
    ),
    "group of unknown mid": (
        changed(OFFER, "BUNDLE 0 1", "BUNDLE 0 2"),
        "a=group names a mid that no m-section has",
        6,
    ),
    "mid twice in a bundle": (changed(OFFER, "BUNDLE 0 1", "BUNDLE 0 0"), "a mid twice in BUNDLE groups", 6),
    "mid in two bundles": (
        changed(OFFER, "a=group:BUNDLE 0 1\r\n", "a=group:BUNDLE 0\r\na=group:BUNDLE 0\r\n"),
        "a mid twice in BUNDLE groups",
        7,
    ),
    "lower-case protocol": (
        changed(OFFER, "audio 9 UDP/TLS/RTP/SAVPF", "audio 9 udp/tls/rtp/savpf"),
        "a transport protocol that WebRTC does not have",
        9,
    ),
    "unknown protocol": (
        changed(OFFER, "audio 9 UDP/TLS/RTP/SAVPF", "audio 9 UDP/RTP/SAVPF"),
        "a transport protocol that WebRTC does not have",
        9,
    ),
    "holdconn": (changed(OFFER, "a=setup:actpass", "a=setup:holdconn"), "a=setup:holdconn has no DTLS role", 27),
    "payload type twice": (
        changed(OFFER, "109 9 0 8 101", "109 9 0 8 101 109"),
        "a payload type twice in one m-line",
        9,
    ),
    "payload type above 127": (
        changed(OFFER, "109 9 0 8 101", "109 9 0 8 101 128"),
        "payload type outside 0 to 127",
        9,
    ),
    "format not a number": (changed(OFFER, "109 9 0 8 101", "109 9 0 8 101 x"), "a payload type is a number", 9),
    "payload type without rtpmap": (
        changed(OFFER, "a=rtpmap:109 opus/48000/2\r\n", ""),
        "a payload type without a=rtpmap",
        9,
    ),
    "rtpmap of unknown payload type": (
        changed(OFFER, "SAVPF 109 9 0 8 101", "SAVPF 109 9 0 101"),
        "a=rtpmap of a payload type that is not in the m-line",
        25,
    ),
    "rtpmap twice": (
        changed(OFFER, "a=rtpmap:9 G722/8000/1", "a=rtpmap:109 G722/8000/1"),
        "two a=rtpmap of one payload type",
        23,
    ),
    "fmtp of unknown payload type": (
        changed(OFFER, "a=fmtp:101 0-15", "a=fmtp:100 0-15"),
        "a=fmtp of a payload type that is not in the m-line",
        16,
    ),
    "fmtp without rtpmap": (
        changed(changed(OFFER, "a=rtpmap:8 PCMA/8000\r\n", ""), "a=fmtp:101", "a=fmtp:8"),
        "a=fmtp of a payload type without a=rtpmap",
        16,
    ),
    "payload type of RTCP": (
        changed(OFFER, "109 9 0 8 101", "109 9 0 8 101 64"),
        "a payload type of 64 to 95 collides with RTCP",
        9,
    ),
    "audio over SCTP": (
        changed(OFFER, "m=audio 9 UDP/TLS/RTP/SAVPF", "m=audio 9 UDP/DTLS/SCTP"),
        "audio and video go over RTP",
        9,
    ),
    "extension attributes": (
        changed(OFFER, "hdrext:ssrc-audio-level", "hdrext:ssrc-audio-level vad=on"),
        "a=extmap with extension attributes",
        12,
    ),
    "fmtp twice": (changed(OFFER, "a=fmtp:101 0-15", "a=fmtp:109 0-15"), "two a=fmtp of one payload type", 16),
    "feedback of unknown payload type": (
        changed(OFFER, "a=rtcp-fb:120 nack\r\n", "a=rtcp-fb:96 nack\r\n"),
        "a=rtcp-fb of a payload type that is not in the m-line",
        54,
    ),
    "apt of unknown payload type": (
        changed(OFFER, "apt=120", "apt=96"),
        "apt names a payload type that is not in the m-line",
        77,
    ),
    "apt of itself": (changed(OFFER, "apt=120", "apt=124"), "apt names a retransmission", 77),
    "apt in a loop": (
        changed(changed(OFFER, "apt=120", "apt=125"), "apt=121", "apt=124"),
        "apt names a retransmission",
        77,
    ),
    "rtx without fmtp": (changed(OFFER, "a=fmtp:124 apt=120\r\n", ""), "rtx without apt", 76),
    "two directions": (changed(OFFER, "a=sendonly", "a=sendonly\r\na=recvonly"), "two directions", 12),
    "one direction twice": (changed(OFFER, "a=sendonly", "a=sendonly\r\na=sendonly"), "two directions", 12),
    "simulcast without rid": (
        changed(OFFER, "a=rid:low send\r\n", ""),
        "a=simulcast names a rid that is not described",
        84,
    ),
    "simulcast in the other direction": (
        changed(OFFER, "simulcast:send", "simulcast:recv"),
        "a=simulcast names a rid that is not described",
        85,
    ),
    "simulcast names a rid twice": (
        changed(OFFER, "send high;medium;low", "send high;medium;low,high"),
        "a=simulcast names a rid twice",
        85,
    ),
    "rid twice": (changed(OFFER, "a=rid:low send", "a=rid:high send"), "two a=rid of one name", 53),
    "rid with unknown payload type": (
        changed(OFFER, "a=rid:high send", "a=rid:high send pt=96"),
        "pt of a=rid names a payload type",
        51,
    ),
    "extension id twice": (changed(OFFER, "a=extmap:2/recvonly", "a=extmap:1/recvonly"), "two a=extmap of one id", 12),
    "extension id of the session and of the m-section": (
        changed(OFFER, "a=group:BUNDLE", "a=extmap:1 urn:x\r\na=group:BUNDLE"),
        "two a=extmap of one id",
        13,
    ),
    "payload type of two codecs in a bundle": (
        changed(changed(SUBSCRIBE_OFFER, " 96 97\r\n", " 111 97\r\n"), "apt=96", "apt=111").replace(":96 ", ":111 "),
        "a payload type means two codecs in a bundle",
        42,
    ),
    "extension id of two meanings in a bundle": (
        changed(SUBSCRIBE_OFFER, "a=extmap:3 http", "a=extmap:1 http"),
        "an id means two header extensions in a bundle",
        49,
    ),
    "two passwords": (
        changed(OFFER, "a=ice-ufrag:e163e2b8", "a=ice-ufrag:e163e2b8\r\na=ice-ufrag:e163e2b8"),
        "a second line where only one may stand",
        19,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_fires(name: str) -> None:
    text, rule, line = BROKEN[name]
    description = SessionDescription.parse(text)
    with pytest.raises(SdpError) as caught:
        description.validate(strict=True)
    assert caught.value.rule.startswith(rule)
    assert caught.value.line == line
    assert description.serialize() == text


@pytest.mark.parametrize(
    "text",
    [
        section("mid:0", *TRANSPORT, mline="m=audio 9 UDP/TLS/RTP/SAVPF 0 8 9"),
        section(mline="m=video 0 UDP/TLS/RTP/SAVPF 120"),
        changed(OFFER, "a=group:BUNDLE 0 1\r\n", ""),
        changed(OFFER, "a=group:BUNDLE 0 1\r\n", "a=group:BUNDLE 0 1\r\na=group:LS 0 1\r\na=group:LS 1\r\n"),
        changed(OFFER, "a=rtcp-fb:120 nack\r\n", "a=rtcp-fb:* nack\r\n"),
        changed(PUBLISH_ANSWER, "m=video 9", "m=video 0"),
        changed(CHROMIUM, "a=group:BUNDLE 0 1", "a=group:BUNDLE"),
        changed(changed(SUBSCRIBE_OFFER, "a=extmap:3 http", "a=extmap:1 http"), "m=video 9", "m=video 0"),
    ],
    ids=[
        "static",
        "rejected",
        "unbundled",
        "lip-sync",
        "feedback-for-all",
        "rejected-bundled",
        "empty-bundle",
        "an-id-of-two-meanings-in-a-rejected-m-section",
    ],
)
def test_what_is_legal_though_rare(text: str) -> None:
    SessionDescription.parse(text).validate(strict=True)
