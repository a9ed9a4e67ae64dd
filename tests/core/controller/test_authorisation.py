"""Who may still come in after something has changed: every point of the way in, and every change.

A visitor walks up to a point of the way. Then something changes, and the visitor walks on. `EXPECTED` says how far.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from stage import EVE, RECORDER, Stage

from m3core.controller.config import User
from m3core.controller.features import FeatureLevel
from m3core.values import InviteCode, RoomId, Secret, UserId

FAY = User(id=UserId("91f2be0c-4a0d-44a2-8f1c-9f3b2d6f0b11"), email="fay@example.org", display_name="Fay")
POINTS = (
    "no ticket",
    "ticket",
    "connected",
    "waiting",
    "accepted",
    "inside",
    "lost",
    "ticket to come back",
    "connected again",
)
"""The points of the way, in order. Recorders never wait, and nobody waits who comes back."""
EXPIRES = 20.0
"""When the invitation expires, in seconds: before tickets do."""


class Visit:
    """A meeting with a waiting room, its owner, and somebody on the way into it."""

    def __init__(self, level: FeatureLevel, who: str) -> None:
        config: dict[str, Any] = {"open_rooms": True, "recorder_token": Secret(RECORDER)}
        self.stage = Stage(level, waiting_room=True, users=[EVE, FAY], **config)
        self.who = who
        self.outcome = ""
        """Why the visitor got no further."""
        stage = self.stage
        stage.joined("ada")
        stage.say("ada", "moderation", "disable_waiting_room")
        other = stage.enter("Eve")
        self._other = other.id
        """Another session of Eve, by which the moderator knows her."""
        other.leave()
        stage.say("ada", "moderation", "enable_waiting_room")
        stage.forget()
        body = {"expiration": "2024-03-05T09:30:20Z"}
        stage.invite = stage.ask("POST", f"/rooms/{stage.room}/invites", body)[1]["invite_code"]
        self._ticket = ""
        self.token: str | None = None
        self._id = ""

    def walk(self, start: str, end: str) -> None:
        """Go from one point to another."""
        for point in POINTS[POINTS.index(start) + 1 : POINTS.index(end) + 1]:
            if not self.outcome:
                self._step(point)

    def walk_in(self, start: str) -> str:
        """Go on into the room, and say how that ended: "in", or what was refused."""
        if not self.outcome:
            self.walk(start, "inside" if start in POINTS[:6] else POINTS[-1])
        if not self.outcome and start in POINTS[6:]:
            self._join()
        return self.outcome or "in"

    def _step(self, point: str) -> None:
        stage = self.stage
        match point:
            case "ticket" | "ticket to come back":
                body = {"resumption": self.token} if point != "ticket" and self.who != "recorder" else {}
                start = stage.start_recorder if self.who == "recorder" else lambda **more: stage.start(self.who, **more)
                status, answer = start(**body)
                if status != 200:
                    self.outcome = f"{status} {answer['code']}"
                    return
                self._ticket, self.token = answer["ticket"], answer["resumption"]
            case "connected" | "connected again":
                status = stage.knock(self.who, self._ticket)
                self.outcome = "" if status == 101 else f"handshake {status}"
                if status == 101:
                    session = stage.controller.sessions[stage.connections[self.who]]
                    self._id = session.admission.participant_id
            case "waiting":
                self._join()
            case "accepted":
                if self.who != "recorder":
                    stage.say("ada", "moderation", "accept", target=self._id)
                    assert stage.names(self.who) == ["accepted"]
            case "inside":
                if self.who != "recorder":
                    stage.say(self.who, "control", "enter_room")
                    self._look("join_success")
            case _:
                stage.lose(self.who)

    def _join(self) -> None:
        self.stage.inbox.clear()
        if self.who in self.stage.connections:
            message = {"namespace": "control", "action": "join", "display_name": self.who.title()}
            self.stage.inbox[self.who] = [{"payload": one} for one in self.stage.say(self.who, **message)]
        is_back = self.who == "recorder" or self.stage.ids.get(self.who) is not None
        self._look("join_success" if is_back else "in_waiting_room")

    def _look(self, wanted: str) -> None:
        """Whether the last step brought ``wanted``; else this is the end."""
        heard = [one["message"] for one in self.stage.heard(self.who)]
        closed = [f"closed {code}" for name, code in self.stage.closed.items() if name == self.who]
        if heard[:1] != [wanted]:
            self.outcome = ", ".join([*heard, *closed])

    def change(self, change: str) -> None:
        """Something happens."""
        stage = self.stage
        match change:
            case "room deleted":
                stage.controller.delete_room(RoomId(stage.room), stage.now)
                stage.drain()
            case "expired":
                stage.now = EXPIRES
            case "invitation removed":
                del stage.controller.store.invites[InviteCode(stage.invite)]
            case "banned":
                stage.say("ada", "moderation", "ban", target=self._other)
            case "kicked":
                stage.say("ada", "moderation", "kick", target=self._id or self._other)
            case _:
                stage.say("ada", "moderation", "debrief", kick_scope="users_and_guests")
        if self.who in stage.closed:
            self._look("-")


SILENT = "closed 1000"
EXPECTED: dict[tuple[str, str], dict[str, str]] = {
    ("bob", "expired"): {"no ticket": "404 not_found", "ticket": "handshake 404", "connected": SILENT},
    ("eve", "expired"): {},
    ("recorder", "expired"): {},
    # Who waits learns of it when it enters the room, and who is inside remains there.
    ("bob", "invitation removed"): {
        "no ticket": "404 not_found",
        "ticket": "handshake 404",
        **dict.fromkeys(("connected", "waiting", "accepted"), SILENT),
        "lost": "404 not_found",
        "ticket to come back": "handshake 404",
        "connected again": SILENT,
    },
    ("eve", "invitation removed"): {},
    ("bob", "room deleted"): {
        "no ticket": "404 not_found",
        "ticket": "handshake 404",
        "connected": SILENT,
        **dict.fromkeys(("waiting", "accepted", "inside"), "room_deleted, closed 1000"),
        "lost": "404 not_found",
        "ticket to come back": "handshake 404",
        "connected again": SILENT,
    },
    ("recorder", "room deleted"): {
        "no ticket": "404 not_found",
        "ticket": "handshake 404",
        "connected": SILENT,
        **dict.fromkeys(("waiting", "accepted", "inside"), "room_deleted, closed 1000"),
    },
    ("eve", "banned"): {
        "no ticket": "403 banned_from_room",
        "ticket": "handshake 403",
        "connected": SILENT,
        **dict.fromkeys(("waiting", "accepted", "inside"), "banned, closed 1000"),
        "lost": "403 banned_from_room",
        "ticket to come back": "handshake 403",
        "connected again": SILENT,
    },
    # Only who is inside can be kicked (signaling.md § 6).
    ("bob", "kicked"): {"inside": "kicked, closed 1000"},
    ("eve", "kicked"): {"inside": "kicked, closed 1000"},
    ("bob", "debriefed"): {
        "inside": "session_ended, closed 1000",
        **dict.fromkeys(("lost", "ticket to come back", "connected again"), "in_waiting_room"),
    },
}
EXPECTED["eve", "room deleted"] = EXPECTED["bob", "room deleted"]
EXPECTED["eve", "debriefed"] = EXPECTED["bob", "debriefed"]
"""How the way in ends, by the visitor (Bob is a guest, Eve has an account) and the change. A point that is not named:
nothing has changed, and the visitor gets in."""


def _cases() -> Iterator[Any]:
    for (who, change), ends in EXPECTED.items():
        for point in POINTS:
            if who == "recorder" and POINTS.index(point) > POINTS.index("inside"):
                continue  # a recorder has no way to resume
            yield pytest.param(who, change, point, ends.get(point, "in"), id=f"{who}-{change}-{point}")


@pytest.mark.parametrize("level", [FeatureLevel.V0_9, FeatureLevel.V0_16])
@pytest.mark.parametrize(("who", "change", "point", "expected"), list(_cases()))
def test_who_may_come_in(level: FeatureLevel, who: str, change: str, point: str, expected: str) -> None:
    visit = Visit(level, who)
    visit.walk("no ticket", point)
    assert visit.outcome == ""
    visit.change(change)
    assert visit.walk_in(point) == expected
    is_there = any(
        one.session.connection in visit.stage.lines for one in _everyone(visit.stage) if one.display_name != "Ada"
    )
    assert is_there is (expected in {"in", "in_waiting_room"})


def _everyone(stage: Stage) -> list[Any]:
    meeting = stage.controller.rooms.live.get(RoomId(stage.room))
    return [] if meeting is None else list(meeting.everyone())


@pytest.mark.parametrize("point", POINTS)
def test_at_the_first_level_an_invitation_opens_the_room_for_ever(point: str) -> None:
    """rest.md § 4, start: the reference does not look at the expiration."""
    visit = Visit(FeatureLevel.CAPTURE, "bob")
    visit.walk("no ticket", point)
    visit.change("expired")
    assert visit.walk_in(point) == "in"


@pytest.mark.parametrize("level", [FeatureLevel.V0_3, FeatureLevel.V0_16])
def test_an_expired_invitation_brings_no_turn_servers(level: FeatureLevel) -> None:
    visit = Visit(level, "bob")
    stage = visit.stage
    assert stage.ask("GET", "/turn", {}, stage.invite)[0] == 204
    visit.change("expired")
    assert stage.ask("GET", "/turn", {}, stage.invite)[0] == 401
    assert stage.ask("GET", "/turn", {})[0] == 204  # the owner


@pytest.mark.parametrize("change", ["kicked", "debriefed"])
def test_who_was_thrown_out_is_somebody_new(change: str) -> None:
    """signaling.md § 3: the token ends with the session, and so do the place and the acceptance."""
    visit = Visit(FeatureLevel.V0_16, "bob")
    stage = visit.stage
    visit.walk("no ticket", "inside")
    before = stage.ids["bob"]
    visit.change(change)
    (waits,) = stage.join("bob", resumption=visit.token)
    assert waits["message"] == "in_waiting_room"
    after = stage.controller.sessions[stage.connections["bob"]].admission.participant_id
    assert after != before


def test_a_debriefing_of_guests_makes_nobody_else_wait() -> None:
    """A user whose connection was lost at that moment belongs to those who remain."""
    visit = Visit(FeatureLevel.V0_16, "eve")
    stage = visit.stage
    visit.walk("no ticket", "lost")
    stage.say("ada", "moderation", "debrief", kick_scope="guests")
    assert visit.walk_in("lost") == "in"


def test_who_was_kicked_does_not_come_back_by_an_expired_invitation() -> None:
    visit = Visit(FeatureLevel.V0_16, "bob")
    visit.walk("no ticket", "inside")
    visit.change("kicked")
    visit.change("expired")
    status, answer = visit.stage.start("bob", resumption=visit.token)
    assert (status, answer["code"]) == (404, "not_found")


def test_a_token_of_nobody_does_not_help_an_expired_invitation() -> None:
    """Not one that is unknown, of another room, of an account, of a recorder, or too old."""
    visit = Visit(FeatureLevel.V0_16, "bob")
    stage = visit.stage
    stage.say("ada", "moderation", "disable_waiting_room")
    eve, recorder, elsewhere = stage.enter("Eve"), stage.recorder(), Visit(FeatureLevel.V0_16, "bob")
    elsewhere.walk("no ticket", "lost")
    eve.leave()
    recorder.leave()
    visit.change("expired")
    for token in ("x" * 64, eve.resumption, recorder.resumption, elsewhere.token):
        status, answer = stage.start("bob", resumption=token)
        assert (status, answer["code"]) == (404, "not_found")
    visit = Visit(FeatureLevel.V0_16, "bob")
    visit.walk("no ticket", "lost")
    visit.stage.now = 200.0
    assert visit.stage.start("bob", resumption=visit.token)[0] == 404


def test_a_guest_does_not_continue_a_recording() -> None:
    visit = Visit(FeatureLevel.V0_16, "bob")
    stage = visit.stage
    recorder = stage.recorder()
    participant = stage.controller.sessions[recorder.connection].admission.participant_id
    recorder.leave()
    stage.connect("bob", resumption=recorder.resumption)
    assert stage.controller.sessions[stage.connections["bob"]].admission.participant_id != participant


def test_a_full_room_does_not_keep_a_banned_user_in_line() -> None:
    stage = Stage(FeatureLevel.V0_16, users=[EVE, FAY], open_rooms=True, participant_limit=2)
    stage.joined("ada", "eve")
    again = stage.enter("Eve")
    assert again.payloads == [{"message": "join_blocked", "reason": "participant_limit_reached"}]
    stage.say("ada", "moderation", "ban", target=stage.ids["eve"])
    assert again.closed == [1000]


def test_others_remain_connected() -> None:
    """A ban, and the end of a room, concern nobody else who has not joined yet."""
    stage = Stage(FeatureLevel.V0_16, users=[EVE, FAY], open_rooms=True)
    stage.joined("ada", "eve")
    event = {"title": "T", "description": "", "is_time_independent": True}
    first, second = stage.room, stage.ask("POST", "/events", event)[1]["room"]["id"]
    bob, fay = stage.guest("Bob"), stage.enter("Fay")
    stage.connect("fay")
    stage.room = second
    stage.connect("Eve")
    elsewhere = stage.lines[stage.connections["Eve"]]
    stage.say("ada", "moderation", "ban", target=stage.ids["eve"])
    assert all(line.is_open for line in (bob, fay, elsewhere))
    assert elsewhere.join()
    stage.controller.delete_room(RoomId(first), stage.now)
    stage.drain()
    assert not bob.is_open
    assert not fay.is_open
    assert elsewhere.is_open


def test_a_ban_asks_nobody_inside_for_an_invitation() -> None:
    stage = Stage(FeatureLevel.V0_16, users=[EVE, FAY], open_rooms=True)
    stage.joined("ada", "eve")
    inside, outside = stage.enter("Bob"), stage.guest("Bob")
    del stage.controller.store.invites[InviteCode(stage.invite)]
    stage.say("ada", "moderation", "ban", target=stage.ids["eve"])
    assert (inside.is_open, outside.is_open) == (True, False)
