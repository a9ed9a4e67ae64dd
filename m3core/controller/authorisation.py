"""Who may come into a room: one answer for all ways in, at the time of use.

Minutes may pass between the request for a ticket and the room: a ticket is good for 30 seconds, a connection need not
join at once, and a waiting room may hold a participant for long. Meanwhile the room may be deleted, the user banned,
and the invitation may expire. So REST, the handshake, `join` and `enter_room` all ask here, and none of them relies on
an earlier answer.

Not asked again is what cannot change meanwhile (the owner of a room, its password) or is decided at `join` itself (the
limit of participants, the waiting room, breakout rooms that are over).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final, Protocol

from m3core.controller.config import User
from m3core.controller.features import Feature
from m3core.controller.room import Rooms, Session
from m3core.controller.store import Store, StoredInvite, StoredRoom
from m3core.rest.errors import NOT_FOUND, Problem
from m3core.values import Timestamp


class Denial(Enum):
    """Why somebody may not come in."""

    ROOM_DELETED = auto()
    BANNED = auto()
    INVITATION_OVER = auto()
    """The invitation was removed, or it has expired."""


PROBLEMS: Final[Mapping[Denial, Problem]] = MappingProxyType(
    {
        # signaling.md § 1: a room that was deleted meanwhile. rest.md § 4, start: the rows 2 and 3.
        Denial.ROOM_DELETED: NOT_FOUND,
        Denial.BANNED: Problem(403, "banned_from_room"),
        Denial.INVITATION_OVER: NOT_FOUND,
    }
)
"""How REST and the handshake of the WebSocket say so."""


class AuthorisationSurroundings(Protocol):
    """What the decision depends on. The controller has it."""

    store: Store
    rooms: Rooms

    def has(self, feature: Feature) -> bool:
        """Whether the feature level of this controller has ``feature``."""
        ...

    def in_utc(self, seconds: float) -> Timestamp:
        """The instant ``seconds`` from now."""
        ...


def denial(
    around: AuthorisationSurroundings,
    room: StoredRoom,
    user: User | None,
    invite: StoredInvite | None,
    *,
    was_inside: bool = False,
) -> Denial | None:
    """Why ``user``, or the guest with ``invite``, may not come into ``room`` now; None: it may.

    Recorders have neither. ``was_inside``: it has joined before, and waits or comes back from a lost connection.
    """
    meeting = around.rooms.live.get(room.id)
    if room.id not in around.store.rooms:
        return Denial.ROOM_DELETED
    if user is not None and meeting is not None and user.id in meeting.banned:
        return Denial.BANNED
    if invite is not None:
        # An invitation that expires does not end the meeting for those inside, so they may also come back to it.
        is_over = has_expired(around, invite) and not was_inside
        if is_over or invite.code not in around.store.invites:
            return Denial.INVITATION_OVER
    return None


def denial_of(around: AuthorisationSurroundings, session: Session) -> Denial | None:
    """The same for a connection: before it joins, when it joins, and when it leaves the waiting room."""
    admission = session.admission
    was_inside = admission.is_resumed or session.participant is not None
    return denial(around, admission.room, admission.user, admission.invite, was_inside=was_inside)


def has_expired(around: AuthorisationSurroundings, invite: StoredInvite) -> bool:
    """Whether ``invite`` is too old. The reference looks at the time in `POST /invite/verify` only (rest.md § 4)."""
    return around.has(Feature.INVITES_EXPIRE) and not invite.is_valid(around.in_utc(0.0).nanoseconds)
