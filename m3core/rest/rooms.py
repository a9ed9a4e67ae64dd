"""Rooms, and the start of a session in one (rest.md § 3, 4)."""

from __future__ import annotations

from types import NoneType
from typing import Final

from attrs import field, frozen

from m3core.io import Authorization
from m3core.rest.body import NULL
from m3core.rest.endpoint import Endpoint
from m3core.rest.users import PublicUser
from m3core.values import BreakoutRoomId, InviteCode, RoomId, Secret, Timestamp


@frozen(kw_only=True)
class Room:
    """A room, which exists before and after its meetings. Wire: response of `GET /rooms/{room_id}`."""

    id: RoomId
    created_by: PublicUser = field(factory=PublicUser)
    created_at: Timestamp | None = None
    password: Secret | None = field(default=None, metadata=NULL)
    waiting_room: bool
    e2e_encryption: bool | None = None


@frozen(kw_only=True)
class StartRequest:
    """The request of a logged-in user for a ticket. Wire: `POST /rooms/{room_id}/start`."""

    breakout_room: BreakoutRoomId | None = field(default=None, metadata=NULL)
    resumption: Secret | None = None


@frozen(kw_only=True)
class StartInvitedRequest:
    """The request of a guest for a ticket. Wire: `POST /rooms/{room_id}/start_invited`."""

    breakout_room: BreakoutRoomId | None = field(default=None, metadata=NULL)
    invite_code: InviteCode = field(repr=False)
    password: Secret | None = None
    resumption: Secret | None = None


@frozen(kw_only=True)
class StartResponse:
    """The secrets of a new session, of 64 characters each (signaling.md § 1 and 3).

    ``ticket`` opens one WebSocket within 30 s. ``resumption`` continues the session after a lost connection.
    """

    ticket: Secret
    resumption: Secret


GET_ROOM: Final = Endpoint(
    method="GET",
    path="/rooms/{room_id}",
    purpose="look at the room",
    authorization=Authorization.ACCOUNT,
    request_type=NoneType,
    response_type=Room,
)
START: Final = Endpoint(
    method="POST",
    path="/rooms/{room_id}/start",
    purpose="enter the meeting",
    authorization=Authorization.ACCOUNT,
    request_type=StartRequest,
    response_type=StartResponse,
    meanings={"not_found": "the meeting is gone"},
)
START_INVITED: Final = Endpoint(
    method="POST",
    path="/rooms/{room_id}/start_invited",
    purpose="enter the meeting",
    authorization=Authorization.NONE,
    request_type=StartInvitedRequest,
    response_type=StartResponse,
    # 422 instead of 400, and only here (rest.md § 4).
    uuid_fields=frozenset({"invite_code"}),
    meanings={
        "not_found": "the meeting is gone, or the invitation has expired",
        "bad_request": "the invitation is for another meeting",
        "validation_failed": "the invite code is not valid",
    },
)
