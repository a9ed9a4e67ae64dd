"""Tickets: one use, 30 seconds, bound to a room, an identity and a participant id (signaling.md § 1, 3).

A ticket is stored under its SHA-256. So the duration of a look-up tells nothing about tickets that exist.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from attrs import field, frozen

from m3core.controller.config import User
from m3core.controller.store import StoredInvite, StoredRoom
from m3core.limits import TICKET_LENGTH, TICKET_LIFETIME
from m3core.rest.rooms import StartResponse
from m3core.values import BreakoutRoomId, ParticipantId, ParticipationKind, Secret, format_uuid

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LETTERS = bytes(_ALPHABET[byte % 62] for byte in range(256))
_FAVOURING = bytes(range(248, 256))


@frozen(kw_only=True)
class Admission:
    """What a ticket admits to: who may join which room. ``user`` is None for a guest or a recorder."""

    room: StoredRoom
    user: User | None
    kind: ParticipationKind
    participant_id: ParticipantId
    """A new id, or that of the session that is resumed."""
    is_resumed: bool = False
    invite: StoredInvite | None = field(default=None, repr=False)
    """The invitation of a guest."""
    breakout_room: BreakoutRoomId | None = None
    """None: the main room."""
    expires: float
    """Monotonic seconds."""
    resumption: Secret = field(repr=False)
    """The token that resumes this session. It is not valid until the connection is open."""


class Tickets:
    """The tickets that were issued and not used yet. ``entropy(n)`` gives n random bytes."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._out: dict[bytes, Admission] = {}

    def __len__(self) -> int:
        """How many are not used yet; expired ones count until the next ticket is issued."""
        return len(self._out)

    def issue(
        self,
        room: StoredRoom,
        user: User | None,
        now: float,
        *,
        kind: ParticipationKind | None = None,
        invite: StoredInvite | None = None,
        participant_id: ParticipantId | None = None,
        breakout_room: BreakoutRoomId | None = None,
        names_room: bool = False,
    ) -> StartResponse:
        """A new ticket and its resumption token. With ``names_room`` it begins with the id of the room (L 0.16)."""
        self.forget_expired(now)
        ticket = self._token(f"{room.id}#" if names_room else "")
        resumption = self._token()
        self._out[digest(ticket)] = Admission(
            room=room,
            user=user,
            kind=kind or (ParticipationKind.GUEST if user is None else ParticipationKind.USER),
            participant_id=participant_id or ParticipantId(format_uuid(self._entropy(16))),
            is_resumed=participant_id is not None,
            invite=invite,
            breakout_room=breakout_room,
            expires=now + TICKET_LIFETIME,
            resumption=resumption,
        )
        return StartResponse(ticket=ticket, resumption=resumption)

    def redeem(self, ticket: Secret, now: float) -> Admission | None:
        """The admission of a ticket, which is used up by this; None if it is unknown, used or expired."""
        admission = self._out.pop(digest(ticket), None)
        return admission if admission is not None and now < admission.expires else None

    def forget_expired(self, now: float) -> None:
        """Drop expired tickets."""
        # All live equally long, so they expire in the order in which they were issued, and the loop ends early.
        while self._out:
            oldest = next(iter(self._out))
            if self._out[oldest].expires > now:
                return
            del self._out[oldest]

    def _token(self, text: str = "") -> Secret:
        """``text``, filled up to 64 characters at random."""
        # 256 is no multiple of 62: the bytes from 248 on would make some letters likelier, and are thrown away.
        while len(text) < TICKET_LENGTH:
            text += self._entropy(96).translate(_LETTERS, _FAVOURING).decode("ascii")
        return Secret(text[:TICKET_LENGTH])


def digest(ticket: Secret) -> bytes:
    """The key under which a ticket or a resumption token is stored."""
    return hashlib.sha256(ticket.reveal().encode()).digest()
