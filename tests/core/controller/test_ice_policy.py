"""Which addresses a media server may send to, for each policy."""

from __future__ import annotations

import pytest

from m3core.controller.ice_policy import IceCandidates, default_for, may_use

ALL, PRIVATE, PUBLIC = IceCandidates.ALL, IceCandidates.PRIVATE, IceCandidates.PUBLIC


def used(address: str, port: int = 50000) -> set[IceCandidates]:
    line = f"candidate:1 1 udp 1 {address} {port} typ host"
    return {policy for policy in IceCandidates if may_use(line, policy, (8080,))}


@pytest.mark.parametrize("address", ["9.9.9.9", "2620:fe::fe", "2a00:1450::1"])
def test_public_addresses(address: str) -> None:
    assert used(address) == {ALL, PUBLIC}


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.1.1", "127.0.0.1", "127.8.8.8", "169.254.169.254"),
        *(
            "100.64.0.1",
            "100.127.255.254",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
        ),
        *("::ffff:10.0.0.1", "::ffff:9.9.9.9", "2002:a00:1::1", "2002:909:909::1", "2001:0:909:909::1"),
        *("64:ff9b::10.0.0.1", "64:ff9b::9.9.9.9"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    """An IPv6 address with an IPv4 address inside may hold a private one, so none of them is public."""
    assert used(address) == {ALL, PRIVATE}


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "::", "ff02::1"),
        *("::ffff:224.0.0.1", "::ffff:0.0.0.0", "::ffff:255.255.255.255", "fe80::1%eth0"),
        *("name.local", "name.local.", "example.org", "localhost", "2130706433", "0x7f.1", "010.0.0.1"),
    ],
)
def test_addresses_that_are_never_used(address: str) -> None:
    assert used(address) == set()


def test_own_ports_are_never_used() -> None:
    assert used("9.9.9.9", 8080) == used("10.0.0.1", 8080) == set()
    assert used("9.9.9.9", 8081)


@pytest.mark.parametrize(
    ("listening", "policy"),
    [
        *(("127.0.0.1", ALL), ("::1", ALL), ("192.168.1.5", ALL), ("fe80::1%eth0", ALL), ("100.64.1.1", ALL)),
        *(("0.0.0.0", PUBLIC), ("::", PUBLIC), ("9.9.9.9", PUBLIC), ("2620:fe::fe", PUBLIC)),
    ],
)
def test_the_default_depends_on_where_the_server_listens(listening: str, policy: IceCandidates) -> None:
    assert default_for(listening) is policy
