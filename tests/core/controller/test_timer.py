"""Namespace `timer` on the server: stopwatch, countdown, who is ready (signaling.md § 10)."""

from __future__ import annotations

from typing import Any

import pytest
from stage import Stage
from worlds import NOBODY

from m3core.controller.features import FeatureLevel
from m3core.controller.room import Breakouts
from m3core.limits import MAX_TIMER_TEXT
from m3core.values import BreakoutRoomId, RoomId

COFFEE: dict[str, Any] = {
    "kind": "countdown",
    "duration": 300,
    "style": "coffee-break",
    "title": "Coffee",
    "enable_ready_check": True,
}
RED = BreakoutRoomId("c89e8ce3-708c-4e3d-80c9-eba5957146e7")


def meeting(level: FeatureLevel = FeatureLevel.CAPTURE) -> Stage:
    stage = Stage(level)
    stage.joined("ada", "bob", "cyd")
    return stage


def start(stage: Stage, **fields: Any) -> str:
    """Start a timer, and empty the inboxes. Returns its id."""
    timer: str = stage.say("ada", "timer", "start", **COFFEE | fields)[-1]["timer_id"]
    stage.inbox.clear()
    return timer


def ready(stage: Stage, who: str, timer: str, *, status: bool = True) -> list[dict[str, Any]]:
    return stage.say(who, "timer", "update_ready_status", timer_id=timer, status=status)


def error(slug: str) -> list[dict[str, Any]]:
    return [{"message": "error", "error": slug}]


def test_a_countdown_expires() -> None:
    stage = meeting()
    stage.now = 1.5
    (started,) = stage.say("ada", "timer", "start", **COFFEE)
    told = {
        "timer_id": started["timer_id"],
        "started_at": "2024-03-05T09:30:01.500000000Z",
        "kind": "countdown",
        "ends_at": "2024-03-05T09:35:01.500000000Z",
        "style": "coffee-break",
        "title": "Coffee",
        "ready_check_enabled": True,
    }
    assert started == {"message": "started"} | told
    envelope = {"namespace": "timer", "timestamp": "2024-03-05T09:30:01Z"}
    assert stage.inbox["bob"] == stage.inbox["cyd"] == [envelope | {"payload": started}]
    assert stage.join("dee")[0]["timer"] == told
    stage.inbox.clear()
    stage.sleep(299.9)
    assert not stage.inbox
    stage.sleep(0.1)
    stopped = [{"message": "stopped", "timer_id": told["timer_id"], "kind": "expired"}]
    assert all(stage.heard(who) == stopped for who in ("ada", "bob", "cyd", "dee"))
    assert "timer" not in stage.join("eve")[0]
    stage.inbox.clear()
    stage.sleep(600.0)
    assert not stage.inbox


def test_a_stopwatch_runs_until_it_is_stopped() -> None:
    stage = meeting()
    (started,) = stage.say("ada", "timer", "start", kind="stopwatch", duration=5)
    timer = started["timer_id"]
    assert started == {
        "message": "started",
        "timer_id": timer,
        "started_at": "2024-03-05T09:30:00.000000000Z",
        "kind": "stopwatch",
        "ready_check_enabled": False,
    }
    stage.inbox.clear()
    stage.sleep(1000.0)
    assert not stage.inbox
    (stopped,) = stage.say("ada", "timer", "stop", timer_id=timer, reason="everybody is back")
    assert stopped == {
        "message": "stopped",
        "timer_id": timer,
        "kind": "by_moderator",
        "participant_id": stage.ids["ada"],
        "reason": "everybody is back",
    }
    assert stage.heard("bob") == stage.heard("cyd") == [stopped]
    assert stage.say("ada", "timer", "stop", timer_id=timer) == []


@pytest.mark.parametrize(
    ("level", "told"),
    [(FeatureLevel.V0_3, (None, "", "x")), (FeatureLevel.V0_4, ("normal", "normal", "x"))],
)
def test_later_every_timer_has_a_style(level: FeatureLevel, told: tuple[str | None, ...]) -> None:
    stage = meeting(level)
    for fields, style in zip(({}, {"style": ""}, {"style": "x"}), told, strict=True):
        (started,) = stage.say("ada", "timer", "start", kind="stopwatch", **fields)
        assert started.get("style") == style
        stage.say("ada", "timer", "stop", timer_id=started["timer_id"])


def test_a_countdown_that_is_stopped_does_not_expire() -> None:
    stage = meeting()
    timer = start(stage)
    assert "reason" not in stage.say("ada", "timer", "stop", timer_id=timer)[0]
    again = start(stage, duration=400)
    stage.sleep(399.0)
    assert not stage.inbox
    stage.sleep(1.0)
    assert [payload["timer_id"] for payload in stage.heard("bob")] == [again]


def test_a_countdown_of_nothing_is_over_at_once() -> None:
    stage = meeting()
    assert stage.say("ada", "timer", "start", kind="countdown", duration=0)[0]["message"] == "started"
    stage.sleep(0.0)
    assert stage.names("ada") == ["stopped"]
    assert stage.names("bob") == ["started", "stopped"]


def test_the_checks_in_their_order() -> None:
    stage = meeting()
    for duration in (2**62, 300_000_000_000):  # more than a calendar, and than a number of seconds can say
        fields = COFFEE | {"duration": duration}
        assert stage.say("bob", "timer", "start", **fields) == error("insufficient_permissions")
        assert stage.say("ada", "timer", "start", **fields) == error("invalid_duration")
    timer = start(stage)
    assert stage.say("ada", "timer", "start", **fields) == error("invalid_duration")
    assert stage.say("ada", "timer", "start", **COFFEE) == error("timer_already_running")
    assert stage.say("bob", "timer", "stop", timer_id=timer) == error("insufficient_permissions")
    assert stage.say("bob", "timer", "stop", timer_id=NOBODY) == error("insufficient_permissions")
    assert stage.say("ada", "timer", "stop", timer_id=NOBODY) == []
    assert not stage.inbox


@pytest.mark.parametrize("fields", [{"duration": None}, {"duration": -1}])
def test_a_countdown_without_a_duration_is_broken(fields: dict[str, Any]) -> None:
    stage = meeting()
    assert stage.say("ada", "timer", "start", **COFFEE | fields) == []
    assert not stage.inbox
    assert "timer" not in stage.join("dee")[0]


def test_long_texts_are_cut() -> None:
    """Texts of any length might not fit into a `join_success`."""
    stage = meeting()
    long, kept = "x" * (MAX_TIMER_TEXT - 1) + "é", "x" * (MAX_TIMER_TEXT - 1)
    (started,) = stage.say("ada", "timer", "start", kind="stopwatch", style=long, title=long)
    assert (started["style"], started["title"]) == (kept, kept)
    (stopped,) = stage.say("ada", "timer", "stop", timer_id=started["timer_id"], reason=long)
    assert stopped["reason"] == kept


def entry(success: dict[str, Any], who: str) -> dict[str, Any]:
    (found,) = [one for one in success["participants"] if one["id"] == who]
    return dict(found)


def test_who_is_ready() -> None:
    stage = meeting()
    timer, bob, cyd = start(stage), stage.ids["bob"], stage.ids["cyd"]
    (updated,) = ready(stage, "bob", timer)
    assert updated == {"message": "updated_ready_status", "timer_id": timer, "participant_id": bob, "status": True}
    assert stage.heard("ada") == [updated]
    assert stage.inbox.pop("cyd") == [
        {"namespace": "timer", "timestamp": "2024-03-05T09:30:00Z", "payload": updated},
    ]
    assert ready(stage, "cyd", timer, status=False)[0]["status"] is False
    stage.inbox.clear()
    (success,) = stage.join("dee")
    assert entry(success, bob)["timer"] == {"ready_status": True}
    assert entry(success, cyd)["timer"] == {"ready_status": False}
    assert "timer" not in entry(success, stage.ids["ada"])
    stage.inbox.clear()
    stage.say("bob", "control", "raise_hand")
    assert "timer" not in stage.heard("ada")[0]  # updates do not have it


def test_ready_states_vanish_with_the_timer() -> None:
    stage = meeting()
    first, bob = start(stage), stage.ids["bob"]
    ready(stage, "bob", first)
    stage.say("ada", "timer", "stop", timer_id=first)
    assert "timer" not in entry(stage.join("dee")[0], bob)
    start(stage)
    assert "timer" not in entry(stage.join("eve")[0], bob)


def test_ready_states_vanish_on_leaving() -> None:
    stage = meeting()
    timer, bob = start(stage), stage.ids["bob"]
    ready(stage, "bob", timer)
    stage.lose("bob")
    assert "timer" not in entry(stage.join("dee")[0], bob)
    stage.inbox.clear()
    (success,) = stage.join("bob", resumption=stage.resumption["bob"])
    assert "ready_status" not in success["timer"]
    assert "timer" not in stage.heard("ada")[0]
    assert "timer" not in entry(stage.join("eve")[0], bob)


def test_ready_is_ignored_where_nobody_asked() -> None:
    stage = meeting()
    assert ready(stage, "bob", NOBODY) == []
    timer = start(stage, enable_ready_check=False)
    assert ready(stage, "bob", timer) == []
    stage.say("ada", "timer", "stop", timer_id=timer)
    stage.inbox.clear()
    start(stage)
    assert ready(stage, "bob", timer) == []
    assert not stage.inbox


def test_a_breakout_room_has_its_own_timer() -> None:
    stage = meeting()
    start(stage)
    stage.controller.rooms.live[RoomId(stage.room)].breakouts = Breakouts({RED: "Red"}, None)
    success = stage.join("ada", breakout_room=RED)[0]  # in a second tab
    assert "timer" not in success
    stage.inbox.clear()
    start(stage, duration=10)
    stage.sleep(10.0)
    assert stage.names("ada") == ["stopped"]
    assert stage.heard("bob") == []


@pytest.mark.parametrize("kind", ["countdown", "stopwatch"])
def test_a_timer_goes_with_its_room(kind: str) -> None:
    stage = meeting()
    start(stage, kind=kind)
    for who in ("ada", "bob", "cyd"):
        stage.lose(who)
    assert stage.controller.deadline is None
    assert "timer" not in stage.join("ada")[0]
