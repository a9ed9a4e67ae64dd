"""What a conference needs of a session description that a peer sent.

Everything else is kept as it is and never refuses a call: a typed view of an odd line raises when it is read, and
`SessionDescription.problems` lists it. `semantics` has the rules that only our own descriptions must keep. docs/sdp.md
names the stacks behind each decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from m3core.errors import SdpError
from m3core.sdp._section import guarded
from m3core.sdp.attributes import DtlsSetup, Mid
from m3core.sdp.codecs import STATIC_PAYLOAD_TYPES, PayloadType, RtpMap
from m3core.sdp.media import MediaDescription
from m3core.sdp.session import SessionPart
from m3core.sdp.streams import Rid, RidDirection

RTP_PROTOCOLS: Final = frozenset(
    f"{transport}RTP/{profile}"
    for transport in ("", "UDP/TLS/", "TCP/DTLS/")
    for profile in ("AVP", "AVPF", "SAVP", "SAVPF")
    if not transport or profile.startswith("S")
)
"""The protocols of audio and video that RFC 9429 s.5.1.2 wants accepted. DTLS encrypts, whatever the name is."""
DATA_PROTOCOLS: Final = frozenset({"UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"})
"""The protocols of data channels (RFC 8841 s.4), the last of which is from its drafts."""

# With a=rtcp-mux RTP and RTCP share a port, and the second octet of RTP with such a payload type, if its marker bit is
# set, is that of an RTCP packet.
_COLLIDING: Final = frozenset(range(64, 96))

_Faults: TypeAlias = Iterator[SdpError]
_Owner: TypeAlias = Callable[[MediaDescription], MediaDescription]


def _check_media_type(media: MediaDescription, _owner: MediaDescription) -> _Faults:
    if media.kind is None and media.media_type != "application":
        yield media.broken("a media type that a conference does not have (media.md § 1)")
    if media.protocol not in RTP_PROTOCOLS | DATA_PROTOCOLS:
        yield media.broken("a transport protocol that WebRTC does not have (RFC 9429 s.5.1.2)")
    if media.kind is not None and not media.is_rtp:
        yield media.broken("audio and video go over RTP (RFC 9429 s.5.1.2)")


def _check_formats(media: MediaDescription, _owner: MediaDescription) -> _Faults:
    if len(set(media.formats)) < len(media.formats):
        yield media.broken("a payload type twice in one m-line (RFC 8866 s.5.14)")
    if not _COLLIDING.isdisjoint(media.formats):
        yield media.broken("a payload type of 64 to 95 collides with RTCP (RFC 5761 s.4)")
    mapped: set[PayloadType] = set()
    for number, rtpmap in enumerate(media.rtpmaps):
        if rtpmap.payload_type in mapped:
            yield media.broken("two a=rtpmap of one payload type", "rtpmap", number)
        mapped.add(rtpmap.payload_type)
    if not mapped.union(STATIC_PAYLOAD_TYPES).issuperset(media.formats):
        yield media.broken("a payload type without a=rtpmap (RFC 8866 s.6.6)")


def _check_direction(media: MediaDescription, _owner: MediaDescription) -> _Faults:
    _ = media.direction  # raises if there are two
    yield from ()


def _check_credentials(media: MediaDescription, owner: MediaDescription) -> _Faults:
    if media.ice_credentials is None and owner.ice_credentials is None:
        yield media.broken("an m-section without a=ice-ufrag and a=ice-pwd (RFC 9429 s.5.2.1)")


def _check_fingerprint(media: MediaDescription, owner: MediaDescription) -> _Faults:
    if not (media.fingerprints or owner.fingerprints):
        yield media.broken("an m-section without a=fingerprint (RFC 9429 s.5.2.1)")


def _check_setup(media: MediaDescription, owner: MediaDescription) -> _Faults:
    if media.setup is None and owner.setup is None:
        yield media.broken("an m-section without a=setup (RFC 8842 s.5)")
    if media.setup is DtlsSetup.HOLDCONN:
        yield media.broken("a=setup:holdconn has no DTLS role (RFC 8842 s.5)", "setup")


def _check_rtcp_mux(media: MediaDescription, _owner: MediaDescription) -> _Faults:
    if media.is_rtp and not media.rtcp_mux:
        yield media.broken("an m-section of RTP without a=rtcp-mux (RFC 5761 s.5.1.1, RFC 9143 s.9.3)")


def _check_rids(media: MediaDescription, _owner: MediaDescription) -> _Faults:
    """A rid is used if a=simulcast names it. libwebrtc leaves a=rid of layers that nobody took in later offers."""
    simulcast = media.readable_simulcast
    if simulcast is None:
        return
    described: dict[Rid, RidDirection] = {}
    for rid in media.readable_rids:
        if rid.rid in described:
            yield media.broken("two a=rid of one name (RFC 8851 s.4)", "rid", len(media.attributes("rid")) - 1)
        described[rid.rid] = rid.direction
    for direction in RidDirection:
        for name in simulcast.rids(direction):
            if described.get(name) is not direction:
                yield media.broken("a=simulcast names a rid that is not described (RFC 8853 s.5.1)", "simulcast")


MEDIA_MUSTS: Final[Mapping[str, Callable[[MediaDescription, MediaDescription], _Faults]]] = MappingProxyType(
    {
        "media type": _check_media_type,
        "formats": _check_formats,
        "direction": _check_direction,
        "ICE credentials": _check_credentials,
        "fingerprint": _check_fingerprint,
        "setup": _check_setup,
        "rtcp-mux": _check_rtcp_mux,
        "rids": _check_rids,
    }
)
"""The musts of each m-section that is not rejected, with the one whose transport it uses (RFC 9143 s.7.1.3)."""


def _check_mids(_session: SessionPart, sections: Sequence[MediaDescription]) -> _Faults:
    seen: set[Mid] = set()
    # BUNDLE is by mids. A peer with one m-section needs none, and FreeSWITCH does not write any.
    needed = sum(not media.is_rejected for media in sections) > 1
    for media in sections:
        if media.mid is None:
            if needed and not media.is_rejected:  # an answer may leave the mid of a rejected m-section out
                yield media.broken("an m-section without a=mid (RFC 9429 s.5.2.1)")
        elif media.mid in seen:
            yield media.broken("two m-sections of one mid (RFC 5888 s.4)", "mid")
        else:
            seen.add(media.mid)


def _check_groups(session: SessionPart, sections: Sequence[MediaDescription]) -> _Faults:
    mids = {media.mid for media in sections}
    rtp = {media.mid for media in sections if media.is_rtp and not media.is_rejected}
    bundled: set[Mid] = set()
    for number, group in enumerate(session.groups):
        if group.semantics != "BUNDLE":
            continue
        # The first mid names the transport (RFC 9143 s.7.2). A later one that is absent is not used, unless it was
        # meant for audio or video that the group lacks.
        if group.mids and not mids.issuperset(group.mids if rtp.difference(group.mids) else group.mids[:1]):
            yield session.broken("a=group names a mid that no m-section has (RFC 5888 s.5)", "group", number)
        if len(set(group.mids)) < len(group.mids) or bundled.intersection(group.mids):
            yield session.broken("a mid twice in BUNDLE groups (RFC 9143 s.5)", "group", number)
        bundled.update(group.mids)


def _check_codecs(session: SessionPart, sections: Sequence[MediaDescription]) -> _Faults:
    """RFC 9143 s.9.1: in one RTP session a payload type means one codec."""
    for group in session.groups:
        codecs: dict[PayloadType, RtpMap] = {}
        for media in sections:
            if group.semantics != "BUNDLE" or media.mid is None or media.mid not in group.mids or media.is_rejected:
                continue
            for number, rtpmap in enumerate(media.rtpmaps):
                if not rtpmap.same_codec(codecs.setdefault(rtpmap.payload_type, rtpmap)):
                    yield media.broken("a payload type means two codecs in a bundle (RFC 9143 s.9.1)", "rtpmap", number)


def _check_lite(session: SessionPart, _sections: Sequence[MediaDescription]) -> _Faults:
    _ = session.ice_lite  # raises if it has a value
    yield from ()


SESSION_MUSTS: Final[Mapping[str, Callable[[SessionPart, Sequence[MediaDescription]], _Faults]]] = MappingProxyType(
    {"mids": _check_mids, "BUNDLE": _check_groups, "codecs of a bundle": _check_codecs, "ICE lite": _check_lite}
)
"""The musts of the description as a whole."""


def faults(session: SessionPart, sections: Sequence[MediaDescription], owner: _Owner) -> _Faults:
    """The broken musts. ``owner`` gives the m-section whose transport another one uses."""
    for media in sections:
        yield from guarded(_check_media, media, owner)
    for must in SESSION_MUSTS.values():
        yield from guarded(must, session, sections)


def _check_media(media: MediaDescription, owner: _Owner) -> _Faults:
    if not media.is_rejected:
        transport = owner(media)
        for check in MEDIA_MUSTS.values():
            yield from guarded(check, media, transport)
