"""The REST API of the embedded controller: what each endpoint of `m3core.rest` does (rest.md § 4).

Knows the store, tickets and identities, and of the live rooms who is banned and what may be resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias, TypeVar

from attrs import evolve, frozen

from m3core.controller.config import ControllerConfig, Identities, User
from m3core.controller.features import Feature
from m3core.controller.resumptions import Resumptions, SessionRunning
from m3core.controller.room import Rooms
from m3core.controller.services import Services, check_breakout
from m3core.controller.store import Store, StoredEvent, StoredInvite, StoredRoom
from m3core.controller.tickets import Tickets
from m3core.errors import FieldError, LimitExceeded, LinkError
from m3core.io import Headers, HttpResponse
from m3core.rest.auth import GET_LOGIN, LOGIN, LoginProvider, LoginResponse, OidcProvider
from m3core.rest.discovery import API_PATH, CLIENT_PATH, api_document, client_document
from m3core.rest.endpoint import Endpoint
from m3core.rest.errors import (
    FORBIDDEN,
    NOT_FOUND,
    Challenge,
    Problem,
    RequestRefused,
    unauthorized,
    validation_failed,
)
from m3core.rest.events import CREATE_EVENT, GET_EVENT, Event, EventRoom, EventType, InviteStatus, check_times
from m3core.rest.invites import CREATE_INVITE, VERIFY_INVITE, Invite, VerifiedInvite
from m3core.rest.link import parse_controller_url
from m3core.rest.rooms import GET_ROOM, START, START_INVITED, Room, StartInvitedRequest, StartRequest, StartResponse
from m3core.rest.routes import Match, route, split_target, wrong_method
from m3core.rest.services import START_RECORDING
from m3core.rest.turn import GET_TURN, POST_TURN
from m3core.rest.users import GET_ME, PrivateUser, PublicUser
from m3core.values import EventId, InviteCode, RoomId, Secret, StreamingTargetId, Timestamp

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

Answer: TypeAlias = HttpResponse | Problem
_STORE_FULL: Final = Problem(500, "internal_server_error", message="the controller's memory is full")
_NO_SHARED_FOLDERS: Final = validation_failed(
    FieldError(field="has_shared_folder", code="invalid_value", message="this controller has no shared folders")
)
_BAD_REQUEST: Final = Problem(400, "bad_request")


@frozen
class Incoming:
    """One request: where it was routed, and what came with it."""

    match: Match
    headers: Headers
    body: bytes

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


class Hosting(Protocol):
    """What the API needs of its controller."""

    config: ControllerConfig
    store: Store
    rooms: Rooms
    now: float

    def has(self, feature: Feature) -> bool:
        """Whether the feature level has ``feature``."""
        ...

    def in_utc(self, seconds: float, *, digits: int = 9) -> Timestamp:
        """The instant that is so many seconds from now."""
        ...

    def new_id(self) -> str:
        """A new UUID."""
        ...

    def new_digits(self) -> str:
        """Ten decimal digits."""
        ...


class Api:
    """Answers requests."""

    def __init__(self, host: Hosting, identities: Identities, tickets: Tickets, resumptions: Resumptions) -> None:
        self._host = host
        self._config = host.config
        self._store = host.store
        self._identities = identities
        self._tickets = tickets
        self._resumptions = resumptions
        self._services = Services(host.config, host.store, host.rooms, tickets)
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
                str(START_RECORDING): self._start_recording,
            }
        )

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> HttpResponse:
        """The response to one request."""
        answer: Answer
        path, _ = split_target(target)
        if path in (CLIENT_PATH, API_PATH):
            answer = self._say_where(path, headers) if method in ("GET", "HEAD") else wrong_method("GET")
            return answer.response() if isinstance(answer, Problem) else answer
        match = route(method, target)
        if isinstance(match, Problem):
            return match.response()
        try:
            answer = self._handlers[str(match.endpoint)](Incoming(match, headers, body))
        except RequestRefused as refused:
            answer = refused.problem
        except LimitExceeded:
            answer = _STORE_FULL
        return answer.response() if isinstance(answer, Problem) else answer

    def invite_url(self, code: InviteCode) -> str:
        """The link for a guest (S)."""
        return f"{self._config.web_url}/invite/{code}"

    def _say_where(self, path: str, headers: Headers) -> Answer:
        """Where this controller is: at its public URL, or where it was asked, if that is on this machine.

        Anybody else came through something that only the public URL tells of.
        """
        if path == API_PATH:
            return api_document()
        if self._config.public_url:
            return client_document(self._config.public_url)
        asked = next((value for name, value in headers if name == "host"), "")
        try:
            return client_document(parse_controller_url(f"http://{asked}"))
        except LinkError:
            return NOT_FOUND

    # -- login ---
    def _get_login(self, incoming: Incoming) -> Answer:
        incoming.read(GET_LOGIN)
        return GET_LOGIN.response(LoginProvider(oidc=OidcProvider(name="default", url=self._config.issuer)))

    def _login(self, incoming: Incoming) -> Answer:
        user = self._identities.login(incoming.read(LOGIN).id_token)
        if user is None:
            return unauthorized(Challenge.ID_INVALID)
        self._store.users[user.id] = user
        return LOGIN.response(LoginResponse(permissions=() if self._host.has(Feature.LOGIN_PERMISSIONS) else None))

    def _user(self, incoming: Incoming) -> User:
        """The user of the access token, who must have logged in here; raises `RequestRefused`."""
        user = None if incoming.bearer is None else self._identities.user_of(incoming.bearer)
        if user is None:
            raise RequestRefused(unauthorized(Challenge.ACCESS_INVALID))
        if user.id not in self._store.users:
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
            language="en",
            tariff_status="default" if self._host.has(Feature.TARIFF_STATUS) else None,
            used_storage=0 if self._host.has(Feature.STORAGE_QUOTA) else None,
        )
        return GET_ME.response(me)

    # -- events and rooms ---
    def _create_event(self, incoming: Incoming) -> Answer:
        user = self._user(incoming)
        request = incoming.read(CREATE_EVENT)
        problem = check_times(request)
        if problem is not None:
            return problem
        if request.has_shared_folder:
            return _NO_SHARED_FOLDERS
        created = self._utc()
        room = StoredRoom(
            id=RoomId(self._host.new_id()),
            owner=user.id,
            created_at=created,
            password=request.password,
            waiting_room=bool(request.waiting_room),
        )
        targets = (evolve(one, id=StreamingTargetId(self._host.new_id())) for one in request.streaming_targets or ())
        event = StoredEvent(
            id=EventId(self._host.new_id()),
            room=room,
            request=request,
            created_at=created,
            sip_id=self._host.new_digits(),
            sip_password=Secret(self._host.new_digits()),
            streaming_targets=tuple(targets),
        )
        self._store.add_event(event)
        if request.show_meeting_details:  # they name a way in
            self._add_invite(room, None)
        return CREATE_EVENT.response(_event(event, user, self._host.has))

    def _get_event(self, incoming: Incoming) -> Answer:
        user = self._user(incoming)
        event = self._store.events.get(EventId(incoming.match.ids["event_id"]))
        if event is None or event.room.owner != user.id:
            return FORBIDDEN
        return GET_EVENT.response(_event(event, user, self._host.has))

    def _room(self, incoming: Incoming, user: User, *, is_open: bool = False) -> StoredRoom:
        """The room of the path; the access check comes before the look-up (rest.md § 1)."""
        room = self._store.rooms.get(RoomId(incoming.match.ids["room_id"]))
        if room is None and is_open:
            raise RequestRefused(NOT_FOUND)
        if room is None or (room.owner != user.id and not is_open):
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
                waiting_room=room.waiting_room,
            )
        )

    # -- invitations ---
    def _create_invite(self, incoming: Incoming) -> Answer:
        user = self._user(incoming)
        room = self._room(incoming, user)
        invite = self._add_invite(room, incoming.read(CREATE_INVITE).expiration)
        created = invite.created_at
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

    def _add_invite(self, room: StoredRoom, expiration: Timestamp | None) -> StoredInvite:
        invite = StoredInvite(
            code=InviteCode(self._host.new_id()), room=room, created_at=self._utc(), expiration=expiration
        )
        self._store.add_invite(invite)
        return invite

    def _verify_invite(self, incoming: Incoming) -> Answer:
        invite = self._invite(incoming.read(VERIFY_INVITE).invite_code)
        if invite is None or not invite.is_valid(self._utc().nanoseconds):
            return NOT_FOUND
        tells = self._host.has(Feature.VERIFY_SAYS_MORE)
        answer = VerifiedInvite(
            room_id=invite.room.id, password_required=invite.room.password is not None if tells else None
        )
        return VERIFY_INVITE.response(answer)

    # -- sessions ---
    def _start(self, incoming: Incoming) -> Answer:
        user = self._user(incoming)
        room = self._room(incoming, user, is_open=self._config.open_rooms)
        request = incoming.read(START)
        meeting = self._host.rooms.live.get(room.id)
        if meeting is not None and user.id in meeting.banned:
            return Problem(403, "banned_from_room")
        return self._ticket(START, room, user, request)

    def _start_invited(self, incoming: Incoming) -> Answer:
        """The checks in the order of rest.md § 4; the expiration is looked at by `verify` alone (R)."""
        request = incoming.read(START_INVITED)
        invite = self._invite(request.invite_code)
        if invite is None:
            return NOT_FOUND
        if invite.room.id != incoming.match.ids["room_id"]:
            return _BAD_REQUEST
        if invite.room.password is not None and invite.room.password != request.password:
            return Problem(401, "wrong_room_password")
        return self._ticket(START_INVITED, invite.room, None, request)

    def _ticket(
        self,
        endpoint: Endpoint[RequestT, StartResponse],
        room: StoredRoom,
        user: User | None,
        request: StartRequest | StartInvitedRequest,
    ) -> Answer:
        """A ticket, for the main room or a breakout room, new or to resume (rest.md § 4 rows 5 and 6).

        Raises `RequestRefused` for row 5.
        """
        host = self._host
        check_breakout(host.rooms, room.id, request.breakout_room)
        resumed = None
        if request.resumption is not None:
            try:
                resumed = self._resumptions.redeem(
                    request.resumption, room.id, None if user is None else user.id, host.now
                )
            except SessionRunning:
                return Problem(400, "session_running")
        answer = self._tickets.issue(
            room,
            user,
            host.now,
            participant_id=resumed,
            breakout_room=request.breakout_room,
            names_room=host.has(Feature.ROOM_IN_TICKET),
        )
        return endpoint.response(answer)

    def _start_recording(self, incoming: Incoming) -> Answer:
        self._services.check_recorder(incoming.bearer)
        return self._services.start_recording(incoming.read(START_RECORDING), self._host.now)

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
        return self._store.invites.get(InviteCode(code.lower()))

    def _utc(self) -> Timestamp:
        """Now, with microseconds (S)."""
        return self._host.in_utc(0.0, digits=6)


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


def _event(event: StoredEvent, user: User, has: Callable[[Feature], bool]) -> Event:
    """Nobody can be called here: with `call_in` there is no word of it."""
    request, has_sip = event.request, not has(Feature.CALL_IN)
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
            waiting_room=event.room.waiting_room,
            password=event.room.password,
            sip_id=event.sip_id if has_sip else None,
            sip_password=event.sip_password if has_sip else None,
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
        streaming_targets=event.streaming_targets,
        show_meeting_details=bool(request.show_meeting_details) if has(Feature.EVENT_SHOWS_DETAILS) else None,
    )
