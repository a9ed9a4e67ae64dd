"""Every role with every command at every level, and every asker with every route, against `tables.authorisation`."""

from __future__ import annotations

from typing import Any

import pytest
from cast import Cast, kind
from extent import cases
from stage import CYD, EVE, RECORDER, Stage
from tables import authorisation as table

from m3core.controller.config import User
from m3core.controller.features import FeatureLevel
from m3core.messages import Command
from m3core.messages.base import NAMESPACES
from m3core.messages.codec import classes
from m3core.rest.routes import ENDPOINTS
from m3core.rest.turn import TurnServer
from m3core.testing.pair import OWNER_TOKEN
from m3core.values import Secret, UserId

FAY = User(id=UserId("91f2be0c-4a0d-44a2-8f1c-9f3b2d6f0b11"), email="fay@example.org", display_name="Fay")
FIRST = ("capture", "0.9", "0.16")
LEVELS = cases((*FIRST, *(level for level in table.LEVELS if level not in FIRST)), part=len(FIRST))


class Everybody(Cast):
    """The cast of `permissions`, and those whom `tables.authorisation` adds."""

    def __init__(self, level: str) -> None:
        super().__init__(level, users=(CYD, EVE, FAY))
        room, lines = self.room, self.lines
        self.act("owner", "moderation.disable_waiting_room", {})
        lines["kicked"], lines["banned"] = room.enter("Kit"), room.enter(FAY.display_name)
        self.act("owner", "moderation.kick", {"target": "$kicked"})
        self.act("owner", "moderation.ban", {"target": "$banned"})
        self.act("owner", "moderation.enable_waiting_room", {})
        lines["accepted"] = room.enter("Acker")
        self.act("owner", "moderation.accept", {"target": "$accepted"})

    def outcome(self, rule: table.Rule, role: str) -> str:
        """Let ``role`` send the command of ``rule``; what happens, in the words of the table."""
        lines = self.lines
        told = {name: len(line.messages) for name, line in lines.items()}
        before = (self.state(), len(self.room.sfu.commands), dict(self.room.closed))
        self.act(role, rule.command, rule.fields, role)
        is_changed = (self.state(), len(self.room.sfu.commands), dict(self.room.closed)) != before
        heard = {name: [kind(one) for one in line.messages[told[name] :]] for name, line in lines.items()}
        own, others = heard.pop(role), any(heard.values())
        errors = [one.replace(".error.", ".") for one in own if ".error." in one]
        if errors:
            assert (own, others, is_changed) == ([own[0]], False, False), "an error, and something else"
            return errors[0]
        return table.OBEYED if own or others or is_changed else table.NOTHING


@pytest.mark.soak
@pytest.mark.parametrize("rule", table.RULES, ids=lambda rule: rule.command)
@pytest.mark.parametrize("level", LEVELS)
def test_commands(rule: table.Rule, level: str) -> None:
    expected = {role: rule.outcome(role, level) for role in table.ROLES}
    # A command that is not obeyed changes nothing. So all roles for whom that is due may be in the same room, unless
    # what comes before is about the sender.
    shared = [role for role in table.ROLES if expected[role] != table.OBEYED and not _is_personal(rule)]
    found = {} if not shared else _outcomes(rule, level, *shared)
    for role in table.ROLES:
        if role not in shared:
            found |= _outcomes(rule, level, role)
    assert found == expected


def _is_personal(rule: table.Rule) -> bool:
    return any(who == "self" or "$self" in repr(fields) for who, _, fields in rule.before)


def _outcomes(rule: table.Rule, level: str, *roles: str) -> dict[str, str]:
    cast = Everybody(level)
    if "recorder" in roles and table.RECORDER not in rule.before:
        cast.act(*table.RECORDER)
    for who, command, fields in rule.before:
        cast.act(roles[0] if who == "self" else who, command, fields, roles[0])
    return {role: cast.outcome(rule, role) for role in roles}


def test_every_command_has_a_rule() -> None:
    commands = {f"{namespace}.{action}" for namespace in NAMESPACES for action in classes(namespace, Command)}
    # No role gets a file: this controller has no store for them (`permissions` has the answers).
    without_effect = {"protocol.generate_pdf", "meeting_notes.generate_pdf"}
    assert commands - {rule.command for rule in table.RULES} == without_effect


def test_the_roles_are_those_of_the_cast() -> None:
    assert set(table.ROLES) <= set(Everybody("capture").lines)
    assert tuple(level.value for level in FeatureLevel) == table.LEVELS


# -- REST ---
class Asked:
    """A controller with one room, and a request of each asker."""

    def __init__(self, *, is_open: bool) -> None:
        servers = (TurnServer(uris=("stun:192.0.2.1:3478",)),)
        self.stage = Stage(
            FeatureLevel.V0_16,
            users=[EVE, FAY],
            open_rooms=is_open,
            recorder_token=Secret(RECORDER),
            turn_servers=servers,
        )
        stage = self.stage
        expired = {"expiration": "2024-03-05T09:29:00Z"}
        self.stage.controller.store.users.pop(FAY.id)  # she has a token, and has never logged in here
        event = {"title": "T", "description": "", "is_time_independent": True}
        self.event = stage.ask("POST", "/events", event)[1]
        self.tokens = {
            "nobody": None,
            "owner": OWNER_TOKEN.reveal(),
            "other": f"token-{EVE.id}",
            "stranger": f"token-{FAY.id}",
            "invited": stage.invite,
            "expired": stage.ask("POST", f"/rooms/{stage.room}/invites", expired)[1]["invite_code"],
            "wrong": "wrong",
            "recorder": RECORDER,
        }

    def answer(self, route: str, asker: str) -> str:
        """Status and code. What is refused leaves nothing behind."""
        stage, (method, path) = self.stage, route.split(" ")
        path = path.format(event_id=self.event["id"], room_id=stage.room)
        before = self._size()
        status, body = stage.ask(method, path, self._body(path), self.tokens[asker])
        assert status < 400 or self._size() == before
        return f"{status} {body['code']}" if status >= 400 and body else str(status)

    def _size(self) -> list[int]:
        controller = self.stage.controller
        store = controller.store
        return [len(one) for one in (controller.tickets, store.users, store.rooms, store.events, store.invites)]

    def _body(self, path: str) -> dict[str, Any]:
        bodies: dict[str, dict[str, Any]] = {
            "/auth/login": {"id_token": self.tokens["owner"]},
            "/events": {"title": "T", "description": "", "is_time_independent": True},
            "/invite/verify": {"invite_code": self.stage.invite},
            "/services/recording/start": {"room_id": self.stage.room},
        }
        invited = {"invite_code": self.stage.invite} if path.endswith("/start_invited") else {}
        return bodies.get(path, invited)


@pytest.mark.parametrize(("is_open", "route", "asker", "expected"), list(table.asked()))
def test_resources(*, is_open: bool, route: str, asker: str, expected: str) -> None:
    assert Asked(is_open=is_open).answer(route, asker) == expected


def test_every_route_has_a_rule() -> None:
    assert set(table.ROUTES) == {str(endpoint) for endpoint in ENDPOINTS}


@pytest.mark.parametrize("asker", table.ASKERS)
def test_nothing_of_somebody_else_is_shown_by_another_id(asker: str) -> None:
    """An unknown room or event looks like one that the asker may not see (rest.md § 1)."""
    asked = Asked(is_open=False)
    asked.event["id"] = asked.stage.room = "00000000-0000-4000-8000-000000000000"
    for route in ("GET /events/{event_id}", "GET /rooms/{room_id}", "POST /rooms/{room_id}/start"):
        expected = "403" if asker == "owner" else table.ROUTES[route].get(asker, "401 unauthorized")
        assert asked.answer(route, asker) == expected
