"""Invitation links and controller addresses. Both may come from a stranger's mail: nothing in them is trusted.

What is refused, and why: user information and backslashes (they make a link look like it led elsewhere), addresses of
private networks (a link must not make us talk to the machines next to us), plain http (except to this very machine).
``allow_private`` lets addresses be in a private network; this very machine never is one. It is asked for links, and for
controllers that get a token. A controller that a guest names is trusted with what a link holds anyway, its code.
Names are not resolved here; what they resolve to is not checked.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from attrs import field, frozen

from m3core.errors import LinkError
from m3core.limits import MAX_LINK
from m3core.values import InviteCode, RoomId, is_uuid

_DEFAULT_PORT: Final = {"https": 443, "http": 80}
_URL: Final = re.compile(r"(https?)://([^/?]*)([^?]*)(?:\?(.*))?", re.IGNORECASE | re.DOTALL)
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
    r"(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@frozen
class _Origin:
    scheme: str
    host: str
    """In lower case; punycode; IPv6 in brackets."""
    port: int
    is_loopback: bool
    is_address: bool

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port != _DEFAULT_PORT[self.scheme] else "")


@frozen
class InviteLink:
    """An invitation link that was checked. ``origin`` is `https://host[:port]`, its host in lower case punycode.

    The code is the key to the room, and so not in the repr. ``room_id`` and ``breakout_room`` are given by the later
    form of links only; `POST /invite/verify` tells the room of any code.
    """

    origin: str
    invite_code: InviteCode = field(repr=lambda _: "...")
    room_id: RoomId | None = None
    breakout_room: RoomId | None = None
    is_loopback: bool = False

    @classmethod
    def parse(cls, text: str, *, controller: str | None = None, allow_private: bool = False) -> InviteLink:
        """Read `https://host/invite/<code>` or `https://host/room/<room>[/<breakout room>]?invite=<code>`.

        Links to this machine are good, also by http, if ``controller`` is on this machine or not given. Raises
        `LinkError`, which does not repeat the link.
        """
        origin, path, query = _split(text, allow_private=allow_private)
        if origin.is_loopback and controller is not None:
            own, _, _ = _split(controller, allow_private=True)
            if not own.is_loopback:
                raise LinkError("the link leads to this machine, but the controller is on another one")
        match path.removesuffix("/").split("/"):
            case ["", "invite", code]:
                return cls(str(origin), _code(code), is_loopback=origin.is_loopback)
            case ["", "room", room, *rest] if len(rest) < 2 and all(map(is_uuid, (room, *rest))):
                return cls(
                    str(origin),
                    _code(_query_value(query, "invite")),
                    RoomId(room),
                    RoomId(rest[0]) if rest else None,
                    origin.is_loopback,
                )
        raise LinkError("this is not an invitation link")


@frozen
class ControllerCandidate:
    """Where the controller of a link may be. With ``probe`` it is one only if `GET /v1/auth/login` answers JSON."""

    base_url: str
    probe: bool


def _code(text: str) -> InviteCode:
    if not is_uuid(text):
        raise LinkError("the invite code of the link is not a UUID")
    return InviteCode(text.lower())


def _query_value(query: str, name: str) -> str:
    values = [value for key, _, value in (part.partition("=") for part in query.split("&")) if key == name]
    if len(values) != 1:
        raise LinkError("the link must have exactly one invite code")
    return values[0]


def _split(text: str, *, allow_private: bool) -> tuple[_Origin, str, str]:
    """Origin, path and query of a URL."""
    if len(text) > MAX_LINK:
        raise LinkError(f"the address is longer than {MAX_LINK} characters")
    if any(character <= " " or character == "\\" or "\x7f" <= character <= "\xa0" for character in text):
        raise LinkError("the address holds blanks, control characters or backslashes")
    if "#" in text:
        raise LinkError("the address has a fragment")
    match = _URL.fullmatch(text)
    if match is None:
        raise LinkError("the address must start with https://")
    scheme, authority, path, query = match.groups()
    if "@" in authority:
        raise LinkError("the address has user information before its host")
    origin = _origin(scheme.lower(), authority, allow_private=allow_private)
    if not (path + (query or "")).isascii():
        raise LinkError("the address has characters that are not ASCII after its host")
    return origin, path, query or ""


def _origin(scheme: str, authority: str, *, allow_private: bool) -> _Origin:
    if authority.startswith("["):
        literal, bracket, tail = authority[1:].partition("]")
        try:
            address: ipaddress.IPv4Address | ipaddress.IPv6Address | None = ipaddress.IPv6Address(literal)
        except ValueError:
            raise LinkError("the host is not an IPv6 address") from None
        if "%" in literal or not bracket:
            raise LinkError("the host is not an IPv6 address")
        host, port = f"[{address}]", _port(tail, scheme)
    else:
        name, colon, digits = authority.partition(":")
        host, port = _host(name), _port(colon + digits, scheme)
        address = _ipv4(host)
    is_loopback = _is_loopback(address) if address else host == "localhost" or host.endswith(".localhost")
    if scheme != "https" and not is_loopback:
        raise LinkError("the address must start with https://")
    if address and not is_loopback and not allow_private and not _is_public(address):
        raise LinkError("the host is an address of a private network", is_private=True)
    return _Origin(scheme, host, port, is_loopback, address is not None)


def _host(name: str) -> str:
    try:
        host = name.encode("idna").decode().lower()
    except UnicodeError:
        raise LinkError("the host is not a valid name") from None
    if not _NAME.fullmatch(host):
        raise LinkError("the host is not a valid name")
    return host


def _port(text: str, scheme: str) -> int:
    if not text:
        return _DEFAULT_PORT[scheme]
    digits = text[1:]
    if text[0] != ":" or len(digits) > 5 or not (digits.isascii() and digits.isdigit()):
        raise LinkError("the port is not a number")
    if not 0 < int(digits) < 65536:
        raise LinkError("the port is out of range")
    return int(digits)


def _ipv4(host: str) -> ipaddress.IPv4Address | None:
    """The address that ``host`` is. Spellings that only some resolvers take (octal, hex, one number) are refused."""
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return ipaddress.IPv4Address(host)
    except ValueError:
        raise LinkError("the host is an IPv4 address in an unusual spelling") from None


def _is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        # addresses that lead to an IPv4 address say nothing of whose it is
        if address.ipv4_mapped or address.sixtofour or address.teredo or address in _NAT64:
            return False
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_unspecified


def parse_controller_url(text: str, *, allow_private: bool = False) -> str:
    """A controller's address, `https://host[:port]`, checked and in normal form. Raises `LinkError`."""
    origin, path, query = _split(text, allow_private=allow_private)
    if path not in {"", "/"} or query:
        raise LinkError("the address of a controller has no path and no query")
    return str(origin)


def controller_candidates(link: InviteLink, controller: str | None = None) -> tuple[ControllerCandidate, ...]:
    """Where to look for the controller of ``link``, best first; it is not part of a link (rest.md § 4).

    ``controller`` if given (which the user trusts: it may be in a private network); else the link's own origin, if
    that is on this machine or proves to be one; else `controller.` + its host.
    """
    if controller is not None:
        return (ControllerCandidate(parse_controller_url(controller, allow_private=True), probe=False),)
    origin, _, _ = _split(link.origin, allow_private=True)
    if origin.is_loopback or origin.is_address or len(origin.host) > 242:
        return (ControllerCandidate(link.origin, probe=False),)
    derived = f"{origin.scheme}://controller.{link.origin.removeprefix('https://')}"
    return (ControllerCandidate(link.origin, probe=True), ControllerCandidate(derived, probe=False))


def signaling_url(base_url: str) -> str:
    """The WebSocket URL of the controller at ``base_url`` (signaling.md § 1). Raises `LinkError`."""
    checked = parse_controller_url(base_url, allow_private=True)
    return f"ws{checked.removeprefix('http')}/signaling"


def is_local(url: str) -> bool:
    """Whether the host of ``url`` (http, https, ws or wss) is this machine; False for what is no URL."""
    try:
        origin, _, _ = _split(url.replace("ws", "http", 1) if url.startswith("ws") else url, allow_private=True)
    except LinkError:
        return False
    return origin.is_loopback
