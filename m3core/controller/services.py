"""The REST API for services: a recorder's ticket (rest.md § 4, Services)."""

from __future__ import annotations

from m3core.controller.config import ControllerConfig
from m3core.controller.features import Feature
from m3core.controller.room import Rooms
from m3core.controller.store import Store
from m3core.controller.tickets import Tickets
from m3core.io import HttpResponse
from m3core.rest.errors import NOT_FOUND, Problem, RequestRefused, unauthorized
from m3core.rest.services import START_RECORDING, StartRecordingRequest
from m3core.values import BreakoutRoomId, ParticipationKind, RoomId, Secret


class Services:
    """Answers requests of services, which know a secret of the configuration."""

    def __init__(self, config: ControllerConfig, store: Store, rooms: Rooms, tickets: Tickets) -> None:
        self._config = config
        self._store = store
        self._rooms = rooms
        self._tickets = tickets

    def check_recorder(self, bearer: Secret | None) -> None:
        """Raises `RequestRefused`: 404 if nobody may record here, 401 if this is not the recorder."""
        if self._config.recorder_token is None:
            raise RequestRefused(NOT_FOUND)
        if bearer != self._config.recorder_token:
            raise RequestRefused(unauthorized())

    def start_recording(self, request: StartRecordingRequest, now: float) -> HttpResponse:
        """A ticket for an invisible participant, asked for or not. Raises `RequestRefused`."""
        room = self._store.rooms.get(request.room_id)
        if room is None:
            raise RequestRefused(NOT_FOUND)
        check_breakout(self._rooms, room.id, request.breakout_room)
        answer = self._tickets.issue(
            room,
            None,
            now,
            kind=ParticipationKind.RECORDER,
            breakout_room=request.breakout_room,
            names_room=self._config.feature_level.has(Feature.ROOM_IN_TICKET),
        )
        return START_RECORDING.response(answer)


def check_breakout(rooms: Rooms, room: RoomId, breakout: BreakoutRoomId | None) -> None:
    """Whether a ticket for ``breakout`` may be had: rest.md § 4 row 5. Raises `RequestRefused`."""
    if breakout is None:
        return
    meeting = rooms.live.get(room)
    if meeting is None or meeting.breakouts is None or meeting.breakouts.is_over:
        raise RequestRefused(Problem(400, "no_breakout_rooms"))
    if breakout not in meeting.breakouts.names:
        raise RequestRefused(Problem(400, "invalid_breakout_room_id"))
