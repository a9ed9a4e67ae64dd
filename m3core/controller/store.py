"""Users, events, rooms and invitations: what outlives a meeting. In memory and bounded; knows no HTTP."""

from __future__ import annotations

from attrs import define, field, frozen

from m3core.controller.config import User
from m3core.errors import LimitExceeded
from m3core.limits import MAX_REST_OBJECTS
from m3core.rest.events import CreateEvent
from m3core.rest.streaming import StreamingTarget
from m3core.values import EventId, InviteCode, RoomId, Secret, Timestamp, UserId


@frozen(kw_only=True)
class StoredRoom:
    """A room of the REST API: a persistent place for conferences, and its owner."""

    id: RoomId
    owner: UserId
    created_at: Timestamp
    password: Secret | None = None
    waiting_room: bool = False
    """Whether a meeting in this room begins with the waiting room switched on (signaling.md § 6)."""


@frozen(kw_only=True)
class StoredEvent:
    """An event of the REST API: a calendar entry with a room of its own."""

    id: EventId
    room: StoredRoom
    request: CreateEvent
    created_at: Timestamp
    sip_id: str
    sip_password: Secret
    streaming_targets: tuple[StreamingTarget, ...] = ()
    """The targets of the request, each with an id that this controller gave it."""


@frozen(kw_only=True)
class StoredInvite:
    """An invitation of the REST API: a code that lets guests into a room."""

    code: InviteCode = field(repr=False)
    room: StoredRoom
    created_at: Timestamp
    expiration: Timestamp | None

    def is_valid(self, now_ns: int) -> bool:
        """Whether `POST /invite/verify` accepts it at ``now_ns``, nanoseconds since 1970."""
        return self.expiration is None or now_ns < self.expiration.nanoseconds


@define
class Store:
    """All tables. Methods that add raise `LimitExceeded` when a table has `MAX_REST_OBJECTS` rows."""

    users: dict[UserId, User] = field(factory=dict)
    """Users who have logged in at this controller. There are no more than `Identities` knows."""
    rooms: dict[RoomId, StoredRoom] = field(factory=dict)
    events: dict[EventId, StoredEvent] = field(factory=dict)
    invites: dict[InviteCode, StoredInvite] = field(factory=dict, repr=False)

    _events_of: dict[RoomId, StoredEvent] = field(factory=dict, init=False)
    _invites_of: dict[RoomId, list[StoredInvite]] = field(factory=dict, init=False, repr=False)

    def add_event(self, event: StoredEvent) -> None:
        """Keep an event and its room."""
        _check("events", len(self.events))
        self.events[event.id] = event
        self.rooms[event.room.id] = event.room
        self._events_of[event.room.id] = event

    def event_of(self, room: RoomId) -> StoredEvent | None:
        """The event that owns ``room``."""
        return self._events_of.get(room)

    def remove_room(self, room: RoomId) -> None:
        """Forget a room, its event and its invitations."""
        self.rooms.pop(room, None)
        event = self._events_of.pop(room, None)
        if event is not None:
            del self.events[event.id]
        for invite in self._invites_of.pop(room, ()):
            del self.invites[invite.code]

    def add_invite(self, invite: StoredInvite) -> None:
        """Keep an invitation."""
        _check("invitations", len(self.invites))
        self.invites[invite.code] = invite
        self._invites_of.setdefault(invite.room.id, []).append(invite)

    def invite_of(self, room: RoomId, now_ns: int) -> StoredInvite | None:
        """The oldest invitation to ``room`` that is valid at ``now_ns``."""
        return next((one for one in self._invites_of.get(room, ()) if one.is_valid(now_ns)), None)


def _check(name: str, size: int) -> None:
    if size >= MAX_REST_OBJECTS:
        raise LimitExceeded(name, MAX_REST_OBJECTS, size + 1, name)
