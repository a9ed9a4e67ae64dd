"""One m-section of a session description, with typed views that are parsed on demand.

This module owns which attributes an m-section has, and for which of them those of the session part are the default.
`semantics` checks whether they fit together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from attrs import field, frozen

from m3core.errors import SdpError
from m3core.sdp._section import EITHER_VIEWS, Section
from m3core.sdp._syntax import remembered
from m3core.sdp.attributes import (
    ConnectionInformation,
    Direction,
    DtlsSetup,
    Fingerprint,
    IceCredentials,
    Mid,
    RtcpAddress,
    UnknownAttribute,
    parse_max_message_size,
    parse_mid,
    parse_milliseconds,
    parse_rtcp_xr,
    parse_sctp_port,
    parse_sctpmap,
)
from m3core.sdp.candidate import IceCandidate
from m3core.sdp.codecs import (
    CodecParameters,
    FormatParameters,
    PayloadType,
    RtcpFeedback,
    RtpMap,
    codec_parameters,
    parse_payload_type,
)
from m3core.sdp.streams import ExtMap, Msid, RidDescription, Simulcast, SsrcAttribute, SsrcGroup
from m3core.values import MediaKind

_VIEWS: Final = EITHER_VIEWS | {
    "m=": "formats",
    "mid": "mid",
    "rtpmap": "rtpmaps",
    "fmtp": "format_parameters",
    "rtcp-fb": "rtcp_feedback",
    "ptime": "packet_time",
    "maxptime": "max_packet_time",
    "rid": "rids",
    "simulcast": "simulcast",
    "ssrc": "ssrcs",
    "ssrc-group": "ssrc_groups",
    "msid": "msids",
    "candidate": "candidates",
    "end-of-candidates": "end_of_candidates",
    "rtcp-mux": "rtcp_mux",
    "rtcp-mux-only": "rtcp_mux_only",
    "rtcp-rsize": "rtcp_reduced_size",
    "rtcp": "rtcp",
    "rtcp-xr": "rtcp_xr",
    "bundle-only": "bundle_only",
    "sctp-port": "sctp_port",
    "sctpmap": "sctpmaps",
    "max-message-size": "max_message_size",
}
_parse_rtpmap: Final = remembered(RtpMap.parse)
_parse_parameters: Final = remembered(FormatParameters.parse)
_parse_feedback: Final = remembered(RtcpFeedback.parse)
_KINDS: Final = {kind.value: kind for kind in MediaKind}


@frozen(repr=False)
class MediaDescription(Section):
    """One m-section (RFC 8866 s.5.14) of `SessionDescription.media`. Every property may raise `SdpError`.

    For an attribute that may also stand at session level, the session part is the default.
    """

    mline_index: int
    _session: Section = field(eq=False)

    def __repr__(self) -> str:
        return f"<MediaDescription {self.mline_index}: {self.media_type}>"

    @cached_property
    def _mline(self) -> tuple[str, str, str, str]:
        media_type, port, protocol, formats = str(self._index["m="][0][1]).split(" ", 3)
        return media_type, port, protocol, formats

    @property
    def media_type(self) -> str:
        """The first token of m=, such as `audio`, `video` or `application`."""
        return self._mline[0]

    @property
    def kind(self) -> MediaKind | None:
        """`media_type` as an enum; None for all other media types, such as that of data channels."""
        return _KINDS.get(self._mline[0])

    @property
    def port(self) -> int:
        """The port of m=. It is 9 while candidates carry the real ports (RFC 8840 s.4.1.1)."""
        return int(self._mline[1].partition("/")[0])

    @property
    def port_count(self) -> int:
        """The number of ports of m= (RFC 8866 s.5.14), 1 if the line has none. With ICE it means nothing."""
        return int(self._mline[1].partition("/")[2] or "1")

    @property
    def protocol(self) -> str:
        """The transport protocol of m=, such as `UDP/TLS/RTP/SAVPF`, as written."""
        return self._mline[2]

    @property
    def is_rtp(self) -> bool:
        """Whether the formats are payload types of RTP."""
        return "RTP" in self._mline[2].upper().split("/")

    @cached_property
    def format_list(self) -> tuple[str, ...]:
        """The formats of m=, as written."""
        return tuple(self._mline[3].split(" "))

    @cached_property
    def formats(self) -> tuple[PayloadType, ...]:
        """The payload types of m=, in order of preference; empty if this is not RTP."""
        return self._all("m=", self._payload_types)[0]

    def _payload_types(self, _line: str) -> tuple[PayloadType, ...]:
        return tuple(map(parse_payload_type, self.format_list)) if self.is_rtp else ()

    @property
    def is_rejected(self) -> bool:
        """Whether the m-section is refused or stopped: port 0 (RFC 3264 s.6), and not bundle-only (RFC 9143 s.6)."""
        return self.port == 0 and not self.bundle_only

    @cached_property
    def mid(self) -> Mid | None:
        """a=mid (RFC 5888 s.4)."""
        return self._one("mid", parse_mid)

    @cached_property
    def direction(self) -> Direction:
        """The direction; sendrecv is the default (RFC 8866 s.6.7)."""
        return self.own_direction or self._session.own_direction or Direction.SENDRECV

    @cached_property
    def connection(self) -> ConnectionInformation | None:
        """The first c= line, or that of the session."""
        return next(iter(self.own_connections or self._session.own_connections), None)

    # -- codecs ---
    @cached_property
    def rtpmaps(self) -> tuple[RtpMap, ...]:
        """a=rtpmap (RFC 8866 s.6.6), in the order of the lines."""
        return self._all("rtpmap", _parse_rtpmap)

    def rtpmap(self, payload_type: int) -> RtpMap | None:
        """The a=rtpmap of ``payload_type``, or None. The first counts, if an invalid description has several."""
        return self._rtpmaps_by_type.get(payload_type)

    @cached_property
    def _rtpmaps_by_type(self) -> dict[int, RtpMap]:
        return {found.payload_type: found for found in reversed(self.rtpmaps)}  # reversed: the first one wins

    @cached_property
    def format_parameters(self) -> tuple[FormatParameters, ...]:
        """a=fmtp (RFC 8866 s.6.15), in the order of the lines."""
        return self._all("fmtp", _parse_parameters)

    def codec_parameters(self, payload_type: int) -> CodecParameters | None:
        """The typed a=fmtp of ``payload_type``; None if there is no such line, or no type for its codec."""
        rtpmap = self.rtpmap(payload_type)
        number = self._parameters_by_type.get(payload_type)
        if rtpmap is None or number is None:
            return None
        try:
            return codec_parameters(rtpmap, self.format_parameters[number])
        except SdpError as error:
            raise self.broken(error.rule, "fmtp", number) from None

    @cached_property
    def _parameters_by_type(self) -> dict[int, int]:
        parameters = self.format_parameters
        return {parameters[number].payload_type: number for number in reversed(range(len(parameters)))}

    @cached_property
    def rtcp_feedback(self) -> tuple[RtcpFeedback, ...]:
        """a=rtcp-fb (RFC 4585 s.4.2), in the order of the lines."""
        return self._all("rtcp-fb", _parse_feedback)

    @cached_property
    def extmaps(self) -> tuple[ExtMap, ...]:
        """a=extmap (RFC 8285 s.8), those of the session first."""
        return self._session.own_extmaps + self.own_extmaps

    @property
    def readable_extmaps(self) -> tuple[ExtMap, ...]:
        """`extmaps` without the lines that are malformed."""
        return self._session.readable_own_extmaps + self.readable_own_extmaps

    @cached_property
    def packet_time(self) -> float | None:
        """a=ptime (RFC 8866 s.6.4), in ms."""
        return self._one("ptime", parse_milliseconds)

    @cached_property
    def max_packet_time(self) -> float | None:
        """a=maxptime (RFC 8866 s.6.5), in ms."""
        return self._one("maxptime", parse_milliseconds)

    # -- streams ---
    @cached_property
    def rids(self) -> tuple[RidDescription, ...]:
        """a=rid (RFC 8851 s.10), in the order of the lines."""
        return self._all("rid", RidDescription.parse)

    @cached_property
    def simulcast(self) -> Simulcast | None:
        """a=simulcast (RFC 8853 s.5.1)."""
        return self._one("simulcast", Simulcast.parse)

    @property
    def readable_rids(self) -> tuple[RidDescription, ...]:
        """`rids` without the lines that are malformed."""
        return self._readable("rid", RidDescription.parse)

    @property
    def readable_simulcast(self) -> Simulcast | None:
        """`simulcast`, or None if its line is malformed or not the only one."""
        found = self._readable("simulcast", Simulcast.parse)
        return found[0] if len(found) == 1 else None

    @cached_property
    def ssrcs(self) -> tuple[SsrcAttribute, ...]:
        """a=ssrc (RFC 5576 s.4.1): a value for each line, so several for one SSRC."""
        return self._all("ssrc", SsrcAttribute.parse)

    @cached_property
    def ssrc_groups(self) -> tuple[SsrcGroup, ...]:
        """a=ssrc-group (RFC 5576 s.4.2)."""
        return self._all("ssrc-group", SsrcGroup.parse)

    @cached_property
    def msids(self) -> tuple[Msid, ...]:
        """a=msid (RFC 8830 s.2)."""
        return self._all("msid", Msid.parse)

    # -- transport ---
    @cached_property
    def candidates(self) -> tuple[IceCandidate, ...]:
        """a=candidate (RFC 8839 s.5.1), in the order of the lines."""
        return self._all("candidate", IceCandidate.parse)

    @property
    def readable_candidates(self) -> tuple[IceCandidate, ...]:
        """`candidates` without the lines that are malformed."""
        return self._readable("candidate", IceCandidate.parse)

    @cached_property
    def end_of_candidates(self) -> bool:
        """a=end-of-candidates: no more candidates will be trickled (RFC 8838 s.13)."""
        return self._flag("end-of-candidates")

    @cached_property
    def ice_credentials(self) -> IceCredentials | None:
        """a=ice-ufrag and a=ice-pwd (RFC 8839 s.5.4)."""
        return self.own_ice_credentials or self._session.own_ice_credentials

    @cached_property
    def ice_options(self) -> frozenset[str]:
        """a=ice-options of this m-section and of the session."""
        return self.own_ice_options | self._session.own_ice_options

    @cached_property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """a=fingerprint; those of the session if this m-section has none (RFC 8122 s.5)."""
        return self.own_fingerprints or self._session.own_fingerprints

    @cached_property
    def setup(self) -> DtlsSetup | None:
        """a=setup (RFC 4145 s.4)."""
        return self.own_setup or self._session.own_setup

    @cached_property
    def tls_id(self) -> str | None:
        """a=tls-id (RFC 8842 s.4)."""
        return self.own_tls_id or self._session.own_tls_id

    @cached_property
    def rtcp_mux(self) -> bool:
        """a=rtcp-mux (RFC 5761)."""
        return self._flag("rtcp-mux")

    @cached_property
    def rtcp_mux_only(self) -> bool:
        """a=rtcp-mux-only (RFC 8858)."""
        return self._flag("rtcp-mux-only")

    @cached_property
    def rtcp_reduced_size(self) -> bool:
        """a=rtcp-rsize (RFC 5506)."""
        return self._flag("rtcp-rsize")

    @cached_property
    def rtcp(self) -> RtcpAddress | None:
        """a=rtcp (RFC 3605)."""
        return self._one("rtcp", RtcpAddress.parse)

    @cached_property
    def rtcp_xr(self) -> tuple[str, ...]:
        """The report formats of a=rtcp-xr (RFC 3611 s.5.1), as written; empty without the attribute."""
        return self._one("rtcp-xr", parse_rtcp_xr) or ()

    @cached_property
    def bundle_only(self) -> bool:
        """a=bundle-only (RFC 9143 s.6)."""
        return self._flag("bundle-only")

    @cached_property
    def sctp_port(self) -> int | None:
        """a=sctp-port (RFC 8841)."""
        return self._one("sctp-port", parse_sctp_port)

    @cached_property
    def sctpmaps(self) -> tuple[str, ...]:
        """The values of a=sctpmap, as written. Old browsers write it; nothing here uses it."""
        return self._all("sctpmap", parse_sctpmap)

    @cached_property
    def max_message_size(self) -> int | None:
        """a=max-message-size (RFC 8841), in bytes; 0 stands for any size."""
        return self._one("max-message-size", parse_max_message_size)

    @cached_property
    def unknown_attributes(self) -> tuple[UnknownAttribute, ...]:
        """The attributes that have no typed view at this level, in order."""
        return self._unknown(_VIEWS)

    def malformed(self) -> Iterator[SdpError]:
        """The error of each line that has a typed view and cannot be read."""
        return self._malformed(_VIEWS)
