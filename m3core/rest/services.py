"""Services that take part without an account of their own: recorders (rest.md § 4, Services)."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from m3core.io import Authorization
from m3core.rest.endpoint import Endpoint
from m3core.rest.rooms import StartResponse
from m3core.values import BreakoutRoomId, RoomId


@frozen(kw_only=True)
class StartRecordingRequest:
    """A recorder wants a ticket. Wire: `POST /services/recording/start`. ``breakout_room`` (L) None: the main room."""

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
"""The bearer token is that of the service (realm role `opentalk-recorder`)."""
