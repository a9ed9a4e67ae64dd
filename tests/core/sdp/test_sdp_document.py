"""Descriptions from text and back: every byte is kept; line grammar, limits, repairs, derived descriptions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sdp_vectors import (
    CHROMIUM,
    FILES,
    HEAD,
    PUBLISH_ANSWER,
    PUBLISH_OFFER,
    PWD,
    TEXTS,
    TRANSPORT,
    VECTORS,
    changed,
    load,
    section,
)

import m3core.sdp
from m3core import limits
from m3core.errors import LimitExceeded, SdpError
from m3core.sdp import (
    Attribute,
    Bandwidth,
    BandwidthType,
    ConnectionInformation,
    Direction,
    DtlsSetup,
    Fingerprint,
    Group,
    HeaderExtension,
    MsidSemantic,
    Origin,
    Repair,
    SessionDescription,
    Timing,
    UnknownAttribute,
    _grammar,
)
from m3core.values import MediaKind

FUSED_TIMING = (VECTORS / "sdp/as-captured/02-publish-video-answer.fused-s-t.sdp").read_bytes()
FUSED_VERSION = (VECTORS / "sdp/as-captured/03-publish-screen-offer.fused-v-o.sdp").read_bytes()
BARE_LF = (VECTORS / "sdp/as-captured/05-subscribe-video-offer.lf-no-final-newline.sdp").read_bytes()


def test_the_public_names_are_those_of_all() -> None:
    assert sorted(m3core.sdp.__all__) == m3core.sdp.__all__
    assert all(hasattr(m3core.sdp, name) for name in m3core.sdp.__all__)


@pytest.mark.parametrize("name", FILES)
def test_vectors_round_trip_byte_for_byte_and_validate(name: str) -> None:
    data = (VECTORS / name).read_bytes()
    for given_text in (data, data.decode()):
        for lenient in (False, True):
            description = SessionDescription.parse(given_text, lenient=lenient)
            assert description.serialize().encode() == data
            assert description.repairs == ()
    description.validate(strict=True)
    assert description == SessionDescription.parse(description.serialize())
    assert hash(description) == hash(load(name))
    assert description.unknown_attributes == ()
    assert all(media.unknown_attributes == () for media in description.media)
    assert SessionDescription.parse(description.without_candidates().serialize()) == description.without_candidates()


def test_bare_line_feeds_and_a_missing_last_line_end_are_kept() -> None:
    description = SessionDescription.parse(BARE_LF)
    assert description.serialize().encode() == BARE_LF
    assert description.repairs == ()
    description.validate(strict=True)
    assert description.trickled() == load("sdp/05-subscribe-video-offer.sdp").trickled()
    bare = description.without_candidates().serialize()
    assert "\r" not in bare
    assert "candidate:" not in bare


def test_fused_lines_are_repaired_only_leniently_and_named() -> None:
    for data, repair, line in (
        (FUSED_TIMING, Repair("fused s=/t=", 3), "s=VideoRoom 1346491345067577\nt=0 0\n"),
        (FUSED_VERSION, Repair("fused v=/o=", 1), "v=0\no=mozilla...THIS_IS_SDPARTA-99.0 "),
    ):
        with pytest.raises(SdpError):
            SessionDescription.parse(data)
        description = SessionDescription.parse(data, lenient=True)
        assert description.repairs == (repair,)
        assert line in description.serialize()
        assert len(description.serialize()) == len(data) + 1
        description.validate(strict=True)
        assert description.without_candidates().repairs == (repair,)
    both = b"v=0" + FUSED_TIMING[4:].replace(b"\n", b"\r\n")
    assert SessionDescription.parse(both, lenient=True).repairs == (
        Repair("fused v=/o=", 1),
        Repair("fused s=/t=", 2),
    )
    repaired = SessionDescription.parse(both, lenient=True).serialize()
    assert repaired.count("\r\n") == repaired.count("\n")


def test_a_session_name_that_looks_fused_is_left_alone() -> None:
    text = changed(PUBLISH_OFFER, "s=-\r\n", "s=not=0 0\r\n")
    assert SessionDescription.parse(text, lenient=True).serialize() == text
    text = changed(PUBLISH_OFFER, "s=-\r\n", "s=not=0 0\r\ni=text\r\n")
    assert SessionDescription.parse(text, lenient=True).serialize() == text


def test_session_views() -> None:
    answer = load("sdp/02-publish-video-answer.sdp")
    assert answer.version == 0
    assert answer.origin == Origin("mozilla...THIS_IS_SDPARTA-99.0", 1702386752999680, 1, "IN", "IP4", "192.0.2.10")
    assert answer.session_name == "VideoRoom 1346491345067577"
    assert answer.timing == Timing(0, 0)
    assert answer.connection is None
    assert answer.bandwidths == ()
    assert answer.groups == (Group("BUNDLE", answer.bundle),)
    assert answer.bundle == ("0", "1")
    assert answer.ice_lite
    assert answer.extmap_allow_mixed
    assert answer.ice_options == frozenset()
    assert answer.fingerprints == ()
    assert answer.msid_semantics == (MsidSemantic("WMS", ("janus",)),)
    assert answer.attributes("ice-lite") == (Attribute("ice-lite"),)
    assert answer.attributes("s=") == ()
    assert answer.attributes("nothing") == ()
    assert answer.attributes() == (
        Attribute("group", "BUNDLE 0 1"),
        Attribute("extmap-allow-mixed"),
        Attribute("msid-semantic", " WMS janus"),
        Attribute("ice-lite"),
    )
    assert answer.find("1") is answer.media[1]
    assert answer.find("2") is None


def test_media_views_fall_back_to_the_session() -> None:
    offer = load("sdp/01-publish-video-offer.sdp")
    audio, video = offer.media
    assert (audio.kind, audio.media_type, audio.mline_index, audio.mid) == (MediaKind.AUDIO, "audio", 0, "0")
    assert (audio.port, audio.protocol, audio.is_rtp, audio.is_rejected) == (9, "UDP/TLS/RTP/SAVPF", True, False)
    assert audio.formats == (109, 9, 0, 8, 101)
    assert audio.format_list == ("109", "9", "0", "8", "101")
    assert audio.connection == ConnectionInformation("IN", "IP4", "0.0.0.0")
    assert audio.direction is Direction.SENDONLY
    assert audio.fingerprints == video.fingerprints == offer.fingerprints
    assert audio.ice_options == {"trickle"}
    assert audio.ice_credentials is not None
    assert audio.ice_credentials.ufrag == "e163e2b8"
    assert audio.ice_credentials.pwd.reveal() == PWD
    assert audio.setup is DtlsSetup.ACTPASS
    assert audio.extmaps[2].uri == HeaderExtension.MID
    assert audio.bandwidths == ()
    assert not audio.rtcp_reduced_size
    assert video.rtcp_mux
    assert video.rtcp_reduced_size
    assert not video.end_of_candidates
    assert load("sdp/02-publish-video-answer.sdp").media[1].bandwidths == (Bandwidth(BandwidthType.TIAS, 1_600_000),)


def test_fingerprints_of_an_m_section_replace_those_of_the_session() -> None:
    """RFC 8122 s.5."""
    other = f"sha-1 {':'.join(['AB'] * 20)}"
    offer = SessionDescription.parse(changed(PUBLISH_OFFER, "a=mid:0", f"a=mid:0\r\na=fingerprint:{other}"))
    audio, video = offer.media
    assert audio.fingerprints == (Fingerprint.parse(other),)
    assert video.fingerprints == offer.fingerprints != audio.fingerprints


def test_session_level_defaults_reach_the_media() -> None:
    text = (
        HEAD.replace("t=0 0", "c=IN IP4 192.0.2.1\r\nb=AS:64\r\nt=0 0")
        + f"a=recvonly\r\na=setup:passive\r\na={TRANSPORT[-1]}\r\na=tls-id:{'x' * 20}\r\n"
        + f"a=ice-ufrag:abcd\r\na=ice-pwd:{PWD}\r\n"
        + "a=extmap:1 urn:x\r\na=ice-options:trickle ice2\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=rtcp-mux\r\n"
        + "a=ice-options:renomination\r\na=extmap:2 urn:y\r\n"
    )
    description = SessionDescription.parse(text)
    description.validate(strict=True)
    (audio,) = description.media
    assert description.connection == audio.connection == ConnectionInformation("IN", "IP4", "192.0.2.1")
    assert description.bandwidths == (Bandwidth("AS", 64),)
    assert audio.direction is Direction.RECVONLY
    assert audio.setup is DtlsSetup.PASSIVE
    assert audio.tls_id == "x" * 20
    assert audio.ice_credentials is not None
    assert audio.ice_options == {"trickle", "ice2", "renomination"}
    assert [extension.id for extension in audio.extmaps] == [1, 2]
    assert SessionDescription.parse(section("mid:0")).media[0].direction is Direction.SENDRECV


def test_unknown_attributes_and_unknown_lines_are_kept_in_order() -> None:
    text = section("x-one:1", "mid:0", "rtpmap:111 opus/48000/2", "x-two", *TRANSPORT, "x-one:2") + "y=unknown line\r\n"
    description = SessionDescription.parse(text)
    description.validate(strict=True)
    assert description.serialize() == text
    assert description.media[0].unknown_attributes == (
        UnknownAttribute("x-one", "1"),
        UnknownAttribute("x-two"),
        UnknownAttribute("x-one", "2"),
    )
    assert [attribute.name for attribute in description.media[0].attributes()][:2] == ["x-one", "mid"]


def test_a_data_channel_is_described_and_has_no_kind() -> None:
    text = section(
        "mid:0",
        "sctp-port:5000",
        "max-message-size:0",
        *TRANSPORT,
        mline="m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    )
    description = SessionDescription.parse(text)
    description.validate(strict=True)
    (media,) = description.media
    assert (media.kind, media.media_type, media.is_rtp, media.formats) == (None, "application", False, ())
    assert media.format_list == ("webrtc-datachannel",)
    assert (media.sctp_port, media.max_message_size) == (5000, 0)


def test_no_repr_or_str_shows_a_password() -> None:
    description = load("sdp/01-publish-video-offer.sdp")
    audio = description.media[0]
    (attribute,) = audio.attributes("ice-pwd")
    shown = f"{description!r} {description} {audio!r} {audio.attributes()!r} {audio.ice_credentials!r} {attribute}"
    assert PWD not in shown
    assert repr(description) == "<SessionDescription of 3292 characters, 2 m-sections>"
    assert repr(audio) == "<MediaDescription 0: audio>"
    assert repr(Attribute("mid", "0")) == "Attribute(name='mid', value='0')"


def test_a_description_cannot_be_changed() -> None:
    description = load("sdp/01-publish-video-offer.sdp")
    with pytest.raises(AttributeError):
        description.repairs = ()  # type: ignore[misc]


def test_without_candidates_drops_nothing_else() -> None:
    for name, text in TEXTS.items():
        expected = re.sub(r"a=(candidate:[^\n]*|end-of-candidates\r)\n", "", text)
        assert load(name).without_candidates().serialize() == expected
    text = section("mid:0", "candidate", "end-of-candidates-not", "end-of-candidates:x").removesuffix("\r\n")
    expected = section("mid:0", "end-of-candidates-not")
    assert SessionDescription.parse(text).without_candidates().serialize() == expected


def test_descriptions_for_trickling_have_the_address_of_none() -> None:
    """RFC 8840 s.4.1.1. A rejected m-section keeps port 0 (RFC 3264 s.6)."""
    text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n"
    text += "m=audio 50000 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.0.2.7/127\r\n"
    text += "a=candidate:1 1 udp 1 192.0.2.7 50000 typ host\r\n"
    text += "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 192.0.2.7\r\na=end-of-candidates\r\n"
    expected = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    expected += "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
    expected += "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n"
    assert SessionDescription.parse(text).for_trickling().serialize() == expected


def test_trickled_reports_the_tagged_section_of_a_bundle_only() -> None:
    found, ended = load("sdp/02-publish-video-answer.sdp").trickled()
    assert ended
    assert [(each.candidate.port, each.mid, each.mline_index, each.ufrag) for each in found] == [
        (20007, "0", 0, "u4nW"),
        (21450, "0", 0, "u4nW"),
    ]
    found, ended = load("sdp-live/chromium-pub-offer.sdp").trickled()
    assert not ended
    assert [each.candidate.port for each in found] == [44773, 50591, 9, 9]
    assert load("sdp/01-publish-video-offer.sdp").trickled() == ((), False)
    assert SessionDescription.parse(HEAD).trickled() == ((), False)


def test_trickled_reports_every_section_that_has_its_own_transport() -> None:
    apart = changed(PUBLISH_ANSWER, "a=group:BUNDLE 0 1\r\n", "")
    assert len(SessionDescription.parse(apart).trickled()[0]) == 4
    half = changed(apart, "a=end-of-candidates\r\n", "")
    assert not SessionDescription.parse(half).trickled()[1]
    rejected = changed(PUBLISH_ANSWER, "m=audio 9", "m=audio 0")
    assert {each.mid for each in SessionDescription.parse(rejected).trickled()[0]} == {"1"}
    all_rejected = changed(rejected, "m=video 9", "m=video 0")
    assert SessionDescription.parse(all_rejected).trickled() == ((), False)
    other = changed(PUBLISH_ANSWER, "a=group:BUNDLE 0 1\r\n", "a=group:LS 0 1\r\n")
    assert len(SessionDescription.parse(other).trickled()[0]) == 4


def test_a_nameless_section_has_its_own_transport_and_no_ufrag() -> None:
    description = SessionDescription.parse(section("candidate:1 1 udp 1 192.0.2.1 9 typ host"))
    ((found,), _) = description.trickled()
    assert (found.mid, found.mline_index, found.ufrag) == (None, 0, None)
    assert description.transport_of(description.media[0]) is description.media[0]


@pytest.mark.parametrize(
    "bad", ["\x00", "\t", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x7f", "\x85", "\u2028", "\u2029", "\r"]
)
def test_nothing_but_crlf_and_lf_ends_a_line(bad: str) -> None:
    text = changed(PUBLISH_OFFER, "s=-", f"s=x{bad}m=video 9 UDP/TLS/RTP/SAVPF 96")
    for lenient in (False, True):
        with pytest.raises(SdpError, match="control characters") as caught:
            SessionDescription.parse(text, lenient=lenient)
        assert (caught.value.line, caught.value.column) == (3, 4)
        with pytest.raises(SdpError):
            SessionDescription.parse(text.encode(), lenient=lenient)


def test_text_beyond_ascii_is_kept_where_text_may_stand() -> None:
    text = changed(PUBLISH_OFFER, "s=-", "s=Besprechung – Räume \N{SMILING FACE WITH SUNGLASSES}")
    assert SessionDescription.parse(text).serialize() == text
    assert SessionDescription.parse(text.encode()).serialize() == text
    for old, new in (
        ("a=mid:0", "a=mïd:0"),
        ("m=audio 9 ", "m=audio \N{FULLWIDTH DIGIT NINE} "),
        ("t=0 0", "t=0 \u0660"),
    ):
        with pytest.raises(SdpError):
            SessionDescription.parse(changed(PUBLISH_OFFER, old, new))


@pytest.mark.parametrize("bad", [b"\xff", b"v=0\r\n\xc3\r\n"])
def test_bytes_have_to_be_utf_8(bad: bytes) -> None:
    with pytest.raises(SdpError, match="UTF-8"):
        SessionDescription.parse(bad)
    with pytest.raises(SdpError, match="UTF-8"):
        SessionDescription.parse(changed(PUBLISH_OFFER, "s=-", "s=\ud800"))


O_LINE = "o=- 1 1 IN IP4 0.0.0.0"
GRAMMAR = {
    "": ("a line is a letter", 1, 1),
    "\n": ("a line is a letter", 1, 1),
    "hello": ("a line is a letter", 1, 1),
    f"{O_LINE}\n": ("no v= line", 0, 0),
    "v=1\n": ("malformed v= line", 1, 3),
    "v=0\n": ("no o= line", 0, 0),
    f"v=0\n{O_LINE}\n": ("no s= line", 0, 0),
    f"v=0\n{O_LINE}\ns=-\n": ("no t= line", 0, 0),
    f"v=0\n{O_LINE}\ns=-\nm=audio 9 X 0\n": ("no t= line", 4, 1),
    "v=0\ns=-\no=- 1 1 IN IP4 0.0.0.0\nt=0 0\n": ("o= line out of order", 3, 1),
    "v=0\no=- 1 1 IN IP4\ns=-\nt=0 0\n": ("malformed o= line", 2, 3),
    "v=0\no=- x 1 IN IP4 0.0.0.0\ns=-\nt=0 0\n": ("malformed o= line", 2, 3),
    f"v=0\no=- {'1' * 21} 1 IN IP4 0.0.0.0\ns=-\nt=0 0\n": ("malformed o= line", 2, 3),
    f"v=0\n{O_LINE}\ns=\nt=0 0\n": ("malformed s= line", 3, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0\n": ("malformed t= line", 4, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 1_1\n": ("malformed t= line", 4, 3),
    f"v=0\n{O_LINE}\ns=-\ns=-\nt=0 0\n": ("two s= lines", 4, 1),
    f"v=0\n{O_LINE}\ns=-\nc=IN IP4 0.0.0.0\nc=IN IP4 0.0.0.0\nt=0 0\n": ("two c= lines", 5, 1),
    f"v=0\n{O_LINE}\ns=-\nc=IN IP4\nt=0 0\n": ("malformed c= line", 4, 3),
    f"v=0\n{O_LINE}\ns=-\nb=AS\nt=0 0\n": ("malformed b= line", 4, 3),
    f"v=0\n{O_LINE}\ns=-\nb=AS:-1\nt=0 0\n": ("malformed b= line", 4, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nb=AS:1\n": ("b= line out of order", 5, 1),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\na=x\nt=0 0\n": ("t= line out of order", 6, 1),
    f"v=0\n{O_LINE}\ns=-\ny=x\nt=0 0\n": ("t= line out of order", 5, 1),
    f"v=0\n{O_LINE}\ns=-\nr=1 1 1\nt=0 0\n": ("r= line out of order", 4, 1),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\n\n": ("a line is a letter", 5, 1),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nA=x\n": ("a line is a letter", 5, 1),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\na=\n": ("malformed a= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\na=x:\n": ("malformed a= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\na=:x\n": ("malformed a= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\na=a b\n": ("malformed a= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\ny=\n": ("malformed a= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=\n": ("malformed m= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio\n": ("malformed m= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio 9 X\n": ("malformed m= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio 9 X/ 0\n": ("malformed m= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio 9/0 X 0\n": ("malformed m= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio +9 X 0\n": ("malformed m= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio 9 X  0\n": ("malformed m= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio 9 X 0 \n": ("malformed m= line", 5, 3),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio 65536 X 0\n": ("a port is at most 65535", 5, 9),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio 9 X 0\na=x\ni=x\n": ("i= line out of order", 7, 1),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio 9 X 0\nt=0 0\n": ("t= line out of order", 6, 1),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio 9 X 0\ni=1\ni=2\n": ("two i= lines", 7, 1),
    f"v=0\n{O_LINE}\ns=-\nt=0 0\nm=audio 9 X 0\nx\n": ("a line is a letter", 6, 1),
}


@pytest.mark.parametrize(("text", "expected"), GRAMMAR.items())
def test_the_line_grammar_says_what_is_wrong_and_where(text: str, expected: tuple[str, int, int]) -> None:
    for ending in ("\n", "\r\n"):
        with pytest.raises(SdpError) as caught:
            SessionDescription.parse(text.replace("\n", ending))
        error = caught.value
        assert error.rule.startswith(expected[0])
        assert (error.line, error.column) == expected[1:]


def test_everything_the_grammar_allows_is_accepted() -> None:
    text = (
        f"v=0\n{O_LINE}\ns= \ni=info\nu=http://x\ne=a@b\ne=c@d\np=+1\np=+2\nc=IN IP4 224.2.1.1/127\nb=AS:1\nb=X-a:2\n"
        "t=1 2\nr=7d 1h 0 25h\nr=1 1 1\nt=3 4\nt=5 6\nr=1 1 1\nz=0 0\nk=prompt\na=x\na=y:z\nq=?\na=b:c:d\n"
        "m=audio 0 RTP/AVP 0\ni=t\nc=IN IP4 1\nc=IN IP4 2\nb=AS:1\nk=clear:x\na=x\nm=text 65535 a/b-c x.y\n"
    )
    assert SessionDescription.parse(text).serialize() == text
    assert SessionDescription.parse(text).timing == Timing(1, 2)
    assert SessionDescription.parse(HEAD.removesuffix("\r\n")).media == ()


def test_limits_are_explicit() -> None:
    def grown(text: str, size: int) -> str:
        return text + "a=" + "x" * (size - len(text) - 2)

    assert SessionDescription.parse(grown(HEAD, limits.MAX_SDP))
    wide = "s=" + "ä" * (limits.MAX_SDP // 2)
    candidate = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n"
    mline = "m=audio 9 UDP/TLS/RTP/SAVPF 0"
    for name, good, bad, limit in (
        ("bytes", HEAD, grown(HEAD, limits.MAX_SDP + 1), limits.MAX_SDP),
        ("bytes", HEAD, HEAD.replace("s=-", wide), limits.MAX_SDP),
        ("lines", HEAD + "a=x\n" * 1_996, HEAD + "a=x\n" * 1_996 + "a=x", limits.MAX_SDP_LINES),
        ("m-sections", HEAD + f"{mline}\n" * 32, HEAD + f"{mline}\n" * 33, limits.MAX_SDP_SECTIONS),
        ("formats", HEAD + mline + " 0" * 127, HEAD + mline + " 0" * 128, limits.MAX_SDP_FORMATS),
        ("candidates", HEAD + (mline + "\n" + candidate * 100) * 2, HEAD + mline + "\n" + candidate * 101, 100),
    ):
        assert SessionDescription.parse(good).serialize() == good
        for text in (bad, bad.encode()):
            with pytest.raises(LimitExceeded) as caught:
                SessionDescription.parse(text)
            assert (caught.value.unit, caught.value.limit) == (name, limit)
            assert caught.value.value > limit


LINES = st.lists(
    st.sampled_from(
        [line for text in (PUBLISH_OFFER, CHROMIUM) for line in text.split("\r\n")][:60]
        + [f"{letter}={value}" for letter in "vosiuepcbtrzkamxy" for value in ("", "0", "0 0", "IN IP4 x", "a:1")]
        + ["", "=", "a", "a=x:", "A=1"]
    ),
    max_size=12,
)


@given(LINES, st.booleans(), st.booleans())
def test_the_searches_and_the_walk_agree(lines: list[str], headed: bool, last: bool) -> None:
    """The search by patterns and the check of each line agree about every text."""
    text = (HEAD.replace("\r", "") if headed else "") + "\n".join(lines) + "\n" * last
    with pytest.raises(SdpError) as walked:
        _grammar._diagnose(text)
    faultless = walked.value.rule == "broken line grammar (RFC 8866 s.9)"
    if faultless:
        assert "".join(_grammar.sections(text)) == text
        return
    with pytest.raises(SdpError) as searched:
        _grammar.sections(text)
    assert searched.value.rule == walked.value.rule
