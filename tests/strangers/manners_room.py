"""The one room of the test controller, and its breakout rooms, at feature level 0.3 (signaling.md)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from manners_media import Media
from manners_people import Person, now, token
from manners_switches import Json, Manners

if TYPE_CHECKING:
    from manners_socket import Socket

OWNER: Final[Json] = {
    "id": "11111111-2222-4333-8444-555555555555",
    "email": "olga@localhost",
    "title": "",
    "firstname": "Olga",
    "lastname": "Owner",
    "display_name": "Olga",
    "avatar_url": "",
    "dashboard_theme": "",
    "conference_theme": "",
    "language": "en",
}
MODULES: Final = ("breakout", "chat", "media", "moderation", "polls", "timer")


class Refusal(Exception):
    """A REST request is refused."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Room:
    """The participants, and which messages they receive."""

    def __init__(self, manners: Manners, clock: Callable[[], float], ring: Callable[[], None]) -> None:
        self.id = str(uuid.uuid4())
        self.invite = str(uuid.uuid4())
        self.tickets: dict[str, Person] = {}
        self.tokens: dict[str, Person] = {}
        self.people: dict[str, Person] = {}
        """Everybody who ever got a ticket, by id."""
        self.breakouts: dict[str, str] = {}
        self.ring = ring
        self.media = Media(manners.sfu, manners.webrtc_down, self)
        self._manners = manners
        self._clock = clock
        self._expires: str | None = None
        self._alarm: asyncio.TimerHandle | None = None

    async def aclose(self) -> None:
        """End all media and the timer."""
        if self._alarm is not None:
            self._alarm.cancel()
        await self.media.aclose()

    def person(self, name: str) -> Person:
        """The participant who came last under that name."""
        return next(one for one in reversed(self.people.values()) if one.name == name)

    # -- REST ---
    def event(self, body: Json) -> Json:
        """The one event of the controller, with title and description of ``body``."""
        public = {key: OWNER[key] for key in list(OWNER)[:7]}
        return {
            "id": str(uuid.uuid4()),
            "created_by": public,
            "created_at": now(),
            "updated_by": public,
            "updated_at": now(),
            "title": body["title"],
            "description": body["description"],
            "room": self.resource(),
            "invitees_truncated": False,
            "invitees": [],
            "is_time_independent": True,
            "is_adhoc": True,
            "type": "single",
            "invite_status": "accepted",
            "is_favorite": False,
            "can_edit": True,
        }

    def resource(self) -> Json:
        """The room as REST shows it."""
        return {"id": self.id, "created_by": {}, "waiting_room": self._manners.waiting_room, "password": None}

    def invitation(self) -> Json:
        """The one invitation for guests as REST shows it."""
        return {"invite_code": self.invite, "room_id": self.id, "active": True, "expiration": None}

    def start(self, breakout: str | None, resumption: str | None, *, guest: bool) -> Json:
        """A ticket, and a new resumption token."""
        if breakout is not None and breakout not in self.breakouts:
            raise Refusal(400, "invalid_breakout_room_id" if self.breakouts else "no_breakout_rooms")
        person = self._resume(resumption or "") or Person(guest)
        person.room = breakout or ""
        self.people[person.id] = person
        ticket, resumption = token(), token()
        self.tickets[ticket] = self.tokens[resumption] = person
        return {"ticket": ticket, "resumption": resumption}

    def _resume(self, resumption: str) -> Person | None:
        person = self.tokens.get(resumption)
        if person is None:
            return None
        is_recent = person.lost_at is not None and self._clock() - person.lost_at < self._manners.session_running
        if person.socket is not None or is_recent:
            raise Refusal(400, "session_running")
        del self.tokens[resumption]
        if person.is_ghost:
            return None
        self._gone(person)
        person.lost_at = None
        return person

    # -- the way in and out ---
    async def take(self, person: Person, namespace: str, payload: Json) -> None:
        """Handle one message of a client."""
        person.heard.append((namespace, payload))
        action = payload.get("action")
        is_ignored = self._manners.pings_only and person.is_in
        if is_ignored:
            return
        if namespace == "echo":
            person.say("echo", payload)
        elif action == "join":
            person.name = payload["display_name"]
            self._ask_in(person)
        elif action == "enter_room" and person.accepted:
            self._let_in(person)
        elif person.is_in and namespace == "media":
            await self.media.take(person, payload)
        elif person.is_in:
            self._take_in_room(person, namespace, payload)

    def _ask_in(self, person: Person) -> None:
        if not self._manners.waiting_room or not person.is_guest or person.accepted:
            self._let_in(person)
            return
        person.waits = True
        person.say("moderation", {"message": "in_waiting_room"})
        self.tell_all("moderation", {"message": "joined_waiting_room", "id": person.id, "control": person.control()})
        if self._manners.updates_of_who_waits:
            self.tell_all("control", {"message": "update", **person.entry()})

    def accept(self, person: Person) -> None:
        """Accept somebody from the waiting room, as a moderator does."""
        person.accepted = True
        person.say("moderation", {"message": "accepted"})

    def _let_in(self, person: Person) -> None:
        if person.waits:
            person.waits = False
            self.tell_all("moderation", {"message": "left_waiting_room", "id": person.id})
        others = self.others(person)
        is_over = person.room and self._manners.breakouts_are_over
        if is_over:
            self.breakouts = {}  # no `join_success` mentions them any more
        person.is_in = True
        person.say("control", self._welcome(person, others))
        if is_over:
            person.is_in = False
            person.wire().close(1011)
            return
        for other in others:
            self.tell(other, "control", {"message": "joined", **person.entry()})

    def _welcome(self, person: Person, others: Iterable[Person]) -> Json:
        waiting = [
            {"id": one.id, "control": one.control(), "waiting_room_state": "accepted" if one.accepted else "waiting"}
            for one in self.people.values()
            if one.waits
        ]
        switches = {"raise_hands_enabled": True, "waiting_room_enabled": self._manners.waiting_room}
        welcome: Json = {
            "message": "join_success",
            "id": person.id,
            "display_name": person.name,
            "role": person.control()["role"],
            "participants": [other.entry() for other in others],
            "media": {"is_presenter": True},
            "chat": {
                "enabled": True,
                "room_history": [],
                "groups_history": [],
                "last_seen_timestamp_global": None,
                "last_seen_timestamps_private": {},
                "last_seen_timestamps_group": {},
            },
            "tariff": {"id": self.id, "name": "tests", "quotas": {}, "enabled_modules": list(MODULES)},
        }
        if not person.is_guest:
            welcome["moderation"] = {**switches, "waiting_room_participants": waiting}
        if self.breakouts:
            welcome["breakout"] = {**self._breakouts(), "current": person.room or None, "participants": []}
        return welcome

    def lost(self, person: Person, socket: Socket, *, closed: bool) -> None:
        """A connection ended. ``closed``: with close frames."""
        if person.socket is not socket:
            return
        person.socket = None
        if person.waits:
            person.waits = False
            self.tell_all("moderation", {"message": "left_waiting_room", "id": person.id})
        if closed or not self._manners.session_running:
            self._gone(person)
        else:
            person.lost_at = self._clock()
        self.ring()

    def crash(self) -> None:
        """Break all connections, and forget to remove the participants."""
        for person in list(self.people.values()):
            person.is_ghost = person.is_in
            if person.socket is not None:
                person.lost_at = self._clock()
                socket, person.socket = person.socket, None
                socket.abort()
        self.media.forget_all()

    def _gone(self, person: Person) -> None:
        if person.is_in and not person.is_ghost:
            person.is_in = False
            self.media.forget(person)
            for other in self.others(person):
                self.tell(other, "control", {"message": "left", "id": person.id})

    # -- in the room ---
    def others(self, person: Person) -> list[Person]:
        """The other participants in the same room."""
        return [one for one in self.people.values() if one.is_in and one is not person and one.room == person.room]

    def tell(self, person: Person, namespace: str, payload: Json) -> None:
        """Send a message to a participant in the room, unless `Manners.pings_only`."""
        if not self._manners.pings_only:
            person.say(namespace, payload)

    def tell_all(self, namespace: str, payload: Json) -> None:
        """Send a message to everybody in the main room and in breakout rooms."""
        for person in self.people.values():
            if person.is_in:
                self.tell(person, namespace, payload)

    def tell_others(self, person: Person) -> None:
        """Send the others an `update` about a participant."""
        for other in self.others(person):
            self.tell(other, "control", {"message": "update", **person.entry()})

    def kick(self, person: Person) -> None:
        """Remove a participant, as a moderator does."""
        person.say("moderation", {"message": "kicked"})
        person.wire().close(1000)

    def _take_in_room(self, person: Person, namespace: str, payload: Json) -> None:
        match namespace, payload.get("action"):
            case "control", "raise_hand" | "lower_hand" as action:
                person.hand = action == "raise_hand"
                self.tell_others(person)
            case "chat", "send_message":
                told = {**payload, "message": "message_sent", "id": str(uuid.uuid4()), "source": person.id}
                del told["action"]
                for other in (person, *self.others(person)):
                    if payload.get("scope") != "private" or payload["target"] == other.id or other is person:
                        self.tell(other, "chat", told)
            case "moderation", "kick" if payload["target"] in self.people:
                self.kick(self.people[payload["target"]])
            case "moderation", "accept" if payload["target"] in self.people:
                self.accept(self.people[payload["target"]])

    # -- breakout rooms ---
    def open_breakouts(self, names: Iterable[str], seconds: float | None) -> list[str]:
        """Start breakout rooms, as a moderator does; return their ids."""
        self.breakouts = {str(uuid.uuid4()): name for name in names}
        self._expires = None if seconds is None else now(seconds)
        if seconds is not None and not self._manners.breakouts_expire_silently:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._expire)
        self.tell_all("breakout", {"message": "started", **self._breakouts(), "assignment": None})
        return list(self.breakouts)

    def _breakouts(self) -> Json:
        rooms = [{"id": id_, "name": name} for id_, name in self.breakouts.items()]
        return {"rooms": rooms, "expires": self._expires}

    def _expire(self) -> None:
        self.breakouts = {}
        self.tell_all("breakout", {"message": "expired"})
