"""The ways into a room: tickets for users, for guests and for who comes back (rest.md § 4, start)."""

from __future__ import annotations

from m3core.controller.authorisation import PROBLEMS, denial
from m3core.controller.config import User
from m3core.controller.features import Feature
from m3core.controller.resources.access import Access, ApiSurroundings
from m3core.controller.resources.incoming import Answer, Handlers, Incoming, RequestT
from m3core.controller.resumptions import Resumptions, SessionRunning
from m3core.controller.store import StoredInvite, StoredRoom
from m3core.controller.tickets import Tickets
from m3core.rest.endpoint import Endpoint
from m3core.rest.errors import NOT_FOUND, Problem
from m3core.rest.rooms import START, START_INVITED, StartInvitedRequest, StartRequest, StartResponse


class Start:
    """Handles `/rooms/{id}/start` and `/rooms/{id}/start_invited`."""

    def __init__(self, around: ApiSurroundings, access: Access, tickets: Tickets, resumptions: Resumptions) -> None:
        self._around = around
        self._access = access
        self._tickets = tickets
        self._resumptions = resumptions
        self.handlers: Handlers = ((START, self._start), (START_INVITED, self._start_invited))

    def _start(self, incoming: Incoming) -> Answer:
        user = self._access.user(incoming)
        room = self._access.room(incoming, user, is_open=self._around.config.open_rooms)
        request = incoming.read(START)
        denied = denial(self._around, room, user, None)
        if denied is not None:
            return PROBLEMS[denied]
        # Users need no room password, only guests do (rest.md § 4, start, row 4).
        return self._ticket(START, room, user, None, request)

    def _start_invited(self, incoming: Incoming) -> Answer:
        """The order of the checks is that of rest.md § 4; clients tell the refusals apart."""
        request = incoming.read(START_INVITED)
        invite = self._access.invite(request.invite_code)
        if invite is None:
            return NOT_FOUND
        token, room = request.resumption, invite.room
        comes_back = token is not None and self._resumptions.knows(token, room.id, None, self._around.now)
        denied = denial(self._around, room, None, invite, was_inside=comes_back)
        if denied is not None:
            return PROBLEMS[denied]
        if room.id != incoming.match.ids["room_id"]:
            return Problem(400, "bad_request")
        self._access.check_password(room, request.password, incoming.address)
        return self._ticket(START_INVITED, room, None, invite, request)

    def _ticket(
        self,
        endpoint: Endpoint[RequestT, StartResponse],
        room: StoredRoom,
        user: User | None,
        invite: StoredInvite | None,
        request: StartRequest | StartInvitedRequest,
    ) -> Answer:
        """A ticket, for the main room or a breakout room, new or to resume; raises `RequestRefused`."""
        around = self._around
        # Row 5 before row 6 (rest.md § 4, start): a refusal for the breakout room must not use the token up.
        self._access.check_breakout(room.id, request.breakout_room)
        resumed = None
        if request.resumption is not None:
            try:
                resumed = self._resumptions.redeem(
                    request.resumption, room.id, None if user is None else user.id, around.now
                )
            except SessionRunning:
                return Problem(400, "session_running")
        answer = self._tickets.issue(
            room,
            user,
            around.now,
            invite=invite,
            participant_id=resumed,
            breakout_room=request.breakout_room,
            names_room=around.has(Feature.ROOM_IN_TICKET),
        )
        return endpoint.response(answer)
