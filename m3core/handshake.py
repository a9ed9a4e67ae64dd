"""The subprotocol header of the WebSocket handshake, which carries the ticket (signaling.md § 1). Both roles, pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from m3core.errors import WrongValue
from m3core.io import Headers
from m3core.limits import TICKET_LENGTH
from m3core.values import Secret, Subprotocol, is_token

SIGNALING_PATHS: Final = ("/signaling", "/signalling")
"""Paths of the WebSocket on a controller. Mustang's client uses the second spelling when it joins as a guest."""

_PREFIX: Final = "ticket#"
_KNOWN: Final = {subprotocol.value: subprotocol for subprotocol in Subprotocol}


@frozen
class HandshakeOffer:
    """What a client offers: its ``ticket``, whose shape is right, and those subprotocols that we know."""

    ticket: Secret
    subprotocols: tuple[Subprotocol, ...]
    """At least one, in the client's order. The server selects the first."""


@frozen
class HandshakeRefusal:
    """A plain HTTP response instead of the upgrade: its ``status`` and the ``code`` of its JSON body."""

    status: int
    code: str


MISSING_PROTOCOL: Final = HandshakeRefusal(400, "missing_protocol")
MISSING_TICKET: Final = HandshakeRefusal(401, "missing_ticket")
INVALID_TICKET: Final = HandshakeRefusal(401, "invalid_ticket")
"""The shape of the ticket is wrong. The server gives the same answer if a ticket is unknown, expired or used."""

NO_HANDSHAKE: Final = "the server's answer is no WebSocket handshake: the address may not be that of a controller"


def offer(ticket: Secret, *subprotocols: Subprotocol) -> tuple[str, ...]:
    """The entries of `Sec-WebSocket-Protocol`: the ticket, then ``subprotocols`` (default: all, k3k first).

    Raises `LocalProtocolError` if the ticket does not have 64 token characters (RFC 9110 s.5.6.2): WebSocket libraries
    do not check it, and a comma in it would split the header.
    """
    text = ticket.reveal()
    if len(text) != TICKET_LENGTH or not is_token(text):
        raise WrongValue(f"this is no ticket of a controller: one has {TICKET_LENGTH} token characters")
    return (_PREFIX + text, *(subprotocol.value for subprotocol in subprotocols or tuple(Subprotocol)))


def parse(values: Iterable[str]) -> HandshakeOffer | HandshakeRefusal:
    """What the ``values`` of all `Sec-WebSocket-Protocol` fields of a request offer.

    Entries may have any order and blanks around them; unknown ones are ignored. Of several tickets the last counts. If
    both subprotocol and ticket are missing, the refusal is `MISSING_PROTOCOL`.
    """
    ticket: str | None = None
    known: dict[Subprotocol, None] = {}
    for value in values:
        for entry in value.split(","):  # a list may be one field or several (RFC 9110 s.5.3)
            name = entry.strip(" \t")
            if name.startswith(_PREFIX):
                ticket = name.removeprefix(_PREFIX)
            elif name in _KNOWN:
                known[_KNOWN[name]] = None
    if not known:
        return MISSING_PROTOCOL
    if ticket is None:
        return MISSING_TICKET
    if len(ticket) != TICKET_LENGTH or not is_token(ticket):
        return INVALID_TICKET
    return HandshakeOffer(Secret(ticket), tuple(known))


def accepts(selected: str | None, offered: Iterable[str]) -> bool:
    """Whether ``selected``, the server's subprotocol (None: no header), is one of ``offered``, and not the ticket."""
    return selected is not None and selected in _KNOWN and selected in tuple(offered)


def why_not_open(fields: Headers, offered: Iterable[str], accept: str | None = None) -> str:
    """Which check of RFC 6455 s.4.1 a response 101 does not pass, as a text for people; empty if it passes all.

    The names of ``fields`` are in lower case. Without ``accept``, the value that `Sec-WebSocket-Accept` should have,
    somebody else checks it.
    """
    headers: dict[str, str] = {}
    for name, value in fields:  # a field that comes twice is a list (RFC 9110 s.5.3): two subprotocols are none
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if (
        headers.get("upgrade", "").lower() != "websocket"
        or "upgrade" not in {token.strip().lower() for token in headers.get("connection", "").split(",")}
        or (accept is not None and headers.get("sec-websocket-accept") != accept)
    ):
        return NO_HANDSHAKE
    if "sec-websocket-extensions" in headers:
        return "the server wants a WebSocket extension, although the client offers none"
    if not accepts(headers.get("sec-websocket-protocol"), offered):
        return "the server selected none of the subprotocols of M3: it may not be a controller"
    return ""
