"""What a peer may write goes through aiortc: its odd lines do not end the call, and the answer fits the offer."""

from __future__ import annotations

import asyncio

import aiortc.sdp
import pytest
from recorded import descriptions

from m3asyncio.aiortc_sdp import as_answer, for_aiortc
from m3asyncio.connection import Connection, parse_candidate
from m3core.io import PeerId
from m3core.negotiation import GiveDescription, Negotiation, NegotiationRole, SendDescription
from m3core.sdp import SessionDescription

FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["AA"] * 32)
AUDIO = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "c=IN IP4 0.0.0.0",
    "a=mid:0",
    "a=sendonly",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuv",
    "a=setup:actpass",
    FINGERPRINT,
)
VIDEO = ("m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=sendonly", "a=rtcp-mux", "a=rtpmap:96 VP8/90000")
DATA = ("m=application 9 DTLS/SCTP webrtc-datachannel", "a=mid:2", "a=sctpmap:5000 webrtc-datachannel 256")
HEAD = ("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0")


def text(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in lines)


def audio(*more: str, without: str = "") -> str:
    return text(*HEAD, *(line for line in AUDIO if not (without and line.startswith(without))), *more)


BUNDLED = text(*HEAD, "a=group:BUNDLE 0 1 2", *AUDIO, *VIDEO, *DATA)


async def answered(offer: str) -> str:
    """Our answer to ``offer``, as the other end gets it; every check of a conference has passed."""
    negotiation = Negotiation(NegotiationRole.ANSWERER, trickle=False)
    (given, *_) = negotiation.remote_description(offer)
    assert isinstance(given, GiveDescription)
    assert given.sdp == SessionDescription.parse(offer).without_candidates().serialize()
    connection = Connection(PeerId(1), _ignore, offerer=False)
    try:
        await connection.remote_offer(given.sdp)
        (sent, *_) = negotiation.local_description(await connection.answer())
    finally:
        await connection.close()
    assert isinstance(sent, SendDescription)
    return sent.sdp


def _ignore(_report: object) -> None:
    pass


def mlines(sdp: str) -> list[str]:
    return [" ".join(line.split(" ")[:3:2]) for line in sdp.split("\r\n") if line.startswith("m=")]


ODD = {
    "ice-options": ("a=ice-options:ice2,trickle",),
    "ptime": ("a=ptime:2.5", "a=ptime:x"),
    "rtcp-fb": ("a=rtcp-fb:111 nack ", "a=rtcp-fb:111", "a=rtcp-fb:x nack"),
    "simulcast": ("a=simulcast:recv high;medium;low ",),
    "msid": ("a=msid:x \u2003", "a=msid"),
    "candidates": ("a=candidate: 1 udp 1 192.0.2.1 9 typ host", "a=candidate:x", "a=candidate"),
    "end of candidates": ("a=end-of-candidates:now",),
    "rtpmap that no payload type has": ("a=rtpmap:112 VP8/90000", "a=fmtp:112 x=y", "a=rtcp-fb:112 nack"),
    "fmtp without rtpmap": ("a=fmtp:99 apt=111",),
    "fmtp that is no number": ("a=fmtp:111 stereo=yes", "a=fmtp:111", "a=fmtp:x y"),
    "extmap": ("a=extmap:x urn:x", "a=extmap:1 urn:x y", "a=extmap:1", "a=extmap"),
    "ssrc": ("a=ssrc:5 foo", "a=ssrc:x cname:y", "a=ssrc:5", "a=ssrc"),
    "ssrc-group": ("a=ssrc-group:FID x", "a=ssrc-group"),
    "rtcp": ("a=rtcp:9 IN IP4 host.example", "a=rtcp:9 IN", "a=rtcp:x"),
    "connection": ("c=IN IP4 host.example", "c=IN IP4 224.0.0.1/100/12", "c=X X X"),
    "sctp": ("a=sctp-port:x", "a=sctpmap:x", "a=max-message-size:x"),
    "unknown": ("a=x-y:z", "y=z"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_lines_do_not_end_the_call(name: str) -> None:
    offer = audio(*ODD[name])
    assert SessionDescription.parse(offer).problems() or name in {"unknown"}
    answer = asyncio.run(answered(offer))
    assert mlines(answer) == ["m=audio UDP/TLS/RTP/SAVPF"]


def test_h264_parameters_without_a_value_do_not_end_the_call() -> None:
    video = text(*VIDEO).replace("SAVPF 96", "SAVPF 96 97")
    more = "a=rtpmap:97 H264/90000\r\na=fmtp:97 packetization-mode;profile-level-id=x\r\n"
    offer = text(*HEAD, "a=group:BUNDLE 0 1", *AUDIO) + video + more
    assert mlines(asyncio.run(answered(offer)))[1] == "m=video UDP/TLS/RTP/SAVPF"


@pytest.mark.parametrize("protocol", ["RTP/SAVPF", "RTP/SAVP", "RTP/AVPF", "RTP/AVP", "TCP/DTLS/RTP/SAVPF"])
def test_the_answer_has_the_protocol_of_the_offer(protocol: str) -> None:
    answer = asyncio.run(answered(audio().replace("UDP/TLS/RTP/SAVPF", protocol)))
    assert mlines(answer) == [f"m=audio {protocol}"]


@pytest.mark.parametrize("formats", ["webrtc-datachannel", "5000"])
def test_data_channels_are_answered_in_their_own_protocol(formats: str) -> None:
    answer = asyncio.run(answered(BUNDLED.replace("DTLS/SCTP webrtc-datachannel", f"DTLS/SCTP {formats}")))
    assert mlines(answer) == ["m=audio UDP/TLS/RTP/SAVPF", "m=video UDP/TLS/RTP/SAVPF", "m=application DTLS/SCTP"]


def test_an_offer_without_a_bundle_gets_an_answer_without_one() -> None:
    assert "a=group" not in asyncio.run(answered(audio()))
    assert "a=group:BUNDLE 0 1 2\r\n" in asyncio.run(answered(BUNDLED))


def test_an_offer_without_a_mid_gets_an_answer_without_one() -> None:
    answer = asyncio.run(answered(audio(without="a=mid")))
    assert "a=mid" not in answer
    assert "a=group" not in answer


def test_a_direction_that_is_left_out_is_both_ways() -> None:
    """RFC 8866 s.6.7."""
    assert "a=recvonly" in asyncio.run(answered(audio()))
    answer = SessionDescription.parse(asyncio.run(answered(audio(without="a=sendonly"))))
    assert answer.media[0].direction.receives
    of_session = audio(without="a=sendonly").replace("t=0 0\r\n", "t=0 0\r\na=inactive\r\n")
    assert "a=inactive" in asyncio.run(answered(of_session))


def test_transports_only_in_the_first_m_section_of_a_bundle_are_for_all() -> None:
    """RFC 9143 s.7.1.3."""
    given = SessionDescription.parse(for_aiortc(BUNDLED))
    assert [media.own_ice_credentials for media in given.media] == [given.media[0].ice_credentials] * 3
    assert [media.own_fingerprints for media in given.media] == [given.media[0].fingerprints] * 3
    assert [media.own_setup for media in given.media] == [given.media[0].setup] * 3


def test_what_aiortc_can_read_is_given_to_it_as_it_is() -> None:
    offer = text(*HEAD, "a=group:BUNDLE 0", *AUDIO, "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level")
    assert for_aiortc(offer) == offer


def test_a_header_extension_id_of_two_meanings_is_left_out_everywhere() -> None:
    one, other = "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=extmap:1 urn:x"
    same = "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:mid"
    given = for_aiortc(text(*HEAD, "a=group:BUNDLE 0 1", *AUDIO, one, same, same, *VIDEO, other, same))
    assert "a=extmap:1" not in given
    assert given.count(f"{same}\r\n") == 2


@pytest.mark.parametrize(
    "name", [one["name"] for one in descriptions() if one["name"].startswith(("mini-", "libwebrtc-", "janus112-"))]
)
def test_recordings_are_read(name: str) -> None:
    (recording,) = (one for one in descriptions() if one["name"] == name)
    given = for_aiortc(SessionDescription.parse(recording["sdp"]).without_candidates().serialize())
    assert aiortc.sdp.SessionDescription.parse(given).media


def test_an_answer_keeps_all_but_protocols_and_the_bundle() -> None:
    offer = audio().replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF")
    answer = text(*HEAD, "a=group:BUNDLE 0", *AUDIO)
    assert as_answer(offer, answer) == audio().replace("UDP/TLS/RTP/SAVPF", "RTP/SAVPF")
    bundled = offer.replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0\r\n")
    assert as_answer(bundled, answer) == bundled


@pytest.mark.parametrize(
    "text_of_candidate",
    [
        "candidate:1 1 udp 1 x.local. 5000 typ host",
        "candidate:1 1 udp 1 host.example 5000 typ host",
        "candidate:1 1 udp 1 192.0.2.1 5000 typ tunnel",
        "candidate:1 1 udp 1 192.0.2.1 0 typ host",
        "candidate: 1 udp 1 192.0.2.1 5000 typ host",
    ],
)
def test_candidates_that_aiortc_cannot_use_are_dropped(text_of_candidate: str) -> None:
    assert parse_candidate(text_of_candidate) is None


def test_the_bundle_is_given_although_it_names_an_absent_mid() -> None:
    group = "a=group:BUNDLE 0 1 2 7\r\n"
    assert group in for_aiortc(BUNDLED.replace("a=group:BUNDLE 0 1 2\r\n", group))


def test_a_retransmission_of_an_absent_codec_is_left_out() -> None:
    video = text(*VIDEO, "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=120").replace("SAVPF 96", "SAVPF 96 97")
    offer = text(*HEAD, "a=group:BUNDLE 0 1", *AUDIO) + video
    given = for_aiortc(offer)
    assert "a=rtpmap:97" not in given
    assert "a=fmtp:97" not in given
    assert mlines(asyncio.run(answered(offer)))[1] == "m=video UDP/TLS/RTP/SAVPF"
