"""Invitations that let guests into a room (rest.md § 4, room invites)."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from m3core.io import Authorization
from m3core.rest.body import NULL
from m3core.rest.endpoint import Endpoint
from m3core.rest.users import PublicUser
from m3core.values import InviteCode, RoomId, Timestamp


@frozen(kw_only=True)
class CreateInvite:
    """Wire: `POST /rooms/{room_id}/invites`. Without ``expiration`` the invitation never expires."""

    expiration: Timestamp | None = None


@frozen(kw_only=True)
class Invite:
    """An invitation. Everybody who has the code can join, so it is not in the repr."""

    invite_code: InviteCode = field(repr=False)
    created: Timestamp | None = None
    created_by: PublicUser | None = None
    updated: Timestamp | None = None
    updated_by: PublicUser | None = None
    room_id: RoomId
    active: bool
    expiration: Timestamp | None = field(default=None, metadata=NULL)


@frozen(kw_only=True)
class VerifyInvite:
    """Ask which room an invite code opens. Wire: `POST /invite/verify`."""

    invite_code: InviteCode = field(repr=False)


@frozen(kw_only=True)
class VerifiedInvite:
    """Wire: response of `POST /invite/verify`. ``password_required`` is None if an old server does not send it."""

    room_id: RoomId
    password_required: bool | None = None


CREATE_INVITE: Final = Endpoint(
    method="POST",
    path="/rooms/{room_id}/invites",
    purpose="make an invitation",
    authorization=Authorization.ACCOUNT,
    request_type=CreateInvite,
    response_type=Invite,
)
VERIFY_INVITE: Final = Endpoint(
    method="POST",
    path="/invite/verify",
    purpose="use the invitation",
    authorization=Authorization.NONE,
    request_type=VerifyInvite,
    response_type=VerifiedInvite,
    meanings={"not_found": "the meeting is gone, or the invitation has expired"},
)
