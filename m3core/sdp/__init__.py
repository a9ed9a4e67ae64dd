"""Session descriptions (RFC 8866): kept byte for byte, checked, and parsed when a property is read.

::

    offer = SessionDescription.parse(text)      # raises SdpError or LimitExceeded, no other error
    offer.validate()                            # what a conference needs of it
    offer.problems()                            # whatever else is odd
    offer.media[0].candidates                   # a typed view, parsed now if it was not before
    offer.serialize() == text                   # always
    check_answer(offer, answer)                 # RFC 3264, RFC 9429, RFC 9143
"""

from m3core.sdp.attributes import (
    Attribute,
    Bandwidth,
    BandwidthType,
    ConnectionInformation,
    Direction,
    DtlsSetup,
    Fingerprint,
    Group,
    IceCredentials,
    Mid,
    Origin,
    RtcpAddress,
    Timing,
    UnknownAttribute,
)
from m3core.sdp.candidate import CandidateType, IceCandidate, TcpType, TrickledCandidate
from m3core.sdp.codecs import (
    CodecParameters,
    FormatParameters,
    H264Parameters,
    OpusParameters,
    PayloadType,
    RtcpFeedback,
    RtpMap,
    RtxFormat,
    TelephoneEventParameters,
    Vp8Parameters,
    Vp9Parameters,
)
from m3core.sdp.document import Problem, Repair, SessionDescription
from m3core.sdp.media import MediaDescription
from m3core.sdp.offer_answer import check_answer, check_offer
from m3core.sdp.streams import (
    ExtMap,
    HeaderExtension,
    Msid,
    MsidSemantic,
    Rid,
    RidDescription,
    RidDirection,
    Simulcast,
    SimulcastAlternative,
    SimulcastStream,
    Ssrc,
    SsrcAttribute,
    SsrcGroup,
)

__all__ = [
    "Attribute",
    "Bandwidth",
    "BandwidthType",
    "CandidateType",
    "CodecParameters",
    "ConnectionInformation",
    "Direction",
    "DtlsSetup",
    "ExtMap",
    "Fingerprint",
    "FormatParameters",
    "Group",
    "H264Parameters",
    "HeaderExtension",
    "IceCandidate",
    "IceCredentials",
    "MediaDescription",
    "Mid",
    "Msid",
    "MsidSemantic",
    "OpusParameters",
    "Origin",
    "PayloadType",
    "Problem",
    "Repair",
    "Rid",
    "RidDescription",
    "RidDirection",
    "RtcpAddress",
    "RtcpFeedback",
    "RtpMap",
    "RtxFormat",
    "SessionDescription",
    "Simulcast",
    "SimulcastAlternative",
    "SimulcastStream",
    "Ssrc",
    "SsrcAttribute",
    "SsrcGroup",
    "TcpType",
    "TelephoneEventParameters",
    "Timing",
    "TrickledCandidate",
    "UnknownAttribute",
    "Vp8Parameters",
    "Vp9Parameters",
    "check_answer",
    "check_offer",
]
