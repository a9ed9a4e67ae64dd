"""Descriptions on their way between a peer and aiortc: what aiortc cannot read never reaches it.

A peer may write more than a conference uses (`m3core.sdp.musts`). At such a line aiortc's parser ends with an
`AssertionError`, a `ValueError` or a `StopIteration`, and the call with it. So the lines that aiortc could not read, or
would misunderstand, are left out, and what it expects in each m-section is added. Its answers get what it writes the
same way for every offer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from m3core.errors import SdpError
from m3core.sdp import ExtMap, FormatParameters, MediaDescription, RtpMap, SessionDescription, SsrcAttribute

_SCTP_PORT: Final = 5000
"""The port that every browser uses. No data channel is opened, but without a port aiortc fails."""
_RTPMAP: Final = "a=rtpmap:"
_SECTION: Final = re.compile("^(?=m=)", re.MULTILINE)
_MLINE: Final = re.compile(r"^m=(\S+) ([0-9]+)(?:/[0-9]+)? \S+ ")
_PROTOCOL: Final = re.compile(r"^(m=\S+ \S+ )\S+", re.MULTILINE)
_GROUP: Final = re.compile(r"^a=group:BUNDLE[^\r\n]*\r?\n", re.MULTILINE)
_CHECKED_BELOW: Final = ("a=group:", "a=extmap:")
"""aiortc reads a group with absent mids as it should, and `_readable` looks at header extensions more closely."""


def for_aiortc(sdp: str) -> str:
    """The description of a peer, which has passed the checks of `m3core.negotiation`, as aiortc can read it."""
    description = SessionDescription.parse(sdp)
    odd = {problem.line for problem in description.problems()}
    ambiguous = _ambiguous(description)
    number = 0
    parts = []
    for index, part in enumerate(_SECTION.split(sdp)):
        media = description.media[index - 1] if index else None
        kept = []
        for line in part.splitlines():
            number += 1
            if number not in odd or line.startswith(_CHECKED_BELOW) or line[:2] not in {"a=", "c="}:
                kept.append(line)
        if media is not None:
            kept = [*_readable(media, kept, ambiguous), *_missing(description, media)]
            if not media.is_rtp and not any(line.startswith("a=sctp-port:") for line in kept):
                kept.append(f"a=sctp-port:{_SCTP_PORT}")
        parts += kept
    return "".join(f"{line}\r\n" for line in parts)


def as_answer(offer: str, answer: str) -> str:
    """An answer of aiortc to ``offer``, with the protocols of the offer, and bundled only if the offer is.

    aiortc writes `UDP/TLS/RTP/SAVPF` and a=group into each answer. RFC 9429 s.5.1.2 wants the offered protocol, and
    RFC 9143 s.7.3 bundles only what the offer bundles.
    """
    offered = SessionDescription.parse(offer)
    protocols = iter([media.protocol for media in offered.media])
    answer = _PROTOCOL.sub(lambda found: found[1] + next(protocols), answer)
    return answer if offered.bundle else _GROUP.sub("", answer)


def _ambiguous(description: SessionDescription) -> set[int]:
    """The ids of header extensions with two meanings. aiortc has one table of them for all m-sections of a bundle."""
    meanings: defaultdict[int, set[str]] = defaultdict(set)
    for media in description.media:
        for extension in media.readable_extmaps:
            meanings[extension.id].add(extension.uri)
    return {number for number, uris in meanings.items() if len(uris) > 1}


def _readable(media: MediaDescription, lines: Iterable[str], ambiguous: set[int]) -> Iterator[str]:
    """``lines`` of an m-section, without those that make sense only with a line that is not there."""
    lines = list(lines)
    types = {RtpMap.parse(line.removeprefix(_RTPMAP)).payload_type for line in lines if line.startswith(_RTPMAP)}
    seen: set[object] = set()
    for line in lines:
        name, _, value = line.partition(":")
        try:
            match name:
                case "a=extmap":
                    extension = ExtMap.parse(value)
                    if extension.attributes or extension.id in ambiguous or extension.id in seen:
                        continue
                    seen.add(extension.id)
                case "a=fmtp":
                    if FormatParameters.parse(value).payload_type not in types:
                        continue
                case "a=ssrc":
                    if SsrcAttribute.parse(value).value is None:
                        continue
        except SdpError:
            continue
        # aiortc knows neither numbers of ports nor protocols with other characters. DTLS is the same for all of them.
        yield _MLINE.sub(rf"m=\1 \2 {_protocol(media)} ", line)


def _protocol(media: MediaDescription) -> str:
    if media.is_rtp:
        return "UDP/TLS/RTP/SAVPF"
    # aiortc takes the port of SCTP from the formats, where drafts of RFC 8841 had it, if the protocol is theirs.
    drafted = media.protocol == "DTLS/SCTP" and re.fullmatch("[0-9]{1,4}", media.format_list[0]) is not None
    return "DTLS/SCTP" if drafted else "UDP/DTLS/SCTP"


def _missing(description: SessionDescription, media: MediaDescription) -> Iterator[str]:
    """What aiortc wants in an m-section, and RFC 8866 s.6.7 and RFC 9143 s.7.1.3 let a peer leave out."""
    if media.is_rejected:
        return
    owner = description.transport_of(media)
    if media.own_direction is None:
        yield f"a={media.direction.value}"
    credentials = media.ice_credentials or owner.ice_credentials
    if media.own_ice_credentials is None and credentials is not None:
        yield f"a=ice-ufrag:{credentials.ufrag}"
        yield f"a=ice-pwd:{credentials.pwd.reveal()}"
    if not media.own_fingerprints:
        for fingerprint in media.fingerprints or owner.fingerprints:
            yield f"a=fingerprint:{fingerprint.algorithm} {fingerprint.value}"
    setup = media.setup or owner.setup
    if media.own_setup is None and setup is not None:
        yield f"a=setup:{setup.value}"
