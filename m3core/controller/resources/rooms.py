"""Rooms: the persistent places, apart from the ways in (`start`) and invitations (rest.md § 3, 4)."""

from __future__ import annotations

from m3core.controller.resources.access import Access
from m3core.controller.resources.incoming import Answer, Handlers, Incoming
from m3core.controller.resources.users import public_user
from m3core.rest.rooms import GET_ROOM, Room


class RoomResource:
    """Handles `/rooms/{id}`."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.handlers: Handlers = ((GET_ROOM, self._get),)

    def _get(self, incoming: Incoming) -> Answer:
        user = self._access.user(incoming)
        room = self._access.room(incoming, user)
        return GET_ROOM.response(
            Room(
                id=room.id,
                created_by=public_user(user),
                created_at=room.created_at,
                password=room.password,
                waiting_room=room.waiting_room,
            )
        )
