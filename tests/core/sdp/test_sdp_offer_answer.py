"""The rules of offer and answer, each broken once. All recorded pairs keep them."""

from __future__ import annotations

import pytest
from sdp_vectors import (
    FILES,
    HEAD,
    PAIRS,
    PUBLISH_ANSWER,
    PUBLISH_OFFER,
    SUBSCRIBE_ANSWER,
    SUBSCRIBE_OFFER,
    changed,
    load,
    section,
)

from m3core.errors import SdpError
from m3core.sdp import SessionDescription, check_answer, check_offer

parse = SessionDescription.parse


@pytest.mark.parametrize(("offer", "answer"), PAIRS)
def test_recorded_pairs_keep_all_laws(offer: str, answer: str) -> None:
    check_offer(load(offer))
    check_answer(load(offer), load(answer))
    with pytest.raises(SdpError):
        check_answer(load(answer), load(offer))


@pytest.mark.parametrize("name", [name for name in FILES if "offer" in name and "janus-answer" not in name])
def test_recorded_offers_are_usable(name: str) -> None:
    check_offer(load(name))
    check_offer(load(name).without_candidates())


VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 120 124"
FINGERPRINT = PUBLISH_ANSWER[PUBLISH_ANSWER.index("a=fingerprint") : PUBLISH_ANSWER.index("a=setup")]
CREDENTIALS = "a=ice-ufrag:u4nW\r\na=ice-pwd:fColI1dbiYa9lAGL238wjB\r\n"
EXTMAP = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ANSWER = PUBLISH_ANSWER
PUBLISH_LAWS = {
    "RFC 3264 s.6: number of m-sections": (
        changed(ANSWER[: ANSWER.index("m=video")], "BUNDLE 0 1", "BUNDLE 0"),
        "an answer has as many m-sections as its offer",
        0,
    ),
    "RFC 3264 s.6: media type": (changed(ANSWER, "m=video 9", "m=audio 9"), "the answer changes the media type", 31),
    "RFC 3264 s.6: protocol": (
        changed(ANSWER, "m=video 9 UDP/TLS/RTP/SAVPF", "m=video 9 UDP/TLS/RTP/SAVP"),
        "the answer changes the transport protocol",
        31,
    ),
    "RFC 9429 s.5.3.1: mid": (
        changed(changed(ANSWER, "a=mid:1", "a=mid:v"), "BUNDLE 0 1", "BUNDLE 0 v"),
        "the answer changes a mid",
        35,
    ),
    "RFC 9429 s.5.3.1: format": (
        changed(changed(ANSWER, VIDEO, VIDEO + " 96"), "a=msid:janus janusv0", "a=rtpmap:96 VP8/90000"),
        "the answer has a format that was not offered",
        31,
    ),
    "RFC 3264 s.6.1: codec": (changed(ANSWER, "120 VP8", "120 VP9"), "the answer changes the codec", 42),
    "RFC 3264 s.6.1: clock rate": (
        changed(ANSWER, "109 opus/48000/2", "109 opus/44100/2"),
        "the answer changes the codec",
        19,
    ),
    "RFC 3264 s.6.1: channels": (
        changed(ANSWER, "109 opus/48000/2", "109 opus/48000"),
        "the answer changes the codec",
        19,
    ),
    "RFC 4588 s.8.1: apt": (
        changed(ANSWER, VIDEO, VIDEO + " 121").replace("apt=120", "apt=121\r\na=rtpmap:121 VP9/90000"),
        "the answer changes the apt",
        54,
    ),
    "RFC 3264 s.6.1: direction": (changed(ANSWER, "a=recvonly", "a=sendonly"), "a direction that does not answer", 11),
    "RFC 3264 s.6.1: no direction": (changed(ANSWER, "a=recvonly\r\n", ""), "a direction that does not answer", 9),
    "RFC 8842 s.5.3: setup": (
        changed(ANSWER, "a=setup:active", "a=setup:actpass"),
        "a=setup of an answer is active or passive",
        18,
    ),
    "RFC 8842 s.5: no setup": (ANSWER.replace("a=setup:active\r\n", ""), "an m-section without a=setup", 9),
    "media.md § 8.2: accepted mid outside the bundle": (
        changed(ANSWER, "BUNDLE 0 1", "BUNDLE 0"),
        "the answer accepts an m-section outside its BUNDLE group",
        31,
    ),
    "RFC 9143 s.7.3: rejected in the bundle": (
        changed(ANSWER, "m=video 9", "m=video 0"),
        "the answer bundles an m-section that it rejects",
        5,
    ),
    "RFC 8851 s.6.3: rid not offered": (
        changed(ANSWER, "a=rid:low recv", "a=rid:tiny recv").replace("medium;low", "medium;tiny"),
        "the answer has a rid that was not offered so",
        63,
    ),
    "RFC 8851 s.6.3: rid direction": (
        ANSWER.replace(" recv\r\n", " send\r\n").replace("simulcast:recv", "simulcast:send"),
        "the answer has a rid that was not offered so",
        61,
    ),
    "RFC 8285 s.7: extension not offered": (
        changed(ANSWER, EXTMAP, "a=extmap:4 urn:ietf:params:rtp-hdrext:toffset"),
        "the answer has a header extension that was not offered",
        21,
    ),
    "RFC 8285 s.7: extension id": (
        changed(ANSWER, EXTMAP, EXTMAP.replace(":1 ", ":2 ")),
        "the answer has a header extension that was not offered",
        21,
    ),
    "RFC 9143 s.9.3: rtcp-mux": (changed(ANSWER, "a=rtcp-mux\r\n", ""), "an m-section of RTP without a=rtcp-mux", 9),
    "RFC 5506 s.5: rtcp-rsize": (
        changed(ANSWER, "a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-rsize\r\n"),
        "the answer has a=rtcp-rsize, which was not offered",
        14,
    ),
    "RFC 9429 s.5.3.1: fingerprint": (ANSWER.replace(FINGERPRINT, ""), "an m-section without a=fingerprint", 9),
    "RFC 9429 s.5.3.1: ICE credentials": (ANSWER.replace(CREDENTIALS, ""), "an m-section without a=ice-ufrag", 9),
    "validity": (changed(ANSWER, "a=setup:active", "a=setup:x"), "unknown a=setup", 18),
}


@pytest.mark.parametrize("law", PUBLISH_LAWS)
def test_law_of_answers_to_a_publisher(law: str) -> None:
    text, rule, line = PUBLISH_LAWS[law]
    with pytest.raises(SdpError) as caught:
        check_answer(parse(PUBLISH_OFFER), parse(text))
    assert caught.value.rule.startswith(rule)
    assert caught.value.line == line


PLAIN_OFFER = changed(PUBLISH_OFFER, "a=group:BUNDLE 0 1\r\n", "")
LAWS = {
    "RFC 8445 s.6.1.1: two lite sides": (
        SUBSCRIBE_OFFER,
        changed(SUBSCRIBE_ANSWER, "a=ice-options", "a=ice-lite\r\na=ice-options"),
        "both sides are ICE lite",
        7,
    ),
    "RFC 4145 s.4.1: both active": (
        SUBSCRIBE_OFFER.replace("setup:actpass", "setup:active"),
        SUBSCRIBE_ANSWER,
        "both sides chose the same a=setup",
        20,
    ),
    "RFC 3264 s.6: rejected m-section revived": (
        changed(changed(SUBSCRIBE_OFFER, "m=audio 9", "m=audio 0"), "BUNDLE a v", "BUNDLE v"),
        changed(SUBSCRIBE_ANSWER, "BUNDLE a v", "BUNDLE v"),
        "the answer accepts an m-section that the offer rejects",
        9,
    ),
    "RFC 9143 s.7.3: bundle not offered": (PLAIN_OFFER, ANSWER, "the answer bundles a mid that the offer does not", 5),
    "RFC 5761 s.5.1.1: rtcp-mux not offered": (
        PLAIN_OFFER.replace("a=rtcp-mux\r\n", ""),
        changed(ANSWER, "a=group:BUNDLE 0 1\r\n", ""),
        "the answer has a=rtcp-mux, which was not offered",
        12,
    ),
    "RFC 8858 s.4: rtcp-mux-only refused": (
        PLAIN_OFFER.replace("a=rtcp-mux\r\n", "a=rtcp-mux\r\na=rtcp-mux-only\r\n"),
        changed(ANSWER, "a=group:BUNDLE 0 1\r\n", "").replace("a=rtcp-mux\r\n", ""),
        "an m-section of RTP without a=rtcp-mux",
        8,
    ),
}


@pytest.mark.parametrize("law", LAWS)
def test_law_of_answers(law: str) -> None:
    offer, answer, rule, line = LAWS[law]
    with pytest.raises(SdpError) as caught:
        check_answer(parse(offer), parse(answer))
    assert caught.value.rule.startswith(rule)
    assert caught.value.line == line


def test_simulcast_needs_an_offer_of_simulcast() -> None:
    """RFC 8853 s.5.3.2."""
    for simulcast in ("", "a=simulcast:send high;medium\r\n"):
        offer = changed(PUBLISH_OFFER, "a=simulcast:send high;medium;low\r\n", simulcast)
        with pytest.raises(SdpError, match="the answer has simulcast that was not offered"):
            check_answer(parse(offer), parse(ANSWER))


def test_simulcast_may_go_both_ways() -> None:
    offer = changed(PUBLISH_OFFER, "send high;medium;low", "send high;medium,low recv x")
    answer = changed(ANSWER, "a=simulcast:recv high;medium;low", "a=simulcast:recv high;medium;low send x")
    check_answer(
        parse(changed(offer, "a=rid:low send", "a=rid:low send\r\na=rid:x recv")),
        parse(changed(answer, "a=rid:low recv", "a=rid:low recv\r\na=rid:x send")),
    )


def test_an_m_section_may_be_rejected_with_or_without_its_mid() -> None:
    rejected = changed(changed(ANSWER, "m=video 9", "m=video 0"), "BUNDLE 0 1", "BUNDLE 0")
    check_answer(parse(PUBLISH_OFFER), parse(rejected))
    check_answer(parse(PUBLISH_OFFER), parse(changed(rejected, "a=mid:1\r\n", "")))
    stopped = changed(changed(SUBSCRIBE_OFFER, "m=audio 9", "m=audio 0"), "BUNDLE a v", "BUNDLE v")
    check_offer(parse(stopped))


def test_transport_attributes_may_stand_in_the_tagged_section_alone() -> None:
    """RFC 9143 s.7.1.3."""
    at = ANSWER.index("m=video")
    video = ANSWER[at:].replace(FINGERPRINT, "").replace(CREDENTIALS, "").replace("a=setup:active\r\n", "")
    check_answer(parse(PUBLISH_OFFER), parse(ANSWER[:at] + video))


def test_answers_may_spell_out_static_payload_types_or_change_other_parameters() -> None:
    offer = changed(PLAIN_OFFER, "a=rtpmap:8 PCMA/8000\r\n", "")
    answer = changed(ANSWER, "a=group:BUNDLE 0 1\r\n", "").replace("SAVPF 109", "SAVPF 109 8", 1)
    check_answer(parse(offer), parse(changed(answer, "a=rtpmap:109", "a=rtpmap:8 PCMA/8000\r\na=rtpmap:109")))
    check_answer(parse(PUBLISH_OFFER), parse(changed(ANSWER, "useinbandfec=1;stereo=1", "useinbandfec=0")))


def test_an_answer_may_write_the_name_of_a_codec_in_another_case() -> None:
    """RFC 4855 s.3."""
    check_answer(parse(PUBLISH_OFFER), parse(changed(ANSWER, "120 VP8", "120 vp8")))


def test_a_bundle_only_section_is_offered_with_port_zero() -> None:
    """RFC 9143 s.6."""
    offer = changed(changed(PUBLISH_OFFER, "m=video 9", "m=video 0"), "a=mid:1", "a=mid:1\r\na=bundle-only")
    check_offer(parse(offer))
    check_answer(parse(offer), parse(ANSWER))
    tagged = changed(changed(PUBLISH_OFFER, "m=audio 9", "m=audio 0"), "a=mid:0", "a=mid:0\r\na=bundle-only")
    with pytest.raises(SdpError, match="the tagged m-section of a BUNDLE group is bundle-only"):
        check_offer(parse(tagged))


OFFERS = {
    "nothing offered": (HEAD, "an offer without m-sections", 0),
    "all rejected": (section("mid:0", mline="m=audio 0 UDP/TLS/RTP/SAVPF 0"), "an offer without m-sections", 0),
    "invalid": (changed(PUBLISH_OFFER, "a=mid:0\r\n", ""), "an m-section without a=mid", 9),
    "outside the bundle": (
        changed(PUBLISH_OFFER, "BUNDLE 0 1", "BUNDLE 0"),
        "an offered m-section that is not in the BUNDLE group",
        29,
    ),
    "no bundle": (PLAIN_OFFER, "an offered m-section that is not in the BUNDLE group", 8),
    "no rtcp-mux": (changed(PUBLISH_OFFER, "a=rtcp-mux\r\n", ""), "an m-section of RTP without a=rtcp-mux", 9),
    "no credentials": (section("mid:0", mline="m=audio 9 UDP/TLS/RTP/SAVPF 0"), "an m-section without a=ice-ufrag", 5),
    "no fingerprint": (PUBLISH_OFFER.replace("a=fingerprint", "a=x-print"), "an m-section without a=fingerprint", 9),
    "no setup": (PUBLISH_OFFER.replace("a=setup", "a=x-setup"), "an m-section without a=setup", 9),
}


@pytest.mark.parametrize("name", OFFERS)
def test_unusable_offers(name: str) -> None:
    text, rule, line = OFFERS[name]
    with pytest.raises(SdpError) as caught:
        check_offer(parse(text))
    assert caught.value.rule.startswith(rule)
    assert caught.value.line == line


def test_one_m_section_needs_no_bundle() -> None:
    text = load("sdp/03-publish-screen-offer.sdp").serialize()
    check_offer(parse(changed(text, "a=group:BUNDLE 0\r\n", "")))


def test_a_data_channel_needs_no_rtcp_mux() -> None:
    offer = PUBLISH_OFFER.replace("BUNDLE 0 1", "BUNDLE 0 1 2") + (
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n"
    )
    check_offer(parse(offer))
