"""The REST API of the embedded controller: what each endpoint of `m3core.rest` does (rest.md § 4).

Knows the store, tickets and identities; not who is connected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, TypeVar

from attrs import frozen

from m3core.controller.config import ControllerConfig, Identities, User
from m3core.controller.store import Store, StoredEvent, StoredInvite, StoredRoom
from m3core.controller.tickets import Tickets
from m3core.errors import LimitExceeded
from m3core.io import Headers, HttpResponse
from m3core.rest.auth import GET_LOGIN, LOGIN, LoginProvider, LoginResponse, OidcProvider
from m3core.rest.endpoint import Endpoint
from m3core.rest.errors import FORBIDDEN, NOT_FOUND, Challenge, Problem, RequestRefused, unauthorized
from m3core.rest.events import CREATE_EVENT, GET_EVENT, Event, EventRoom, EventType, InviteStatus, check_times
from m3core.rest.invites import CREATE_INVITE, VERIFY_INVITE, Invite, VerifiedInvite
from m3core.rest.rooms import GET_ROOM, START, START_INVITED, Room
from m3core.rest.routes import Match, route
from m3core.rest.turn import GET_TURN, POST_TURN
from m3core.rest.users import GET_ME, PrivateUser, PublicUser
from m3core.values import EventId, InviteCode, RoomId, Secret, Timestamp, UserId, format_uuid

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

Answer: TypeAlias = HttpResponse | Problem
_STORE_FULL: Final = Problem(500, "internal_server_error", message="the controller's memory is full")
_BAD_REQUEST: Final = Problem(400, "bad_request")
_NO_WAITING_ROOM: Final = Problem(400, "bad_request", message="this controller has no waiting room yet")
_NO_BREAKOUT_ROOMS: Final = Problem(400, "no_breakout_rooms")


@frozen
class Incoming:
    """One request: where it was routed, what came with it, and when (monotonic seconds)."""

    match: Match
    headers: Headers
    body: bytes
    now: float

    def header(self, name: str) -> str | None:
        """The first field ``name`` (lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def bearer(self) -> Secret | None:
        """The bearer token (RFC 6750 s.2.1)."""
        scheme, _, token = (self.header("authorization") or "").partition(" ")
        return Secret(token.strip()) if scheme.lower() == "bearer" and token.strip() else None

    def read(self, endpoint: Endpoint[RequestT, ResponseT]) -> RequestT:
        """The typed body; raises `RequestRefused`."""
        return endpoint.read_request(self.body, self.header("content-type"))


class Api:
    """Answers requests. ``entropy(n)`` gives n random bytes; ``utc()`` is the time, written with microseconds."""

    def __init__(
        self,
        config: ControllerConfig,
        identities: Identities,
        tickets: Tickets,
        *,
        entropy: Callable[[int], bytes],
        utc: Callable[[], Timestamp],
    ) -> None:
        self.store = Store()
        self._config = config
        self._identities = identities
        self._tickets = tickets
        self._entropy = entropy
        self._utc = utc
        self._logged_in: set[UserId] = set()
        self._handlers: Mapping[str, Callable[[Incoming], Answer]] = MappingProxyType(
            {
                str(GET_LOGIN): self._get_login,
                str(LOGIN): self._login,
                str(GET_ME): self._get_me,
                str(CREATE_EVENT): self._create_event,
                str(GET_EVENT): self._get_event,
                str(GET_ROOM): self._get_room,
                str(CREATE_INVITE): self._create_invite,
                str(VERIFY_INVITE): self._verify_invite,
                str(START): self._start,
                str(START_INVITED): self._start_invited,
                str(GET_TURN): self._get_turn,
                str(POST_TURN): self._post_turn,
            }
        )

    def answer(self, method: str, target: str, headers: Headers, body: bytes, now: float) -> HttpResponse:
        """The response to one request."""
        match = route(method, target)
        answer: Answer
        if isinstance(match, Problem):
            return match.response()
        try:
            answer = self._handlers[str(match.endpoint)](Incoming(match, headers, body, now))
        except RequestRefused as refused:
            answer = refused.problem
        except LimitExceeded:
            answer = _STORE_FULL
        return answer.response() if isinstance(answer, Problem) else answer

    def invite_url(self, code: InviteCode) -> str:
        """The link for a guest (S)."""
        return f"{self._config.web_url}/invite/{code}"

    # -- login ---
    def _get_login(self, incoming: Incoming) -> Answer:
        incoming.read(GET_LOGIN)
        return GET_LOGIN.response(LoginProvider(oidc=OidcProvider(name="default", url=self._config.issuer)))

    def _login(self, incoming: Incoming) -> Answer:
        user = self._identities.login(incoming.read(LOGIN).id_token)
        if user is None:
            return unauthorized(Challenge.ID_INVALID)
        self._logged_in.add(user.id)
        return LOGIN.response(LoginResponse())

    def _user(self, incoming: Incoming) -> User:
        """The user of the access token, who must have logged in here; raises `RequestRefused`."""
        user = None if incoming.bearer is None else self._identities.user_of(incoming.bearer)
        if user is None:
            raise RequestRefused(unauthorized(Challenge.ACCESS_INVALID))
        if user.id not in self._logged_in:
            raise RequestRefused(Problem(401, "unknown_sub"))
        return user

    def _get_me(self, incoming: Incoming) -> Answer:
        user = self._user(incoming)
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
            language="",
        )
        return GET_ME.response(me)

    # -- events and rooms ---
    def _create_event(self, incoming: Incoming) -> Answer:
        user = self._user(incoming)
        request = incoming.read(CREATE_EVENT)
        problem = check_times(request)
        if problem is not None:
            return problem
        if request.waiting_room:
            return _NO_WAITING_ROOM  # guests must not get in where the owner wants them to wait
        created = self._utc()
        room = StoredRoom(id=RoomId(self._uuid()), owner=user.id, created_at=created, password=request.password)
        event = StoredEvent(
            id=EventId(self._uuid()),
            room=room,
            request=request,
            created_at=created,
            sip_id=self._digits(),
            sip_password=Secret(self._digits()),
        )
        self.store.add_event(event)
        return CREATE_EVENT.response(_event(event, user))

    def _get_event(self, incoming: Incoming) -> Answer:
        user = self._user(incoming)
        event = self.store.events.get(EventId(incoming.match.ids["event_id"]))
        if event is None or event.room.owner != user.id:
            return FORBIDDEN
        return GET_EVENT.response(_event(event, user))

    def _room(self, incoming: Incoming, user: User) -> StoredRoom:
        """The room of the path; the access check comes before the look-up (rest.md § 1)."""
        room = self.store.rooms.get(RoomId(incoming.match.ids["room_id"]))
        if room is None or room.owner != user.id:
            raise RequestRefused(FORBIDDEN)
        return room

    def _get_room(self, incoming: Incoming) -> Answer:
        user = self._user(incoming)
        room = self._room(incoming, user)
        return GET_ROOM.response(
            Room(
                id=room.id,
                created_by=_public(user),
                created_at=room.created_at,
                password=room.password,
                waiting_room=False,
            )
        )

    # -- invitations ---
    def _create_invite(self, incoming: Incoming) -> Answer:
        user = self._user(incoming)
        room = self._room(incoming, user)
        request = incoming.read(CREATE_INVITE)
        created = self._utc()
        invite = StoredInvite(
            code=InviteCode(self._uuid()), room=room, created_at=created, expiration=request.expiration
        )
        self.store.add_invite(invite)
        return CREATE_INVITE.response(
            Invite(
                invite_code=invite.code,
                created=created,
                created_by=_public(user),
                updated=created,
                updated_by=_public(user),
                room_id=room.id,
                active=True,
                expiration=invite.expiration,
            )
        )

    def _verify_invite(self, incoming: Incoming) -> Answer:
        invite = self._invite(incoming.read(VERIFY_INVITE).invite_code)
        if invite is None or not invite.is_valid(self._utc().nanoseconds):
            return NOT_FOUND
        answer = VerifiedInvite(room_id=invite.room.id, password_required=invite.room.password is not None)
        return VERIFY_INVITE.response(answer)

    # -- sessions ---
    def _start(self, incoming: Incoming) -> Answer:
        user = self._user(incoming)
        room = self._room(incoming, user)
        if incoming.read(START).breakout_room is not None:
            return _NO_BREAKOUT_ROOMS
        return START.response(self._tickets.issue(room, user, incoming.now))

    def _start_invited(self, incoming: Incoming) -> Answer:
        """The checks in the order of rest.md; the expiration is looked at by `verify` alone (R)."""
        request = incoming.read(START_INVITED)
        invite = self._invite(request.invite_code)
        if invite is None:
            return NOT_FOUND
        if invite.room.id != incoming.match.ids["room_id"]:
            return _BAD_REQUEST
        if invite.room.password is not None and invite.room.password != request.password:
            return Problem(401, "wrong_room_password")
        if request.breakout_room is not None:
            return _NO_BREAKOUT_ROOMS
        return START_INVITED.response(self._tickets.issue(invite.room, None, incoming.now))

    def _get_turn(self, incoming: Incoming) -> Answer:
        bearer = incoming.bearer
        if bearer is None or self._invite(bearer.reveal()) is None:
            self._user(incoming)
        return GET_TURN.response(self._config.turn_servers)

    def _post_turn(self, incoming: Incoming) -> Answer:
        """Mustang's client needs an array, and has not said who it is: servers without credentials only."""
        incoming.read(POST_TURN)
        return POST_TURN.response(tuple(server for server in self._config.turn_servers if server.password is None))

    # -- helpers ---
    def _invite(self, code: str) -> StoredInvite | None:
        """The digits of a UUID may come in upper case (RFC 9562 s.4)."""
        return self.store.invites.get(InviteCode(code.lower()))

    def _uuid(self) -> str:
        return format_uuid(self._entropy(16))

    def _digits(self) -> str:
        """Ten decimal digits (SIP id and pin)."""
        return f"{int.from_bytes(self._entropy(8)) % 10**10:010d}"


def _public(user: User) -> PublicUser:
    return PublicUser(
        id=user.id,
        email=user.email,
        title=user.title,
        firstname=user.firstname,
        lastname=user.lastname,
        display_name=user.display_name,
        avatar_url=user.avatar_url,
    )


def _event(event: StoredEvent, user: User) -> Event:
    request = event.request
    return Event(
        id=event.id,
        created_by=_public(user),
        created_at=event.created_at,
        updated_by=_public(user),
        updated_at=event.created_at,
        title=request.title,
        description=request.description,
        room=EventRoom(
            id=event.room.id,
            waiting_room=False,
            password=event.room.password,
            sip_id=event.sip_id,
            sip_password=event.sip_password,
        ),
        invitees_truncated=False,
        invitees=(),
        is_time_independent=request.is_time_independent,
        is_all_day=request.is_all_day,
        starts_at=request.starts_at,
        ends_at=request.ends_at,
        recurrence_pattern=request.recurrence_pattern or (),
        is_adhoc=bool(request.is_adhoc),
        type=EventType.RECURRING if request.recurrence_pattern else EventType.SINGLE,
        invite_status=InviteStatus.ACCEPTED,
        is_favorite=False,
        can_edit=True,
    )
