"""The subprotocol header of the handshake: the project's vectors, and what a hostile ticket could do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3core.errors import LocalProtocolError
from m3core.handshake import HandshakeOffer, HandshakeRefusal, accepts, offer, parse
from m3core.values import Secret, Subprotocol

_VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "handshake.json").read_text())
_TICKET = "Zq8a1B2c3D4e5F6g7H8a1B2c3D4e5F6g7H8a1B2c3D4e5F6g7H8i9J0k1L2m3N4o"


@pytest.mark.parametrize("entry", _VECTORS, ids=[f"{number}" for number in range(len(_VECTORS))])
def test_vectors(entry: dict[str, Any]) -> None:
    found = parse(entry["headers"].values())
    expect = entry["expect"]
    if expect["status"] == 101:
        assert isinstance(found, HandshakeOffer)
        assert found.subprotocols[0].value == expect["headers"]["Sec-WebSocket-Protocol"]
    elif "unknown, older than 30 s" in entry.get("note", ""):
        assert isinstance(found, HandshakeOffer)  # only the server can know
    else:
        assert found == HandshakeRefusal(expect["status"], expect["json"]["code"])


def test_the_offer_of_the_capture() -> None:
    assert offer(Secret(_TICKET), Subprotocol.K3K) == (f"ticket#{_TICKET}", "k3k-signaling-json-v1.0")
    assert offer(Secret(_TICKET))[1:] == ("k3k-signaling-json-v1.0", "opentalk-signaling-json-v1.0")


@pytest.mark.parametrize("subprotocol", Subprotocol)
def test_both_roles_agree(subprotocol: Subprotocol) -> None:
    ticket = Secret("f1aec560-95c3-4f34-aebb-9114270aa666#k2J9x8W7v6U5t4S3r2Q1p0O9n8M")
    entries = offer(ticket, subprotocol)
    for values in ([", ".join(entries)], [",".join(reversed(entries))], entries):
        assert parse(values) == HandshakeOffer(ticket, (subprotocol,))
    assert accepts(subprotocol.value, entries)


@pytest.mark.parametrize(
    "ticket",
    ["", "short", _TICKET + "x", _TICKET[:-1] + ",", _TICKET[:-1] + " ", _TICKET[:-1] + "/", _TICKET[:-1] + "=",
     _TICKET[:-1] + "é", _TICKET[:-2] + "\r\n", _TICKET[:-1] + "\x00"],
)  # fmt: skip
def test_tickets_that_must_not_enter_a_header(ticket: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        offer(Secret(ticket))
    assert _TICKET[:10] not in str(caught.value)


def test_tickets_are_checked_on_the_way_in_too() -> None:
    refused = parse([f"ticket#{_TICKET[:-1]}/, k3k-signaling-json-v1.0"])
    assert refused == HandshakeRefusal(401, "invalid_ticket")


def test_the_last_ticket_wins() -> None:
    found = parse(["ticket#short", f"k3k-signaling-json-v1.0 ,\tticket#{_TICKET}"])
    assert found == HandshakeOffer(Secret(_TICKET), (Subprotocol.K3K,))
    assert _TICKET not in repr(found)


def test_what_a_server_may_select() -> None:
    entries = offer(Secret(_TICKET), Subprotocol.K3K)
    assert accepts("k3k-signaling-json-v1.0", entries)
    for selected in (None, "", "opentalk-signaling-json-v1.0", entries[0], "foo"):
        assert not accepts(selected, entries)


@given(st.lists(st.text()))
def test_any_header_is_an_offer_or_a_refusal(values: list[str]) -> None:
    assert isinstance(parse(values), HandshakeOffer | HandshakeRefusal)
