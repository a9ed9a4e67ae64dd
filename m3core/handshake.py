"""The subprotocol header of the WebSocket handshake, which carries the ticket (signaling.md § 1). Both roles, pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from m3core.errors import LocalProtocolError
from m3core.limits import TICKET_LENGTH
from m3core.values import Secret, Subprotocol, is_token

SIGNALING_PATHS: Final = ("/signaling", "/signalling")
"""Where a controller listens. The second spelling is that of Mustang's client on its guest path."""

_PREFIX: Final = "ticket#"
_KNOWN: Final = {subprotocol.value: subprotocol for subprotocol in Subprotocol}


@frozen
class HandshakeOffer:
    """What a client offers: its ``ticket``, of the right length, and the subprotocols that we know."""

    ticket: Secret
    subprotocols: tuple[Subprotocol, ...]
    """At least one; the first is to be selected."""


@frozen
class HandshakeRefusal:
    """A plain HTTP answer instead of the upgrade: its ``status`` and the ``code`` of its body."""

    status: int
    code: str


MISSING_PROTOCOL: Final = HandshakeRefusal(400, "missing_protocol")
MISSING_TICKET: Final = HandshakeRefusal(401, "missing_ticket")
INVALID_TICKET: Final = HandshakeRefusal(401, "invalid_ticket")
"""Of the wrong shape; and what the server answers to a ticket that is unknown, expired or used."""


def offer(ticket: Secret, *subprotocols: Subprotocol) -> tuple[str, ...]:
    """The entries of `Sec-WebSocket-Protocol`: the ticket, then ``subprotocols`` (default: all, the capture's first).

    Raises `LocalProtocolError` if the ticket is not made of 64 token characters (RFC 9110 s.5.6.2): WebSocket
    libraries let a comma in it pass, and it would split the header.
    """
    text = ticket.reveal()
    if len(text) != TICKET_LENGTH or not is_token(text):
        raise LocalProtocolError(f"a ticket has {TICKET_LENGTH} token characters")
    return (_PREFIX + text, *(subprotocol.value for subprotocol in subprotocols or tuple(Subprotocol)))


def parse(values: Iterable[str]) -> HandshakeOffer | HandshakeRefusal:
    """What the ``values`` of all `Sec-WebSocket-Protocol` fields of a request offer.

    Order and blanks do not matter, unknown entries are ignored, the last ticket wins. The protocol is checked first.
    """
    ticket: str | None = None
    known: dict[Subprotocol, None] = {}
    for value in values:
        for entry in value.split(","):
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
    """Whether the server's ``selected`` subprotocol (None: no header) is one of ``offered``, and not the ticket."""
    return selected is not None and selected in _KNOWN and selected in tuple(offered)
