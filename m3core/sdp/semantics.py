"""The rules that one session description must keep beyond its grammar, whoever sent it.

This module owns the checks that look at more than one line. Each raises `SdpError` with a rule of its own. The rules
between an offer and its answer are in `offer_answer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from m3core.sdp._section import Section
from m3core.sdp.attributes import DtlsSetup, Group, Mid
from m3core.sdp.codecs import STATIC_PAYLOAD_TYPES, PayloadType, RtpMap, RtxFormat
from m3core.sdp.media import MediaDescription
from m3core.sdp.streams import RidDirection

PROTOCOLS: Final = frozenset(
    [
        "UDP/TLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
        "TCP/DTLS/RTP/SAVPF",
        "TCP/DTLS/RTP/SAVP",
        "UDP/DTLS/SCTP",
        "TCP/DTLS/SCTP",
    ]
)
"""The transport protocols of WebRTC (RFC 9429 s.5.1.2, RFC 8841 s.4). Media over any other is not encrypted by DTLS."""

# With a=rtcp-mux RTP and RTCP share a port, and the second octet of RTP with such a payload type, if its marker bit is
# set, is that of an RTCP packet.
_COLLIDING: Final = frozenset(range(64, 96))


def check(session: Section, sections: Sequence[MediaDescription], groups: Sequence[Group]) -> None:
    """Parse every typed attribute of the m-sections, and run all checks; raises the first `SdpError`.

    ``session`` is the session part, whose typed attributes have been read, and ``groups`` are its a=group lines.
    """
    for media in sections:
        media.read_all()
        if media.protocol not in PROTOCOLS:
            raise media.broken("a transport protocol that WebRTC does not have (RFC 9429 s.5.1.2)")
        if media.kind is not None and not media.is_rtp:
            raise media.broken("audio and video go over RTP (RFC 9429 s.5.1.2)")
        if media.setup is DtlsSetup.HOLDCONN:
            raise media.broken("a=setup:holdconn has no DTLS role (RFC 8842 s.5)", "setup")
        _check_formats(media)
        _check_parameters(media)
        _check_retransmission(media)
        _check_rids(media)
        _check_extensions(media)
    _check_mids(sections)
    _check_groups(session, sections, groups)
    _check_bundles(sections, groups)


def _check_formats(media: MediaDescription) -> None:
    if len(set(media.formats)) < len(media.formats):
        raise media.broken("a payload type twice in one m-line (RFC 8866 s.5.14)")
    if not _COLLIDING.isdisjoint(media.formats):
        raise media.broken("a payload type of 64 to 95 collides with RTCP (RFC 5761 s.4)")
    mapped: set[PayloadType] = set()
    for number, rtpmap in enumerate(media.rtpmaps):
        if rtpmap.payload_type not in media.formats:
            raise media.broken("a=rtpmap of a payload type that is not in the m-line", "rtpmap", number)
        if rtpmap.payload_type in mapped:
            raise media.broken("two a=rtpmap of one payload type", "rtpmap", number)
        mapped.add(rtpmap.payload_type)
    if not media.is_rejected and not mapped.union(STATIC_PAYLOAD_TYPES).issuperset(media.formats):
        raise media.broken("a payload type without a=rtpmap (RFC 8866 s.6.6)")


def _check_parameters(media: MediaDescription) -> None:
    seen: set[PayloadType] = set()
    for number, parameters in enumerate(media.format_parameters):
        if parameters.payload_type not in media.formats:
            raise media.broken("a=fmtp of a payload type that is not in the m-line", "fmtp", number)
        if media.rtpmap(parameters.payload_type) is None:
            raise media.broken("a=fmtp of a payload type without a=rtpmap (RFC 8866 s.6.15)", "fmtp", number)
        if parameters.payload_type in seen:
            raise media.broken("two a=fmtp of one payload type", "fmtp", number)
        seen.add(parameters.payload_type)
    for number, feedback in enumerate(media.rtcp_feedback):
        if feedback.payload_type is not None and feedback.payload_type not in media.formats:
            raise media.broken("a=rtcp-fb of a payload type that is not in the m-line", "rtcp-fb", number)


def _check_retransmission(media: MediaDescription) -> None:
    """RFC 4588 s.8.1: the apt of each rtx is a format of the same m-line that is not itself a retransmission."""
    for number, rtpmap in enumerate(media.rtpmaps):
        parameters = media.codec_parameters(rtpmap.payload_type)
        if isinstance(parameters, RtxFormat):
            original = media.rtpmap(parameters.associated_payload_type)
            if parameters.associated_payload_type not in media.formats:
                raise media.broken(
                    "apt names a payload type that is not in the m-line (RFC 4588 s.8.1)", "rtpmap", number
                )
            if original is not None and original.names("rtx"):
                raise media.broken("apt names a retransmission (RFC 4588 s.8.1)", "rtpmap", number)
        elif rtpmap.names("rtx"):
            raise media.broken("rtx without apt (RFC 4588 s.8.1)", "rtpmap", number)


def _check_rids(media: MediaDescription) -> None:
    described = {rid.rid: rid.direction for rid in media.rids}
    if len(described) < len(media.rids):
        raise media.broken("two a=rid of one name (RFC 8851 s.4)", "rid", len(media.rids) - 1)
    for number, rid in enumerate(media.rids):
        if not set(media.formats).issuperset(rid.payload_types):
            raise media.broken("pt of a=rid names a payload type that is not in the m-line", "rid", number)
    used: set[str] = set()
    if media.simulcast is not None:
        for direction in RidDirection:
            for name in media.simulcast.rids(direction):
                if described.get(name) is not direction:
                    raise media.broken("a=simulcast names a rid that is not described (RFC 8853 s.5.1)", "simulcast")
                if name in used:
                    raise media.broken("a=simulcast names a rid twice (RFC 8853 s.5.1)", "simulcast")
                used.add(name)
    for number, rid in enumerate(media.rids):
        if rid.rid not in used:
            raise media.broken("a=rid that a=simulcast does not name (RFC 8853 s.5.1)", "rid", number)


def _check_extensions(media: MediaDescription) -> None:
    for number, extension in enumerate(media.own_extmaps):
        # aiortc fails on a line with more than two fields.
        if extension.attributes:
            raise media.broken("a=extmap with extension attributes, which media engines do not take", "extmap", number)
    ids = [extension.id for extension in media.extmaps]
    if len(set(ids)) < len(ids):
        raise media.broken("two a=extmap of one id (RFC 8285 s.5)", "extmap")


def _check_mids(sections: Sequence[MediaDescription]) -> None:
    seen: set[Mid] = set()
    for media in sections:
        if media.mid is None:
            if not media.is_rejected:  # an answer may leave the mid of a rejected m-section out
                raise media.broken("an m-section without a=mid (RFC 9429 s.5.2.1)")
        elif media.mid in seen:
            raise media.broken("two m-sections of one mid (RFC 5888 s.4)", "mid")
        else:
            seen.add(media.mid)


def _check_groups(session: Section, sections: Sequence[MediaDescription], groups: Sequence[Group]) -> None:
    mids = {media.mid for media in sections}
    bundled: set[Mid] = set()
    for number, group in enumerate(groups):
        if not mids.issuperset(group.mids):
            raise session.broken("a=group names a mid that no m-section has (RFC 5888 s.5)", "group", number)
        if group.semantics == "BUNDLE":
            if len(set(group.mids)) < len(group.mids) or bundled.intersection(group.mids):
                raise session.broken("a mid twice in BUNDLE groups (RFC 9143 s.5)", "group", number)
            bundled.update(group.mids)


def _check_bundles(sections: Sequence[MediaDescription], groups: Sequence[Group]) -> None:
    """RFC 9143 s.9.1 and s.12: in one RTP session an id means one extension, a payload type one codec."""
    for group in groups:
        if group.semantics != "BUNDLE":
            continue
        codecs: dict[PayloadType, RtpMap] = {}
        extensions: dict[int, str] = {}
        for media in sections:
            if media.mid is None or media.mid not in group.mids or media.is_rejected:
                continue
            for number, rtpmap in enumerate(media.rtpmaps):
                if not rtpmap.same_codec(codecs.setdefault(rtpmap.payload_type, rtpmap)):
                    raise media.broken("a payload type means two codecs in a bundle (RFC 9143 s.9.1)", "rtpmap", number)
            for number, extension in enumerate(media.own_extmaps):
                if extensions.setdefault(extension.id, extension.uri) != extension.uri:
                    raise media.broken(
                        "an id means two header extensions in a bundle (RFC 9143 s.12)", "extmap", number
                    )
