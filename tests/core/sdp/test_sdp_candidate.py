"""ICE candidates: recorded ones, rare ones, and malformed ones."""

from __future__ import annotations

from ipaddress import IPv4Address

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sdp_vectors import TEXTS

from m3core.errors import SdpError
from m3core.sdp import CandidateType, IceCandidate, TcpType

LINES = sorted({line for text in TEXTS.values() for line in text.split("\r\n") if line.startswith("a=candidate:")})


@pytest.mark.parametrize("line", LINES)
def test_recorded_candidates_survive_with_any_prefix(line: str) -> None:
    candidate = IceCandidate.parse(line)
    assert "a=" + candidate.serialize() == line
    assert IceCandidate.parse(line[2:]) == IceCandidate.parse(line.removeprefix("a=candidate:")) == candidate
    assert "a=" + attrs.evolve(candidate).serialize() == line
    assert candidate.component == 1
    assert candidate.type is CandidateType.HOST


def test_fields() -> None:
    candidate = IceCandidate.parse("candidate:0 1 UDP 2122252543 192.0.2.7 50000 typ host")
    assert (candidate.foundation, candidate.priority, candidate.port) == ("0", 2122252543, 50000)
    assert (candidate.address, candidate.ip) == ("192.0.2.7", IPv4Address("192.0.2.7"))
    assert candidate.transport == "UDP"
    assert candidate.is_udp
    assert not candidate.is_tcp
    assert "192.0.2.7" not in repr(candidate)


def test_related_address_tcp_type_and_extensions_in_any_order() -> None:
    text = "candidate:1 1 tcp 1 192.0.2.1 0 typ srflx generation 0 tcptype active ufrag abcd raddr 10.0.0.1 rport 0"
    candidate = IceCandidate.parse(text)
    assert candidate.serialize() == text
    assert candidate.is_tcp
    assert candidate.type is CandidateType.SRFLX
    assert (candidate.related_address, candidate.related_port) == ("10.0.0.1", 0)
    assert candidate.tcp_type is TcpType.ACTIVE
    assert candidate.extensions == (("generation", "0"), ("ufrag", "abcd"))
    built = attrs.evolve(candidate, priority=2)
    assert built.serialize() == (
        "candidate:1 1 tcp 2 192.0.2.1 0 typ srflx raddr 10.0.0.1 rport 0 tcptype active generation 0 ufrag abcd"
    )
    assert IceCandidate.parse(built.serialize()) == built


def test_another_type_is_kept_as_it_is() -> None:
    """RFC 8839 s.5.1 leaves the list of types open."""
    candidate = IceCandidate.parse("candidate:1 1 udp 1 192.0.2.1 9 typ x-tunnel raddr 192.0.2.9 rport 9")
    assert candidate.type == "x-tunnel"
    assert candidate.serialize().endswith("typ x-tunnel raddr 192.0.2.9 rport 9")
    assert attrs.evolve(candidate, port=8).serialize().endswith(" 8 typ x-tunnel raddr 192.0.2.9 rport 9")


def test_names_are_kept_and_never_resolved() -> None:
    mdns = IceCandidate.parse("candidate:1 1 udp 1 5a7d8e1c-1f0a-4c39-9d5f-0d6f2b8a3c11.local 9 typ host")
    assert mdns.is_mdns
    assert mdns.ip is None
    assert not mdns.is_loopback
    assert not mdns.is_link_local
    assert IceCandidate.parse("candidate:1 1 udp 1 x.LOCAL. 9 typ host").is_mdns
    named = IceCandidate.parse("candidate:1 1 udp 1 turn.example.com 9 typ relay")
    assert not named.is_mdns


@pytest.mark.parametrize(
    ("address", "loopback", "link_local"),
    [
        ("127.0.0.1", True, False),
        ("::1", True, False),
        ("fe80::1", False, True),
        ("169.254.0.1", False, True),
        ("192.0.2.1", False, False),
    ],
)
def test_reach_of_addresses(address: str, loopback: bool, link_local: bool) -> None:
    candidate = IceCandidate.parse(f"candidate:1 1 udp 1 {address} 9 typ host")
    assert (candidate.is_loopback, candidate.is_link_local) == (loopback, link_local)


GOOD = "1 1 udp 1 192.0.2.1 9 typ host"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "candidate:",
        "a=" + GOOD,
        "a=candidate:candidate:" + GOOD,
        GOOD + " ",
        " " + GOOD,
        GOOD + "\n",
        GOOD + "\x00",
        GOOD.replace(" 9 ", " 0 "),
        GOOD.replace(" 9 ", " 65536 "),
        GOOD.replace(" 9 ", " -9 "),
        GOOD.replace(" 9 ", " 1_1 "),
        GOOD.replace(" 9 ", " ９ "),
        GOOD.replace("192.0.2.1", "192.0.2"),
        GOOD.replace("192.0.2.1", "192.0.2.256"),
        GOOD.replace("192.0.2.1", "192.0.2 1"),
        GOOD.replace("192.0.2.1", "fe80::1%eth0"),
        GOOD.replace("192.0.2.1", "::g"),
        GOOD.replace("192.0.2.1", "-a.local"),
        GOOD.replace("192.0.2.1", "a" * 254),
        GOOD.replace("192.0.2.1", "1.2.3.4."),
        GOOD.replace("192.0.2.1", "ü.local"),
        GOOD.replace("1 1 udp", "1 0 udp"),
        GOOD.replace("1 1 udp", "1 257 udp"),
        GOOD.replace("1 1 udp", "a_b 1 udp"),
        GOOD.replace("udp 1 ", "udp 4294967296 "),
        GOOD.replace("host", "ho/sts"),
        GOOD.replace("typ", "type"),
        GOOD + " generation",
        GOOD + "  0",
        GOOD + " raddr 10.0.0.1",
        GOOD + " rport 9",
        GOOD + " raddr 10.0.0.1 rport x",
        GOOD + " raddr 10.0.0.1 rport 65536",
        GOOD + " raddr 10.0.0.1 rport 999999",
        GOOD + " raddr a b rport 9",
        GOOD + " tcptype both",
        GOOD + " x y" * 1_000,
        "1" * 33 + GOOD[1:],
    ],
)
def test_malformed_candidates(text: str) -> None:
    with pytest.raises(SdpError) as caught:
        IceCandidate.parse(text)
    assert caught.value.line == 0
    assert "192.0.2" not in str(caught.value)


@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from([*GOOD.split(" "), "raddr", "rport", "tcptype", "-1", "é"])).map(" ".join)
)
def test_any_text_is_a_candidate_or_an_sdp_error(text: str) -> None:
    try:
        candidate = IceCandidate.parse(text)
    except SdpError:
        return
    assert IceCandidate.parse(candidate.serialize()) == candidate
