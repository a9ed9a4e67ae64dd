"""STUN and TURN servers (rest.md § 4, TURN)."""

from __future__ import annotations

from m3core.controller.authorisation import has_expired
from m3core.controller.resources.access import Access, ApiSurroundings
from m3core.controller.resources.incoming import Answer, Handlers, Incoming
from m3core.rest.turn import GET_TURN, POST_TURN


class Turn:
    """Handles `/turn`."""

    def __init__(self, around: ApiSurroundings, access: Access) -> None:
        self._around = around
        self._access = access
        self.handlers: Handlers = ((GET_TURN, self._get), (POST_TURN, self._post))

    def _get(self, incoming: Incoming) -> Answer:
        """For users, and for guests who give an invitation as the bearer token that has not expired."""
        bearer = incoming.bearer
        invite = None if bearer is None else self._access.invite(bearer.reveal())
        if invite is None or has_expired(self._around, invite):
            self._access.user(incoming)
        return GET_TURN.response(self._around.config.turn_servers)

    def _post(self, incoming: Incoming) -> Answer:
        incoming.read(POST_TURN)
        # Mustang's client aborts its join without an array here, and sends no token (rest.md § 4, TURN): whoever asks
        # is unknown, and gets no server that has credentials.
        servers = self._around.config.turn_servers
        return POST_TURN.response(tuple(server for server in servers if server.password is None))
