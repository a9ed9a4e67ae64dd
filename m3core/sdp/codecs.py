"""Typed views of codecs: a=rtpmap, a=fmtp, a=rtcp-fb, and the parameters of the formats that M3 peers use.

This module looks at one line at a time. `semantics` checks whether the m-line lists a payload type.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final, NewType, TypeAlias

from attrs import frozen

from m3core.errors import SdpError
from m3core.sdp._syntax import IDENT, bounded, fit

PayloadType = NewType("PayloadType", int)
"""0 to 127 (RFC 3551)."""

MAX_PAYLOAD_TYPE: Final = 127
STATIC_PAYLOAD_TYPES: Final = frozenset({0, *range(3, 19), 25, 26, 28, *range(31, 35)})
"""The payload types that need no rtpmap (RFC 3551 s.6)."""

_PAYLOAD_TYPE: Final = re.compile("[0-9]{1,3}")
_RTPMAP: Final = re.compile(f"([0-9]{{1,3}}) ({IDENT})/([0-9]{{1,9}})(?:/([0-9]{{1,3}}))?")
_FMTP: Final = re.compile("([0-9]{1,3}) (.+)")
_FEEDBACK: Final = re.compile(rf"(\*|[0-9]{{1,3}}) ({IDENT})(?: (.+))?")
_INTEGER: Final = re.compile("[0-9]{1,10}")
_HEX: Final = re.compile("[0-9A-Fa-f]{6}")
# Parameters that aiortc reads as numbers, whatever the codec is.
_NUMERIC: Final = frozenset({"apt", "max-fr", "max-fs", "maxplaybackrate", "minptime", "stereo", "useinbandfec"})


def parse_payload_type(text: str) -> PayloadType:
    """``text`` as a payload type; raises `SdpError`."""
    digits = fit(_PAYLOAD_TYPE, text, "a payload type is a number (RFC 8866 s.5.14)")[0]
    return PayloadType(bounded(digits, MAX_PAYLOAD_TYPE, "payload type"))


@frozen
class RtpMap:
    """a=rtpmap (RFC 8866 s.6.6). ``clock_rate`` in Hz; ``channels`` is 1 if the line has none."""

    payload_type: PayloadType
    encoding_name: str
    clock_rate: int
    channels: int = 1

    @classmethod
    def parse(cls, text: str) -> RtpMap:
        """Raises `SdpError`."""
        match = fit(_RTPMAP, text, "malformed a=rtpmap (RFC 8866 s.6.6)")
        channels = bounded(match[4] or "1", 255, "channels of a=rtpmap", 1)
        clock_rate = bounded(match[3], 999_999_999, "clock rate of a=rtpmap", 1)
        return cls(parse_payload_type(match[1]), match[2], clock_rate, channels)

    def names(self, encoding_name: str) -> bool:
        """Whether the name of the codec is ``encoding_name``; case does not matter (RFC 4855 s.3)."""
        return self.encoding_name.lower() == encoding_name.lower()

    def same_codec(self, other: RtpMap) -> bool:
        """Whether both describe the same codec, under any payload type."""
        return (self.encoding_name.lower(), self.clock_rate, self.channels) == (
            other.encoding_name.lower(),
            other.clock_rate,
            other.channels,
        )


@frozen
class FormatParameters:
    """a=fmtp (RFC 8866 s.6.15). ``parameters`` is the text after the payload type, as written."""

    payload_type: PayloadType
    parameters: str

    @classmethod
    def parse(cls, text: str) -> FormatParameters:
        """Raises `SdpError`, also for a parameter that must be a number and is not."""
        match = fit(_FMTP, text, "malformed a=fmtp (RFC 8866 s.6.15)")
        parsed = cls(parse_payload_type(match[1]), match[2])
        for name, value in parsed.items:
            if name in _NUMERIC and (value is None or not _INTEGER.fullmatch(value)):
                raise SdpError("a parameter of a=fmtp is not a number")
        return parsed

    @cached_property
    def items(self) -> tuple[tuple[str, str | None], ...]:
        """(name in lower case, value) of each `;`-separated parameter; the value is None if there is no `=`."""
        found = []
        for part in self.parameters.split(";"):
            name, equals, value = part.strip(" ").partition("=")
            if name or equals:
                found.append((name.strip(" ").lower(), value.strip(" ") if equals else None))
        return tuple(found)

    def get(self, name: str) -> str | None:
        """The value of the first parameter ``name`` (lower case), or None."""
        return next((value for found, value in self.items if found == name), None)

    def number(self, name: str) -> int | None:
        """The value of the first parameter ``name`` as a number, or None; raises `SdpError` if it is not a number."""
        if all(found != name for found, _ in self.items):
            return None
        return int(fit(_INTEGER, self.get(name) or "", "a parameter of a=fmtp is not a number")[0])

    def flag(self, name: str) -> bool:
        """Whether parameter ``name`` is 1; False without it. Raises `SdpError` for any value but 0 and 1."""
        value = self.number(name)
        if value not in {None, 0, 1}:
            raise SdpError("a flag of a=fmtp is 0 or 1")
        return value == 1


@frozen
class OpusParameters:
    """opus (RFC 7587 s.6.1). Rates in Hz, times in ms, bit rates in bit/s; None for an absent parameter."""

    max_playback_rate: int | None = None
    max_average_bitrate: int | None = None
    min_packet_time: int | None = None
    stereo: bool = False
    sprop_stereo: bool = False
    use_inband_fec: bool = False
    use_dtx: bool = False
    constant_bitrate: bool = False

    @classmethod
    def of(cls, parameters: FormatParameters) -> OpusParameters:
        """Raises `SdpError`."""
        return cls(
            parameters.number("maxplaybackrate"),
            parameters.number("maxaveragebitrate"),
            parameters.number("minptime"),
            parameters.flag("stereo"),
            parameters.flag("sprop-stereo"),
            parameters.flag("useinbandfec"),
            parameters.flag("usedtx"),
            parameters.flag("cbr"),
        )


@frozen
class Vp8Parameters:
    """VP8 (RFC 7741 s.6.1): frames per second, and frame size in macroblocks; None for an absent parameter."""

    max_frame_rate: int | None = None
    max_frame_size: int | None = None

    @classmethod
    def of(cls, parameters: FormatParameters) -> Vp8Parameters:
        """Raises `SdpError`."""
        return cls(parameters.number("max-fr"), parameters.number("max-fs"))


@frozen
class Vp9Parameters:
    """VP9 (RFC 9628 s.7). ``profile_id`` is 0 by default."""

    profile_id: int = 0
    max_frame_rate: int | None = None
    max_frame_size: int | None = None

    @classmethod
    def of(cls, parameters: FormatParameters) -> Vp9Parameters:
        """Raises `SdpError`."""
        profile = parameters.number("profile-id")
        return cls(profile or 0, parameters.number("max-fr"), parameters.number("max-fs"))


@frozen
class H264Parameters:
    """H264 (RFC 6184 s.8.1). ``profile_level_id`` is 6 hexadecimal digits in lower case; default: baseline 1.0."""

    profile_level_id: str = "42000a"
    packetization_mode: int = 0
    level_asymmetry_allowed: bool = False

    @classmethod
    def of(cls, parameters: FormatParameters) -> H264Parameters:
        """Raises `SdpError`."""
        profile = parameters.get("profile-level-id")
        if profile is None:
            profile = cls().profile_level_id
        fit(_HEX, profile, "profile-level-id is 6 hexadecimal digits (RFC 6184 s.8.1)")
        mode = parameters.number("packetization-mode") or 0
        if mode > 2:
            raise SdpError("packetization-mode is 0 to 2 (RFC 6184 s.8.1)")
        return cls(profile.lower(), mode, parameters.flag("level-asymmetry-allowed"))


@frozen
class RtxFormat:
    """rtx (RFC 4588 s.8.1). ``rtx_time`` in ms; None for an absent parameter."""

    associated_payload_type: PayloadType
    rtx_time: int | None = None

    @classmethod
    def of(cls, parameters: FormatParameters) -> RtxFormat:
        """Raises `SdpError`."""
        apt = parameters.get("apt")
        if apt is None:
            raise SdpError("rtx without apt (RFC 4588 s.8.1)")
        return cls(parse_payload_type(apt), parameters.number("rtx-time"))


_EVENT_RANGE: Final = re.compile("([0-9]{1,3})(?:-([0-9]{1,3}))?")


@frozen
class TelephoneEventParameters:
    """telephone-event (RFC 4733 s.2.4.1). ``events`` are (first, last) ranges of event codes, both included."""

    events: tuple[tuple[int, int], ...] = ((0, 15),)

    @classmethod
    def of(cls, parameters: FormatParameters) -> TelephoneEventParameters:
        """Raises `SdpError`."""
        # Some peers write the name of the parameter before the list, others do not.
        text = parameters.parameters.removeprefix("events=")
        found = []
        for part in text.split(","):
            match = fit(_EVENT_RANGE, part, "malformed telephone-event range (RFC 4733 s.2.4.1)")
            first = bounded(match[1], 255, "telephone event")
            found.append((first, bounded(match[2] or match[1], 255, "telephone event", first)))
        return cls(tuple(found))


CodecParameters: TypeAlias = (
    OpusParameters | Vp8Parameters | Vp9Parameters | H264Parameters | RtxFormat | TelephoneEventParameters
)

_CODECS: Final[dict[str, Callable[[FormatParameters], CodecParameters]]] = {
    "opus": OpusParameters.of,
    "vp8": Vp8Parameters.of,
    "vp9": Vp9Parameters.of,
    "h264": H264Parameters.of,
    "rtx": RtxFormat.of,
    "telephone-event": TelephoneEventParameters.of,
}


def codec_parameters(rtpmap: RtpMap, parameters: FormatParameters) -> CodecParameters | None:
    """The typed ``parameters`` of the codec of ``rtpmap``; None for a codec without a type here. Raises `SdpError`."""
    of = _CODECS.get(rtpmap.encoding_name.lower())
    return None if of is None else of(parameters)


@frozen
class RtcpFeedback:
    """a=rtcp-fb (RFC 4585 s.4.2). ``payload_type`` None stands for all (`*`); ``parameter`` may be empty."""

    payload_type: PayloadType | None
    type: str
    parameter: str = ""

    @classmethod
    def parse(cls, text: str) -> RtcpFeedback:
        """Raises `SdpError`."""
        match = fit(_FEEDBACK, text, "malformed a=rtcp-fb (RFC 4585 s.4.2)")
        return cls(None if match[1] == "*" else parse_payload_type(match[1]), match[2], match[3] or "")
