"""Namespace `moderation` on the server: who hears what, in which order (signaling.md § 6)."""

from __future__ import annotations

from typing import Any

import pytest
from stage import Stage
from worlds import NOBODY

from m3core.controller.config import User
from m3core.controller.features import FeatureLevel
from m3core.values import RoomId, UserId

LATEST = FeatureLevel.V0_16
EVE = User(id=UserId("e0e0e0e0-0000-4000-8000-000000000000"), email="eve@example.org", display_name="Eve")


def meeting(level: FeatureLevel = FeatureLevel.CAPTURE, **config: Any) -> Stage:
    stage = Stage(level, **config)
    stage.joined("ada", "bob", "cyd")
    return stage


def left(payloads: list[dict[str, Any]]) -> list[str]:
    return [payload["id"] for payload in payloads if payload["message"] == "left"]


def test_kick() -> None:
    stage = meeting()
    assert stage.say("ada", "moderation", "kick", target=NOBODY) == []
    heard = stage.say("ada", "moderation", "kick", target=stage.ids["bob"])
    assert stage.names("bob") == ["kicked"]
    assert stage.closed == {"bob": 1000}
    assert left(heard) == left(stage.heard("cyd")) == [stage.ids["bob"]]
    stage.join("bob")  # a kick is no ban
    assert stage.names("ada") == ["joined"]


def in_a_room(stage: Stage, who: str) -> str:
    """Let ``who`` move into a breakout room, which ada opens. Returns its id."""
    stage.say("ada", "breakout", "start", rooms=[{"name": "Red", "assignments": []}])
    room: str = next(iter(stage.controller.rooms.live[RoomId(stage.room)].breakouts.names))  # type: ignore[union-attr]
    token = stage.resumption[who]
    stage.lose(who)
    stage.join(who, resumption=token, breakout_room=room)
    stage.inbox.clear()
    return room


@pytest.mark.parametrize("level", [FeatureLevel.V0_3, LATEST])
def test_a_kick_and_the_hands_are_of_one_room(level: FeatureLevel) -> None:
    stage = meeting(level)
    in_a_room(stage, "bob")
    stage.say("bob", "control", "raise_hand")
    stage.inbox.clear()
    for action, heard in (("kick", []), ("disable_raise_hands", ["raise_hands_disabled"])):
        stage.say("ada", "moderation", action, target=stage.ids["bob"])
        assert (stage.names("cyd"), stage.names("bob"), stage.closed) == (heard, [], {})
    assert stage.say("bob", "control", "raise_hand")[0]["error"] == "raise_hands_disabled"  # the switch is of all rooms
    stage.say("ada", "moderation", "enable_raise_hands")
    assert (stage.names("cyd"), stage.names("bob")) == (["raise_hands_enabled"], [])
    stage.say("ada", "moderation", "enable_waiting_room")
    assert (stage.names("cyd"), stage.names("bob")) == (["waiting_room_enabled"], ["waiting_room_enabled"])


@pytest.mark.parametrize("level", [FeatureLevel.CAPTURE, FeatureLevel.V0_3, FeatureLevel.V0_14])
def test_who_waits_hears_of_hands(level: FeatureLevel) -> None:
    stage = Stage(level, waiting_room=True)
    stage.join("ada")
    stage.join("bob")
    stage.heard("bob")
    for action, told in (
        ("disable_raise_hands", "raise_hands_disabled"),
        ("enable_raise_hands", "raise_hands_enabled"),
        ("reset_raised_hands", "raised_hand_reset_by_moderator"),
    ):
        stage.say("ada", "moderation", action)
        assert stage.heard("bob") == [{"message": told, "issued_by": stage.ids["ada"]}]


def test_who_waits_for_another_room_hears_nothing_of_hands() -> None:
    stage = meeting()
    room = in_a_room(stage, "bob")
    stage.say("ada", "moderation", "enable_waiting_room")
    stage.join("dee", breakout_room=room)
    stage.lose("bob")  # the room is empty, and still waited for
    stage.inbox.clear()
    stage.say("ada", "moderation", "disable_raise_hands")
    assert (stage.names("cyd"), stage.names("dee")) == (["raise_hands_disabled"], [])
    stage.join("eve")
    stage.inbox.clear()
    stage.say("ada", "moderation", "enable_raise_hands")
    assert (stage.names("dee"), stage.names("eve")) == ([], ["raise_hands_enabled"])


def test_who_is_sent_back_to_wait_has_no_hand_up() -> None:
    stage = meeting(LATEST)
    stage.say("bob", "control", "raise_hand")
    stage.say("ada", "moderation", "send_to_waiting_room", target=stage.ids["bob"])
    stage.say("ada", "moderation", "accept", target=stage.ids["bob"])
    stage.inbox.clear()
    stage.say("bob", "control", "enter_room")
    assert stage.heard("cyd")[-1]["control"]["hand_is_up"] is False


@pytest.mark.parametrize("level", [FeatureLevel.V0_3, LATEST])
@pytest.mark.parametrize("way", ["left", "left a breakout room", "left while waiting", "waits", "has a ticket"])
def test_who_is_not_in_the_room_can_be_banned(level: FeatureLevel, way: str) -> None:
    stage = Stage(level, users=[EVE], open_rooms=True)
    stage.joined("ada", "bob", "eve")
    eve = stage.ids["eve"]
    match way:
        case "left":
            stage.lose("eve")
        case "left a breakout room":
            in_a_room(stage, "eve")
            stage.lose("eve")  # the last one: that room is forgotten
        case "left while waiting" | "waits":
            stage.lose("eve")
            stage.say("ada", "moderation", "enable_waiting_room")
            eve = stage.join("eve")[0].get("id") or stage.heard("ada")[-1]["id"]
            if way == "left while waiting":
                stage.lose("eve")
        case _:
            stage.connect("Eve")
    stage.inbox.clear()
    assert [one for one in stage.say("ada", "moderation", "ban", target=eve) if one["message"] == "error"] == []
    assert stage.start("eve")[0] == 403
    if way == "has a ticket":
        assert (stage.heard("Eve"), stage.closed["Eve"]) == ([], 1000)
    assert not any(
        one.session.admission.user == EVE for one in stage.controller.rooms.live[RoomId(stage.room)].everyone()
    )


def test_users_who_left_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.controller.room.MAX_LEAVERS", 2)
    stage = Stage(users=[EVE], open_rooms=True)
    stage.joined("ada")
    gone = []
    for _ in range(3):
        gone.append(stage.join("eve")[0]["id"])
        stage.lose("eve")
    stage.heard("ada")
    assert stage.say("ada", "moderation", "ban", target=gone[0])[0]["error"] == "cannot_ban_guest"
    assert stage.say("ada", "moderation", "ban", target=gone[1]) == []


def test_only_users_with_an_account_can_be_banned() -> None:
    stage = meeting()
    for target in (stage.ids["bob"], NOBODY):
        assert stage.say("ada", "moderation", "ban", target=target) == [
            {"message": "error", "error": "cannot_ban_guest"}
        ]
    assert stage.closed == {}


def test_a_ban_holds_until_the_room_is_destroyed() -> None:
    stage = meeting()
    stage.say("ada", "control", "grant_moderator_role", target=stage.ids["bob"])
    stage.inbox.clear()
    stage.say("bob", "moderation", "ban", target=stage.ids["ada"])
    assert stage.names("ada") == ["banned"]
    assert stage.closed == {"ada": 1000}
    status, body = stage.start("ada")
    assert (status, body["code"]) == (403, "banned_from_room")
    stage.lose("bob")
    stage.lose("cyd")
    assert stage.start("ada")[0] == 200


def test_a_ban_meets_every_session_of_the_user() -> None:
    stage = Stage()
    stage.joined("ada", "bob")
    first = stage.ids["ada"]
    first_connection = stage.connections["ada"]
    stage.join("ada")  # a second tab
    stage.say("ada", "moderation", "ban", target=first)
    assert first_connection not in stage.controller.sessions
    assert stage.closed == {"ada": 1000}
    assert set(stage.connections) == {"bob"}


@pytest.mark.parametrize("level", [FeatureLevel.CAPTURE, LATEST])
def test_others_than_moderators_may_nothing(level: FeatureLevel) -> None:
    stage = meeting(level)
    expected = [] if level is FeatureLevel.CAPTURE else [{"message": "error", "error": "insufficient_permissions"}]
    for action in ("kick", "ban", "accept", "enable_waiting_room", "disable_raise_hands", "reset_raised_hands"):
        assert stage.say("bob", "moderation", action, target=stage.ids["cyd"]) == expected
    assert stage.heard("cyd") == stage.heard("ada") == []


def test_the_waiting_room() -> None:
    stage = meeting()
    assert stage.say("ada", "moderation", "enable_waiting_room") == [{"message": "waiting_room_enabled"}]
    assert stage.names("bob") == stage.names("cyd") == ["waiting_room_enabled"]
    assert stage.join("dee", " Dee ") == [{"message": "in_waiting_room"}]
    (told,) = stage.heard("bob")
    assert (told["message"], told["control"]["display_name"]) == ("joined_waiting_room", "Dee")
    assert set(told) == {"message", "id", "control"}
    dee = told["id"]
    stage.heard("ada")
    assert stage.say("dee", "chat", "send_message", scope="global", content="let me in") == []
    assert stage.say("dee", "control", "enter_room") == [
        {"message": "error", "error": "not_accepted_or_not_in_waiting_room"}
    ]
    for target in (NOBODY, stage.ids["bob"]):
        assert stage.say("ada", "moderation", "accept", target=target) == []
    assert stage.say("ada", "moderation", "kick", target=dee) == []  # R: those who wait cannot be kicked
    assert stage.closed == {}
    stage.say("ada", "moderation", "accept", target=dee)
    stage.say("ada", "moderation", "accept", target=dee)
    assert stage.heard("dee") == [{"message": "accepted"}]
    (success,) = stage.say("dee", "control", "enter_room")
    assert (success["message"], success["id"]) == ("join_success", dee)
    assert stage.heard("ada") == [
        {"message": "left_waiting_room", "id": dee},
        {**stage.heard("bob")[1], "message": "joined"},
    ]
    stage.settle()  # nobody waits any more


@pytest.mark.parametrize(("level", "told"), [(FeatureLevel.V0_3, []), (FeatureLevel.V0_4, ["waiting_room_disabled"])])
def test_switching_it_off_lets_nobody_in(level: FeatureLevel, told: list[str]) -> None:
    stage = Stage(level, waiting_room=True)
    stage.join("ada")  # moderators do not wait
    assert stage.join("bob") == [{"message": "in_waiting_room"}]
    stage.heard("ada")
    assert stage.say("ada", "moderation", "disable_waiting_room") == [{"message": "waiting_room_disabled"}]
    assert stage.names("bob") == told
    assert stage.say("bob", "control", "enter_room")[0]["error"] == "not_accepted_or_not_in_waiting_room"
    assert [payload["message"] for payload in stage.join("cyd")] == ["join_success"]
    stage.heard("ada")
    stage.lose("bob")
    assert stage.names("ada") == ["left_waiting_room"]


def test_what_moderators_learn_when_they_join() -> None:
    stage = Stage(waiting_room=True)
    stage.join("bob")
    (success,) = stage.join("ada")
    assert success["moderation"]["raise_hands_enabled"] is True
    assert success["moderation"]["waiting_room_enabled"] is True
    (entry,) = success["moderation"]["waiting_room_participants"]
    assert (entry["waiting_room_state"], entry["control"]["display_name"]) == ("waiting", "Bob")
    stage.say("ada", "moderation", "accept", target=entry["id"])
    stage.lose("ada")
    (success,) = stage.join("ada")
    assert success["moderation"]["waiting_room_participants"][0]["waiting_room_state"] == "accepted"


def test_what_guests_learn_when_they_join() -> None:
    assert "moderation" not in Stage().join("bob")[0]
    assert Stage(LATEST).join("bob")[0]["moderation"] == {"raise_hands_enabled": True}


def test_later_only_moderators_hear_who_waits() -> None:
    stage = meeting(LATEST)
    stage.say("ada", "moderation", "enable_waiting_room")
    stage.inbox.clear()
    stage.join("dee")
    assert stage.names("ada") == ["joined_waiting_room"]
    assert stage.names("bob") == []


def test_the_room_lives_while_somebody_waits() -> None:
    stage = Stage()
    stage.joined("ada")
    stage.say("ada", "moderation", "enable_waiting_room")
    stage.join("bob")
    stage.lose("ada")
    assert len(stage.controller.rooms.live) == 1
    stage.lose("bob")
    assert stage.controller.rooms.live == {}


def test_hands_can_be_forbidden() -> None:
    stage = meeting()
    stage.say("bob", "control", "raise_hand")
    stage.inbox.clear()
    heard = stage.say("ada", "moderation", "disable_raise_hands")
    assert [payload["message"] for payload in heard] == ["raise_hands_disabled", "update"]
    assert heard[0]["issued_by"] == stage.ids["ada"]
    assert heard[1]["control"]["hand_is_up"] is False
    assert stage.names("bob") == ["raise_hands_disabled"]
    assert stage.say("bob", "control", "raise_hand") == [{"message": "error", "error": "raise_hands_disabled"}]
    stage.inbox.clear()
    stage.say("ada", "moderation", "enable_raise_hands")
    assert stage.names("cyd") == ["raise_hands_enabled"]
    stage.inbox.clear()
    assert stage.say("bob", "control", "raise_hand") == []
    assert stage.names("cyd") == ["update"]


def test_all_hands_are_reset() -> None:
    stage = meeting()
    stage.say("bob", "control", "raise_hand")
    stage.inbox.clear()
    stage.say("ada", "moderation", "reset_raised_hands", target=stage.ids["cyd"])  # R knows no target
    assert stage.names("cyd") == ["raised_hand_reset_by_moderator", "update"]
    assert stage.names("bob") == ["raised_hand_reset_by_moderator"]


def test_later_some_hands_are_reset() -> None:
    stage = meeting(LATEST)
    for who in ("bob", "cyd"):
        stage.say(who, "control", "raise_hand")
    stage.inbox.clear()
    stage.say("ada", "moderation", "reset_raised_hands", target=[stage.ids["cyd"], stage.ids["ada"]])
    assert stage.names("cyd") == ["raised_hand_reset_by_moderator"]
    assert stage.names("bob") == ["update"]
    stage.say("ada", "moderation", "reset_raised_hands", target=stage.ids["bob"])
    assert stage.names("bob") == ["raised_hand_reset_by_moderator"]


def test_later_a_raised_hand_is_acknowledged() -> None:
    stage = meeting(LATEST)
    assert stage.say("bob", "control", "raise_hand") == [{"message": "hand_raised"}]
    assert stage.say("bob", "control", "lower_hand") == [{"message": "hand_lowered"}]


@pytest.mark.parametrize(
    ("scope", "going", "remaining"),
    [
        ("guests", {"bob", "cyd"}, {"ada", "dee"}),
        ("users_and_guests", {"bob", "cyd"}, {"ada", "dee"}),
        ("all", {"ada", "bob", "cyd", "dee"}, set()),
    ],
)
def test_debriefing(scope: str, going: set[str], remaining: set[str]) -> None:
    stage = meeting(LATEST)
    stage.join("dee")
    stage.say("ada", "control", "grant_moderator_role", target=stage.ids["dee"])
    stage.inbox.clear()
    heard = {"ada": [payload["message"] for payload in stage.say("ada", "moderation", "debrief", kick_scope=scope)]}
    heard |= {who: stage.names(who) for who in ("bob", "cyd", "dee")}
    assert stage.closed == dict.fromkeys(going, 1000)
    for who in going:
        assert heard[who] == ["waiting_room_enabled", "session_ended"]
    for who in remaining:
        assert heard[who] == ["waiting_room_enabled", "debriefing_started", "left", "left"]


def test_earlier_servers_know_no_debriefing() -> None:
    stage = meeting()
    stage.say("ada", "moderation", "debrief", kick_scope="all")
    stage.say("ada", "moderation", "send_to_waiting_room", target=stage.ids["bob"])
    stage.say("ada", "moderation", "change_display_name", target=stage.ids["bob"], new_name="B")
    assert not any(stage.heard(who) for who in ("ada", "bob", "cyd"))


@pytest.mark.parametrize("level", [FeatureLevel.V0_12, LATEST])
def test_back_to_the_waiting_room(level: FeatureLevel) -> None:
    stage = meeting(level)
    assert stage.say("ada", "moderation", "send_to_waiting_room", target=NOBODY) == []
    assert stage.say("ada", "moderation", "send_to_waiting_room", target=stage.ids["ada"])[0]["error"] == (
        "cannot_send_room_owner_to_waiting_room"
    )
    heard = stage.say("ada", "moderation", "send_to_waiting_room", target=stage.ids["bob"])
    names = [payload["message"] for payload in heard]
    if level is LATEST:
        assert names == ["waiting_room_enabled", "left", "joined_waiting_room"]
        assert heard[1]["reason"] == "sent_to_waiting_room"
        assert stage.names("bob") == ["waiting_room_enabled", "sent_to_waiting_room", "in_waiting_room"]
        assert stage.names("cyd") == ["waiting_room_enabled", "left"]
        stage.say("ada", "moderation", "accept", target=stage.ids["bob"])
        stage.heard("bob")
        assert stage.say("bob", "control", "enter_room")[0]["id"] == stage.ids["bob"]
        assert stage.names("cyd") == ["joined"]
    else:
        assert names == ["waiting_room_enabled", "left"]
        assert stage.names("bob") == ["waiting_room_enabled", "sent_to_waiting_room"]
        assert stage.closed == {"bob": 1012}
        assert stage.join("bob", resumption=stage.resumption["bob"]) == [{"message": "in_waiting_room"}]


def test_names_of_guests_can_be_changed() -> None:
    stage = meeting(LATEST)
    change = ("ada", "moderation", "change_display_name")
    assert stage.say(*change, target=NOBODY, new_name="x") == []
    assert stage.say(*change, target=stage.ids["ada"], new_name="x")[0]["error"] == (
        "cannot_change_name_of_registered_users"
    )
    assert stage.say(*change, target=stage.ids["bob"], new_name="  ")[0]["error"] == "invalid_display_name"
    assert stage.say(*change, target=stage.ids["bob"], new_name="\u200b")[0]["error"] == "invalid_display_name"
    expected = {
        "message": "display_name_changed",
        "target": stage.ids["bob"],
        "issued_by": stage.ids["ada"],
        "old_name": "Bob",
        "new_name": "Bob B.",
    }
    for heard in (stage.say(*change, target=stage.ids["bob"], new_name=" Bob  B. "), stage.heard("cyd")):
        (update,) = heard
        assert (update["message"], update["id"]) == ("update", stage.ids["bob"])
        assert update["control"]["display_name"] == "Bob B."
    assert stage.heard("bob") == [expected]
