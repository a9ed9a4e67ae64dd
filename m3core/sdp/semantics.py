"""The rules that a session description of our own keeps beyond its grammar and what a conference needs (`musts`).

This module owns the checks that look at more than one line. Each error has a rule of its own. Peers may break them:
then `SessionDescription.problems` lists it. The rules between an offer and its answer are in `offer_answer`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from m3core.errors import SdpError
from m3core.sdp._section import Section, guarded
from m3core.sdp.codecs import PayloadType, RtxFormat
from m3core.sdp.media import MediaDescription
from m3core.sdp.session import SessionPart
from m3core.sdp.streams import RidDirection


def faults(session: SessionPart, sections: Sequence[MediaDescription]) -> Iterator[SdpError]:
    """The broken rules. Lines that cannot be read are found elsewhere (`MediaDescription.malformed`)."""
    yield from guarded(_check_credentials, session)
    for media in sections:
        for rule in _MEDIA_RULES:
            yield from guarded(rule, media)
    yield from guarded(_check_groups, session, sections)
    yield from guarded(_check_bundles, session, sections)


def _check_credentials(section: Section) -> Iterator[SdpError]:
    _ = section.own_ice_credentials  # raises if there is only one of the two
    yield from ()


def _check_mid(media: MediaDescription) -> Iterator[SdpError]:
    if media.mid is None and not media.is_rejected:
        yield media.broken("an m-section without a=mid (RFC 9429 s.5.2.1)")


def _check_formats(media: MediaDescription) -> Iterator[SdpError]:
    for number, rtpmap in enumerate(media.rtpmaps):
        if rtpmap.payload_type not in media.formats:
            yield media.broken("a=rtpmap of a payload type that is not in the m-line", "rtpmap", number)


def _check_parameters(media: MediaDescription) -> Iterator[SdpError]:
    seen: set[PayloadType] = set()
    for number, parameters in enumerate(media.format_parameters):
        if parameters.payload_type not in media.formats:
            yield media.broken("a=fmtp of a payload type that is not in the m-line", "fmtp", number)
        elif media.rtpmap(parameters.payload_type) is None:
            yield media.broken("a=fmtp of a payload type without a=rtpmap (RFC 8866 s.6.15)", "fmtp", number)
        if parameters.payload_type in seen:
            yield media.broken("two a=fmtp of one payload type", "fmtp", number)
        seen.add(parameters.payload_type)


def _check_feedback(media: MediaDescription) -> Iterator[SdpError]:
    for number, feedback in enumerate(media.rtcp_feedback):
        if feedback.payload_type is not None and feedback.payload_type not in media.formats:
            yield media.broken("a=rtcp-fb of a payload type that is not in the m-line", "rtcp-fb", number)


def _check_retransmission(media: MediaDescription) -> Iterator[SdpError]:
    """RFC 4588 s.8.1: the apt of each rtx is a format of the same m-line that is not itself a retransmission."""
    for number in range(len(media.rtpmaps)):
        yield from guarded(_check_codec, media, number)


def _check_codec(media: MediaDescription, number: int) -> Iterator[SdpError]:
    rtpmap = media.rtpmaps[number]
    parameters = media.codec_parameters(rtpmap.payload_type)
    if isinstance(parameters, RtxFormat):
        original = media.rtpmap(parameters.associated_payload_type)
        if parameters.associated_payload_type not in media.formats:
            yield media.broken("apt names a payload type that is not in the m-line (RFC 4588 s.8.1)", "rtpmap", number)
        if original is not None and original.names("rtx"):
            yield media.broken("apt names a retransmission (RFC 4588 s.8.1)", "rtpmap", number)
    elif rtpmap.names("rtx"):
        yield media.broken("rtx without apt (RFC 4588 s.8.1)", "rtpmap", number)


def _check_rids(media: MediaDescription) -> Iterator[SdpError]:
    for number, rid in enumerate(media.rids):
        if not set(media.formats).issuperset(rid.payload_types):
            yield media.broken("pt of a=rid names a payload type that is not in the m-line", "rid", number)
        if rid.rid in {earlier.rid for earlier in media.rids[:number]}:
            yield media.broken("two a=rid of one name (RFC 8851 s.4)", "rid", number)
    used = [] if media.simulcast is None else [name for way in RidDirection for name in media.simulcast.rids(way)]
    if len(set(used)) < len(used):
        yield media.broken("a=simulcast names a rid twice (RFC 8853 s.5.1)", "simulcast")


def _check_extensions(media: MediaDescription) -> Iterator[SdpError]:
    for number, extension in enumerate(media.own_extmaps):
        # aiortc fails on a line with more than two fields.
        if extension.attributes:
            yield media.broken("a=extmap with extension attributes, which media engines do not take", "extmap", number)
    ids = [extension.id for extension in media.extmaps]
    if len(set(ids)) < len(ids):
        yield media.broken("two a=extmap of one id (RFC 8285 s.5)", "extmap")


_MEDIA_RULES: Final[tuple[Callable[[MediaDescription], Iterator[SdpError]], ...]] = (
    _check_credentials,
    _check_mid,
    _check_formats,
    _check_parameters,
    _check_feedback,
    _check_retransmission,
    _check_rids,
    _check_extensions,
)


def _check_groups(session: SessionPart, sections: Sequence[MediaDescription]) -> Iterator[SdpError]:
    mids = {media.mid for media in sections}
    for number, group in enumerate(session.groups):
        if not mids.issuperset(group.mids):
            yield session.broken("a=group names a mid that no m-section has (RFC 5888 s.5)", "group", number)


def _check_bundles(session: SessionPart, sections: Sequence[MediaDescription]) -> Iterator[SdpError]:
    """RFC 9143 s.12: in one RTP session an id means one extension."""
    for group in session.groups:
        extensions: dict[int, str] = {}
        for media in sections:
            if group.semantics != "BUNDLE" or media.mid is None or media.mid not in group.mids or media.is_rejected:
                continue
            for number, extension in enumerate(media.own_extmaps):
                if extensions.setdefault(extension.id, extension.uri) != extension.uri:
                    yield media.broken(
                        "an id means two header extensions in a bundle (RFC 9143 s.12)", "extmap", number
                    )
