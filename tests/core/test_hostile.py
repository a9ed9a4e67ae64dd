"""Clients that ignore all rules: none acts for another, and the controller raises nothing and keeps its limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

import pytest
from containers import growth, sizes
from extent import WHOLE, extent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stage import CYD, Line, furnished
from tables import permissions as table

from m3core.controller.features import FeatureLevel
from m3core.limits import BUDGET, BUDGET_RATE
from m3core.messages import Command, UnknownCommand, UnknownEvent, decode_event, encode
from m3core.testing.descriptions import make_offer
from m3core.testing.strategies import commands, unknown_commands
from m3core.values import RoomId

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOWHERE = "00000000-0000-4000-8000-000000000000"
CANDIDATE = "candidate:7 1 udp 2113937151 192.0.2.7 50007 typ host"
_OFFER = make_offer(["video"], 1)
WHO = ("owner", "moderator", "user", "guest", "dan", "waiting", "nobody", "recorder")
_WORDS = ("", "global", "team", "Dana", "x" * 120)
_NUMBERS = (-1, 0, 1, 2, 60, 3600)
_ABOUT_ONE = frozenset(
    {"control.joined", "control.update", "control.left", "breakout.joined", "breakout.left",
     "moderation.joined_waiting_room", "moderation.left_waiting_room"}
)  # fmt: skip
"""Messages about one participant. Unless a moderator causes them, they must be about the sender."""
_AUTHORS = {
    "chat.message_sent": "source",
    "timer.updated_ready_status": "participant_id",
    "media.speaker_updated": "participant",
}


class Stage:
    """A room with all roles, in which everybody may send anything."""

    def __init__(self, level: FeatureLevel) -> None:
        self.room = furnished(level)
        room = self.room
        self.lines: dict[str, Line] = {"owner": room.enter("Ada"), "moderator": room.enter("Mo")}
        self.lines["owner"].say("control", "grant_moderator_role", target=self.lines["moderator"].id)
        self.lines |= {"user": room.enter(CYD.display_name), "guest": room.enter("Bob"), "dan": room.enter("Dan")}
        self.lines["owner"].say("moderation", "enable_waiting_room")
        self.lines |= {"waiting": room.enter("Wes"), "nobody": room.guest("Nod"), "recorder": room.recorder()}
        self.started: list[str] = []

    def ids(self) -> list[str]:
        sessions = self.room.controller.sessions.values()
        return [NOWHERE, *(session.admission.participant_id for session in sessions), *self.started[-6:]]

    def say(self, who: str, command: Command | UnknownCommand, seed: int) -> None:
        """Send a command with ids of this room, and check the messages that everybody receives."""
        line = self.lines[who]
        if not line.is_open:
            self.lines[who] = line = self._back(who)
        random = Random(seed)
        message = self._localised(json.loads(encode(command)), random)
        before = {one: len(one.messages) for one in self.lines.values()}
        session = self.room.controller.sessions[line.connection]
        standing = self._standing(session.admission.participant_id)
        line.send(json.dumps(message).encode())
        me = session.admission.participant_id
        moderates = session.participant is not None and session.participant.is_moderator
        for other, since in before.items():
            for message in other.messages[since:]:
                self._check(message, me, is_mine=other is line, moderates=moderates)
        if not moderates and who not in {"owner", "moderator"}:
            assert self._standing(me) == standing

    def _back(self, who: str) -> Line:
        name = {"owner": "Ada", "user": CYD.display_name}.get(who, "Bob")
        if who == "recorder":
            return self.room.recorder()
        status, _ = self.room.start(name)
        return self.room.enter(name) if status == 200 else self.room.enter(who)

    def _standing(self, me: str) -> object:
        """The state of all participants but ``me`` that only they or a moderator may change."""
        meeting = self.room.controller.rooms.live.get(RoomId(self.room.room))
        return meeting and [
            (one.id, one.display_name, one.role, one.hand_is_up, one.is_presenter, one.is_waiting, one.is_accepted,
             sorted(map(repr, one.publishers)), sorted(map(repr, one.subscriptions)))
            for one in meeting.everyone() if one.id != me
        ]  # fmt: skip

    def _check(self, message: dict[str, Any], me: str, *, is_mine: bool, moderates: bool) -> None:
        namespace, payload = message["namespace"], message["payload"]
        event = decode_event(json.dumps(message))
        assert namespace == "echo" or not isinstance(event, UnknownEvent), message
        kind = f"{namespace}.{payload.get('message')}"
        if kind.endswith(".started"):
            self.started += [payload[key] for key in ("id", "timer_id") if key in payload]
            self.started += [one["id"] for one in payload.get("rooms", ())]
        for key in ("issued_by", "issuer", _AUTHORS.get(kind, "")):
            assert payload.get(key, me) == me, message
        if not moderates and kind in _ABOUT_ONE:
            assert payload["id"] == me, message
        if not moderates and namespace == "media" and not is_mine:
            assert payload.get("source", me) == me, message

    def _localised(self, value: Any, random: Random) -> Any:
        """The value with most (not all) ids, descriptions and numbers replaced by ones that make sense in this room."""
        if isinstance(value, dict):
            return {key: self._field(key, one, random) for key, one in value.items()}
        if isinstance(value, list):
            return [self._localised(one, random) for one in value]
        if isinstance(value, str) and _UUID.fullmatch(value):
            return random.choice(self.ids())
        if isinstance(value, int) and not isinstance(value, bool) and random.random() < 0.8:
            return random.choice(_NUMBERS)
        return value

    def _field(self, key: str, value: Any, random: Random) -> Any:
        if not isinstance(value, str) or random.random() < 0.2:
            return self._localised(value, random)
        if key == "sdp":
            return make_offer(["audio", "video"], random.randrange(9))
        if key == "candidate":
            return CANDIDATE
        if key in {"content", "topic", "display_name", "new_name", "name"}:
            return random.choice(_WORDS)
        if key == "target" and not _UUID.fullmatch(value):
            return random.choice([*self.ids(), "team"])
        return self._localised(value, random)


_STEPS = st.lists(
    st.tuples(st.sampled_from(WHO), commands() | unknown_commands(), st.integers(0, 2**32 - 1)), min_size=5, max_size=40
)


@pytest.mark.parametrize(
    "level", [FeatureLevel.CAPTURE, FeatureLevel.V0_9, FeatureLevel.V0_16], ids=lambda one: one.value
)
@settings(max_examples=extent(whole=1_000, part=15), suppress_health_check=list(HealthCheck))
@given(steps=_STEPS)
def test_nobody_acts_for_another(level: FeatureLevel, steps: list[tuple[str, Command | UnknownCommand, int]]) -> None:
    stage = Stage(level)
    for who, command, seed in steps:
        stage.say(who, command, seed)
        if seed % 7 == 0:
            stage.room.sleep(5.0)
    stage.room.sleep(400.0)
    for line in list(stage.lines.values()):
        if line.is_open:
            line.leave()
    assert stage.room.controller.rooms.live == {}
    assert stage.room.controller.streams.peers == {}
    assert stage.room.controller.deadline is None


_UNDOES = frozenset({"moderation.debrief", "chat.disable_chat", "chat.clear_history", "moderation.disable_raise_hands"})
"""Commands that would free memory, or end the conference."""


def _flood(ids: Iterator[str], sender: str, peer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every command of the owner in the table of permissions, each time with new ids and texts."""

    def filled(value: Any, others: Mapping[str, str]) -> Any:
        if isinstance(value, dict):
            return {key: filled(one, others) for key, one in value.items()}
        if isinstance(value, list):
            return [filled(one, others) for one in value]
        if isinstance(value, str) and (value.startswith("$") or value in {"hi", "Tea?", "One"}):
            return others.get(value) or next(ids)
        return value

    seen = set()
    for row in table.ROWS:
        key = (row.command, repr(row.fields))
        if "owner" in row.roles and key not in seen and row.command not in _UNDOES:
            seen.add(key)
            namespace, _, action = row.command.partition(".")
            name = "message" if namespace == "recording_service" else "action"
            others = {"$self": sender, "$offer": _OFFER} | ({"$dan": peer} if namespace == "chat" else {})
            yield namespace, {name: action, **filled(dict(row.fields), others)}


@pytest.mark.soak
@pytest.mark.parametrize("level", ["capture", "0.16"])
def test_whatever_is_said_again_and_again_is_bounded(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all limits are reached, the controller remembers no more. The senders are slower than the rate limit."""
    if not WHOLE:
        for limit in ("chat_history.MAX_CHAT_HISTORY", "chat_history.MAX_CHAT_HISTORIES", "chat.MAX_LAST_SEEN"):
            monkeypatch.setattr(f"m3core.controller.{limit}", 20)
    room = furnished(FeatureLevel(level))
    ada, cyd = room.enter("Ada"), room.enter(CYD.display_name)
    random = Random(1)
    ids = iter(lambda: f"{random.getrandbits(32):08x}-0000-4000-8000-{random.getrandbits(48):012x}", "")
    names = {line: line.id for line in (ada, cyd)}

    def rounds(count: int) -> None:
        for _ in range(count):
            for line, peer in ((ada, cyd), (cyd, ada)):
                for namespace, payload in _flood(ids, names[line], names[peer]):
                    room.now += 0.015
                    line.say_payload(namespace, payload)
                room.forget()
            room.sleep(0.5)

    rounds(extent(whole=520, part=60))
    before = sizes(room.controller)
    rounds(extent(whole=120, part=60))
    assert (ada.is_open, cyd.is_open) == (True, True)
    assert {path: by for path, by in growth(before, sizes(room.controller)).items() if by > 50} == {}
    assert sum(before.values()) > extent(whole=1_000, part=100)  # the commands were remembered at all


def test_who_sends_too_much_is_disconnected() -> None:
    """The limit is a burst, then a rate; messages that cannot be decoded count, too."""
    room = furnished()
    ada, bob = room.enter("Ada"), room.enter("Bob")
    for _ in range(BUDGET - 1):
        bob.send(b"{")
    assert bob.is_open
    room.now += 10 / BUDGET_RATE
    for _ in range(10):
        bob.send(b"{")
    assert bob.is_open
    bob.send(b"{")
    assert bob.closed == [1008]
    assert ada.payloads[-1] == {"message": "left", "id": bob.id}
    assert ada.is_open
