"""The ways in for services: a recorder's ticket (rest.md § 4, Services)."""

from __future__ import annotations

from m3core.controller.features import Feature
from m3core.controller.resources.access import Access, ApiSurroundings
from m3core.controller.resources.incoming import Answer, Handlers, Incoming
from m3core.controller.tickets import Tickets
from m3core.rest.errors import NOT_FOUND, RequestRefused, unauthorized
from m3core.rest.services import START_RECORDING
from m3core.values import ParticipationKind, Secret


class Services:
    """Handles `/services/recording/start`. A service proves itself by a secret of the configuration."""

    def __init__(self, around: ApiSurroundings, access: Access, tickets: Tickets) -> None:
        self._around = around
        self._access = access
        self._tickets = tickets
        self.handlers: Handlers = ((START_RECORDING, self._start_recording),)

    def _start_recording(self, incoming: Incoming) -> Answer:
        """A ticket for an invisible participant, whether a moderator asked for a recorder or not."""
        self._check_recorder(incoming.bearer)
        request = incoming.read(START_RECORDING)
        room = self._around.store.rooms.get(request.room_id)
        if room is None:
            return NOT_FOUND
        self._access.check_breakout(room.id, request.breakout_room)
        answer = self._tickets.issue(
            room,
            None,
            self._around.now,
            kind=ParticipationKind.RECORDER,
            breakout_room=request.breakout_room,
            names_room=self._around.has(Feature.ROOM_IN_TICKET),
        )
        return START_RECORDING.response(answer)

    def _check_recorder(self, bearer: Secret | None) -> None:
        """Raises `RequestRefused`: 404 where recording is not configured, 401 for anybody but the recorder."""
        token = self._around.config.recorder_token
        if token is None:
            raise RequestRefused(NOT_FOUND)
        if bearer != token:
            raise RequestRefused(unauthorized())
