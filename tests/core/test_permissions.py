"""Every permission and every error slug of the controller, compared with the hand-written `tables.permissions`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from stage import CYD, EVE, Line, furnished
from tables import permissions as table

from m3core.controller.features import FeatureLevel
from m3core.messages import Command, Event
from m3core.messages.base import NAMESPACES
from m3core.messages.codec import classes
from m3core.messages.fields import fields_of
from m3core.testing.descriptions import make_answer, make_offer

UNKNOWN = "00000000-0000-4000-8000-000000000000"
_STARTED = {"$poll": ("polls.started", "id"), "$timer": ("timer.started", "timer_id")}
OUTSIDE = frozenset({"nobody", "waiting", "recorder"})


def kind(message: dict[str, Any]) -> str:
    """`namespace.message`, and the slug of an error."""
    payload = message["payload"]
    name = payload["message"] if "message" in payload else payload["action"]
    return f"{message['namespace']}.{name}" + (f".{payload['error']}" if name == "error" else "")


class Cast:
    """A room with the cast of the table."""

    def __init__(self, row: table.Row) -> None:
        level = FeatureLevel(row.level)
        self.room = furnished(level, **row.config)
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
        if word == "$answer":
            offers = [one["payload"]["sdp"] for one in me.messages if kind(one) == "media.sdp_offer"]
            return make_answer(offers[-1], 2) if offers else "v=0"
        if word == "$stream":
            joined = self.lines["owner"].payloads[0]
            return str(next(iter(joined["recording"]["targets"])))
        if word in _STARTED:
            wanted, field = _STARTED[word]
            found = [one["payload"][field] for one in self.lines["owner"].messages if kind(one) == wanted]
            return str(found[-1]) if found else UNKNOWN
        return self._id(self.lines[word[1:]])

    def _id(self, line: Line) -> str:
        return str(self.room.controller.sessions[line.connection].admission.participant_id)

    def told(self, outcome: table.Outcome, role: str, name: str) -> tuple[str, ...]:
        """The messages that the participant ``name`` must receive, by the table."""
        if name == role:
            kinds = outcome.get("self", "")
        else:
            kinds = outcome.get(name, "" if name in OUTSIDE else outcome.get("others", ""))
        return tuple(kinds.split())

    def state(self) -> str:
        """The state that a refused command must not change, as text."""
        (meeting,) = self.room.controller.rooms.live.values()
        people = [
            (one.id, one.display_name, one.role, one.hand_is_up, one.is_presenter, one.is_accepted, one.is_waiting,
             sorted(map(repr, one.publishers)), sorted(map(repr, one.subscriptions)), _looks(one.states))
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


def _cases() -> Iterator[Any]:
    for number, (row, role) in enumerate(table.cases()):
        yield pytest.param(row, role, id=f"{number}-{row.command}-{role}-{row.level}")


@pytest.mark.parametrize(("row", "role"), list(_cases()))
def test_the_table(row: table.Row, role: str) -> None:
    cast = Cast(row)
    for who, command, fields in row.before:
        cast.act(role if who == "self" else who, command, fields, role)
    outcome = row.roles[role]
    before = {name: len(line.messages) for name, line in cast.lines.items()}
    state = cast.state()
    cast.room.sfu.refuse_next = "no" if row.refused_by_sfu else None
    cast.act(role, row.command, row.fields, role)
    for name, line in cast.lines.items():
        received = [kind(message) for message in line.messages[before[name] :]]
        if name in row.closes:  # of those who are removed together, some still receive that others left
            received = [one for one in received if one != "control.left"]
        told = list(cast.told(outcome, role, name))
        assert received == told or (row.any_order and sorted(received) == sorted(told)), name
        assert line.is_open is (name not in row.closes), name
        assert line.is_open or line.closed == [row.closes[name]]
    if _is_refusal(outcome) and not row.refused_by_sfu:
        assert cast.state() == state


def _is_refusal(outcome: table.Outcome) -> bool:
    return set(outcome) == {"self"} and ".error." in outcome["self"]


def _commands() -> set[str]:
    return {f"{namespace}.{action}" for namespace in NAMESPACES for action in classes(namespace, Command)}


def test_every_command_has_rows_for_every_role() -> None:
    roles: dict[str, set[str]] = {command: set() for command in _commands()}
    for row, role in table.cases():
        if row.level == "capture":
            roles.setdefault(row.command, set()).add(role)
    missing = {command: sorted(set(table.ROLES) - found) for command, found in roles.items() if command in _commands()}
    assert {command: names for command, names in missing.items() if names} == {}


def _slugs(namespace: str) -> set[str]:
    error = classes(namespace, Event).get("error")
    hints = [field.type for field in fields_of(error) if field.name == "error"] if error is not None else []
    return {f"{namespace}.{slug.value}" for hint in hints if issubclass(hint, Enum) for slug in hint}


def test_every_error_slug_of_every_offered_namespace_is_in_the_table() -> None:
    offered = furnished().controller.namespaces
    slugs = {slug for namespace in offered for slug in _slugs(namespace)}
    assert len(slugs) > 20
    shown = {
        kinds.replace(".error.", ".")
        for row, role in table.cases()
        for kinds in row.roles[role].values()
        if ".error." in kinds
    }
    assert slugs - shown - set(table.NEVER) == set()
    assert shown.isdisjoint(table.NEVER)


def test_what_is_not_offered_is_in_the_table() -> None:
    offered = furnished().controller.namespaces
    rows = {row.command.partition(".")[0] for row in table.NOT_OFFERED}
    assert offered.isdisjoint(rows)
    assert {namespace for namespace in NAMESPACES if namespace not in offered} <= rows


def test_who_is_banned_does_not_come_back() -> None:
    """signaling.md § 6: a banned user cannot join by any endpoint for accounts; the ban ends with the room (§ 5.4)."""
    room = furnished()
    ada, eve = room.enter("Ada"), room.enter(EVE.display_name)
    again = room.enter(EVE.display_name)
    ada.say("moderation", "ban", target=eve.id)
    assert (eve.closed, again.closed) == ([1000], [1000])
    status, answer = room.start(EVE.display_name, resumption=eve.resumption)
    assert (status, answer["code"]) == (403, "banned_from_room")
    ada.leave()
    assert room.start(EVE.display_name)[0] == 200


def test_errors_say_when_and_to_whom() -> None:
    """Direct answers have nanoseconds (signaling.md § 20), and those of media name the stream (media.md § 3)."""
    room = furnished()
    ada = room.enter("Ada")
    ada.say("media", "subscribe", target=ada.id, media_session_type="video")
    message = ada.messages[-1]
    assert len(message["timestamp"]) == 30
    assert message["payload"] == {
        "message": "error",
        "error": "invalid_request_offer",
        "source": ada.id,
        "media_session_type": "video",
    }
    assert json.dumps(message)
