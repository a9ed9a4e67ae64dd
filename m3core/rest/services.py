"""Requests of services, which are not users: recorders (rest.md § 4)."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from m3core.io import Authorization
from m3core.rest.endpoint import Endpoint
from m3core.rest.rooms import StartResponse
from m3core.values import BreakoutRoomId, RoomId


@frozen(kw_only=True)
class StartRecordingRequest:
    """The request of a recorder for a ticket. Wire: `POST /services/recording/start`.

    Without ``breakout_room`` (L) the recorder joins the main room.
    """

    room_id: RoomId
    breakout_room: BreakoutRoomId | None = None


START_RECORDING: Final = Endpoint(
    method="POST",
    path="/services/recording/start",
    purpose="enter the meeting as its recorder",
    authorization=Authorization.ACCOUNT,
    request_type=StartRecordingRequest,
    response_type=StartResponse,
    meanings={"not_found": "the meeting is gone"},
)
"""The bearer token is one of a service with the realm role `opentalk-recorder`."""
