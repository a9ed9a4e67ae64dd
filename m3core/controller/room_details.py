"""The keys of `join_success` that describe the room: tariff, calendar entry, owner (signaling.md § 5.1).

The capture has none of them; each belongs to a later feature level.
"""

from __future__ import annotations

from typing import Any, Final

from m3core.controller.features import Feature
from m3core.controller.room import Participant
from m3core.controller.store import StoredEvent
from m3core.controller.surroundings import Surroundings
from m3core.messages.room import EventInfo, MeetingDetails, RoomInfo, RoomOwner, StreamingLink, Tariff, TariffModule

_TARIFF_ID: Final = "3f1c0a52-6a0e-4c5f-8f0b-0d3f9a7b5e10"
"""Made up: all rooms of this controller have the same tariff, and no request looks a tariff up by its id."""


class RoomDetails:
    """Makes those keys of `join_success` that belong to no namespace."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def keys_for(self, joiner: Participant) -> dict[str, Any]:
        """The keys that the feature level has, with their values."""
        has, room = self._around.has, joiner.session.admission.room
        keys: dict[str, Any] = {}
        if has(Feature.QUOTAS):
            keys |= {"tariff": self._tariff(), "closes_at": joiner.room.meeting.closes_at}
        event = self._around.store.event_of(room.id)
        if has(Feature.EVENT_INFO) and event is not None:
            keys["event_info"] = self._event_info(event)
        if has(Feature.ROOM_INFO):
            keys["room_info"] = RoomInfo(id=room.id, password=room.password, created_by=self._owner(joiner))
        if has(Feature.ROOM_OWNER):
            keys["is_room_owner"] = joiner.is_owner
        return keys

    def _tariff(self) -> Tariff:
        config = self._around.config
        quotas = {"room_participant_limit": config.participant_limit, "room_time_limit_secs": config.time_limit}
        names = tuple(sorted(self._around.namespaces))
        modules = None
        if self._around.has(Feature.TARIFF_MODULES):
            modules = {name: TariffModule(features=()) for name in names}
        return Tariff(
            id=_TARIFF_ID,
            name="m3",
            quotas={name: int(value) for name, value in quotas.items() if value is not None},
            enabled_modules=names,
            # From 0.9 on a reader refuses the whole `join_success` without this key (signaling.md § 5.1).
            disabled_features=() if self._around.has(Feature.DISABLED_FEATURES) else None,
            modules=modules,
        )

    def _event_info(self, event: StoredEvent) -> EventInfo:
        has_details = self._around.has(Feature.MEETING_DETAILS)
        return EventInfo(
            id=event.id,
            room_id=event.room.id if has_details else None,
            title=event.request.title,
            is_adhoc=bool(event.request.is_adhoc) if self._around.has(Feature.IS_ADHOC) else None,
            meeting_details=self._details(event) if has_details else None,
        )

    def _details(self, event: StoredEvent) -> MeetingDetails | None:
        """How to come in and where to watch; None if the event was created without `show_meeting_details`."""
        if not event.request.show_meeting_details:
            return None
        invite = self._around.store.invite_of(event.room.id, self._around.direct().nanoseconds)
        links = (StreamingLink(name=target.name, url=target.public_url) for target in event.streaming_targets)
        return MeetingDetails(invite_code_id=None if invite is None else invite.code, streaming_links=tuple(links))

    def _owner(self, joiner: Participant) -> RoomOwner | None:
        owner = self._around.store.users.get(joiner.session.admission.room.owner)
        if owner is None:
            return None
        return RoomOwner(
            title=owner.title,
            firstname=owner.firstname,
            lastname=owner.lastname,
            display_name=owner.display_name,
            avatar_url=owner.avatar_url,
        )
