"""Every permission and every error slug of the controller, compared with the hand-written `tables.permissions`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from cast import Cast, kind
from stage import EVE, furnished
from tables import permissions as table

from m3core.messages import Command, Event
from m3core.messages.base import NAMESPACES
from m3core.messages.codec import classes
from m3core.messages.fields import fields_of

OUTSIDE = frozenset({"nobody", "waiting", "recorder"})


def due(outcome: table.Outcome, role: str, name: str) -> tuple[str, ...]:
    """The messages that the participant ``name`` must receive, by the table."""
    if name == role:
        kinds = outcome.get("self", "")
    else:
        kinds = outcome.get(name, "" if name in OUTSIDE else outcome.get("others", ""))
    return tuple(kinds.split())


def _cases() -> Iterator[Any]:
    for number, (row, role) in enumerate(table.cases()):
        yield pytest.param(row, role, id=f"{number}-{row.command}-{role}-{row.level}")


@pytest.mark.parametrize(("row", "role"), list(_cases()))
def test_the_table(row: table.Row, role: str) -> None:
    cast = Cast(row.level, **row.config)
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
        told = list(due(outcome, role, name))
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
