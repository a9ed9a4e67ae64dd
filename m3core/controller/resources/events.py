"""Events: calendar entries, each with a room of its own (rest.md § 3, 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import evolve

from m3core.controller.config import User
from m3core.controller.features import Feature
from m3core.controller.resources.access import Access, ApiSurroundings
from m3core.controller.resources.incoming import Answer, Handlers, Incoming
from m3core.controller.resources.invites import new_invite
from m3core.controller.resources.users import public_user
from m3core.controller.store import StoredEvent, StoredRoom
from m3core.errors import FieldError
from m3core.rest.errors import FORBIDDEN, validation_failed
from m3core.rest.events import CREATE_EVENT, GET_EVENT, Event, EventRoom, EventType, InviteStatus, check_times
from m3core.values import EventId, RoomId, Secret, StreamingTargetId

_NO_SHARED_FOLDERS: Final = validation_failed(
    FieldError(field="has_shared_folder", code="invalid_value", message="this controller has no shared folders")
)


class Events:
    """Handles `/events`."""

    def __init__(self, around: ApiSurroundings, access: Access) -> None:
        self._around = around
        self._access = access
        self.handlers: Handlers = ((CREATE_EVENT, self._create), (GET_EVENT, self._get))

    def _create(self, incoming: Incoming) -> Answer:
        around, user = self._around, self._access.user(incoming)
        request = incoming.read(CREATE_EVENT)
        problem = check_times(request)
        if problem is not None:
            return problem
        if request.has_shared_folder:
            return _NO_SHARED_FOLDERS
        created = self._access.utc()
        room = StoredRoom(
            id=RoomId(around.new_id()),
            owner=user.id,
            created_at=created,
            password=request.password,
            waiting_room=bool(request.waiting_room),
        )
        targets = (evolve(one, id=StreamingTargetId(around.new_id())) for one in request.streaming_targets or ())
        event = StoredEvent(
            id=EventId(around.new_id()),
            room=room,
            request=request,
            created_at=created,
            sip_id=around.new_digits(),
            sip_password=Secret(around.new_digits()),
            streaming_targets=tuple(targets),
        )
        around.store.add_event(event)
        if request.show_meeting_details:
            # `event_info.meeting_details` names a way in, which is an invitation (signaling.md § 5.1).
            new_invite(around, self._access, room, None)
        return CREATE_EVENT.response(_as_told(event, user, around.has))

    def _get(self, incoming: Incoming) -> Answer:
        user = self._access.user(incoming)
        event = self._around.store.events.get(EventId(incoming.match.ids["event_id"]))
        if event is None or event.room.owner != user.id:
            return FORBIDDEN  # also for an unknown id: the access check comes before the look-up (rest.md § 1)
        return GET_EVENT.response(_as_told(event, user, self._around.has))


def _as_told(event: StoredEvent, user: User, has: Callable[[Feature], bool]) -> Event:
    # This controller has no telephony. A level that has `call_in` leaves it out; an earlier one needs `sip_*` (S).
    request, has_sip = event.request, not has(Feature.CALL_IN)
    return Event(
        id=event.id,
        created_by=public_user(user),
        created_at=event.created_at,
        updated_by=public_user(user),
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
