"""The header of the PROXY protocol, whole and byte by byte, and before requests of a front."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from test_front import _A, _GET, _client, _Controller, _exchange, _willing, _written

from m3core.controller.front import Front
from m3core.controller.front_port import HalfClose, Shut
from m3core.controller.proxy_protocol import ProxyPreface
from m3core.errors import RemoteProtocolError
from m3core.limits import BUDGET, HTTP_TIMEOUT, MAX_PROXY_HEADER

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
PROXY = "10.0.0.1"


def _binary(command: int, kind: int, addresses: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, kind, len(addresses)) + addresses


def _addresses(source: str, target: str, extra: bytes = b"") -> bytes:
    packed = b"".join(ipaddress.ip_address(text).packed for text in (source, target))
    return packed + struct.pack("!HH", 56324, 443) + extra


V4, V6 = _addresses("203.0.113.5", "10.0.0.9"), _addresses("2001:db8::5", "fd00::9")

GOOD = {
    "v1 TCP4": (b"PROXY TCP4 203.0.113.5 10.0.0.9 56324 443\r\n", "203.0.113.5"),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::5 fd00::9 0 65535\r\n", "2001:db8::5"),
    "v1 TCP6, capitals": (b"PROXY TCP6 2001:DB8::5 fd00::9 1 2\r\n", "2001:db8::5"),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", None),
    "v1 UNKNOWN with more": (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
    "v1, longest": (b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", None),
    "v2 TCP4": (_binary(0x21, 0x11, V4), "203.0.113.5"),
    "v2 TCP6": (_binary(0x21, 0x21, V6), "2001:db8::5"),
    "v2 UDP4": (_binary(0x21, 0x12, V4), "203.0.113.5"),
    "v2 with additions": (_binary(0x21, 0x11, V4 + b"\x20\x00\x03abc"), "203.0.113.5"),
    "v2 Unix": (_binary(0x21, 0x31, bytes(216)), None),
    "v2 UNSPEC": (_binary(0x21, 0x00, b""), None),
    "v2 family without transport": (_binary(0x21, 0x10, b""), None),
    "v2 LOCAL": (_binary(0x20, 0x00, b""), None),
    "v2 LOCAL with addresses": (_binary(0x20, 0x11, V4), None),
    "v2, longest": (_binary(0x21, 0x11, V4 + bytes(MAX_PROXY_HEADER - 28)), "203.0.113.5"),
}

BAD = {
    "v1 without target": b"PROXY TCP4 203.0.113.5 56324 443\r\n",
    "v1 family": b"PROXY TCP5 203.0.113.5 10.0.0.9 56324 443\r\n",
    "v1 small letters": b"PROXY tcp4 203.0.113.5 10.0.0.9 56324 443\r\n",
    "v1 two blanks": b"PROXY TCP4  203.0.113.5 10.0.0.9 56324 443\r\n",
    "v1 blank at the end": b"PROXY TCP4 203.0.113.5 10.0.0.9 56324 443 \r\n",
    "v1 only LF": b"PROXY TCP4 203.0.113.5 10.0.0.9 56324 443\n" + bytes(100),
    "v1 address": b"PROXY TCP4 203.0.113.256 10.0.0.9 56324 443\r\n",
    "v1 target": b"PROXY TCP4 203.0.113.5 10.0.0 56324 443\r\n",
    "v1 families differ": b"PROXY TCP4 2001:db8::5 fd00::9 56324 443\r\n",
    "v1 IPv4 in TCP6": b"PROXY TCP6 203.0.113.5 10.0.0.9 56324 443\r\n",
    "v1 port": b"PROXY TCP4 203.0.113.5 10.0.0.9 65536 443\r\n",
    "v1 signed port": b"PROXY TCP4 203.0.113.5 10.0.0.9 +56 443\r\n",
    "v1 leading zero": b"PROXY TCP4 203.0.113.5 10.0.0.9 056 443\r\n",
    "v1 too long": b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n",
    "v1, a method": b"PROXY /v1/turn HTTP/1.1\r\n",
    "v2 version": _binary(0x31, 0x11, V4),
    "v2 command": _binary(0x22, 0x11, V4),
    "v2 family": _binary(0x21, 0x41, V4),
    "v2 transport": _binary(0x21, 0x13, V4),
    "v2 too short": _binary(0x21, 0x11, V4[:-1]),
    "v2 too short for IPv6": _binary(0x21, 0x21, V6[:-1]),
    "v2 too long": _binary(0x21, 0x11, V4 + bytes(MAX_PROXY_HEADER - 27)),
}


@pytest.mark.parametrize(("header", "address"), GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_a_header_is_taken_off(header: bytes, address: str | None, size: int) -> None:
    preface = ProxyPreface()
    stream, rest = header + _GET, b""
    for start in range(0, len(stream), size):
        piece = stream[start : start + size]
        rest += piece if preface.is_over else preface.receive_data(piece)
    assert preface.is_over
    assert (rest, preface.address) == (_GET, address)


@pytest.mark.parametrize("header", BAD.values(), ids=BAD)
@pytest.mark.parametrize("size", [1, 1 << 16])
def test_a_malformed_header_is_refused(header: bytes, size: int) -> None:
    preface = ProxyPreface()
    pieces = [header[start : start + size] for start in range(0, len(header), size)]
    with pytest.raises(RemoteProtocolError, match="PROXY protocol"):
        b"".join(map(preface.receive_data, pieces))


@pytest.mark.parametrize("stream", [_GET, b"\r\n" + _GET, b"POST / HTTP/1.1\r\n", b"PROXX", SIGNATURE[:-1] + b"x"])
def test_without_a_header_nothing_is_taken_off(stream: bytes) -> None:
    preface = ProxyPreface()
    rest = b""
    for byte in stream:
        piece = bytes((byte,))
        rest += piece if preface.is_over else preface.receive_data(piece)
    assert (rest, preface.is_over, preface.address) == (stream, True, None)


# -- in the front ---
@pytest.mark.parametrize("header", [GOOD["v1 TCP4"][0], GOOD["v2 TCP4"][0]])
@pytest.mark.parametrize("size", [1, 1 << 16])
def test_a_front_learns_the_address_of_the_client(header: bytes, size: int) -> None:
    controller = _Controller(_willing)
    front = _front(controller, PROXY)
    stream = header + _GET + _GET
    for start in range(0, len(stream), size):
        front.data_received(_A, stream[start : start + size], 0.0)
    assert controller.addresses == ["203.0.113.5", "203.0.113.5"]
    assert _written(list(front.outputs()), _A).startswith(b"HTTP/1.1 200")


def test_a_header_by_itself_does_not_end_the_connection() -> None:
    controller = _Controller(_willing)
    front = _front(controller, PROXY)
    front.data_received(_A, GOOD["v1 TCP4"][0], 0.0)
    assert list(front.outputs()) == []
    front.data_received(_A, _GET, 1.0)
    assert controller.addresses == ["203.0.113.5"]


def test_a_header_that_does_not_say_leaves_the_address_of_the_proxy() -> None:
    controller = _Controller(_willing)
    front = _front(controller, PROXY)
    front.data_received(_A, GOOD["v2 LOCAL with addresses"][0] + _GET, 0.0)
    assert controller.addresses == [PROXY]


@pytest.mark.parametrize("header", [GOOD["v1 TCP4"][0], GOOD["v2 TCP4"][0]])
def test_nobody_else_is_believed(header: bytes) -> None:
    controller = _Controller(_willing)
    front = _front(controller, "203.0.113.9")
    front.data_received(_A, header + _GET, 0.0)
    outputs = list(front.outputs())
    assert controller.inputs == []
    assert _written(outputs, _A).startswith(b"HTTP/1.1 400")
    assert outputs[-1] == HalfClose(_A)


def test_the_clients_of_an_http_proxy_share_no_budget_of_its_connection() -> None:
    for peer, header, is_limited in (
        (PROXY, b"", False),
        (PROXY, GOOD["v1 TCP4"][0], True),
        ("203.0.113.9", b"", True),
    ):
        front = _front(_Controller(_willing), peer)
        front.data_received(_A, header + _GET * (BUDGET + 10), 0.0)
        while (due := front.deadline) is not None and due <= 0.0:
            front.advance(0.0)
        assert (b"HTTP/1.1 429" in _written(list(front.outputs()), _A)) is is_limited


def test_a_malformed_header_drops_the_connection_without_an_answer() -> None:
    controller = _Controller(_willing)
    front = _front(controller, PROXY)
    front.data_received(_A, BAD["v1 address"] + _GET, 0.0)
    assert list(front.outputs()) == [Shut(_A, abort=True)]
    assert (controller.inputs, front.connections) == ([], 0)


def test_a_proxy_that_closes_or_falls_silent_inside_its_header() -> None:
    front = _front(_Controller(_willing), PROXY)
    front.data_received(_A, b"PROXY TCP4", 0.0)
    front.data_received(_A, b"", 0.0)
    assert list(front.outputs()) == [Shut(_A, abort=False)]
    front = _front(_Controller(_willing), PROXY)
    front.data_received(_A, b"PROXY TCP4", 0.0)
    front.advance(HTTP_TIMEOUT)
    assert list(front.outputs()) == [Shut(_A, abort=False)]


def test_a_forwarded_address_counts_only_from_a_trusted_proxy() -> None:
    request = _GET[:-2] + b"X-Forwarded-For: 1.1.1.1, 203.0.113.5\r\n\r\n"
    for peer, client in ((PROXY, "203.0.113.5"), ("203.0.113.9", "203.0.113.9"), ("", "")):
        controller = _Controller(_willing)
        front = _front(controller, peer)
        front.data_received(_A, request, 0.0)
        assert controller.addresses == [client]
    # The header of the PROXY protocol names a client that is no proxy: what the client forwards does not count.
    controller = _Controller(_willing)
    front = _front(controller, PROXY)
    front.data_received(_A, GOOD["v1 TCP4"][0] + request, 0.0)
    assert controller.addresses == ["203.0.113.5"]


def test_a_handshake_has_the_address_of_its_client() -> None:
    controller = _Controller(_willing)
    _exchange(_front(controller, "203.0.113.9"), _A, _client())
    assert controller.addresses == ["203.0.113.9"]


def _front(controller: _Controller, peer: str) -> Front:
    front = Front(controller, trusted_proxies=("10.0.0.0/8",))
    front.connection_made(_A, 0.0, peer)
    return front
