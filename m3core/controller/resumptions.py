"""Resumption tokens: who may come back as the same participant (signaling.md § 3).

A token becomes valid when the connection of its ticket is open. While that connection lasts, the token is refused;
after its loss the token is valid for a while. It is stored under its SHA-256, as tickets are.
"""

from __future__ import annotations

from attrs import define, field

from m3core.controller.tickets import Admission, digest
from m3core.limits import MAX_LEAVERS, RESUMPTION_LIFETIME, RESUMPTION_REFRESH
from m3core.values import ParticipantId, ParticipationKind, RoomId, Secret, UserId


class SessionRunning(Exception):
    """The token is that of a session that is still connected: 400 `session_running`."""


@define
class _Resumable:
    room: RoomId
    user: UserId | None
    kind: ParticipationKind
    participant: ParticipantId
    since: float
    """When its connection was opened, in monotonic seconds."""
    expires: float | None = field(default=None)
    """None while it is connected."""


class Resumptions:
    """The sessions that can be resumed."""

    def __init__(self) -> None:
        self._connected: dict[bytes, _Resumable] = {}
        self._lost: dict[bytes, _Resumable] = {}

    def opened(self, admission: Admission, now: float) -> None:
        """The connection is open: from now on the token of ``admission`` is valid."""
        user = None if admission.user is None else admission.user.id
        self._connected[digest(admission.resumption)] = _Resumable(
            admission.room.id, user, admission.kind, admission.participant_id, now
        )

    def lost(self, admission: Admission, now: float) -> float:
        """The connection is gone. Returns the time until which the token can be used."""
        key = digest(admission.resumption)
        session = self._connected.pop(key)
        # R gives a token 120 s and refreshes it every 60 s while it is connected, so that 60 to 120 s remain after a
        # loss (signaling.md § 3). That is computed here: no timer for each connection is needed.
        refreshed = now - (now - session.since) % RESUMPTION_REFRESH
        session.expires = refreshed + RESUMPTION_LIFETIME
        self._forget(now)
        self._lost[key] = session
        return session.expires

    def ended(self, admission: Admission) -> None:
        """A moderator has ended the session: its token is worth nothing. Being thrown out is no lost connection."""
        del self._connected[digest(admission.resumption)]

    def knows(self, token: Secret, room: RoomId, user: UserId | None, now: float) -> bool:
        """Whether ``token`` belongs to a session of this room and identity, connected or lost. It is not used up."""
        session = self._find(token, room, user)
        return session is not None and (session.expires is None or now < session.expires)

    def redeem(self, token: Secret, room: RoomId, user: UserId | None, now: float) -> ParticipantId | None:
        """The participant that ``token`` continues; None if it is unknown, expired or of another room or identity.

        A token that is returned or expired is used up. Raises `SessionRunning`.
        """
        session = self._find(token, room, user)
        if session is None:
            return None  # not used up: its owner can still resume
        if session.expires is None:
            raise SessionRunning
        del self._lost[digest(token)]
        return session.participant if now < session.expires else None

    def _find(self, token: Secret, room: RoomId, user: UserId | None) -> _Resumable | None:
        key = digest(token)
        session = self._connected.get(key) or self._lost.get(key)
        # A recorder has no user either, and is no guest.
        kind = ParticipationKind.GUEST if user is None else ParticipationKind.USER
        asked = (room, user, kind)
        return session if session is not None and (session.room, session.user, session.kind) == asked else None

    def _forget(self, now: float) -> None:
        """Drop expired tokens, and the oldest one if there are `MAX_LEAVERS`."""
        while self._lost:
            oldest = next(iter(self._lost))
            expires = self._lost[oldest].expires
            if len(self._lost) < MAX_LEAVERS and expires is not None and expires > now:
                return
            del self._lost[oldest]
