"""Users (rest.md § 3, 4)."""

from __future__ import annotations

from types import NoneType
from typing import Final

from attrs import frozen

from m3core.io import Authorization
from m3core.rest.endpoint import Endpoint
from m3core.values import UserId


@frozen(kw_only=True)
class PublicUser:
    """The data of a user that every user may see. Servers send all of it, clients must need none (rest.md § 3)."""

    id: UserId | None = None
    email: str | None = None
    title: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    display_name: str | None = None
    avatar_url: str | None = None


@frozen(kw_only=True)
class PrivateUser(PublicUser):
    """The data of a user that only this user may see. Wire: response of `GET /users/me`."""

    dashboard_theme: str | None = None
    conference_theme: str | None = None
    language: str | None = None
    tariff_status: str | None = None
    """`default`, `paid` or `downgraded`; later servers only."""
    used_storage: int | None = None
    """Bytes; later servers only."""


GET_ME: Final = Endpoint(
    method="GET",
    path="/users/me",
    purpose="learn who is logged in",
    authorization=Authorization.ACCOUNT,
    request_type=NoneType,
    response_type=PrivateUser,
)
