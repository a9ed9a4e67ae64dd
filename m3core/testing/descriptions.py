"""Session descriptions for fake media: small, valid, and made from a few arguments."""

from __future__ import annotations

from collections.abc import Iterable

from m3core.sdp import Direction, MediaDescription, SessionDescription

_CODECS = {
    "audio": ("111", ("a=rtpmap:111 opus/48000/2", "a=fmtp:111 useinbandfec=1")),
    "video": ("96 97", ("a=rtpmap:96 VP8/90000", "a=rtcp-fb:96 nack pli", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96")),
}
_FINGERPRINT = ":".join(["A5"] * 32)


def make_offer(kinds: Iterable[str], number: int, *, lite: bool = False) -> str:
    """An offer to send ``kinds`` (`audio`, `video`), with two candidates. ``number`` makes offers distinct."""
    kinds = tuple(kinds)
    lines = [*_session(number, range(len(kinds)), lite=lite)]
    for index, kind in enumerate(kinds):
        formats, codecs = _CODECS[kind]
        mline = f"m={kind} 9 UDP/TLS/RTP/SAVPF {formats}"
        lines += _section(mline, codecs, str(index), "sendonly", "actpass", number)
    return "\r\n".join(lines) + "\r\n"


def make_answer(offer: str, number: int, *, lite: bool = False) -> str:
    """An answer that accepts all of ``offer`` that it does not reject, with two candidates."""
    description = SessionDescription.parse(offer)
    lines = [*_session(number, _bundled(description), lite=lite)]
    for section in description.media:
        lines += _answer_section(section, number)
    return "\r\n".join(lines) + "\r\n"


def _bundled(description: SessionDescription) -> Iterable[str]:
    return (section.mid or "" for section in description.media if not section.is_rejected)


def _answer_section(section: MediaDescription, number: int) -> list[str]:
    formats = " ".join(section.format_list)
    if section.is_rejected:
        return [f"m={section.media_type} 0 {section.protocol} {formats}"]
    codecs = [f"a=rtpmap:{rtpmap.payload_type} {_encoding(rtpmap)}" for rtpmap in section.rtpmaps]
    # As written: a peer may send parameters that cannot be read.
    codecs += [f"a=fmtp:{one.value}" for one in section.attributes("fmtp") if one.value and "apt=" in one.value]
    direction = "recvonly" if section.direction is Direction.SENDONLY else "sendonly"
    mline = f"m={section.media_type} 9 {section.protocol} {formats}"
    lines = _section(mline, codecs, section.mid or "", direction, "active", number)
    return [line for line in lines if line != "a=rtcp-mux" or section.rtcp_mux]


def _encoding(rtpmap: object) -> str:
    name, rate, channels = (getattr(rtpmap, key) for key in ("encoding_name", "clock_rate", "channels"))
    return f"{name}/{rate}" + (f"/{channels}" if channels and channels > 1 else "")


def _session(number: int, mids: Iterable[object], *, lite: bool) -> list[str]:
    return [
        "v=0",
        f"o=- {number} 1 IN IP4 192.0.2.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(map(str, mids)),
        *(["a=ice-lite"] if lite else []),
    ]


def _section(mline: str, codecs: Iterable[str], mid: str, direction: str, setup: str, number: int) -> list[str]:
    return [
        mline,
        "c=IN IP4 0.0.0.0",
        f"a={direction}",
        *([f"a=mid:{mid}"] if mid else []),
        "a=rtcp-mux",
        f"a=ice-ufrag:u{number:07d}",
        f"a=ice-pwd:p{number:031d}",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {_FINGERPRINT}",
        f"a=setup:{setup}",
        *codecs,
        "a=candidate:1 1 udp 2113937151 192.0.2.1 50001 typ host",
        "a=candidate:2 1 udp 1677729535 198.51.100.1 50002 typ srflx raddr 192.0.2.1 rport 50001",
        "a=end-of-candidates",
    ]
