"""The rules of RFC 3264, RFC 9429 and RFC 9143 that an offer of M3, and an answer to it, must keep.

This module owns the rules between two descriptions. The rules of a single one are in `semantics`. Which offer waits for
an answer is a matter of `m3core.negotiation`.
"""

from __future__ import annotations

from contextlib import suppress

from m3core.errors import SdpError
from m3core.sdp.attributes import DtlsSetup
from m3core.sdp.codecs import PayloadType, RtxFormat
from m3core.sdp.document import SessionDescription
from m3core.sdp.media import MediaDescription
from m3core.sdp.streams import RidDirection


def check_offer(offer: SessionDescription, *, strict: bool = False) -> None:
    """Raise `SdpError` unless ``offer`` has all that a conference needs, and offers at least one m-section.

    ``strict`` is for an offer of our own: it checks everything, as `SessionDescription.validate` does.
    """
    offer.validate(strict=strict)
    offered = [media for media in offer.media if not media.is_rejected]
    if not offered:
        raise SdpError("an offer without m-sections")
    for media in offered:
        # M3 has one peer connection with one transport for each stream.
        if len(offered) > 1 and media.mid not in offer.bundle:
            raise media.broken("an offered m-section that is not in the BUNDLE group (media.md § 8.2)")
    if not {media.mid for media in offer.media}.issuperset(offer.bundle):
        raise offer.broken("a=group names a mid that no m-section has (RFC 5888 s.5)", "group")
    tagged = offer.find(offer.bundle[0]) if offer.bundle else None
    if tagged is not None and tagged.bundle_only:
        raise tagged.broken("the tagged m-section of a BUNDLE group is bundle-only (RFC 9143 s.7.2.1)", "bundle-only")


def check_answer(offer: SessionDescription, answer: SessionDescription) -> None:
    """Raise `SdpError` unless ``answer`` has what a conference needs and answers ``offer``, which passed `check_offer`.

    Lines and columns of the error are those of ``answer``. Its rule names the document that demands it.
    """
    answer.validate()
    if len(answer.media) != len(offer.media):
        raise SdpError("an answer has as many m-sections as its offer (RFC 3264 s.6)")
    if offer.ice_lite and answer.ice_lite:
        raise answer.broken("both sides are ICE lite (RFC 8445 s.6.1.1)", "ice-lite")
    for offered, answered in zip(offer.media, answer.media, strict=True):
        _check_same(offered, answered)
        if answered.is_rejected:
            continue
        if offered.is_rejected:
            raise answered.broken("the answer accepts an m-section that the offer rejects (RFC 3264 s.6)")
        _check_setup(offer.transport_of(offered), answer.transport_of(answered))
        _check_formats(offered, answered)
        _check_direction(offered, answered)
        _check_extensions(offered, answered)
        _check_rids(offered, answered)
        _check_rtcp(offered, answered)
    _check_bundle(offer, answer)


def _check_same(offered: MediaDescription, answered: MediaDescription) -> None:
    if answered.media_type != offered.media_type:
        raise answered.broken("the answer changes the media type of an m-section (RFC 3264 s.6)")
    if answered.protocol != offered.protocol:
        raise answered.broken("the answer changes the transport protocol of an m-section (RFC 3264 s.6)")
    if answered.mid != offered.mid and not (answered.mid is None and answered.is_rejected):
        raise answered.broken("the answer changes a mid (RFC 9429 s.5.3.1)", "mid")


def _check_setup(offered: MediaDescription, answered: MediaDescription) -> None:
    if answered.setup not in {DtlsSetup.ACTIVE, DtlsSetup.PASSIVE}:
        raise answered.broken("a=setup of an answer is active or passive (RFC 8842 s.5.3)", "setup")
    if answered.setup is offered.setup:
        raise answered.broken("both sides chose the same a=setup (RFC 4145 s.4.1)", "setup")


def _check_formats(offered: MediaDescription, answered: MediaDescription) -> None:
    if not set(offered.format_list).issuperset(answered.format_list):
        raise answered.broken("the answer has a format that was not offered (RFC 9429 s.5.3.1)")
    for number, rtpmap in enumerate(answered.rtpmaps):
        same = offered.rtpmap(rtpmap.payload_type)
        if same is None and rtpmap.payload_type in offered.formats:
            continue  # a static payload type (RFC 3551 s.6): only the answer has an rtpmap line for it
        if same is None or not same.same_codec(rtpmap):
            raise answered.broken("the answer changes the codec of a payload type (RFC 3264 s.6.1)", "rtpmap", number)
        mine, theirs = (_associated(each, rtpmap.payload_type) for each in (answered, offered))
        if mine is not None and theirs is not None and mine != theirs:
            raise answered.broken("the answer changes the apt of a retransmission (RFC 4588 s.8.1)", "rtpmap", number)


def _associated(media: MediaDescription, payload_type: PayloadType) -> PayloadType | None:
    """The apt of a retransmission; None for another codec, and if the parameters cannot be read."""
    with suppress(SdpError):
        parameters = media.codec_parameters(payload_type)
        if isinstance(parameters, RtxFormat):
            return parameters.associated_payload_type
    return None


def _check_direction(offered: MediaDescription, answered: MediaDescription) -> None:
    if not offered.direction.allows(answered.direction):
        raise answered.broken(
            "a direction that does not answer the offered one (RFC 3264 s.6.1)", answered.direction.value
        )


def _check_extensions(offered: MediaDescription, answered: MediaDescription) -> None:
    # Directions are not compared: Chromium answers without those that Firefox offers, and sends nothing wrong.
    known = {(extension.id, extension.uri) for extension in offered.readable_extmaps}
    for number, extension in enumerate(answered.readable_extmaps):
        if (extension.id, extension.uri) not in known:
            raise answered.broken(
                "the answer has a header extension that was not offered (RFC 8285 s.7)", "extmap", number
            )


def _check_rids(offered: MediaDescription, answered: MediaDescription) -> None:
    rids = {rid.rid: rid.direction for rid in offered.readable_rids}
    for number, rid in enumerate(answered.readable_rids):
        if rids.get(rid.rid) is not rid.direction.reversed():
            raise answered.broken("the answer has a rid that was not offered so (RFC 8851 s.6.3)", "rid", number)
    simulcast = answered.readable_simulcast
    if simulcast is None:
        return
    for direction in RidDirection:
        theirs = offered.readable_simulcast
        wanted = () if theirs is None else theirs.rids(direction.reversed())
        if not set(wanted).issuperset(simulcast.rids(direction)):
            raise answered.broken("the answer has simulcast that was not offered (RFC 8853 s.5.3.2)", "simulcast")


def _check_rtcp(offered: MediaDescription, answered: MediaDescription) -> None:
    for name, document in (("rtcp-mux", "RFC 5761 s.5.1.1"), ("rtcp-rsize", "RFC 5506 s.5")):
        if answered.attributes(name) and not offered.attributes(name):
            raise answered.broken(f"the answer has a={name}, which was not offered ({document})", name)


def _check_bundle(offer: SessionDescription, answer: SessionDescription) -> None:
    bundled = set(answer.bundle)
    # aiortc bundles the only m-section of an offer without a=group. A bundle of one changes nothing.
    if len(bundled) > 1 and not bundled.issubset(offer.bundle):
        raise answer.broken("the answer bundles a mid that the offer does not (RFC 9143 s.7.3)", "group")
    for media in answer.media:
        if media.is_rejected and media.mid in bundled:
            raise answer.broken("the answer bundles an m-section that it rejects (RFC 9143 s.7.3)", "group")
        if not media.is_rejected and media.mid in offer.bundle and media.mid not in bundled:
            raise media.broken("the answer accepts an m-section outside its BUNDLE group (media.md § 8.2)")
