"""Resumption tokens: who may come back as the same participant (signaling.md § 3).

A token is kept under its SHA-256, as tickets are. It is valid from the moment when the connection of its ticket is
open; while that lasts, using it is refused, and after its loss it lives on for a while.
"""

from __future__ import annotations

from attrs import define, field

from m3core.controller.tickets import Admission, digest
from m3core.limits import MAX_LEAVERS, RESUMPTION_LIFETIME, RESUMPTION_REFRESH
from m3core.values import ParticipantId, RoomId, Secret, UserId


class SessionRunning(Exception):
    """The token is that of a session that is still connected: 400 `session_running`."""


@define
class _Resumable:
    room: RoomId
    user: UserId | None
    participant: ParticipantId
    since: float
    """When its connection was opened."""
    expires: float | None = field(default=None)
    """None while it is connected."""


class Resumptions:
    """The sessions that can be resumed."""

    def __init__(self) -> None:
        self._connected: dict[bytes, _Resumable] = {}
        self._lost: dict[bytes, _Resumable] = {}

    def opened(self, admission: Admission, now: float) -> None:
        """The connection is open: from now on the token is valid."""
        user = None if admission.user is None else admission.user.id
        self._connected[digest(admission.resumption)] = _Resumable(
            admission.room.id, user, admission.participant_id, now
        )

    def lost(self, admission: Admission, now: float) -> float:
        """The connection is gone. Until when the token lives: it was refreshed every minute."""
        key = digest(admission.resumption)
        session = self._connected.pop(key)
        refreshed = now - (now - session.since) % RESUMPTION_REFRESH
        session.expires = refreshed + RESUMPTION_LIFETIME
        self._forget(now)
        self._lost[key] = session
        return session.expires

    def redeem(self, token: Secret, room: RoomId, user: UserId | None, now: float) -> ParticipantId | None:
        """The participant that ``token`` continues, and the token is used up; None if it is good for nothing here.

        Raises `SessionRunning`. A token of another room or identity is not used up by who has no right to it.
        """
        key = digest(token)
        session = self._connected.get(key) or self._lost.get(key)
        if session is None or (session.room, session.user) != (room, user):
            return None
        if session.expires is None:
            raise SessionRunning
        del self._lost[key]
        return session.participant if now < session.expires else None

    def _forget(self, now: float) -> None:
        """Drop the oldest, which has expired, or is one too many."""
        while self._lost:
            oldest = next(iter(self._lost))
            expires = self._lost[oldest].expires
            if len(self._lost) < MAX_LEAVERS and expires is not None and expires > now:
                return
            del self._lost[oldest]
