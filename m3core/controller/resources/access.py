"""Who asks, and what they may see: the checks that the resources of the REST API share (rest.md § 1)."""

from __future__ import annotations

from typing import Protocol

from m3core.controller.addresses import AddressLimits
from m3core.controller.config import ControllerConfig, Identities, User
from m3core.controller.features import Feature
from m3core.controller.resources.incoming import Incoming
from m3core.controller.room import Rooms
from m3core.controller.store import Store, StoredInvite, StoredRoom
from m3core.io import Authorization
from m3core.rest.errors import (
    FORBIDDEN,
    NOT_FOUND,
    Challenge,
    Problem,
    RequestRefused,
    too_many_requests,
    unauthorized,
)
from m3core.rest.services import START_RECORDING
from m3core.values import BreakoutRoomId, InviteCode, RoomId, Secret, Timestamp


class ApiSurroundings(Protocol):
    """The controller, as its REST API sees it."""

    config: ControllerConfig
    store: Store
    rooms: Rooms
    addresses: AddressLimits

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def has(self, feature: Feature) -> bool:
        """Whether the feature level of this controller has ``feature``."""
        ...

    def in_utc(self, seconds: float, *, digits: int = 9) -> Timestamp:
        """The instant ``seconds`` from now, with so many digits of its fraction of a second."""
        ...

    def new_id(self) -> str:
        """A new UUID."""
        ...

    def new_digits(self) -> str:
        """Ten decimal digits."""
        ...


class Access:
    """Finds users, rooms and invitations for a request, and refuses it where it may not see them."""

    def __init__(self, around: ApiSurroundings, identities: Identities) -> None:
        self._around = around
        self._identities = identities

    def identify(self, incoming: Incoming) -> User | None:
        """The user of the access token; None if it is missing or wrong, or if the endpoint takes none."""
        endpoint, bearer = incoming.match.endpoint, incoming.bearer
        if bearer is None or endpoint.authorization is not Authorization.ACCOUNT:
            return None
        # Only access tokens are for the port to the users. The bearer may also be the secret of a service, or an
        # invitation (rest.md § 4, TURN).
        if endpoint is START_RECORDING or (endpoint.accepts_invite and self.invite(bearer.reveal()) is not None):
            return None
        return self._identities.user_of(bearer)

    def user(self, incoming: Incoming) -> User:
        """The user of the access token, who must have logged in at this controller; raises `RequestRefused`."""
        user = incoming.user
        if user is None:
            raise RequestRefused(unauthorized(Challenge.ACCESS_INVALID))
        # A valid token is not enough: only `POST /auth/login` creates the user here (rest.md § 1, `unknown_sub`).
        if user.id not in self._around.store.users:
            raise RequestRefused(Problem(401, "unknown_sub"))
        return user

    def room(self, incoming: Incoming, user: User, *, is_open: bool = False) -> StoredRoom:
        """The room of the path, which ``user`` owns, or any room if they are open; raises `RequestRefused`."""
        room = self._around.store.rooms.get(RoomId(incoming.match.ids["room_id"]))
        if room is None and is_open:
            raise RequestRefused(NOT_FOUND)
        # The access check comes before the look-up, so that a stranger does not learn which ids exist (rest.md § 1).
        if room is None or (room.owner != user.id and not is_open):
            raise RequestRefused(FORBIDDEN)
        return room

    def invite(self, code: str) -> StoredInvite | None:
        """The invitation ``code``, valid or expired."""
        return self._around.store.invites.get(InviteCode(code.lower()))  # RFC 9562 s.4: upper case is the same UUID

    def check_password(self, room: StoredRoom, given: Secret | None, address: str) -> None:
        """Whether ``given`` opens ``room`` to a guest at ``address``. Raises `RequestRefused`."""
        if room.password is None:
            return
        addresses, now = self._around.addresses, self._around.now
        # First the budget: else the answer to a blocked guesser would tell the right password from the others.
        if wait := addresses.password_wait(address, room.id, now):
            raise RequestRefused(too_many_requests(wait))
        if given == room.password:  # in constant time (`Secret`)
            return
        if given is not None:  # clients ask without a password first, to find out whether there is one
            addresses.wrong_password(address, room.id, now)
        raise RequestRefused(Problem(401, "wrong_room_password"))

    def check_breakout(self, room: RoomId, breakout: BreakoutRoomId | None) -> None:
        """Whether a ticket for ``breakout`` may be had: row 5 of start (rest.md § 4). Raises `RequestRefused`."""
        if breakout is None:
            return
        meeting = self._around.rooms.live.get(room)
        if meeting is None or meeting.breakouts is None or meeting.breakouts.is_over:
            raise RequestRefused(Problem(400, "no_breakout_rooms"))
        if breakout not in meeting.breakouts.names:
            raise RequestRefused(Problem(400, "invalid_breakout_room_id"))

    def utc(self) -> Timestamp:
        """Now, with microseconds: the capture has timestamps of resources so (S)."""
        return self._around.in_utc(0.0, digits=6)
