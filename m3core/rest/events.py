"""Events: calendar entries that own one room each (rest.md § 3, 4)."""

from __future__ import annotations

from enum import Enum
from types import NoneType
from typing import Final

from attrs import field, frozen

from m3core.errors import FieldError
from m3core.io import Authorization
from m3core.limits import MAX_DESCRIPTION, MAX_PASSWORD, MAX_RECURRENCE_LINE, MAX_RECURRENCE_LINES, MAX_TITLE
from m3core.rest.body import OMIT_EMPTY, keep_unreadable
from m3core.rest.endpoint import Endpoint, too_long
from m3core.rest.errors import Problem
from m3core.rest.streaming import StreamingTarget, check_targets
from m3core.rest.users import PublicUser
from m3core.values import EventId, RoomId, Secret, Timestamp, UserId


class EventType(Enum):
    """The kind of a calendar entry."""

    SINGLE = "single"
    RECURRING = "recurring"
    INSTANCE = "instance"
    EXCEPTION = "exception"


class InviteStatus(Enum):
    """The answer of a user to an invitation."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    TENTATIVE = "tentative"
    DECLINED = "declined"


@frozen(kw_only=True)
class DateTimeTz:
    """An instant in UTC, and the IANA time zone of the event. In answers both may be unreadable or empty."""

    datetime: Timestamp
    timezone: str


# An event with a date that cannot be read is still an event: its room can be joined.
keep_unreadable(DateTimeTz(datetime=Timestamp(""), timezone=""))


@frozen(kw_only=True)
class CallIn:
    """The data for joining by telephone, of later servers."""

    tel: str | None = None
    id: str | None = None
    password: Secret | None = None
    uri: str | None = None


@frozen(kw_only=True)
class EventRoom:
    """The room of an event. ``sip_id`` and ``sip_password`` have 10 digits."""

    id: RoomId
    waiting_room: bool
    password: Secret | None = None
    sip_id: str | None = None
    sip_password: Secret | None = None
    sip_tel: str | None = None
    sip_uri: str | None = None
    call_in: CallIn | None = None
    e2e_encryption: bool | None = None


@frozen(kw_only=True)
class InviteeProfile:
    """A user who was invited to an event.

    ``kind`` is `registered` (with all fields of `PublicUser`), `unregistered` (without an id) or `email` (with an
    address and an avatar).
    """

    kind: str
    id: UserId | None = None
    email: str | None = None
    title: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    display_name: str | None = None
    avatar_url: str | None = None
    role: str | None = None


@frozen(kw_only=True)
class Invitee:
    """An invitation of a user to an event, and the answer to it."""

    profile: InviteeProfile
    status: InviteStatus


@frozen(kw_only=True)
class Event:
    """A calendar entry and its room. Wire: response of `POST /events` and `GET /events/{event_id}`."""

    id: EventId
    created_by: PublicUser
    created_at: Timestamp
    updated_by: PublicUser
    updated_at: Timestamp
    title: str
    description: str
    room: EventRoom
    invitees_truncated: bool
    invitees: tuple[Invitee, ...]
    is_time_independent: bool
    is_all_day: bool | None = None
    starts_at: DateTimeTz | None = None
    ends_at: DateTimeTz | None = None
    recurrence_pattern: tuple[str, ...] = field(default=(), metadata=OMIT_EMPTY)
    is_adhoc: bool
    type: EventType
    invite_status: InviteStatus
    is_favorite: bool
    can_edit: bool
    streaming_targets: tuple[StreamingTarget, ...] = field(default=(), metadata=OMIT_EMPTY)
    show_meeting_details: bool | None = None


@frozen(kw_only=True)
class CreateEvent:
    """Create an event and its room. Wire: `POST /events`.

    ``is_all_day``, ``starts_at`` and ``ends_at`` are required if the event is not time independent, else forbidden. A
    field that is None is not sent; its default on the server is false, or an empty list.
    """

    title: str
    description: str
    password: Secret | None = None
    waiting_room: bool | None = None
    is_time_independent: bool
    is_all_day: bool | None = None
    starts_at: DateTimeTz | None = None
    ends_at: DateTimeTz | None = None
    recurrence_pattern: tuple[str, ...] | None = None
    is_adhoc: bool | None = None
    e2e_encryption: bool | None = None
    has_shared_folder: bool | None = None
    show_meeting_details: bool | None = None
    streaming_targets: tuple[StreamingTarget, ...] | None = None
    """Without ids: the server makes them."""


def _check(request: CreateEvent) -> tuple[FieldError, ...]:
    errors = too_long("title", request.title, MAX_TITLE) + too_long("description", request.description, MAX_DESCRIPTION)
    if request.password is not None:
        errors += too_long("password", request.password.reveal(), MAX_PASSWORD, 1)
    lines = request.recurrence_pattern or ()
    if len(lines) > MAX_RECURRENCE_LINES or any(len(line) > MAX_RECURRENCE_LINE for line in lines):
        errors += (FieldError(field="recurrence_pattern", code="invalid_value"),)
    return errors + check_targets(request.streaming_targets or ())


def check_times(request: CreateEvent) -> Problem | None:
    """The answer to times of ``request`` that are not acceptable (rest.md § 4), or None.

    It is 400 `bad_request` for a wrong set of fields, and 422 `invalid_event` for impossible times.
    """
    given = (request.is_all_day is not None, request.starts_at is not None, request.ends_at is not None)
    if request.is_time_independent:
        return Problem(400, "bad_request") if any(given) or request.recurrence_pattern else None
    if request.is_all_day is None or request.starts_at is None or request.ends_at is None:
        return Problem(400, "bad_request")
    start, end = request.starts_at.datetime.nanoseconds, request.ends_at.datetime.nanoseconds
    day = 86_400_000_000_000  # nanoseconds; the dates of an event of whole days are at midnight in UTC
    if end < start or (request.is_all_day and (start % day or end % day)):
        return Problem(422, "invalid_event")
    return None


CREATE_EVENT: Final = Endpoint(
    method="POST",
    path="/events",
    purpose="create the meeting",
    authorization=Authorization.ACCOUNT,
    request_type=CreateEvent,
    response_type=Event,
    check=_check,
)
GET_EVENT: Final = Endpoint(
    method="GET",
    path="/events/{event_id}",
    purpose="look at the event",
    authorization=Authorization.ACCOUNT,
    request_type=NoneType,
    response_type=Event,
)
