"""Addresses: which budget belongs to one, which proxies are believed about it, and what is kept of many."""

from __future__ import annotations

import pytest

from m3core.controller.addresses import AddressBudgets, AddressLimits, TrustedProxies
from m3core.limits import ADDRESS_BUDGET, ADDRESS_BUDGET_RATE, MAX_ADDRESSES, MAX_PROXY_HOPS, PASSWORD_GUESSES
from m3core.values import RoomId

ROOM, OTHER_ROOM = RoomId("99999999-0000-4000-8000-000000000009"), RoomId("99999999-0000-4000-8000-000000000008")
PROXIES = TrustedProxies(("10.0.0.0/8", "192.0.2.1", "fd00::/8"))


def _empty(limits: AddressLimits, address: str) -> None:
    for _ in range(ADDRESS_BUDGET):
        assert limits.request(address, 0.0) == 0


def test_an_address_has_its_budget_and_gets_it_back() -> None:
    limits = AddressLimits()
    _empty(limits, "203.0.113.5")
    assert limits.request("203.0.113.5", 0.0) == pytest.approx(1 / ADDRESS_BUDGET_RATE)
    assert limits.request("203.0.113.6", 0.0) == 0
    assert limits.request("203.0.113.5", 2 / ADDRESS_BUDGET_RATE) == 0
    assert limits.request("203.0.113.5", 2 / ADDRESS_BUDGET_RATE) == 0
    assert limits.request("203.0.113.5", 2 / ADDRESS_BUDGET_RATE) > 0


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("2001:db8::1", "2001:db8::1%eth0", True),
        ("203.0.113.5", "::ffff:203.0.113.5", True),
        ("203.0.113.5", "203.0.113.4", False),
    ],
)
def test_an_address_of_ipv6_is_its_network(one: str, other: str, is_same: bool) -> None:
    limits = AddressLimits()
    _empty(limits, one)
    assert (limits.request(other, 0.0) > 0) is is_same


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", ""])
def test_loopback_has_a_budget_only_if_it_is_wanted(address: str) -> None:
    limits, strict = AddressLimits(), AddressLimits(limit_loopback=True)
    for each in (limits, strict):
        _empty(each, address)
        for _ in range(PASSWORD_GUESSES):
            each.wrong_password(address, ROOM, 0.0)
    assert limits.request(address, 0.0) == 0
    assert limits.password_wait(address, ROOM, 0.0) == 0
    assert strict.request(address, 0.0) > 0
    assert strict.password_wait(address, ROOM, 0.0) > 0


def test_wrong_passwords_count_for_an_address_and_a_room() -> None:
    limits = AddressLimits()
    for _ in range(PASSWORD_GUESSES):
        assert limits.password_wait("203.0.113.5", ROOM, 0.0) == 0
        limits.wrong_password("203.0.113.5", ROOM, 0.0)
    assert limits.password_wait("203.0.113.5", ROOM, 0.0) == pytest.approx(6.0)
    assert limits.password_wait("203.0.113.5", OTHER_ROOM, 0.0) == 0
    assert limits.password_wait("203.0.113.6", ROOM, 0.0) == 0
    assert limits.password_wait("203.0.113.5", ROOM, 6.0) == 0
    limits.wrong_password("203.0.113.5", ROOM, 6.0)
    assert limits.password_wait("203.0.113.5", ROOM, 6.0) == pytest.approx(6.0)


# -- the table ---
def test_a_full_table_drops_the_budgets_that_are_full() -> None:
    budgets: AddressBudgets[str] = AddressBudgets(size=2, rate=1.0, limit=32)
    for _ in range(3):
        budgets.take("blocked", 0.0)
    for number in range(31):
        budgets.take(f"{number}", 0.0)
    assert len(budgets) == 32
    assert budgets.take("new", 1.0) == 0
    assert len(budgets) == 2  # at 1.0 all others have their whole budget again
    assert budgets.wait("blocked", 0.5) > 0


def test_a_table_without_full_budgets_drops_those_that_were_used_least_lately() -> None:
    budgets: AddressBudgets[str] = AddressBudgets(size=1, rate=0.001, limit=32)
    for number in range(32):
        budgets.take(f"{number}", 0.0)
    budgets.take("0", 0.0)  # used again: the latest
    budgets.take("new", 0.0)
    assert [number for number in range(32) if budgets.wait(f"{number}", 0.0) == 0] == [1, 2]


def test_a_table_never_has_more_entries_than_its_limit() -> None:
    budgets: AddressBudgets[int] = AddressBudgets(size=10, rate=0.001)
    for number in range(MAX_ADDRESSES + 100):
        budgets.take(number, 0.0)
        assert len(budgets) <= MAX_ADDRESSES


def test_a_look_makes_no_entry() -> None:
    budgets: AddressBudgets[str] = AddressBudgets(size=1, rate=1.0)
    assert budgets.wait("somebody", 0.0) == 0
    assert len(budgets) == 0


# -- proxies ---
@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        ("10.0.0.1", ("203.0.113.5",), "203.0.113.5"),
        ("10.0.0.1", ("1.1.1.1, 203.0.113.5",), "203.0.113.5"),  # the client sent 1.1.1.1
        ("10.0.0.1", ("1.1.1.1", "203.0.113.5"), "203.0.113.5"),  # two fields are one list (RFC 9110 s.5.3)
        ("10.0.0.1", ("1.1.1.1, 203.0.113.5, 10.1.1.1",), "203.0.113.5"),
        ("10.0.0.1", ("203.0.113.5, 192.0.2.1 ,10.1.1.1",), "203.0.113.5"),
        ("10.0.0.1", ("10.2.2.2, 10.1.1.1",), "10.2.2.2"),  # a client in the network of the proxies
        ("10.0.0.1", ("2001:db8::5",), "2001:db8::5"),
        ("10.0.0.1", ("[2001:db8::5]:4711",), "2001:db8::5"),
        ("10.0.0.1", ("203.0.113.5:4711",), "203.0.113.5"),
        ("::ffff:10.0.0.1", ("203.0.113.5",), "203.0.113.5"),
        ("fd00::1", ("203.0.113.5",), "203.0.113.5"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", ("unknown",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.5, unknown, 10.1.1.1",), "10.1.1.1"),
        ("10.0.0.1", ("203.0.113.5,",), "10.0.0.1"),
        ("11.0.0.1", ("203.0.113.5",), "11.0.0.1"),
        ("203.0.113.9", ("203.0.113.5",), "203.0.113.9"),
        ("127.0.0.1", ("203.0.113.5",), "127.0.0.1"),
        ("", ("203.0.113.5",), ""),
        ("10.0.0.1", (", ".join(["203.0.113.5"] + ["10.0.0.2"] * MAX_PROXY_HOPS),), "10.0.0.2"),
        ("10.0.0.1", (", ".join(["203.0.113.5"] + ["10.0.0.2"] * (MAX_PROXY_HOPS - 1)),), "203.0.113.5"),
    ],
)
def test_who_is_believed_about_a_client(peer: str, told: tuple[str, ...], client: str) -> None:
    headers = (("host", "a"), *(("x-forwarded-for", value) for value in told))
    assert PROXIES.client(peer, headers) == client


def test_without_proxies_nobody_is_believed() -> None:
    assert TrustedProxies().client("10.0.0.1", (("x-forwarded-for", "203.0.113.5"),)) == "10.0.0.1"
