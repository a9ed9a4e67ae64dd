"""Addresses of servers that strangers may have written, parsed and checked.

These are refused: user information and backslashes, since they make an address look as if it led somewhere else;
addresses of private networks, since a link must not make us send requests to the machines next to us; plain http,
except to this machine. With ``allow_private`` addresses of private networks are accepted. Loopback addresses do not
count as private. Host names are not resolved here, so the addresses to which they resolve are not checked.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from attrs import frozen

from m3core.errors import LinkError
from m3core.limits import MAX_LINK

_DEFAULT_PORT: Final = {"https": 443, "http": 80}
_URL: Final = re.compile(r"(https?)://([^/?]*)([^?]*)(?:\?(.*))?", re.IGNORECASE | re.DOTALL)
_NAME: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
    r"(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


@frozen
class Origin:
    """Scheme, host and port of an address that has been checked."""

    scheme: str
    host: str
    """In lower case and punycode; an IPv6 address is in brackets."""
    port: int
    is_loopback: bool
    """The host is this machine: `localhost`, or a loopback address."""
    is_address: bool
    """The host is an IP address, not a name."""
    is_private: bool
    """The host is an address of a private network, and not this machine."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port != _DEFAULT_PORT[self.scheme] else "")


def split_url(text: str, *, allow_private: bool) -> tuple[Origin, str, str]:
    """Origin, path and query of the URL ``text``. Raises `LinkError`, whose text does not repeat the URL."""
    if len(text) > MAX_LINK:
        raise LinkError(f"the address is longer than {MAX_LINK} characters")
    # Browsers remove some of these characters, and take `\` for `/`: they would see another host.
    if any(character <= " " or character == "\\" or "\x7f" <= character <= "\xa0" for character in text):
        raise LinkError("the address has blanks, control characters or backslashes")
    if "#" in text:
        raise LinkError("the address has a fragment")
    match = _URL.fullmatch(text)
    if match is None:
        raise LinkError("the address must start with https://")
    scheme, authority, path, query = match.groups()
    if "@" in authority:  # `https://known.example@attacker.example` leads to attacker.example
        raise LinkError("the address has user information before its host")
    origin = _origin(scheme.lower(), authority, allow_private=allow_private)
    if not (path + (query or "")).isascii():
        raise LinkError("the address has characters after its host that are not ASCII")
    return origin, path, query or ""


def _origin(scheme: str, authority: str, *, allow_private: bool) -> Origin:
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
    is_private = address is not None and not is_loopback and not is_public(address)
    if is_private and not allow_private:
        raise LinkError("the host is an address of a private network", is_private=True)
    return Origin(scheme, host, port, is_loopback, address is not None, is_private)


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
        raise LinkError("the port is not in the range from 1 to 65535")
    return int(digits)


def _ipv4(host: str) -> ipaddress.IPv4Address | None:
    """``host`` as an address, or None if it is a name.

    Raises `LinkError` for spellings that only some resolvers accept (octal, hexadecimal, one number): the check and the
    connection could mean two different hosts.
    """
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return None
    try:
        return ipaddress.IPv4Address(host)
    except ValueError:
        raise LinkError(
            "the host is an IPv4 address in an unusual spelling: write it as four decimal numbers"
        ) from None


def _is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # Python releases differ in whether `::ffff:127.0.0.1` is a loopback address; here it never is.
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether ``address`` is one of the public internet. An IPv6 address with an IPv4 address inside is never one."""
    if isinstance(address, ipaddress.IPv6Address):
        # An IPv6 address that stands for an IPv4 address may stand for a private one.
        if address.ipv4_mapped or address.sixtofour or address.teredo or address in _NAT64:
            return False
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_unspecified


_PATH: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]{1,64}){0,8}")
"""The path of a base address: plain names, without `.` and `..`."""


def base_path(path: str, query: str) -> str:
    """``path`` of a base address, without a slash at its end. Raises `LinkError`, also if there is a ``query``."""
    path = path.removesuffix("/")
    if query or not _PATH.fullmatch(path):
        raise LinkError("the address of a server has a query, or a path with other parts than plain names")
    return path


def follow(here: str, text: str, *, allow_private: bool) -> str:
    """The address ``text``, which the server at ``here`` names, in normal form. Raises `LinkError`.

    ``text`` is checked as ``here`` was. In addition, a server may not lead to this machine from another one, nor to
    another one from this machine; not into a private network, unless it is in one; and not from https to http.
    """
    start, _, _ = split_url(here, allow_private=True)
    origin, path, query = split_url(text, allow_private=allow_private or start.is_private)
    if origin.is_loopback != start.is_loopback:
        raise LinkError("the server leads from another machine to this one, or from this machine to another")
    if start.scheme == "https" and origin.scheme != "https":
        raise LinkError("the server leads from https to http")
    return f"{origin}{base_path(path, query)}"
