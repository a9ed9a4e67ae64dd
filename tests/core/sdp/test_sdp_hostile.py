"""Any input gives a description with the same text, or an error of ours. What crashes aiortc is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sdp_vectors import PAIRS, PUBLISH_OFFER, PWD, TEXTS, TRANSPORT, changed, load, section

from m3core.errors import LimitExceeded, M3Error, SdpError
from m3core.sdp import SessionDescription, check_answer, check_offer

PIECES = st.sampled_from(
    [
        "",
        " ",
        ":",
        "/",
        ";",
        "=",
        "-1",
        "0",
        "1",
        "9",
        "128",
        "65536",
        "99999999999999999999",
        "\u00b2",
        "\uff11",
        "\u2028",
        "\x85",
        "\x0b",
        "\x00",
        "\r",
        "\n",
        "\r\n",
        "\r\na=mid:0\r\n",
        "\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
        "a=",
        "m=",
        "a=sendrecv\r\n",
        "send",
        "recv",
        "~",
        ",",
        "*",
        "\ud800",
        "é",
    ]
)


@st.composite
def mutated(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A recorded text with a few cuts, insertions and moved lines."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 12)))
        lines = text.split("\r\n")
        match draw(st.integers(0, 2)):
            case 0:
                text = text[:at] + draw(PIECES) + text[end:]
            case 1:
                lines.insert(draw(st.integers(0, len(lines))), lines.pop(draw(st.integers(0, len(lines) - 1))))
                text = "\r\n".join(lines)
            case _:
                lines[draw(st.integers(0, len(lines) - 1))] = lines[draw(st.integers(0, len(lines) - 1))]
                text = "\r\n".join(lines)
    return text


def survives(text: str | bytes) -> SessionDescription | None:
    """Parse ``text`` and read every property; only our errors may come."""
    try:
        description = SessionDescription.parse(text)
    except (SdpError, LimitExceeded):
        return None
    assert description.serialize() == (text if isinstance(text, str) else text.decode())
    for use in (
        description.validate,
        lambda: description.validate(strict=True),
        description.problems,
        description.trickled,
        lambda: check_offer(description),
        lambda: check_answer(load("sdp/01-publish-video-offer.sdp"), description),
        lambda: check_answer(description, load("sdp/02-publish-video-answer.sdp")),
    ):
        try:
            use()
        except SdpError as error:
            assert 0 <= error.line <= description.serialize().count("\n") + 1
            assert PWD not in str(error)
    survives_again = description.without_candidates()
    assert SessionDescription.parse(survives_again.serialize()) == survives_again
    return description


@given(st.text() | st.binary())
@example("")
@example(b"\xef\xbb\xbfv=0\r\n")
def test_any_text_or_bytes(data: str | bytes) -> None:
    survives(data)


@given(mutated(st.sampled_from(sorted(TEXTS.values()))))
def test_mutated_vectors(text: str) -> None:
    survives(text)
    try:
        lenient = SessionDescription.parse(text, lenient=True)
    except (SdpError, LimitExceeded):
        return
    assert lenient.repairs or lenient.serialize() == text


@given(st.data())
def test_mutated_answers(data: st.DataObject) -> None:
    offer, answer = data.draw(st.sampled_from(PAIRS))
    text = data.draw(mutated(st.just(TEXTS[answer])))
    description = survives(text)
    if description is not None:
        try:
            check_answer(load(offer), description)
        except SdpError as error:
            assert error.rule


AIORTC_CRASHERS = {
    "bad m-line": changed(PUBLISH_OFFER, "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101", "m=audio 9"),
    "lower-case protocol": changed(PUBLISH_OFFER, "UDP/TLS/RTP/SAVPF", "udp/tls/rtp/savpf"),
    "holdconn": changed(PUBLISH_OFFER, "setup:actpass", "setup:holdconn"),
    "fmtp of unknown payload type": changed(PUBLISH_OFFER, "a=fmtp:109", "a=fmtp:99"),
    "fmtp cut short": changed(PUBLISH_OFFER, "a=fmtp:101 0-15", "a=fmtp:101"),
    "fmtp without a number": changed(PUBLISH_OFFER, "apt=120", "apt=x"),
    "ssrc cut short": section("mid:0", "ssrc:1"),
    "ssrc-group cut short": section("mid:0", "rtpmap:111 opus/48000/2", "ssrc-group:FID x"),
    "extmap cut short": section("mid:0", "extmap:1"),
    "extmap id": section("mid:0", "rtpmap:111 opus/48000/2", "extmap:x urn:x"),
    "rtcp-fb cut short": section("mid:0", "rtpmap:111 opus/48000/2", "rtcp-fb:111"),
    "rtcp-fb of unknown payload type": section("mid:0", "rtpmap:111 opus/48000/2", "rtcp-fb:x nack"),
    "rtcp cut short": section("mid:0", "rtpmap:111 opus/48000/2", "rtcp:9 IN"),
    "fmtp without rtpmap": section("mid:0", "fmtp:0 x=y", mline="m=audio 9 UDP/TLS/RTP/SAVPF 0"),
    "payload type of RTCP": section("mid:0", "rtpmap:72 opus/48000/2", mline="m=audio 9 UDP/TLS/RTP/SAVPF 72"),
    "audio over SCTP": section("mid:0", mline="m=audio 9 UDP/DTLS/SCTP x"),
    "sctpmap": section("mid:0", "sctpmap:x y", mline="m=application 9 UDP/DTLS/SCTP 5000"),
    "extension attributes": section("mid:0", "rtpmap:111 opus/48000/2", "extmap:1 urn:x y"),
    "connection": changed(PUBLISH_OFFER, "c=IN IP4 0.0.0.0", "c=IN IP4 host"),
    "candidate cut short": section("mid:0", "rtpmap:111 opus/48000/2", "candidate:1 1 udp 1"),
    "fingerprint cut short": section("mid:0", "rtpmap:111 opus/48000/2", "fingerprint:sha-256"),
    "rtpmap without clock": section("mid:0", "rtpmap:111 opus"),
    "rtpmap of unknown payload type": section("mid:0", "rtpmap:111 opus/48000/2", "rtpmap:112 opus/48000/2"),
    "rtpmap of something else": section("mid:0", "rtpmap:x opus/48000"),
    "payload type not a number": section("mid:0", mline="m=audio 9 UDP/TLS/RTP/SAVPF x"),
    "ptime": section("mid:0", "rtpmap:111 opus/48000/2", "ptime:x"),
    "max-message-size": section("mid:0", "rtpmap:111 opus/48000/2", "max-message-size:x"),
    "sctp-port": section("mid:0", "rtpmap:111 opus/48000/2", "sctp-port:x"),
    "group without a value": changed(PUBLISH_OFFER, "a=group:BUNDLE 0 1", "a=group"),
    "origin cut short": changed(PUBLISH_OFFER, " IN IP4 0.0.0.0\r\ns=", "\r\ns="),
    "version": changed(PUBLISH_OFFER, "v=0", "v=x"),
    "forged m-line": changed(PUBLISH_OFFER, "s=-", "s=x\u2028m=video 9 UDP/TLS/RTP/SAVPF 96"),
    "empty": "",
}


def read_by_aiortc(text: str) -> None:
    """Give ``text`` to aiortc's parser, if it passes what a peer's description must."""
    import aiortc.sdp as aiortc_sdp

    from m3asyncio.aiortc_sdp import for_aiortc

    try:
        SessionDescription.parse(text).validate()
    except M3Error:
        return
    str(aiortc_sdp.SessionDescription.parse(for_aiortc(text)))


@pytest.mark.parametrize("name", AIORTC_CRASHERS)
def test_what_crashes_aiortc_never_passes(name: str) -> None:
    with pytest.raises(SdpError):
        SessionDescription.parse(AIORTC_CRASHERS[name]).validate(strict=True)


@pytest.mark.parametrize("name", AIORTC_CRASHERS)
def test_what_crashes_aiortc_is_refused_or_left_out(name: str) -> None:
    """The sections of this list lack a transport. With one, more of them pass the musts."""
    text = AIORTC_CRASHERS[name]
    for offer in (text, text.replace("a=mid:0\r\n", "".join(f"a={line}\r\n" for line in ("mid:0", *TRANSPORT)))):
        read_by_aiortc(offer)


@given(mutated(st.sampled_from(sorted(TEXTS.values()))))
def test_what_passes_does_not_crash_aiortc(text: str) -> None:
    read_by_aiortc(text)


@pytest.mark.parametrize(
    "line",
    [
        "a=" + "x" * 60_000,
        "a=fmtp:111 " + ";" * 60_000,
        "a=rtpmap:" + "1" * 60_000,
        "a=simulcast:send " + "a," * 30_000,
        "a=fingerprint:sha-256 " + "AB:" * 20_000,
        "a=candidate:" + "1 " * 30_000,
        "a=ssrc-group:FID" + " 1" * 30_000 + "x",
        "a=msid-semantic:" + " " * 60_000,
        "a=ice-pwd:" + "a" * 60_000 + "!",
        "m=audio 9 " + "a/" * 30_000,
        "a=rid:a send " + ";" * 60_000,
        "s=" + "t=0 0" * 12_000,
        "a=ice-options:" + "a " * 30_000,
    ],
    ids=lambda line: re.split("[: ]", line)[0][:20],
)
def test_adversarial_lines_end(line: str) -> None:
    """A pattern that backtracks would take minutes for each text, and so reach the time limit of the suite."""
    head = section("mid:0", "rtpmap:111 opus/48000/2")
    for text in (f"{head}{line}\r\n", f"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n{line}\r\n"):
        for lenient in (False, True):
            try:
                description = SessionDescription.parse(text, lenient=lenient)
                description.problems()
                description.validate()
            except M3Error as error:
                assert len(str(error)) < 200
