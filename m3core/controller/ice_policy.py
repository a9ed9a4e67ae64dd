"""To which addresses a participant may make the media server send.

An ICE candidate of a participant makes the media server send STUN requests to any address that the participant names
(RFC 8445 s.19.5.1). So candidates are checked here, those of descriptions and trickled ones, before the media server
gets them. A participant whose candidates are all refused can still connect: its own checks reach the media server,
which then answers the address that they come from (a peer-reflexive candidate, RFC 8445 s.7.3.1.3).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from enum import Enum
from typing import Final, TypeAlias

from m3core.errors import RemoteProtocolError
from m3core.rest.address import is_public
from m3core.sdp import IceCandidate

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")


class IceCandidates(Enum):
    """Which candidates of participants a media server may use."""

    ALL = "all"
    """Every address: for a server of one machine or one private network."""
    PRIVATE = "private"
    """Only addresses that are not public: private networks (RFC 1918, RFC 4193), carrier-grade NAT (RFC 6598),
    link-local and loopback addresses."""
    PUBLIC = "public"
    """Only public addresses: for a server on the internet, beside which there may be machines that trust it. An IPv6
    address that holds an IPv4 address (IPv4-mapped, 6to4, Teredo, NAT64) is not public: it may hold a private one."""


def default_for(listening: str) -> IceCandidates:
    """The policy of a server that listens at the IP address ``listening``: `ALL` if only neighbours can reach it."""
    address = ipaddress.ip_address(listening)
    return IceCandidates.PUBLIC if address.is_unspecified or is_public(address) else IceCandidates.ALL


def may_use(candidate: str, policy: IceCandidates, own_ports: Collection[int]) -> bool:
    """Whether the media server may use ``candidate``; not if its address is none.

    Host names (mDNS) are refused, whatever the policy: a server that resolves them asks its own network for names that
    a stranger chose. ``own_ports`` are the ports at which the server listens. They are refused at every address,
    because a server does not know all addresses that lead to it.
    """
    try:
        found = IceCandidate.parse(candidate)
    except RemoteProtocolError:
        return False
    return found.ip is not None and found.port not in own_ports and _is_allowed(found.ip, policy)


def _is_allowed(address: IpAddress, policy: IceCandidates) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:  # it names an interface of the server
            return False
        if address.ipv4_mapped is not None and not _is_unicast(address.ipv4_mapped):
            return False
    if not _is_unicast(address):
        return False
    match policy:
        case IceCandidates.ALL:
            return True
        case IceCandidates.PRIVATE:
            return not is_public(address)
        case IceCandidates.PUBLIC:
            return is_public(address)


def _is_unicast(address: IpAddress) -> bool:
    """Not multicast, broadcast or unspecified. Sockets refuse the broadcast address of a network without an option."""
    # 0.0.0.0/8 is "this host on this network" (RFC 1122 s.3.2.1.3), and 240.0.0.0/4 is reserved (RFC 1112 s.4).
    if isinstance(address, ipaddress.IPv4Address) and (address.is_reserved or address.packed[0] == 0):
        return False
    return not (address.is_multicast or address.is_unspecified or address == _BROADCAST)
