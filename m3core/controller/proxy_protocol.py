"""The PROXY protocol: a header before the first request, by which a proxy says who its client is (versions 1 and 2).

A proxy that passes on TCP connections cannot write into HTTP, so it uses this header. It is described in
`doc/proxy-protocol.txt` of HAProxy. Only a trusted proxy may send it: `m3core.controller.front` looks for no header on
other connections.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from typing import Final

from m3core.errors import RemoteProtocolError
from m3core.limits import MAX_PROXY_HEADER

_TEXT: Final = b"PROXY "
_TEXT_LENGTH: Final = 107
"""Bytes of the longest header of version 1, with its line end (section 2.1)."""
_BINARY: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_BINARY_LENGTH: Final = 16
"""Bytes of a header of version 2 before its addresses (section 2.2)."""
_PORT: Final = rb"(?:0|[1-9][0-9]{0,4})"
_LINE: Final = re.compile(
    rb"PROXY (?:TCP([46]) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+) (%b) (%b)|UNKNOWN(?: [^\r\n]*)?)" % (_PORT, _PORT)
)
_LOCAL, _PROXY = 0x20, 0x21
"""Version 2, with the command LOCAL (the proxy itself asks, for example to see whether we live) or PROXY."""
_SOURCES: Final = {1: (4, 12), 2: (16, 36)}
"""Bytes of a source address, and of all addresses with their ports, by family: AF_INET and AF_INET6."""
_FAMILIES: Final = range(4)
_TRANSPORTS: Final = range(3)


class ProxyPreface:
    """Takes the first bytes of a connection of a trusted proxy, until it is known whether they are a header."""

    def __init__(self) -> None:
        self.is_over = False
        """Whether the header is complete, or there is none. Further bytes are not for this object."""
        self.address: str | None = None
        """The client of the proxy; None if there is no header, or if it does not say."""
        self._data = b""

    def receive_data(self, data: bytes) -> bytes:
        """The bytes of ``data`` and of earlier ones that come after the header. Nothing as long as it is not complete.

        Raises `RemoteProtocolError` for a header that is malformed: the connection is to be dropped without an answer,
        since the proxy may be mistaken about where its client's bytes begin.
        """
        data = self._data + data
        if data.startswith(_TEXT):
            size = self._read_text(data)
        elif data.startswith(_BINARY):
            size = self._read_binary(data)
        else:
            size = None if _TEXT.startswith(data) or _BINARY.startswith(data) else 0
        if size is None:
            self._data = data
            return b""
        self.is_over = True
        self._data = b""
        return data[size:]

    def _read_text(self, data: bytes) -> int | None:
        """The length of a header of version 1; None if its end is missing."""
        end = data.find(b"\r\n", 0, _TEXT_LENGTH)
        if end < 0:
            if len(data) >= _TEXT_LENGTH:
                raise _malformed("its line is too long")
            return None
        line = _LINE.fullmatch(data[:end])
        if line is None:
            raise _malformed("its line is not one of version 1")
        version, source, target, *ports = line.groups()
        if version is not None:
            self.address = _source(int(version), (source, target))
            if any(int(port) > 0xFFFF for port in ports):
                raise _malformed("a port is too large")
        return end + 2

    def _read_binary(self, data: bytes) -> int | None:
        """The length of a header of version 2; None if a part of it is missing."""
        if len(data) < _BINARY_LENGTH:
            return None
        command, kind, length = struct.unpack_from("!BBH", data, len(_BINARY))
        family, transport = kind >> 4, kind & 0xF
        if command not in (_LOCAL, _PROXY) or family not in _FAMILIES or transport not in _TRANSPORTS:
            raise _malformed("its version, command or family is unknown")
        size = _BINARY_LENGTH + int(length)
        if size > MAX_PROXY_HEADER:
            raise _malformed(f"it is longer than {MAX_PROXY_HEADER} bytes")
        if len(data) < size:
            return None
        if command == _PROXY and transport and family in _SOURCES:
            source, least = _SOURCES[family]
            if length < least:
                raise _malformed("it is too short for its addresses")
            self.address = str(ipaddress.ip_address(data[_BINARY_LENGTH : _BINARY_LENGTH + source]))
        return size


def _source(version: int, addresses: tuple[bytes, bytes]) -> str:
    """The first of two addresses, both of which must be of IP ``version``."""
    try:
        source, target = (ipaddress.ip_address(text.decode("ascii")) for text in addresses)
    except ValueError:
        raise _malformed("an address is none") from None
    if source.version != version or target.version != version:
        raise _malformed("an address is not of the family that it names")
    return str(source)


def _malformed(reason: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"the header of the PROXY protocol is malformed: {reason}")
