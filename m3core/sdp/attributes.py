"""Typed views of the lines and attributes that describe the session, its transport and its security.

Each `parse` takes the value after `letter=` or `a=name:`, and looks at no other line. Its `SdpError` has no line and no
column; the section that owns the line adds them.
"""

from __future__ import annotations

import re
from enum import Enum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NewType

from attrs import field, frozen

from m3core.errors import SdpError
from m3core.sdp._syntax import IDENT, MAX_PORT, WORD, bounded, fit, tokens
from m3core.values import Secret

Mid = NewType("Mid", str)
"""The identification-tag of an m-section (RFC 5888 s.4)."""

# The password of ICE (RFC 8839 s.5.4), and keys of SRTP (RFC 4568, RFC 4567).
_SECRET_NAMES: Final = frozenset({"ice-pwd", "crypto", "key-mgmt"})


@frozen(repr=False)
class Attribute:
    """One a= line as written (RFC 8866 s.5.13). ``value`` is None for a property attribute (`a=rtcp-mux`)."""

    name: str
    value: str | None = None

    def __repr__(self) -> str:
        value = "..." if self.name in _SECRET_NAMES else repr(self.value)
        return f"{type(self).__name__}(name={self.name!r}, value={value})"


@frozen(repr=False)
class UnknownAttribute(Attribute):
    """An attribute for which this package has no typed view, as written."""


_ORIGIN: Final = re.compile(rf"({WORD}) ([0-9]{{1,20}}) ([0-9]{{1,20}}) ({IDENT}) ({IDENT}) ({WORD})")


@frozen
class Origin:
    """o= (RFC 8866 s.5.2): who made the session, and which version of it this is."""

    username: str
    session_id: int
    session_version: int
    network_type: str
    address_type: str
    unicast_address: str

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Raises `SdpError`."""
        match = fit(_ORIGIN, text, "malformed o= line (RFC 8866 s.5.2)")
        return cls(match[1], int(match[2]), int(match[3]), match[4], match[5], match[6])


_TIMING: Final = re.compile("([0-9]{1,20}) ([0-9]{1,20})")


@frozen
class Timing:
    """t= (RFC 8866 s.5.9), in seconds since 1900. Start 0 and stop 0 mean a permanent session."""

    start: int
    stop: int

    @classmethod
    def parse(cls, text: str) -> Timing:
        """Raises `SdpError`."""
        match = fit(_TIMING, text, "malformed t= line (RFC 8866 s.5.9)")
        return cls(int(match[1]), int(match[2]))


class BandwidthType(StrEnum):
    """The known b= types (RFC 8866 s.5.8, RFC 3890, RFC 3556)."""

    AS = "AS"
    """kbit/s, transport overhead included."""
    CT = "CT"
    """kbit/s, of the whole conference."""
    TIAS = "TIAS"
    """bit/s, transport overhead excluded."""
    RS = "RS"
    """bit/s of RTCP, senders."""
    RR = "RR"
    """bit/s of RTCP, receivers."""


_BANDWIDTH: Final = re.compile(f"({IDENT}):([0-9]{{1,10}})")


@frozen
class Bandwidth:
    """b= (RFC 8866 s.5.8). ``type`` compares equal to a `BandwidthType`, which defines the unit of ``value``."""

    type: str
    value: int

    @classmethod
    def parse(cls, text: str) -> Bandwidth:
        """Raises `SdpError`."""
        match = fit(_BANDWIDTH, text, "malformed b= line (RFC 8866 s.5.8)")
        return cls(match[1], int(match[2]))


_IP_VERSIONS: Final[dict[str, type[IPv4Address | IPv6Address]]] = {"IP4": IPv4Address, "IP6": IPv6Address}


def _internet_address(network_type: str, address_type: str, address: str) -> tuple[str, str, str]:
    """All three arguments, if they name an IP address; else raises `SdpError`.

    RFC 8866 s.5.7 allows host names and multicast scopes as well. ICE cannot use them.
    """
    version = _IP_VERSIONS.get(address_type)
    try:
        # `ipaddress` accepts the scope of an IPv6 address (`%`), which the grammar of RFC 8866 s.9 does not have.
        if version is not None and network_type == "IN" and "%" not in address:
            version(address)
            return network_type, address_type, address
    except ValueError:
        pass
    raise SdpError("a connection address is IN IP4 or IN IP6 and an IP address (RFC 8866 s.5.7)")


_CONNECTION: Final = re.compile(f"({IDENT}) ({IDENT}) ({WORD})")


@frozen
class ConnectionInformation:
    """c= (RFC 8866 s.5.7), an IP address. ICE uses candidates instead."""

    network_type: str
    address_type: str
    address: str

    @classmethod
    def parse(cls, text: str) -> ConnectionInformation:
        """Raises `SdpError`."""
        match = fit(_CONNECTION, text, "malformed c= line (RFC 8866 s.5.7)")
        return cls(*_internet_address(match[1], match[2], match[3]))


_RTCP: Final = re.compile(f"([0-9]{{1,5}})(?: ({IDENT}) ({IDENT}) ({WORD}))?")


@frozen
class RtcpAddress:
    """a=rtcp (RFC 3605 s.2.1). Without ``connection`` the address is that of the m-section."""

    port: int
    connection: ConnectionInformation | None = None

    @classmethod
    def parse(cls, text: str) -> RtcpAddress:
        """Raises `SdpError`."""
        match = fit(_RTCP, text, "malformed a=rtcp (RFC 3605 s.2.1)")
        port = bounded(match[1], MAX_PORT, "port")
        if match[2] is None:
            return cls(port)
        return cls(port, ConnectionInformation(*_internet_address(match[2], match[3], match[4])))


class Direction(Enum):
    """Which way media flow, for the sender of the description (RFC 8866 s.6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether the sender of the description sends media."""
        return self in {Direction.SENDRECV, Direction.SENDONLY}

    @property
    def receives(self) -> bool:
        """Whether the sender of the description receives media."""
        return self in {Direction.SENDRECV, Direction.RECVONLY}

    def reversed(self) -> Direction:
        """The direction of the same flow, as the other side describes it."""
        return _REVERSED[self]

    def allows(self, answer: Direction) -> bool:
        """Whether an offer of this direction may be answered by ``answer`` (RFC 3264 s.6.1)."""
        return (self.receives or not answer.sends) and (self.sends or not answer.receives)


_REVERSED: Final = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}


class DtlsSetup(Enum):
    """a=setup (RFC 4145 s.4): who opens the DTLS association."""

    ACTPASS = "actpass"
    ACTIVE = "active"
    PASSIVE = "passive"
    HOLDCONN = "holdconn"

    @classmethod
    def parse(cls, text: str) -> DtlsSetup:
        """Raises `SdpError`."""
        try:
            return cls(text)
        except ValueError:
            raise SdpError("unknown a=setup (RFC 4145 s.4)") from None


_FINGERPRINT: Final = re.compile(f"({IDENT}) ([0-9A-Fa-f]{{2}}(?::[0-9A-Fa-f]{{2}})*+)")
_HASH_BYTES: Final = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}


@frozen
class Fingerprint:
    """a=fingerprint of a certificate (RFC 8122 s.5). ``algorithm`` in lower case; ``value`` is `AB:CD:...`."""

    algorithm: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """Raises `SdpError`, also for MD2 and MD5, which RFC 8122 s.5 forbids."""
        match = fit(_FINGERPRINT, text, "malformed a=fingerprint (RFC 8122 s.5)")
        algorithm = match[1].lower()
        size = _HASH_BYTES.get(algorithm)
        if size is None:
            raise SdpError("unknown hash function of a=fingerprint (RFC 8122 s.5)")
        if len(match[2]) != 3 * size - 1:  # two digits for each byte, and colons between them
            raise SdpError("a=fingerprint does not have the length of its hash (RFC 8122 s.5)")
        return cls(algorithm, match[2])


_UFRAG: Final = re.compile("[A-Za-z0-9+/]{4,256}")
_PWD: Final = re.compile("[A-Za-z0-9+/]{22,256}")


@frozen
class IceCredentials:
    """a=ice-ufrag and a=ice-pwd (RFC 8839 s.5.4)."""

    ufrag: str
    pwd: Secret


def parse_ufrag(text: str) -> str:
    """``text``, if it is an ice-ufrag of 4 to 256 ice-chars (RFC 8839 s.5.4); else raises `SdpError`."""
    return fit(_UFRAG, text, "a=ice-ufrag is 4 to 256 ice-chars (RFC 8839 s.5.4)")[0]


def parse_pwd(text: str) -> Secret:
    """``text``, if it is an ice-pwd of 22 to 256 ice-chars (RFC 8839 s.5.4); else raises `SdpError`."""
    return Secret(fit(_PWD, text, "a=ice-pwd is 22 to 256 ice-chars (RFC 8839 s.5.4)")[0])


def parse_ice_options(text: str) -> frozenset[str]:
    """The options of a=ice-options (RFC 8839 s.5.6); raises `SdpError`."""
    options = tokens(text, "malformed a=ice-options (RFC 8839 s.5.6)")
    return frozenset(options)


_MID: Final = re.compile(IDENT)


def parse_mid(text: str) -> Mid:
    """``text``, if it is a token (RFC 5888 s.4); else raises `SdpError`."""
    return Mid(fit(_MID, text, "a=mid is a token (RFC 5888 s.4)")[0])


@frozen
class Group:
    """a=group (RFC 5888 s.5). ``mids`` are the m-sections that belong together; there may be none."""

    semantics: str
    mids: tuple[Mid, ...] = field(default=())

    @classmethod
    def parse(cls, text: str) -> Group:
        """Raises `SdpError`."""
        words = tokens(text, "malformed a=group (RFC 5888 s.5)")
        if not words:
            raise SdpError("malformed a=group (RFC 5888 s.5)")
        return cls(words[0], tuple(map(Mid, words[1:])))


_TLS_ID: Final = re.compile(r"[A-Za-z0-9+/\-_]{20,255}")
_COUNT: Final = re.compile("[0-9]{1,20}")
_MILLISECONDS: Final = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,9})?")
_SHORT_NUMBER: Final = re.compile(r"[0-9]{1,5}")


def parse_tls_id(text: str) -> str:
    """``text``, if it is a tls-id of 20 to 255 characters (RFC 8842 s.4); else raises `SdpError`."""
    return fit(_TLS_ID, text, "a=tls-id is 20 to 255 characters (RFC 8842 s.4)")[0]


_SCTPMAP: Final = re.compile("[0-9]{1,5} .+")


def parse_sctpmap(text: str) -> str:
    """``text``, if it looks like a=sctpmap, which drafts of RFC 8841 had; else raises `SdpError`."""
    return fit(_SCTPMAP, text, "malformed a=sctpmap")[0]


def parse_sctp_port(text: str) -> int:
    """The port of a=sctp-port (RFC 8841 s.5); raises `SdpError`."""
    return bounded(fit(_SHORT_NUMBER, text, "malformed a=sctp-port (RFC 8841 s.5)")[0], MAX_PORT, "port")


def parse_max_message_size(text: str) -> int:
    """The bytes of a=max-message-size (RFC 8841 s.6); 0 stands for any size. Raises `SdpError`."""
    return int(fit(_COUNT, text, "malformed a=max-message-size (RFC 8841 s.6)")[0])


def parse_milliseconds(text: str) -> float:
    """Milliseconds of a=ptime and a=maxptime (RFC 8866 s.6.4), maybe with a fraction; raises `SdpError`."""
    return float(fit(_MILLISECONDS, text, "a packet time is a number of milliseconds (RFC 8866 s.6.4)")[0])


def parse_rtcp_xr(text: str) -> tuple[str, ...]:
    """The report formats of a=rtcp-xr (RFC 3611 s.5.1), as written; raises `SdpError`."""
    return tuple(word for word in text.split(" ") if word)
