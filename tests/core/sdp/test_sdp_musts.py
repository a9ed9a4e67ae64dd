"""What a peer's description must have, each missing once, and what it may have although it is odd."""

from __future__ import annotations

import pytest
from sdp_vectors import CHROMIUM, HEAD, PUBLISH_ANSWER, PUBLISH_OFFER, TRANSPORT, changed, section

from m3core import limits
from m3core.errors import LimitExceeded, SdpError
from m3core.sdp import Problem, SessionDescription, check_answer, check_offer
from m3core.sdp.musts import MEDIA_MUSTS, SESSION_MUSTS

MLINE = "m=audio 9 UDP/TLS/RTP/SAVPF 111"


def one(*more: str, mline: str = MLINE, without: str = "", first: str = "rtpmap:111 opus/48000/2") -> str:
    """A description of one m-section that has all musts, but for attributes that begin with ``without``."""
    lines = [line for line in ("mid:0", first, *TRANSPORT) if not (without and line.startswith(without))]
    return section(*lines, *more, mline=mline)


GOOD = one()
FINGERPRINT = TRANSPORT[-1]
BUNDLE = "a=group:BUNDLE 0 1\r\n"
TWO = HEAD + BUNDLE + GOOD.removeprefix(HEAD) + one().removeprefix(HEAD).replace("mid:0", "mid:1")
SIMULCAST = ("rid:a send", "rid:b send", "simulcast:send a;b")
MISSING = {
    "media type": {
        "a media type of another world": one(mline="m=text 9 UDP/TLS/RTP/SAVPF 111"),
        "a protocol of another world": one(mline="m=audio 9 UDP/RTP/SAVPF 111"),
        "a protocol in lower case": one(mline="m=audio 9 udp/tls/rtp/savpf 111"),
        "AVP inside of DTLS": one(mline="m=audio 9 UDP/TLS/RTP/AVPF 111"),
        "audio over SCTP": one(mline="m=audio 9 UDP/DTLS/SCTP x", without="rtpmap"),
    },
    "formats": {
        "no a=rtpmap": one(without="rtpmap"),
        "no a=rtpmap of one": one(mline=f"{MLINE} 112"),
        "a malformed a=rtpmap": one("rtpmap:112 opus", mline=f"{MLINE} 112"),
        "two of one payload type": one("rtpmap:111 opus/48000/2"),
        "a payload type twice": one(mline=f"{MLINE} 111"),
        "a payload type of RTCP, first": one("rtpmap:64 x/8000", mline=f"{MLINE} 64"),
        "a payload type of RTCP, next to last": one("rtpmap:94 x/8000", mline=f"{MLINE} 94"),
        "a payload type of RTCP, last": one("rtpmap:95 x/8000", mline=f"{MLINE} 95"),
        "a payload type above 127": one(mline=f"{MLINE} 128"),
        "a format that is no number": one(mline=f"{MLINE} x"),
    },
    "direction": {"two": one("sendonly", "recvonly"), "with a value": one("sendonly:x")},
    "ICE credentials": {
        "none": one(without="ice-"),
        "no password": one(without="ice-pwd"),
        "no user name": one(without="ice-ufrag"),
        "short password": changed(GOOD, "pwd:abcdefghijklmnopqrstuv", "pwd:abcdefghijklmnopqrstu"),
        "short user name": changed(GOOD, "ufrag:abcd", "ufrag:abc"),
        "two passwords": one("ice-pwd:abcdefghijklmnopqrstuv"),
    },
    "fingerprint": {
        "none": one(without="fingerprint"),
        "an unknown hash": changed(GOOD, "sha-256", "sha3-256"),
        "MD5": changed(GOOD, FINGERPRINT, "fingerprint:md5 " + ":".join(["AA"] * 16)),
        "too short": changed(GOOD, ":AA\r\n", "\r\n"),
    },
    "setup": {
        "none": one(without="setup"),
        "an unknown one": changed(GOOD, "setup:actpass", "setup:x"),
        "holdconn": changed(GOOD, "setup:actpass", "setup:holdconn"),
    },
    "rtcp-mux": {
        "none": one(without="rtcp-mux"),
        "none in a bundle": changed(TWO, "a=rtcp-mux\r\n", ""),
        "with a value": changed(GOOD, "a=rtcp-mux", "a=rtcp-mux:x"),
    },
    "rids": {
        "not described": one(*SIMULCAST[1:]),
        "described by a malformed line": one("rid:a sideways", *SIMULCAST[1:]),
        "of the other direction": one(*SIMULCAST[:2], "simulcast:recv a;b"),
        "described twice": one(*SIMULCAST, "rid:a send"),
    },
    "mids": {
        "one of two is missing": changed(TWO, "a=mid:1\r\n", ""),
        "twice": changed(TWO, "a=mid:1", "a=mid:0"),
        "not a token": changed(GOOD, "a=mid:0", "a=mid:a b"),
    },
    "BUNDLE": {
        "the first mid is absent": changed(TWO, "BUNDLE 0 1", "BUNDLE 2 0 1"),
        "an absent mid in place of a present one": changed(TWO, "BUNDLE 0 1", "BUNDLE 0 2"),
        "only an absent mid": changed(GOOD, HEAD, HEAD + "a=group:BUNDLE 7\r\n"),
        "a mid twice": changed(TWO, "BUNDLE 0 1", "BUNDLE 0 1 0"),
        "a mid in two groups": changed(TWO, BUNDLE, BUNDLE + "a=group:BUNDLE 1\r\n"),
        "a malformed group": changed(TWO, BUNDLE, BUNDLE + "a=group:BUNDLE ä\r\n"),
    },
    "codecs of a bundle": {"two of a payload type": TWO.replace("opus/48000/2", "opus/48000", 1)},
    "ICE lite": {"with a value": changed(GOOD, HEAD, HEAD + "a=ice-lite:x\r\n")},
}
CASES = [(must, case) for must, cases in MISSING.items() for case in cases]


def test_each_must_is_broken_here() -> None:
    assert MISSING.keys() == {*MEDIA_MUSTS, *SESSION_MUSTS}


def test_the_descriptions_that_are_broken_here_are_sound() -> None:
    for text in (GOOD, TWO, one(*SIMULCAST), one(mline="m=audio 9 UDP/TLS/RTP/SAVPF 0", without="rtpmap")):
        description = SessionDescription.parse(text)
        description.validate(strict=True)
        assert description.problems() == ()
        check_offer(description, strict=True)


@pytest.mark.parametrize(("must", "case"), CASES)
def test_without_a_must_a_description_is_refused(must: str, case: str) -> None:
    text = MISSING[must][case]
    description = SessionDescription.parse(text)
    assert description.serialize() == text
    with pytest.raises(SdpError):
        description.validate()
    with pytest.raises(SdpError):
        check_offer(description)
    with pytest.raises(SdpError):
        description.validate(strict=True)
    assert description.problems()


@pytest.mark.parametrize("protocol", ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"])
def test_rtp_without_dtls_and_ice_is_refused_under_each_name(protocol: str) -> None:
    plain = section("mid:0", "rtpmap:111 opus/48000/2", "rtcp-mux", mline=f"m=audio 9 {protocol} 111")
    with pytest.raises(SdpError, match=r"a=ice-ufrag and a=ice-pwd"):
        SessionDescription.parse(plain).validate()
    SessionDescription.parse(one(mline=f"m=audio 9 {protocol} 111")).validate(strict=True)


OVER = {
    "bytes": HEAD + "a=" + "x" * limits.MAX_SDP + "\r\n",
    "lines": HEAD + "a=x\r\n" * limits.MAX_SDP_LINES,
    "m-sections": HEAD + "m=audio 0 RTP/SAVPF 0\r\n" * (limits.MAX_SDP_SECTIONS + 1),
    "formats": HEAD + "m=audio 9 RTP/SAVPF" + " 0" * (limits.MAX_SDP_FORMATS + 1) + "\r\n",
    "candidates": GOOD + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * (limits.MAX_CANDIDATES + 1),
    "candidates that cannot be read": GOOD + "a=candidate:x\r\n" * (limits.MAX_CANDIDATES + 1),
}


@pytest.mark.parametrize("name", OVER)
def test_more_than_a_limit_is_refused(name: str) -> None:
    with pytest.raises(LimitExceeded):
        SessionDescription.parse(OVER[name])


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1b", "\x7f", "\x85", "\u2028", "\r"])
def test_control_characters_are_refused(character: str) -> None:
    with pytest.raises(SdpError, match="control characters"):
        SessionDescription.parse(changed(GOOD, "a=mid:0", f"a=x:{character}y\r\na=mid:0"))


ODD = {
    "ice-options": ("a=ice-options:ice2,trickle", "ice_options"),
    "ptime": ("a=ptime:2,5", "packet_time"),
    "rtcp-fb": ("a=rtcp-fb:111 nack ", "rtcp_feedback"),
    "simulcast": ("a=simulcast:recv high;medium;low ", "simulcast"),
    "msid": ("a=msid:x \u2003", "msids"),
    "candidate without a foundation": ("a=candidate: 1 udp 1 192.0.2.1 9 typ host", "candidates"),
    "candidate of port 0": ("a=candidate:1 1 tcp 1 192.0.2.1 0 typ host", "candidates"),
    "end of candidates": ("a=end-of-candidates:now", "end_of_candidates"),
    "rid": ("a=rid:a sideways", "rids"),
    "fmtp": ("a=fmtp:111 stereo=yes", "format_parameters"),
    "extmap": ("a=extmap:x urn:x", "extmaps"),
    "ssrc": ("a=ssrc:x cname:y", "ssrcs"),
    "rtcp": ("a=rtcp:9 IN IP4 host.example", "rtcp"),
    "rtcp-rsize": ("a=rtcp-rsize:x", "rtcp_reduced_size"),
    "connection": ("c=IN IP4 host.example", "connection"),
    "tls-id": ("a=tls-id:x", "tls_id"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_line_is_kept_and_listed_and_raises_when_it_is_read(name: str) -> None:
    line, view = ODD[name]
    text = f"{GOOD}{line}\r\n"
    description = SessionDescription.parse(text)
    description.validate()
    check_offer(description)
    description.trickled()
    assert description.serialize() == text
    with pytest.raises(SdpError) as caught:
        getattr(description.media[0], view)
    with pytest.raises(SdpError):
        description.validate(strict=True)
    found = description.problems()
    assert Problem(caught.value.line, caught.value.column, caught.value.rule) in found
    assert {problem.line for problem in found} == {text.count("\n")}


def test_all_odd_lines_are_listed_in_order() -> None:
    lines = ["a=ptime:x", "a=candidate:x", "a=candidate:1 1 udp 1 192.0.2.1 9 typ host", "a=candidate:y", "a=rid:a up"]
    description = SessionDescription.parse(GOOD + "".join(f"{line}\r\n" for line in lines))
    first = GOOD.count("\n") + 1
    assert [problem.line for problem in description.problems()] == [first, first + 1, first + 3, first + 4]
    assert [problem.rule[:20] for problem in description.problems()][:2] == [
        "a packet time is a n",
        "malformed candidate ",
    ]
    ((trickled,), ended) = description.trickled()
    assert (trickled.candidate.port, ended) == (9, False)


def test_a_second_line_is_listed_once() -> None:
    description = SessionDescription.parse(one("ptime:10", "ptime:20"))
    (problem,) = description.problems()
    assert (problem.line, problem.rule) == (GOOD.count("\n") + 2, "a second line where only one may stand")


def test_problems_of_the_session_part_come_first() -> None:
    text = changed(one("ptime:x"), HEAD, HEAD + "a=msid-semantic: \r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n")
    description = SessionDescription.parse(text)
    description.validate()
    assert [problem.line for problem in description.problems()] == [5, 6, GOOD.count("\n") + 3]


def test_what_a_rejected_m_section_says_does_not_matter() -> None:
    """Nothing of it is used but its mid, which must be another one."""
    rejected = "m=text 0 x 64\r\na=setup:x\r\na=rtpmap:x\r\na=ice-pwd:x\r\n"
    SessionDescription.parse(GOOD + rejected).validate()
    check_offer(SessionDescription.parse(GOOD + rejected))
    with pytest.raises(SdpError, match="two m-sections of one mid"):
        SessionDescription.parse(f"{GOOD}{rejected}a=mid:0\r\n").validate()


def test_a_later_absent_mid_of_a_bundle_is_odd_and_no_offer_may_have_it() -> None:
    description = SessionDescription.parse(changed(TWO, "BUNDLE 0 1", "BUNDLE 0 1 2"))
    description.validate()
    (problem,) = description.problems()
    assert (problem.line, problem.rule[:20]) == (5, "a=group names a mid ")
    with pytest.raises(SdpError, match="a=group names a mid that no m-section has") as caught:
        check_offer(description)
    assert caught.value.line == 5


def test_an_absent_mid_of_another_group_does_not_matter() -> None:
    description = SessionDescription.parse(changed(TWO, BUNDLE, BUNDLE + "a=group:LS 0 7\r\n"))
    check_offer(description)
    assert [problem.line for problem in description.problems()] == [6]


def test_a_number_of_ports_is_kept() -> None:
    text = one(mline="m=audio 9/2 UDP/TLS/RTP/SAVPF 111")
    description = SessionDescription.parse(text)
    check_offer(description)
    (media,) = description.media
    assert (media.port, media.port_count, media.protocol) == (9, 2, "UDP/TLS/RTP/SAVPF")
    assert SessionDescription.parse(GOOD).media[0].port_count == 1
    assert "m=audio 9 UDP" in SessionDescription.parse(changed(text, " 9/2 ", " 5000/2 ")).for_trickling().serialize()
    stopped = changed(text, " 9/2 ", " 0/2 ")
    assert SessionDescription.parse(stopped).media[0].is_rejected
    assert SessionDescription.parse(stopped).for_trickling().serialize() == stopped


def test_a_property_of_a_source_is_read() -> None:
    (found,) = SessionDescription.parse(one("ssrc:5 foo")).media[0].ssrcs
    assert (found.ssrc, found.name, found.value) == (5, "foo", None)


def test_a_packet_time_may_have_a_fraction() -> None:
    """RFC 8866 s.6.4."""
    (media,) = SessionDescription.parse(one("ptime:2.5", "maxptime:20")).media
    assert (media.packet_time, media.max_packet_time) == (2.5, 20)


def test_addresses_and_bandwidths_may_stand_between_the_attributes_of_an_m_section() -> None:
    text = GOOD + "b=AS:64\r\nc=IN IP4 192.0.2.1\r\na=x\r\nc=IN IP6 ::1\r\n"
    (media,) = SessionDescription.parse(text).media
    assert [found.address for found in media.own_connections] == ["192.0.2.1", "::1"]
    assert [found.value for found in media.bandwidths] == [64]
    for broken in ("c=IN IP4\r\n", "b=AS\r\n", "i=x\r\n", "k=x\r\n", "t=0 0\r\n"):
        with pytest.raises(SdpError):
            SessionDescription.parse(GOOD + broken)
    with pytest.raises(SdpError, match="c= line out of order"):
        SessionDescription.parse(changed(GOOD, HEAD, HEAD + "a=x\r\nc=IN IP4 192.0.2.1\r\n"))


def test_fewer_layers_than_a_rid_each_may_be_offered() -> None:
    """libwebrtc offers again so, after an answer that took fewer."""
    for simulcast in ("", "a=simulcast:send high\r\n"):
        offer = changed(PUBLISH_OFFER, "a=simulcast:send high;medium;low\r\n", simulcast)
        check_offer(SessionDescription.parse(offer), strict=True)


def test_an_answer_need_not_mirror_the_directions_of_header_extensions() -> None:
    """No Chromium does (RFC 8285 s.7 wants it)."""
    answer = changed(PUBLISH_ANSWER, "a=extmap:8/recvonly", "a=extmap:8")
    check_answer(SessionDescription.parse(PUBLISH_OFFER), SessionDescription.parse(answer))


def test_an_odd_line_of_either_side_does_not_refuse_an_answer() -> None:
    offer, answer = PUBLISH_OFFER, PUBLISH_ANSWER
    for line in ("a=rid:a up", "a=extmap:x", "a=fmtp:120 apt=x", "a=rtcp-fb:120", "a=simulcast:send ;"):
        offer, answer = f"{offer}{line}\r\n", f"{answer}{line}\r\n"
    check_answer(SessionDescription.parse(offer), SessionDescription.parse(answer))


def test_a_bundle_of_the_only_m_section_answers_an_offer_without_one() -> None:
    answer = changed(GOOD, HEAD, HEAD + "a=group:BUNDLE 0\r\n").replace("actpass", "active")
    check_answer(SessionDescription.parse(GOOD), SessionDescription.parse(answer))


def test_chromium_is_sound_by_all_rules() -> None:
    assert SessionDescription.parse(CHROMIUM).problems() == ()


def test_the_only_m_section_that_is_not_rejected_needs_no_mid() -> None:
    text = one(without="mid")
    for rejected in ("", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"):
        description = SessionDescription.parse(text + rejected)
        description.validate()
        check_offer(description)
        with pytest.raises(SdpError, match="an m-section without a=mid"):
            description.validate(strict=True)
