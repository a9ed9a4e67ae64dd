"""ICE candidates of a=candidate lines and of trickle messages (RFC 8839 s.5.1, RFC 8838).

This module owns the grammar of one candidate. It resolves no host name, and does not know the transport of a candidate.
"""

from __future__ import annotations

import re
from enum import Enum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from attrs import field, frozen

from m3core.errors import SdpError
from m3core.sdp._syntax import IDENT, MAX_PORT, MAX_UINT32, WORD, bounded, fit
from m3core.sdp.attributes import Mid

_CANDIDATE: Final = re.compile(
    rf"([A-Za-z0-9+/]{{1,32}}+) ([0-9]{{1,5}}+) ({IDENT}) ([0-9]{{1,10}}+) ({WORD}) ([0-9]{{1,5}}+)"
    rf" typ ({IDENT})((?: {WORD} {WORD})*+)"
)
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9\-_.]{0,251}[A-Za-z0-9.])?")
_PRINTABLE: Final = re.compile("[ -~]*+")
_MALFORMED: Final = "malformed candidate (RFC 8839 s.5.1)"
_NO_ADDRESS: Final = "address of a candidate is neither an IP address nor a name (RFC 8839 s.5.1)"
_MAX_CANDIDATE: Final = 2_048
"""Characters of one candidate."""


class CandidateType(StrEnum):
    """How the address of a candidate was found (RFC 8445 s.5.1.1)."""

    HOST = "host"
    SRFLX = "srflx"
    PRFLX = "prflx"
    RELAY = "relay"


class TcpType(Enum):
    """Who opens the connection of a TCP candidate (RFC 6544 s.4.5)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    SO = "so"


_TYPES: Final = {kind.value: kind for kind in CandidateType}


@frozen
class IceCandidate:
    """One address at which a peer may be reached (RFC 8839 s.5.1).

    ``transport`` is as written: some peers use upper case, others lower case (media.md § 8.6). ``extensions`` are the
    (name, value) pairs that have no field of their own. Addresses are as written, and not in the repr. ``type`` is a
    `CandidateType`, or the token that a later document may define.
    """

    foundation: str
    component: int
    transport: str
    priority: int
    address: str = field(repr=False)
    port: int
    type: CandidateType | str
    related_address: str | None = field(default=None, repr=False)
    related_port: int | None = None
    tcp_type: TcpType | None = None
    extensions: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    _text: str = field(init=False, default="", repr=False, eq=False)

    @classmethod
    def parse(cls, text: str) -> IceCandidate:
        """Parse `a=candidate:...`, `candidate:...`, or the text after that; raises `SdpError`."""
        if len(text) > _MAX_CANDIDATE or not _PRINTABLE.fullmatch(text):
            raise SdpError(_MALFORMED)
        if text.startswith("a=candidate:"):
            text = text[2:]
        text = text.removeprefix("candidate:")
        match = fit(_CANDIDATE, text, _MALFORMED)
        words = match[8].split(" ")[1:]
        pairs = list(zip(words[::2], words[1::2], strict=True))
        related_address = _take(pairs, "raddr")
        related_port = _take(pairs, "rport")
        if (related_address is None) is not (related_port is None):
            raise SdpError("raddr and rport of a candidate go together (RFC 8839 s.5.1)")
        tcp_type = _take(pairs, "tcptype")
        candidate = cls(
            foundation=match[1],
            component=bounded(match[2], 256, "component of a candidate", 1),
            transport=match[3],
            priority=bounded(match[4], MAX_UINT32, "priority of a candidate"),
            address=_address(match[5]),
            # An active TCP candidate has no port: it connects from any (RFC 6544 s.4.5).
            port=_port(match[6], 0 if tcp_type == "active" else 1),
            type=_TYPES.get(match[7], match[7]),
            related_address=None if related_address is None else _address(related_address),
            related_port=None if related_port is None else _port(related_port, 0),
            tcp_type=None if tcp_type is None else _tcp_type(tcp_type),
            extensions=tuple(pairs),
        )
        # The text is kept so that `serialize` keeps an unusual order of extensions. A changed copy (attrs.evolve) does
        # not get it, because it would no longer be true.
        object.__setattr__(candidate, "_text", text)
        return candidate

    def serialize(self) -> str:
        """`candidate:...`, exactly as it was parsed, or in the order of RFC 8839 s.5.1 if it was not parsed."""
        if self._text:
            return f"candidate:{self._text}"
        words = [self.foundation, self.component, self.transport, self.priority, self.address, self.port]
        words += ["typ", self.type]
        if self.related_address is not None:
            words += ["raddr", self.related_address, "rport", self.related_port or 0]
        if self.tcp_type is not None:
            words += ["tcptype", self.tcp_type.value]
        for pair in self.extensions:
            words += pair
        return "candidate:" + " ".join(map(str, words))

    @property
    def is_udp(self) -> bool:
        """Whether the transport is UDP, in upper or lower case (media.md § 8.6)."""
        return self.transport.lower() == "udp"

    @property
    def is_tcp(self) -> bool:
        """Whether the transport is TCP, in upper or lower case."""
        return self.transport.lower() == "tcp"

    @property
    def ip(self) -> IPv4Address | IPv6Address | None:
        """The address as a value of `ipaddress`; None for a host name."""
        return _ip(self.address)

    @property
    def is_mdns(self) -> bool:
        """Whether the address is an obfuscated `.local` name, which only multicast DNS can resolve."""
        return self.address.lower().rstrip(".").endswith(".local")

    @property
    def is_loopback(self) -> bool:
        """Whether the address is a loopback address."""
        ip = self.ip
        return ip is not None and ip.is_loopback

    @property
    def is_link_local(self) -> bool:
        """Whether the address is a link-local one."""
        ip = self.ip
        return ip is not None and ip.is_link_local


@frozen
class TrickledCandidate:
    """A candidate and its m-section (RFC 8838 s.9). ``mid`` may be absent on the wire (media.md § 8.6)."""

    candidate: IceCandidate
    mid: Mid | None
    mline_index: int
    ufrag: str | None = None


def _take(pairs: list[tuple[str, str]], name: str) -> str | None:
    """Remove the first pair called ``name``, and return its value."""
    for index, (found, value) in enumerate(pairs):
        if found == name:
            del pairs[index]
            return value
    return None


def _port(digits: str, minimum: int) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        raise SdpError(_MALFORMED)
    return bounded(digits, MAX_PORT, "port of a candidate", minimum)


def _tcp_type(text: str) -> TcpType:
    try:
        return TcpType(text)
    except ValueError:
        raise SdpError("unknown tcptype of a candidate (RFC 6544 s.4.5)") from None


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    """``text`` as an address, or None if it is a host name; raises `SdpError` if it is neither."""
    # Some resolvers take a name whose last label is numeric for an IPv4 address, so it must be one.
    try:
        if ":" in text and "%" not in text:
            return IPv6Address(text)
        if text.rstrip(".").rpartition(".")[2].isdigit():
            return IPv4Address(text)
    except ValueError:
        raise SdpError(_NO_ADDRESS) from None
    fit(_HOST_NAME, text, _NO_ADDRESS)
    return None


def _address(text: str) -> str:
    _ip(text)
    return text
