"""Users: the one who asks, and how others see one (rest.md § 3, 4)."""

from __future__ import annotations

from m3core.controller.config import User
from m3core.controller.features import Feature
from m3core.controller.resources.access import Access, ApiSurroundings
from m3core.controller.resources.incoming import Answer, Handlers, Incoming
from m3core.rest.users import GET_ME, PrivateUser, PublicUser


class Users:
    """Handles `/users/me`."""

    def __init__(self, around: ApiSurroundings, access: Access) -> None:
        self._around = around
        self._access = access
        self.handlers: Handlers = ((GET_ME, self._get_me),)

    def _get_me(self, incoming: Incoming) -> Answer:
        user = self._access.user(incoming)
        me = PrivateUser(
            id=user.id,
            email=user.email,
            title=user.title,
            firstname=user.firstname,
            lastname=user.lastname,
            display_name=user.display_name,
            avatar_url=user.avatar_url,
            dashboard_theme="system",
            conference_theme="system",
            language="en",
            tariff_status="default" if self._around.has(Feature.TARIFF_STATUS) else None,
            used_storage=0 if self._around.has(Feature.STORAGE_QUOTA) else None,
        )
        return GET_ME.response(me)


def public_user(user: User) -> PublicUser:
    """What other users may know of ``user`` (rest.md § 3, PublicUser)."""
    return PublicUser(
        id=user.id,
        email=user.email,
        title=user.title,
        firstname=user.firstname,
        lastname=user.lastname,
        display_name=user.display_name,
        avatar_url=user.avatar_url,
    )
