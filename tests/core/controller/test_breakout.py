"""Breakout rooms on the server: who is told what, who may enter until when (signaling.md § 8)."""

from __future__ import annotations

from typing import Any

import pytest
from stage import RECORDER, Line, Stage

from m3core.controller.features import FeatureLevel
from m3core.limits import BREAKOUT_GRACE, MAX_BREAKOUT_DURATION, MAX_BREAKOUT_NAME, MAX_BREAKOUT_ROOMS
from m3core.values import Secret

NOBODY = "00000000-0000-4000-8000-000000000000"


def plan(name: str, *assignments: str) -> dict[str, Any]:
    return {"name": name, "assignments": list(assignments)}


def start(moderator: Line, *plans: dict[str, Any], **fields: Any) -> list[str]:
    """Open breakout rooms. Returns their ids, in order; the inbox of the moderator is empty."""
    moderator.say("breakout", "start", rooms=list(plans or [plan("Red"), plan("Blue")]), **fields)
    started = moderator.heard("breakout")[-1]
    return [room["id"] for room in started["rooms"]]


def move(line: Line, room: str | None) -> Line:
    """Leave, and come back into another room with the resumption token."""
    line.leave()
    return line.stage.guest(line.name, breakout_room=room, resumption=line.resumption)


def errors(line: Line) -> list[str]:
    return [payload["error"] for payload in line.heard("breakout") if payload["message"] == "error"]


def test_start_tells_everybody_its_own_assignment() -> None:
    server = Stage()
    ada, bob, cyd, dan = server.joined("Ada", "Bob", "Cyd", "Dan")
    plans = [plan("Red", bob.id, NOBODY), plan("Blue", cyd.id, bob.id)]
    ada.say("breakout", "start", rooms=plans, duration=600, strategy="manual")
    assert sorted(server.log) == [(name, "breakout.started") for name in ("Ada", "Bob", "Cyd", "Dan")]
    told = {line.name: line.heard()[0] for line in (ada, bob, cyd, dan)}
    red, blue = told["Ada"]["rooms"]
    assert (red["name"], blue["name"]) == ("Red", "Blue")
    assert {name: one["assignment"] for name, one in told.items()} == {
        "Ada": None,
        "Bob": blue["id"],  # named twice: the last counts
        "Cyd": blue["id"],
        "Dan": None,
    }
    for one in told.values():
        assert one["rooms"] == [red, blue]
        assert one["expires"] == "2024-03-05T09:40:00.000000000Z"
    server.settle()


def test_who_may_start_and_stop() -> None:
    server = Stage()
    ada, bob = server.joined("Ada", "Bob")
    bob.say("breakout", "start", rooms=[plan("Red")])
    bob.say("breakout", "stop")
    assert errors(bob) == ["insufficient_permissions"] * 2
    ada.say("breakout", "stop")
    assert errors(ada) == ["inactive"]
    start(ada)
    bob.heard()
    bob.say("breakout", "stop")
    assert errors(bob) == ["insufficient_permissions"]
    ada.say("breakout", "stop")
    assert bob.heard() == [{"message": "stopped"}]
    ada.heard()
    ada.say("breakout", "stop")
    assert errors(ada) == ["inactive"]
    server.settle()


@pytest.mark.parametrize(
    ("rooms", "duration"),
    [
        ([], None),
        ([plan("x")] * (MAX_BREAKOUT_ROOMS + 1), None),
        ([plan("ä" * MAX_BREAKOUT_NAME)], None),
        ([plan("Red"), plan("Bl\x1bue")], None),
        ([plan("Red")], MAX_BREAKOUT_DURATION + 1),
        ([plan("Red")], -1),
        ([plan("Red")], 10**30),
    ],
    ids=["none", "many", "name", "characters", "long", "negative", "absurd"],
)
def test_starts_without_sense_are_ignored(rooms: list[dict[str, Any]], duration: int | None) -> None:
    server = Stage()
    (ada,) = server.joined("Ada")
    ada.say("breakout", "start", rooms=rooms, duration=duration)
    assert ada.heard() == []
    ada.say("breakout", "stop")
    assert errors(ada) == ["inactive"]


def test_moving_keeps_the_id_and_is_told_in_both_rooms() -> None:
    server = Stage()
    ada, bob, cyd = server.joined("Ada", "Bob", "Cyd")
    red, blue = start(ada)
    inside = move(cyd, red)
    assert cyd.id == inside.join()["id"]
    server.forget()
    moved = move(bob, blue)
    assert server.log == [("Ada", "control.left"), ("Cyd", "breakout.left")]
    assert inside.heard() == [{"message": "left", "breakout_room": None, "id": bob.id}]
    server.forget()
    success = moved.join()
    assert success["id"] == bob.id
    assert success["participants"] == []  # a breakout room is a room of its own
    assert server.log == [("Bob", "control.join_success"), ("Ada", "breakout.joined"), ("Cyd", "breakout.joined")]
    (told,) = ada.heard()
    assert told == {
        "message": "joined",
        "breakout_room": blue,
        "id": bob.id,
        "display_name": "Bob",
        "role": "guest",
        "avatar_url": None,
        "participation_kind": "guest",
        "joined_at": "2024-03-05T09:30:00.000000000Z",
        "left_at": None,
    }
    data = success["breakout"]
    assert (data["current"], data["expires"]) == (blue, None)
    assert [room["name"] for room in data["rooms"]] == ["Red", "Blue"]
    there = {(one["id"], one["breakout_room"]): one for one in data["participants"]}
    assert there.keys() == {
        (ada.id, None),
        (cyd.id, red),
        (bob.id, None),
        (cyd.id, None),
    }  # also who left, even oneself
    assert there[cyd.id, None]["left_at"] == there[bob.id, None]["left_at"] == "2024-03-05T09:30:00Z"
    assert there[cyd.id, red]["left_at"] is there[cyd.id, red]["avatar_url"] is None
    back = move(moved, None)
    assert ada.heard() == [{"message": "left", "breakout_room": blue, "id": bob.id}]
    assert back.join()["breakout"]["current"] is None
    assert [payload["message"] for payload in ada.heard()] == ["joined"]  # `control.joined`, nothing of ours
    assert [payload["breakout_room"] for payload in inside.heard()][-1] is None
    server.settle()


def test_presenters_stay_presenters_in_another_room() -> None:
    server = Stage(screen_needs_permission=True)
    ada, bob = server.joined("Ada", "Bob")
    ada.say("media", "grant_presenter_role", participant_ids=[bob.id])
    (red,) = start(ada, plan("Red"))
    assert move(bob, red).join()["media"]["is_presenter"] is True


def test_who_is_sent_to_wait_comes_back_as_it_went() -> None:
    server = Stage(FeatureLevel.V0_15, screen_needs_permission=True)
    ada, bob = server.joined("Ada", "Bob")
    (red,) = start(ada, plan("Red"))
    inside = move(bob, red)
    inside.join()
    ada.leave()
    moderator = server.owner("Ada", breakout_room=red)
    moderator.join()
    moderator.say("media", "grant_presenter_role", participant_ids=[bob.id])
    moderator.say("moderation", "send_to_waiting_room", target=bob.id)
    moderator.say("moderation", "accept", target=bob.id)
    inside.heard()
    inside.say("control", "enter_room")
    assert inside.heard()[0]["media"]["is_presenter"] is True  # in the main room it was none
    server.settle()


def test_later_servers_omit_what_is_null() -> None:
    server = Stage(FeatureLevel.V0_4)
    ada, bob, cyd = server.joined("Ada", "Bob", "Cyd")
    (red,) = start(ada, plan("Red"))
    success = move(bob, red).join()
    keys = {"breakout_room", "id", "display_name", "role", "participation_kind", "joined_at"}
    (joined,) = [payload for payload in cyd.heard("breakout") if payload["message"] == "joined"]
    assert set(joined) == keys | {"message"}
    assert [set(one) for one in success["breakout"]["participants"]] == [keys] * 2


def test_there_is_no_join_data_without_breakout_rooms() -> None:
    server = Stage()
    ada = server.owner()
    assert "breakout" not in ada.join()
    start(ada)
    ada.say("breakout", "stop")
    server.forget()
    assert "breakout" not in server.guest("Bob").join()
    assert server.log == [("Bob", "control.join_success"), ("Ada", "control.joined")]


def test_who_left_is_listed_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """`MAX_LEAVERS` holds for each room, and for `breakout.participants` of all other rooms together."""
    monkeypatch.setattr("m3core.controller.room.MAX_LEAVERS", 3)
    server = Stage(FeatureLevel.V0_3)
    ada, *others = server.joined("Ada", "Bob", "Cyd", "Dan", "Eve")
    (red,) = start(ada, plan("Red"))
    for line in others[:3]:
        server.sleep(1.0)
        line.leave()
    server.sleep(1.0)
    assert move(others[3], red).join()["id"] == others[3].id
    back = server.guest("Fay", breakout_room=red).join()["breakout"]["participants"]
    gone = [one["id"] for one in back if one["left_at"] is not None]
    assert gone == [others[3].id, others[2].id, others[1].id]


def test_after_the_stop_there_are_five_minutes() -> None:
    server = Stage()
    ada, bob, cyd = server.joined("Ada", "Bob", "Cyd")
    (red,) = start(ada, plan("Red"), duration=600)
    inside, late = move(bob, red), move(cyd, red)
    inside.join()
    server.forget()
    ada.say("breakout", "stop")
    assert server.log == [("Ada", "breakout.stopped"), ("Bob", "breakout.stopped")]
    late.say("control", "join", display_name="Cyd")
    assert (late.closed, late.messages) == ([1011], [])  # 1000 would be the end of the conference (§ 2)
    assert server.start_invited(breakout_room=red)[1]["code"] == "no_breakout_rooms"
    server.sleep(BREAKOUT_GRACE - 1.0)
    assert inside.closed == []
    server.forget()
    server.sleep(1.0)
    assert server.log == [("Bob", "close 1000"), ("Ada", "breakout.left")]
    assert ada.closed == []
    server.sleep(600.0)
    assert len(server.log) == 2  # what was to expire does not
    server.settle()


def test_expiry() -> None:
    server = Stage()
    ada, bob, cyd = server.joined("Ada", "Bob", "Cyd")
    (red,) = start(ada, plan("Red"), duration=20)
    inside = move(bob, red)
    inside.join()
    server.forget()
    server.sleep(20.0)
    assert sorted(server.log) == [(name, "breakout.expired") for name in ("Ada", "Bob", "Cyd")]
    assert cyd.messages[0]["timestamp"] == "2024-03-05T09:30:20.000000000Z"
    ada.heard()
    ada.say("breakout", "stop")
    assert errors(ada) == ["inactive"]
    left = move(inside, None)
    assert ada.heard("breakout") == [{"message": "left", "breakout_room": red, "id": bob.id}]
    assert cyd.heard("breakout")[-1]["message"] == "left"
    left.join()
    server.sleep(BREAKOUT_GRACE)
    assert left.closed == []
    server.settle()


def test_starting_again_replaces_the_rooms() -> None:
    server = Stage()
    ada, bob, cyd = server.joined("Ada", "Bob", "Cyd")
    (red,) = start(ada, plan("Red"), duration=20)
    inside, late = move(bob, red), move(cyd, red)
    inside.join()
    (green,) = start(ada, plan("Green", bob.id))
    assert inside.heard("breakout")[-1]["assignment"] == green
    late.say("control", "join", display_name="Cyd")
    assert late.closed == [1011]  # the old rooms are gone
    server.sleep(400.0)
    assert inside.heard("breakout") == []  # the old time does not count any more
    assert inside.closed == []
    ada.say("breakout", "stop")
    (blue,) = start(ada, plan("Blue"))
    assert blue not in (red, green)
    server.sleep(BREAKOUT_GRACE)
    assert inside.closed == []
    server.settle()


def test_who_waits_hears_nothing_and_may_not_enter_what_is_gone() -> None:
    server = Stage()
    ada, bob = server.joined("Ada", "Bob")
    (red,) = start(ada, plan("Red"))
    ada.say("moderation", "enable_waiting_room")
    waiting = move(bob, red)
    waiting.say("control", "join", display_name="Bob")
    assert [payload["message"] for payload in waiting.heard()] == ["in_waiting_room"]
    ada.say("breakout", "stop")
    assert waiting.heard() == []
    ada.say("moderation", "accept", target=bob.id)
    waiting.say("control", "enter_room")
    assert waiting.closed == [1011]
    server.settle()


def test_the_alarm_goes_with_the_meeting() -> None:
    server = Stage()
    (ada,) = server.joined("Ada")
    start(ada, duration=600)
    server.settle()


def test_recorders_are_not_told_of() -> None:
    server = Stage(recorder_token=Secret(RECORDER))
    ada, bob = server.joined("Ada", "Bob")
    (red,) = start(ada, plan("Red"))
    move(bob, red).join()
    server.forget()
    recorder = server.recorder(breakout_room=red)
    recorder.join()
    assert ada.heard("breakout") == []
    assert [one["id"] for one in server.guest("Cyd").join()["breakout"]["participants"]] == [bob.id]
    recorder.leave()
    assert [payload["message"] for payload in ada.heard("breakout")] == []
