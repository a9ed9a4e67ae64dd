"""Everybody whom `tables.permissions` and `tables.authorisation` name, in one room, and the state of that room."""

from __future__ import annotations

from typing import Any

from stage import CYD, EVE, Line, furnished

from m3core.controller.features import FeatureLevel
from m3core.testing.descriptions import make_answer, make_offer

UNKNOWN = "00000000-0000-4000-8000-000000000000"
_STARTED = {"$poll": ("polls.started", "id"), "$timer": ("timer.started", "timer_id")}


def kind(message: dict[str, Any]) -> str:
    """`namespace.message`, and the slug of an error."""
    payload = message["payload"]
    name = payload["message"] if "message" in payload else payload["action"]
    return f"{message['namespace']}.{name}" + (f".{payload['error']}" if name == "error" else "")


class Cast:
    """A room with the cast of `tables.permissions`. ``config`` is that of the controller."""

    def __init__(self, level: str, **config: Any) -> None:
        self.room = furnished(FeatureLevel(level), **config)
        room = self.room
        self.lines: dict[str, Line] = {
            "owner": room.enter("Ada"),
            "moderator": room.enter("Mo"),
            "user": room.enter(CYD.display_name),
            "eve": room.enter(EVE.display_name),
            "guest": room.enter("Bob"),
            "dan": room.enter("Dan"),
        }
        self.act("owner", "control.grant_moderator_role", {"target": "$moderator"})
        self.act("owner", "moderation.enable_waiting_room", {})
        self.lines["waiting"] = room.enter("Wes")
        self.lines["nobody"] = room.guest("Nod")
        self.lines["recorder"] = room.recorder()

    def act(self, who: str, command: str, fields: Any, me: str = "owner") -> None:
        """Let ``who`` send a command, with ids in place of `$` words; ``me`` is the sender of the row."""
        namespace, _, action = command.partition(".")
        line = self.lines[who]
        key = "message" if namespace == "recording_service" else "action"
        line.say_payload(namespace, {key: action, **self._filled(fields, self.lines[me])})

    def _filled(self, value: Any, me: Line) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(one, me) for key, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one, me) for one in value]
        return self._word(value, me) if isinstance(value, str) and value.startswith("$") else value

    def _word(self, word: str, me: Line) -> str:
        if word == "$unknown":
            return UNKNOWN
        if word == "$self":
            return self._id(me)
        if word == "$offer":
            return make_offer(["audio", "video"], 1)
        if word == "$trickling":  # an offer whose candidates are not complete
            return make_offer(["audio", "video"], 1).replace("a=end-of-candidates\r\n", "")
        if word == "$answer":
            offers = [one["payload"]["sdp"] for one in me.messages if kind(one) == "media.sdp_offer"]
            return make_answer(offers[-1], 2) if offers else "v=0"
        if word == "$stream":
            told = self.lines["owner"].payloads[0]["recording"]  # before 0.14 there are no targets
            return str(next(iter(told["targets"]))) if told else UNKNOWN
        if word in _STARTED:
            wanted, field = _STARTED[word]
            found = [one["payload"][field] for one in self.lines["owner"].messages if kind(one) == wanted]
            return str(found[-1]) if found else UNKNOWN
        return self._id(self.lines[word[1:]])

    def _id(self, line: Line) -> str:
        session = self.room.controller.sessions.get(line.connection)
        return line.id if session is None else str(session.admission.participant_id)

    def state(self) -> str:
        """The state that a refused command must not change, as text."""
        (meeting,) = self.room.controller.rooms.live.values()
        people = [
            (one.id, one.display_name, one.role, one.hand_is_up, one.is_presenter, one.is_accepted, one.is_waiting,
             sorted(map(repr, one.publishers)), sorted(map(repr, one.subscriptions)),
             sorted(map(repr, one.announced.items())), _looks(one.states))
            for one in meeting.everyone()
        ]  # fmt: skip
        switches = (meeting.waiting_room_enabled, meeting.raise_hands_enabled, sorted(meeting.banned))
        rooms = [(room.breakout, sorted(room.present), _looks(room.states)) for room in meeting.rooms.values()]
        return repr((people, switches, meeting.breakouts, rooms, _looks(meeting.states)))


def _looks(states: Any) -> str:
    """What modules remember, without entries that are equal to the default."""
    found = {kind: repr(_plain(value)) for kind, value in states._by_kind.items()}
    return repr(sorted((kind.__name__, text) for kind, text in found.items() if text != _fresh(kind)))


def _fresh(kind: type) -> str | None:
    try:
        return repr(_plain(kind()))
    except TypeError:
        return None


def _plain(value: Any) -> Any:
    names = getattr(value, "__attrs_attrs__", None)
    return {one.name: getattr(value, one.name) for one in names} if names else vars(value)
