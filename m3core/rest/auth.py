"""Login at the controller (rest.md § 2). The OpenID Connect part of it is `m3core.oidc`."""

from __future__ import annotations

from types import NoneType
from typing import Final

from attrs import frozen

from m3core.io import Authorization
from m3core.rest.endpoint import Blank, Endpoint
from m3core.values import Secret


@frozen(kw_only=True)
class OidcProvider:
    """``url`` is the issuer, whose discovery document is below it."""

    name: str
    url: str


@frozen(kw_only=True)
class LoginProvider:
    """Who may log users in. Wire: response of `GET /auth/login`."""

    oidc: OidcProvider


@frozen(kw_only=True)
class LoginRequest:
    """Register a login. Wire: `POST /auth/login`."""

    id_token: Secret


@frozen(kw_only=True)
class LoginResponse:
    """Wire: response of `POST /auth/login`; the capture shows an empty body instead. To be ignored."""

    permissions: tuple[str, ...] | None = None


GET_LOGIN: Final = Endpoint(
    method="GET",
    path="/auth/login",
    purpose="learn where to log in",
    authorization=Authorization.NONE,
    request_type=NoneType,
    response_type=LoginProvider,
)
"""Where to log in. An origin that answers it with JSON is a controller."""

LOGIN: Final = Endpoint(
    method="POST",
    path="/auth/login",
    purpose="log in",
    authorization=Authorization.NONE,
    request_type=LoginRequest,
    response_type=LoginResponse,
    blank=Blank(LoginResponse(), 200),
)
"""Must follow every refresh of the tokens, else the session counts as expired (rest.md § 1)."""
