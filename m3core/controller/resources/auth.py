"""The login: where the identity provider is, and the registration of a user by an id token (rest.md § 2)."""

from __future__ import annotations

from m3core.controller.config import Identities
from m3core.controller.features import Feature
from m3core.controller.resources.access import ApiSurroundings
from m3core.controller.resources.incoming import Answer, Handlers, Incoming
from m3core.rest.auth import GET_LOGIN, LOGIN, LoginProvider, LoginResponse, OidcProvider
from m3core.rest.errors import Challenge, unauthorized


class Auth:
    """Handles `/auth/login`. None of it needs an access token."""

    def __init__(self, around: ApiSurroundings, identities: Identities) -> None:
        self._around = around
        self._identities = identities
        self.handlers: Handlers = ((GET_LOGIN, self._get_login), (LOGIN, self._login))

    def _get_login(self, incoming: Incoming) -> Answer:
        incoming.read(GET_LOGIN)
        return GET_LOGIN.response(LoginProvider(oidc=OidcProvider(name="default", url=self._around.config.issuer)))

    def _login(self, incoming: Incoming) -> Answer:
        user = self._identities.login(incoming.read(LOGIN).id_token)
        if user is None:
            return unauthorized(Challenge.ID_INVALID)
        self._around.store.users[user.id] = user
        # The answer of the capture is empty (S); the reference answers an empty list (R).
        has_permissions = self._around.has(Feature.LOGIN_PERMISSIONS)
        return LOGIN.response(LoginResponse(permissions=() if has_permissions else None))
