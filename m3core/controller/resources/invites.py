"""Invitations: codes that let guests into one room (rest.md § 3, 4)."""

from __future__ import annotations

from m3core.controller.features import Feature
from m3core.controller.resources.access import Access, ApiSurroundings
from m3core.controller.resources.incoming import Answer, Handlers, Incoming
from m3core.controller.resources.users import public_user
from m3core.controller.store import StoredInvite, StoredRoom
from m3core.rest.errors import NOT_FOUND
from m3core.rest.invites import CREATE_INVITE, VERIFY_INVITE, Invite, VerifiedInvite
from m3core.values import InviteCode, Timestamp


class Invites:
    """Handles `/rooms/{id}/invites` and `/invite/verify`."""

    def __init__(self, around: ApiSurroundings, access: Access) -> None:
        self._around = around
        self._access = access
        self.handlers: Handlers = ((CREATE_INVITE, self._create), (VERIFY_INVITE, self._verify))

    def _create(self, incoming: Incoming) -> Answer:
        user = self._access.user(incoming)
        room = self._access.room(incoming, user)
        invite = new_invite(self._around, self._access, room, incoming.read(CREATE_INVITE).expiration)
        created = invite.created_at
        return CREATE_INVITE.response(
            Invite(
                invite_code=invite.code,
                created=created,
                created_by=public_user(user),
                updated=created,
                updated_by=public_user(user),
                room_id=room.id,
                active=True,
                expiration=invite.expiration,
            )
        )

    def _verify(self, incoming: Incoming) -> Answer:
        invite = self._access.invite(incoming.read(VERIFY_INVITE).invite_code)
        if invite is None or not invite.is_valid(self._access.utc().nanoseconds):
            return NOT_FOUND
        says_more = self._around.has(Feature.VERIFY_SAYS_MORE)
        answer = VerifiedInvite(
            room_id=invite.room.id, password_required=invite.room.password is not None if says_more else None
        )
        return VERIFY_INVITE.response(answer)


def new_invite(around: ApiSurroundings, access: Access, room: StoredRoom, expiration: Timestamp | None) -> StoredInvite:
    """Keep a new invitation to ``room``. Raises `LimitExceeded`."""
    invite = StoredInvite(code=InviteCode(around.new_id()), room=room, created_at=access.utc(), expiration=expiration)
    around.store.add_invite(invite)
    return invite
