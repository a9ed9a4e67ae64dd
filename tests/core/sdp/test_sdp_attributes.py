"""Typed views: each attribute of the vectors, and each way in which one can be malformed."""

from __future__ import annotations

import pytest
from sdp_vectors import CHROMIUM, PUBLISH_OFFER, TRANSPORT, load, section

from m3core.errors import SdpError
from m3core.sdp import (
    ConnectionInformation,
    Direction,
    ExtMap,
    Fingerprint,
    FormatParameters,
    H264Parameters,
    HeaderExtension,
    Msid,
    OpusParameters,
    RidDescription,
    RidDirection,
    RtcpAddress,
    RtcpFeedback,
    RtpMap,
    RtxFormat,
    SessionDescription,
    Simulcast,
    SimulcastAlternative,
    SimulcastStream,
    SsrcAttribute,
    SsrcGroup,
    TelephoneEventParameters,
    Vp8Parameters,
    Vp9Parameters,
)
from m3core.sdp.codecs import PayloadType
from m3core.sdp.streams import Rid, Ssrc

PT = PayloadType(111)


def one(*lines: str) -> SessionDescription:
    return SessionDescription.parse(section("mid:0", "rtpmap:111 opus/48000/2", *lines))


def test_codecs_of_a_firefox_offer() -> None:
    audio, video = load("sdp/01-publish-video-offer.sdp").media
    assert audio.rtpmaps[0] == RtpMap(PayloadType(109), "opus", 48000, 2)
    assert audio.rtpmap(0) == RtpMap(PayloadType(0), "PCMU", 8000, 1)
    assert audio.rtpmap(1) is None
    assert audio.format_parameters[1] == FormatParameters(PayloadType(101), "0-15")
    assert audio.codec_parameters(109) == OpusParameters(max_playback_rate=48000, stereo=True, use_inband_fec=True)
    assert audio.codec_parameters(101) == TelephoneEventParameters(((0, 15),))
    assert audio.codec_parameters(0) is None
    assert video.codec_parameters(120) == Vp8Parameters(60, 12288)
    assert video.codec_parameters(121) == Vp9Parameters(0, 60, 12288)
    assert video.codec_parameters(126) == H264Parameters("42e01f", 1, level_asymmetry_allowed=True)
    assert video.codec_parameters(97) == H264Parameters("42e01f", 0, level_asymmetry_allowed=True)
    assert video.codec_parameters(98) == RtxFormat(PayloadType(97))
    assert video.rtcp_feedback[1] == RtcpFeedback(PayloadType(120), "nack", "pli")
    assert video.rtcp_feedback[3] == RtcpFeedback(PayloadType(120), "goog-remb")


def test_streams_of_a_firefox_offer() -> None:
    audio, video = load("sdp/01-publish-video-offer.sdp").media
    assert audio.msids == (Msid("{95e4f527-fbfe-49dc-a5f6-359a77c79832}", "{cd286440-1bf6-4dfd-b1a7-b27c1d00f984}"),)
    assert audio.ssrcs == (SsrcAttribute(Ssrc(357877601), "cname", "{59f23370-43c1-49f2-b6ea-a9284a56677d}"),)
    assert video.ssrc_groups[0] == SsrcGroup("FID", (Ssrc(1971525940), Ssrc(4134942961)))
    assert video.rids[0] == RidDescription(Rid("high"), RidDirection.SEND)
    assert video.simulcast is not None
    assert video.simulcast.rids(RidDirection.SEND) == ("high", "medium", "low")
    assert video.simulcast.rids(RidDirection.RECV) == ()
    assert video.extmaps[3] == ExtMap(6, HeaderExtension.PLAYOUT_DELAY, Direction.RECVONLY)


def test_chromium_has_codecs_and_attributes_of_its_own() -> None:
    audio, video = SessionDescription.parse(CHROMIUM).media
    assert audio.rtcp == RtcpAddress(9, ConnectionInformation("IN", "IP4", "0.0.0.0"))
    assert RtcpAddress.parse("9") == RtcpAddress(9)
    assert audio.rtcp_xr == ("rcvr-rtt=all",)
    assert load("sdp/01-publish-video-offer.sdp").media[0].rtcp_xr == ()
    assert audio.codec_parameters(111) == OpusParameters(min_packet_time=10, use_inband_fec=True)
    assert audio.codec_parameters(63) is None
    assert video.codec_parameters(100) == Vp9Parameters(2)
    assert video.ssrcs[1].name == "msid"


def test_rarer_attributes() -> None:
    media = one(
        "ptime:20",
        "maxptime:120",
        "rtcp-mux-only",
        "bundle-only",
        f"tls-id:{'a' * 20}",
        "rtcp-fb:* nack",
        "extmap:4100 urn:x with attributes",
        "msid:-",
    ).media[0]
    assert (media.packet_time, media.max_packet_time) == (20, 120)
    assert media.rtcp_mux_only
    assert media.bundle_only
    assert media.tls_id == "a" * 20
    assert media.rtcp_feedback == (RtcpFeedback(None, "nack"),)
    assert media.extmaps == (ExtMap(4100, "urn:x", Direction.SENDRECV, "with attributes"),)
    assert media.msids == (Msid("-"),)


def test_simulcast_alternatives_and_pauses() -> None:
    parsed = Simulcast.parse("recv a send b,~c;d")
    assert parsed.recv == (SimulcastStream((SimulcastAlternative(Rid("a")),)),)
    assert parsed.send[0] == SimulcastStream(
        (SimulcastAlternative(Rid("b")), SimulcastAlternative(Rid("c"), paused=True))
    )
    assert parsed.rids(RidDirection.SEND) == ("b", "c", "d")


def test_rid_restrictions() -> None:
    assert RidDescription.parse("1 recv pt=96,97;max-width=1280") == RidDescription(
        Rid("1"), RidDirection.RECV, (PayloadType(96), PayloadType(97)), (("max-width", "1280"),)
    )


def test_directions() -> None:
    both, send, receive, none = Direction
    assert [each.reversed() for each in Direction] == [both, receive, send, none]
    assert [each.sends for each in Direction] == [True, True, False, False]
    assert [each.receives for each in Direction] == [True, False, True, False]
    assert [answer for answer in Direction if both.allows(answer)] == list(Direction)
    assert [answer for answer in Direction if send.allows(answer)] == [receive, none]
    assert [answer for answer in Direction if receive.allows(answer)] == [send, none]
    assert [answer for answer in Direction if none.allows(answer)] == [none]


def test_parameters_by_name() -> None:
    parameters = FormatParameters.parse("111 stereo=1; UseDTX=0;;bare;cbr=1;=x")
    assert parameters.items == (("stereo", "1"), ("usedtx", "0"), ("bare", None), ("cbr", "1"), ("", "x"))
    assert parameters.get("usedtx") == "0"
    assert parameters.get("missing") is None
    assert FormatParameters.parse("111 stereo=1;stereo=0").get("stereo") == "1"
    assert parameters.number("missing") is None
    assert OpusParameters.of(parameters) == OpusParameters(stereo=True, constant_bitrate=True)


@pytest.mark.parametrize(
    ("encoding", "parameters", "rule"),
    [
        ("opus/48000/2", "cbr=2", "a flag of a=fmtp"),
        ("opus/48000/2", "sprop-stereo=x", "a parameter of a=fmtp is not a number"),
        ("opus/48000/2", "stereo=x", "a parameter of a=fmtp is not a number"),
        ("opus/48000/2", "stereo", "a parameter of a=fmtp is not a number"),
        ("VP9/90000", "profile-id=-1", "a parameter of a=fmtp is not a number"),
        ("H264/90000", "profile-level-id=42e01", "profile-level-id is 6 hexadecimal digits"),
        ("H264/90000", "packetization-mode=3", "packetization-mode is 0 to 2"),
        ("telephone-event/8000", "0-", "malformed telephone-event range"),
        ("telephone-event/8000", "9-1", "telephone event outside"),
        ("telephone-event/8000", "256", "telephone event outside"),
        ("H264/90000", "packetization-mode", "a parameter of a=fmtp is not a number"),
        ("rtx/90000", "rtx-time=1", "rtx without apt"),
        ("rtx/90000", "apt=128", "payload type outside"),
    ],
)
def test_malformed_parameters(encoding: str, parameters: str, rule: str) -> None:
    description = SessionDescription.parse(
        section("mid:0", f"rtpmap:111 {encoding}", f"fmtp:111 {parameters}", *TRANSPORT)
    )
    with pytest.raises(SdpError, match=rule) as caught:
        description.media[0].codec_parameters(111)
    assert caught.value.line == 8
    with pytest.raises(SdpError, match=rule):
        description.validate(strict=True)


def test_parameters_without_restrictions() -> None:
    assert H264Parameters.of(FormatParameters(PT, "x=y")) == H264Parameters()
    assert TelephoneEventParameters.of(FormatParameters(PT, "events=0,5-7")).events == ((0, 0), (5, 7))
    assert RtxFormat.of(FormatParameters(PT, "apt=96;rtx-time=3000")) == RtxFormat(PayloadType(96), 3000)


SHA_256 = ":".join(["AB"] * 32)
MALFORMED = [
    ("rtpmap:111", "malformed a=rtpmap"),
    ("rtpmap:111 opus", "malformed a=rtpmap"),
    ("rtpmap:111 opus/x", "malformed a=rtpmap"),
    ("rtpmap:111 opus/48000/", "malformed a=rtpmap"),
    ("rtpmap:１１ opus/48000", "malformed a=rtpmap"),
    ("rtpmap:1_1 opus/48000", "malformed a=rtpmap"),
    ("rtpmap:111 opus/0", "clock rate of a=rtpmap"),
    ("rtpmap:111 opus/48000/0", "channels of a=rtpmap"),
    ("rtpmap:128 opus/48000", "payload type outside 0 to 127"),
    ("rtpmap", "attribute without a value"),
    ("fmtp:111", "malformed a=fmtp"),
    ("fmtp:x y=z", "malformed a=fmtp"),
    ("fmtp:200 y=z", "payload type outside"),
    ("rtcp-fb:111", "malformed a=rtcp-fb"),
    ("rtcp-fb:** nack", "malformed a=rtcp-fb"),
    ("rtcp-fb:128 nack", "payload type outside"),
    ("extmap:1", "malformed a=extmap"),
    ("extmap:1/both urn:x", "malformed a=extmap"),
    ("extmap:0 urn:x", "id of a=extmap"),
    ("extmap:256 urn:x", "id of a=extmap"),
    ("extmap:4352 urn:x", "id of a=extmap"),
    ("ssrc:1", "malformed a=ssrc"),
    ("ssrc:1 cname:", "malformed a=ssrc"),
    ("ssrc:4294967296 cname:x", "SSRC outside"),
    ("ssrc-group:FID", "malformed a=ssrc-group"),
    ("ssrc-group:FID 1 x", "malformed a=ssrc-group"),
    ("ssrc-group:FID 1 4294967296", "SSRC outside"),
    ("msid:a b c", "malformed a=msid"),
    ("rid:high", "malformed a=rid"),
    ("rid:high both", "malformed a=rid"),
    ("rid:hi.gh send", "malformed a=rid"),
    ("rid:high send =1", "malformed a=rid"),
    ("rid:high send pt=x", "a payload type is a number"),
    ("simulcast:high", "malformed a=simulcast"),
    ("simulcast:send a;;b", "malformed a=simulcast"),
    ("simulcast:send a send b", "a=simulcast names a direction twice"),
    ("setup:both", "unknown a=setup"),
    ("fingerprint:sha-256", "malformed a=fingerprint"),
    ("fingerprint:sha-256 AB:C", "malformed a=fingerprint"),
    ("fingerprint:sha-256 AB:CD", "a=fingerprint does not have the length of its hash"),
    (f"fingerprint:sha-1 {SHA_256}", "a=fingerprint does not have the length of its hash"),
    (f"fingerprint:md5 {SHA_256}", "unknown hash function"),
    ("ice-ufrag:abc", "a=ice-ufrag is 4 to 256"),
    ("ice-ufrag:" + "a" * 257, "a=ice-ufrag is 4 to 256"),
    ("ice-ufrag:abc!", "a=ice-ufrag is 4 to 256"),
    ("ice-ufrag:abcd", "a=ice-ufrag and a=ice-pwd go together"),
    ("ice-pwd:" + "a" * 21, "a=ice-pwd is 22 to 256"),
    ("ice-pwd:" + "a" * 257, "a=ice-pwd is 22 to 256"),
    ("ice-pwd:" + "ä" * 22, "a=ice-pwd is 22 to 256"),
    ("ice-pwd:" + "a" * 22, "a=ice-ufrag and a=ice-pwd go together"),
    ("ice-options:a\u00e4", "malformed a=ice-options"),
    ("candidate:1 1 udp", "malformed candidate"),
    ("end-of-candidates:now", "property with a value"),
    ("rtcp-mux:yes", "property with a value"),
    ("sendrecv:yes", "property with a value"),
    ("rtcp:9 IN", "malformed a=rtcp"),
    ("sctpmap:x", "malformed a=sctpmap"),
    ("msid:a \u2003", "malformed a=msid"),
    ("extmap:1 urn:\u2003x", "malformed a=extmap"),
    ("rtcp:x IN IP4 0.0.0.0", "malformed a=rtcp"),
    ("rtcp:9 IN IP4 ::1", "a connection address is"),
    ("rtcp:9 IN IP5 0.0.0.0", "a connection address is"),
    ("rtcp:9 IM IP4 0.0.0.0", "a connection address is"),
    ("rtcp:9 IN IP6 fe80::1%0", "a connection address is"),
    ("rtcp:65536 IN IP4 0.0.0.0", "port outside"),
    ("ptime:20,5", "a packet time is a number"),
    ("ptime:2.", "a packet time is a number"),
    ("maxptime:", "malformed a= line"),
    ("sctp-port:65536", "port outside"),
    ("sctp-port:x", "malformed a=sctp-port"),
    ("max-message-size:-1", "malformed a=max-message-size"),
    ("tls-id:short", "a=tls-id is 20 to 255"),
    ("mid:a b", "a=mid is a token"),
    ("mid:1", "a second line where only one may stand"),
]


@pytest.mark.parametrize(("line", "rule"), MALFORMED)
def test_malformed_attributes_name_their_line(line: str, rule: str) -> None:
    text = section("rtpmap:111 opus/48000/2", "mid:0", line)
    if line.startswith("rtpmap"):
        text = section("mid:0", "x", line)
    if line == "mid:a b":
        text = section("x", "x", line)
    with pytest.raises(SdpError) as caught:
        SessionDescription.parse(text).validate(strict=True)
    assert caught.value.rule.startswith(rule)
    assert caught.value.line == 8


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("group: ", "malformed a=group"),
        ("group:BUNDLE ä", "malformed a=group"),
        ("msid-semantic: ", "malformed a=msid-semantic"),
        ("ice-lite:1", "property with a value"),
        ("mid:0", ""),
    ],
)
def test_session_attributes(line: str, rule: str) -> None:
    description = SessionDescription.parse(PUBLISH_OFFER.replace("a=ice-options:trickle", f"a={line}", 1))
    if not rule:
        description.validate(strict=True)
        assert [attribute.name for attribute in description.unknown_attributes] == ["mid"]
        return
    with pytest.raises(SdpError, match=rule) as caught:
        description.validate(strict=True)
    assert caught.value.line == 7


@pytest.mark.parametrize(
    "connection", ["IN IP4 224.2.1.1/127", "IN IP4 example.com", "TN RFC2543 +1", "IN IP6 0.0.0.0"]
)
def test_connections_are_ip_addresses(connection: str) -> None:
    description = SessionDescription.parse(PUBLISH_OFFER.replace("IN IP4 0.0.0.0\r\na=", f"{connection}\r\na=", 1))
    with pytest.raises(SdpError, match="a connection address is IN IP4 or IN IP6") as caught:
        description.validate(strict=True)
    assert (caught.value.line, caught.value.column) == (10, 3)


def test_columns_point_at_the_value() -> None:
    with pytest.raises(SdpError) as caught:
        one("setup:both").validate(strict=True)
    assert caught.value.column == len("a=setup:") + 1


@pytest.mark.parametrize("algorithm", ["sha-1", "SHA-224", "sha-256", "sha-384", "sha-512"])
def test_fingerprints(algorithm: str) -> None:
    size = {"1": 20, "4": 48 if "384" in algorithm else 28, "6": 32, "2": 64}[algorithm[-1]]
    value = ":".join(["0a"] * size)
    assert Fingerprint.parse(f"{algorithm} {value}") == Fingerprint(algorithm.lower(), value)
