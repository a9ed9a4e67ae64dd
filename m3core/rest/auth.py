"""Login at the controller (rest.md § 2), with an id token of an identity provider."""

from __future__ import annotations

from types import NoneType
from typing import Final

from attrs import frozen

from m3core.io import Authorization
from m3core.rest.endpoint import Blank, Endpoint
from m3core.values import Secret


@frozen(kw_only=True)
class OidcProvider:
    """An identity provider. ``url`` is its issuer, below which its discovery document is."""

    name: str
    url: str


@frozen(kw_only=True)
class LoginProvider:
    """The identity provider at which users log in. Wire: response of `GET /auth/login`."""

    oidc: OidcProvider


@frozen(kw_only=True)
class LoginRequest:
    """Tell the controller about a login. Wire: `POST /auth/login`."""

    id_token: Secret


@frozen(kw_only=True)
class LoginResponse:
    """Wire: response of `POST /auth/login`, which clients ignore. The body may also be empty (rest.md § 2)."""

    permissions: tuple[str, ...] | None = None


GET_LOGIN: Final = Endpoint(
    method="GET",
    path="/auth/login",
    purpose="learn where to log in",
    authorization=Authorization.NONE,
    request_type=NoneType,
    response_type=LoginProvider,
)
"""Asks where to log in. An origin that answers with this JSON is a controller."""

LOGIN: Final = Endpoint(
    method="POST",
    path="/auth/login",
    purpose="log in",
    authorization=Authorization.NONE,
    request_type=LoginRequest,
    response_type=LoginResponse,
    blank=Blank(LoginResponse(), 200),
)
"""Must follow each refresh of the tokens. Else the controller says that the session has expired (rest.md § 1)."""
