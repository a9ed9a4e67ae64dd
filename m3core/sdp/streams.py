"""Typed views of attributes that tell RTP streams apart: a=ssrc, a=ssrc-group, a=msid, a=rid, a=simulcast, a=extmap.

This module looks at one line at a time. `semantics` checks whether, for example, a=simulcast names described rids.
"""

from __future__ import annotations

import re
from enum import Enum, StrEnum
from typing import Final, NewType

from attrs import frozen

from m3core.errors import SdpError
from m3core.sdp._syntax import IDENT, MAX_UINT32, VISIBLE, WORD, bounded, fit
from m3core.sdp.attributes import Direction
from m3core.sdp.codecs import PayloadType, parse_payload_type

Ssrc = NewType("Ssrc", int)
"""An RTP synchronisation source, 32 bits (RFC 3550 s.3)."""
Rid = NewType("Rid", str)
"""A restriction identifier (RFC 8851 s.4)."""

_SSRC: Final = re.compile(f"([0-9]{{1,10}}) ({IDENT})(?::(.+))?")
_SSRC_GROUP: Final = re.compile(f"({IDENT})((?: [0-9]{{1,10}})++)")
_MSID: Final = re.compile(f"({VISIBLE})(?: ({VISIBLE}))?")
_RID: Final = re.compile("([A-Za-z0-9_-]{1,255}) (send|recv)(?: (.+))?")
_SIMULCAST: Final = re.compile(f"(send|recv) ({WORD})(?: (send|recv) ({WORD}))?")
_ALTERNATIVE: Final = re.compile("(~?)([A-Za-z0-9_-]{1,255})")
_EXTMAP: Final = re.compile(f"([0-9]{{1,4}})(?:/(sendrecv|sendonly|recvonly|inactive))? ({VISIBLE})(?: (.+))?")


@frozen
class SsrcAttribute:
    """a=ssrc (RFC 5576 s.4.1): one attribute of one source, such as its cname. ``value`` is None for a property."""

    ssrc: Ssrc
    name: str
    value: str | None = None

    @classmethod
    def parse(cls, text: str) -> SsrcAttribute:
        """Raises `SdpError`."""
        match = fit(_SSRC, text, "malformed a=ssrc (RFC 5576 s.4.1)")
        return cls(Ssrc(bounded(match[1], MAX_UINT32, "SSRC")), match[2], match[3])


@frozen
class SsrcGroup:
    """a=ssrc-group (RFC 5576 s.4.2). The SSRCs of semantics `FID` are those of the media and of its retransmission."""

    semantics: str
    ssrcs: tuple[Ssrc, ...]

    @classmethod
    def parse(cls, text: str) -> SsrcGroup:
        """Raises `SdpError`."""
        match = fit(_SSRC_GROUP, text, "malformed a=ssrc-group (RFC 5576 s.4.2)")
        return cls(match[1], tuple(Ssrc(bounded(word, MAX_UINT32, "SSRC")) for word in match[2][1:].split(" ")))


@frozen
class Msid:
    """a=msid (RFC 8830 s.2). Stream `-` means none; ``track_id`` is None if the line has none."""

    stream_id: str
    track_id: str | None = None

    @classmethod
    def parse(cls, text: str) -> Msid:
        """Raises `SdpError`."""
        match = fit(_MSID, text, "malformed a=msid (RFC 8830 s.2)")
        return cls(match[1], match[2])


@frozen
class MsidSemantic:
    """a=msid-semantic, of drafts of RFC 8830. Nothing uses it. A blank may follow its colon (media.md § 8.3)."""

    semantic: str
    stream_ids: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> MsidSemantic:
        """Raises `SdpError`."""
        words = tuple(word for word in text.split(" ") if word)
        if not words:
            raise SdpError("malformed a=msid-semantic")
        return cls(words[0], words[1:])


class RidDirection(Enum):
    """Whether the sender of the description sends or receives the stream of a rid (RFC 8851 s.4)."""

    SEND = "send"
    RECV = "recv"

    def reversed(self) -> RidDirection:
        """The direction of the same stream, as the other side describes it."""
        return RidDirection.RECV if self is RidDirection.SEND else RidDirection.SEND


@frozen
class RidDescription:
    """a=rid (RFC 8851 s.10). Without ``payload_types`` the stream may use all. ``restrictions`` are (name, value)."""

    rid: Rid
    direction: RidDirection
    payload_types: tuple[PayloadType, ...] = ()
    restrictions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> RidDescription:
        """Raises `SdpError`."""
        match = fit(_RID, text, "malformed a=rid (RFC 8851 s.10)")
        payload_types: tuple[PayloadType, ...] = ()
        restrictions = []
        for part in match[3].split(";") if match[3] else ():
            name, _, value = part.partition("=")
            if not name:
                raise SdpError("malformed a=rid (RFC 8851 s.10)")
            if name == "pt":
                payload_types = tuple(map(parse_payload_type, value.split(",")))
            else:
                restrictions.append((name, value))
        return cls(Rid(match[1]), RidDirection(match[2]), payload_types, tuple(restrictions))


@frozen
class SimulcastAlternative:
    """One rid of a simulcast stream. ``paused`` (`~`): the stream starts paused."""

    rid: Rid
    paused: bool = False


@frozen
class SimulcastStream:
    """One simulcast stream: its alternatives in order of preference (RFC 8853 s.5.1)."""

    alternatives: tuple[SimulcastAlternative, ...]


@frozen
class Simulcast:
    """a=simulcast (RFC 8853 s.5.1): the streams of each direction, in order of preference."""

    send: tuple[SimulcastStream, ...] = ()
    recv: tuple[SimulcastStream, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Simulcast:
        """Raises `SdpError`."""
        match = fit(_SIMULCAST, text, "malformed a=simulcast (RFC 8853 s.5.1)")
        if match[1] == match[3]:  # without a second list match[3] is None
            raise SdpError("a=simulcast names a direction twice (RFC 8853 s.5.1)")
        lists = {match[1]: match[2], match[3]: match[4]}
        return cls(_streams(lists.get("send")), _streams(lists.get("recv")))

    def rids(self, direction: RidDirection) -> tuple[Rid, ...]:
        """All rids of ``direction``, alternatives included, in order of preference."""
        streams = self.send if direction is RidDirection.SEND else self.recv
        return tuple(alternative.rid for stream in streams for alternative in stream.alternatives)


def _streams(text: str | None) -> tuple[SimulcastStream, ...]:
    if text is None:
        return ()
    return tuple(SimulcastStream(tuple(map(_alternative, part.split(",")))) for part in text.split(";"))


def _alternative(text: str) -> SimulcastAlternative:
    match = fit(_ALTERNATIVE, text, "malformed a=simulcast (RFC 8853 s.5.1)")
    return SimulcastAlternative(Rid(match[2]), match[1] == "~")


class HeaderExtension(StrEnum):
    """The URIs of known RTP header extensions; others may stand in a=extmap, too."""

    MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
    RTP_STREAM_ID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
    REPAIRED_RTP_STREAM_ID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
    SSRC_AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    CSRC_AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:csrc-audio-level"
    TRANSMISSION_OFFSET = "urn:ietf:params:rtp-hdrext:toffset"
    ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
    TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
    VIDEO_CONTENT_TYPE = "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type"
    VIDEO_TIMING = "http://www.webrtc.org/experiments/rtp-hdrext/video-timing"
    COLOR_SPACE = "http://www.webrtc.org/experiments/rtp-hdrext/color-space"
    VIDEO_ORIENTATION = "urn:3gpp:video-orientation"
    DEPENDENCY_DESCRIPTOR = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"


@frozen
class ExtMap:
    """a=extmap (RFC 8285 s.8).

    ``uri`` compares equal to a `HeaderExtension`. ``attributes`` is the text after it, or empty.
    """

    id: int
    uri: str
    direction: Direction = Direction.SENDRECV
    attributes: str = ""

    @classmethod
    def parse(cls, text: str) -> ExtMap:
        """Raises `SdpError`. Ids are 1 to 255, or 4096 to 4351 in an offer of alternatives (RFC 8285 s.7)."""
        match = fit(_EXTMAP, text, "malformed a=extmap (RFC 8285 s.8)")
        number = int(match[1])
        if not (1 <= number <= 255 or 4096 <= number <= 4351):
            raise SdpError("id of a=extmap outside 1 to 255 and 4096 to 4351 (RFC 8285 s.7)")
        return cls(number, match[3], Direction(match[2] or "sendrecv"), match[4] or "")
