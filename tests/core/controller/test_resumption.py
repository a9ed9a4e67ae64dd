"""Coming back as the same participant, quotas and the end of a room (signaling.md § 3, 5, 5.4)."""

from __future__ import annotations

import pytest
from stage import K3K, OPENTALK, Stage

from m3core.controller import resumptions
from m3core.controller.config import ControllerConfig
from m3core.controller.features import FEATURES, Feature, FeatureLevel
from m3core.errors import LocalProtocolError
from m3core.limits import BUDGET, BUDGET_RATE


def test_a_lost_session_comes_back_as_the_same_participant() -> None:
    stage = Stage()
    stage.joined("ada", "bob")
    bob, token = stage.ids["bob"], stage.resumption["bob"]
    stage.say("bob", "control", "raise_hand")
    stage.say("ada", "control", "grant_moderator_role", target=bob)
    stage.lose("bob")
    (left,) = [one["control"] for one in stage.join("cyd")[0]["participants"] if one["id"] == bob]
    assert (left["hand_is_up"], left["role"]) == (True, "moderator")  # as who it went
    stage.lose("cyd")
    stage.inbox.clear()
    (success,) = stage.join("bob", resumption=token)
    assert success["id"] == bob
    assert success["role"] == "guest"  # a granted role is not kept
    assert [entry["id"] for entry in success["participants"]] == [stage.ids["ada"], stage.ids["cyd"]]
    (joined,) = stage.heard("ada")
    assert (joined["message"], joined["id"], joined["control"]["hand_is_up"]) == ("joined", bob, False)


@pytest.mark.parametrize(
    ("level", "free", "action", "after"),
    [
        (FeatureLevel.V0_3, True, "revoke_presenter_role", True),
        (FeatureLevel.V0_3, False, "grant_presenter_role", True),
        (FeatureLevel.V0_4, True, "revoke_presenter_role", False),
        (FeatureLevel.V0_4, False, "grant_presenter_role", True),
    ],
)
def test_the_presenter_flag(level: FeatureLevel, action: str, *, free: bool, after: bool) -> None:
    stage = Stage(level, screen_needs_permission=not free)
    stage.joined("ada", "bob")
    stage.say("ada", "media", action, participant_ids=[stage.ids["bob"]])
    stage.lose("bob")
    stage.inbox.clear()
    assert stage.join("bob", resumption=stage.resumption["bob"])[0]["media"]["is_presenter"] is after


def test_a_token_works_once() -> None:
    stage = Stage()
    stage.joined("ada", "bob")
    bob, token = stage.ids["bob"], stage.resumption["bob"]
    stage.lose("bob")
    assert stage.start("bob", resumption=token)[0] == 200
    assert stage.join("bob", resumption=token)[0]["id"] != bob


def test_a_session_that_is_connected_is_running() -> None:
    stage = Stage()
    stage.joined("ada", "bob")
    status, body = stage.start("bob", resumption=stage.resumption["bob"])
    assert (status, body["code"]) == (400, "session_running")
    stage.lose("bob")
    bob = stage.ids["bob"]
    assert stage.join("bob", resumption=stage.resumption["bob"])[0]["id"] == bob


def test_a_token_is_of_no_use_before_its_ticket_was() -> None:
    stage = Stage()
    stage.joined("ada")
    _, answer = stage.start("bob")
    assert stage.knock("bob", answer["ticket"]) == 101
    stage.lose("bob")
    _, unused = stage.start("cyd")
    first = stage.join("cyd", resumption=unused["resumption"])[0]["id"]
    assert stage.join("dee", resumption=unused["resumption"])[0]["id"] != first


@pytest.mark.parametrize(("wait", "resumes"), [(60.9, True), (61.0, False)])
def test_the_token_lives_on_from_its_last_refresh(wait: float, *, resumes: bool) -> None:
    """Refreshed at 60 s; lost at 119 s, it lives until 180 s."""
    stage = Stage()
    stage.joined("ada", "bob")
    stage.sleep(119.0)
    stage.lose("bob")
    stage.sleep(wait)
    bob = stage.ids["bob"]
    assert (stage.join("bob", resumption=stage.resumption["bob"])[0]["id"] == bob) is resumes


def test_a_token_is_bound_to_room_and_identity() -> None:
    stage = Stage()
    stage.joined("ada", "bob")
    ada = stage.ids["ada"]
    stage.lose("ada")
    guest = stage.join("eve", resumption=stage.resumption["ada"])[0]
    assert guest["id"] != ada
    assert guest["role"] == "guest"
    other = Stage()
    assert other.join("bob", resumption=stage.resumption["bob"])[0]["id"] != stage.ids["bob"]
    (success,) = stage.join("ada", resumption=stage.resumption["ada"])  # the attempt of another used nothing up
    assert success["id"] == ada


def test_who_was_let_in_does_not_wait_again() -> None:
    stage = Stage(waiting_room=True)
    stage.join("ada")
    stage.join("bob")
    bob = stage.heard("ada")[-1]["id"]
    stage.say("ada", "moderation", "accept", target=bob)
    stage.lose("bob")  # before it entered
    stage.inbox.clear()
    assert stage.join("bob", resumption=stage.resumption["bob"])[0]["message"] == "join_success"
    stage.lose("bob")
    stage.sleep(121.0)
    assert stage.join("bob", resumption=stage.resumption["bob"]) == [{"message": "in_waiting_room"}]


def test_an_acceptance_is_used_up_by_coming_back() -> None:
    """A participant that was sent back to the waiting room, and left from there, waits again when it comes back."""
    stage = Stage(FeatureLevel.V0_15, waiting_room=True)
    stage.join("ada")
    stage.join("bob")
    bob = stage.heard("ada")[-1]["id"]
    stage.say("ada", "moderation", "accept", target=bob)
    stage.say("bob", "control", "enter_room")
    stage.lose("bob")
    stage.inbox.clear()
    assert stage.join("bob", resumption=stage.resumption["bob"])[0]["message"] == "join_success"  # the first use
    stage.say("ada", "moderation", "send_to_waiting_room", target=bob)
    stage.lose("bob")
    stage.inbox.clear()
    assert stage.join("bob", resumption=stage.resumption["bob"]) == [{"message": "in_waiting_room"}]
    assert stage.heard("ada")[-1]["id"] == bob


def test_sessions_that_can_be_resumed_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumptions, "MAX_LEAVERS", 2)
    stage = Stage()
    stage.joined("ada")
    for name in ("bob", "cyd", "dee"):
        stage.join(name)
        stage.lose(name)
    bob, dee = stage.ids["bob"], stage.ids["dee"]
    assert stage.join("bob", resumption=stage.resumption["bob"])[0]["id"] != bob
    assert stage.join("dee", resumption=stage.resumption["dee"])[0]["id"] == dee


def test_too_many_messages_close_the_connection() -> None:
    stage = Stage()
    stage.joined("ada", "bob")
    for _ in range(BUDGET - 1):
        stage.say("bob", "control", "lower_hand")
    assert stage.closed == {}
    stage.sleep(1.0)
    for _ in range(int(BUDGET_RATE)):
        stage.say("bob", "control", "lower_hand")
    assert stage.closed == {}
    stage.say("bob", "control", "lower_hand")
    assert stage.closed == {"bob": 1008}


def test_a_budget_does_not_grow_beyond_the_burst() -> None:
    stage = Stage()
    stage.joined("ada", "bob")
    stage.sleep(60.0)
    for _ in range(BUDGET):
        stage.say("bob", "control", "lower_hand")
    assert stage.closed == {}
    stage.say("bob", "control", "lower_hand")
    assert stage.closed == {"bob": 1008}


def test_the_time_limit_ends_with_its_meeting() -> None:
    stage = Stage(FeatureLevel.V0_3, time_limit=60.0)
    stage.join("bob")
    stage.settle()  # no alarm remains
    assert stage.join("bob")[0]["closes_at"] == "2024-03-05T09:31:00.000000000Z"


def test_quotas() -> None:
    stage = Stage(FeatureLevel.V0_3, participant_limit=2, time_limit=60.0)
    (success,) = stage.join("bob")
    assert success["closes_at"] == "2024-03-05T09:31:00.000000000Z"
    assert success["tariff"]["quotas"] == {"room_participant_limit": 2, "room_time_limit_secs": 60}
    assert {"control", "media", "moderation"} <= set(success["tariff"]["enabled_modules"])
    stage.join("cyd")
    assert stage.join("ada") == [{"message": "join_blocked", "reason": "participant_limit_reached"}]
    stage.lose("cyd")
    assert stage.say("ada", "control", "join", display_name="Ada")[0]["message"] == "join_success"
    stage.inbox.clear()
    stage.sleep(60.0)
    assert stage.heard("ada") == stage.heard("bob") == [{"message": "time_limit_quota_elapsed"}]
    assert stage.closed == {"ada": 1000, "bob": 1000}
    assert stage.controller.rooms.live == {}


def test_later_one_moderator_may_always_enter() -> None:
    stage = Stage(FeatureLevel.V0_4, participant_limit=1)
    stage.join("bob")
    assert stage.join("ada")[0]["message"] == "join_success"
    assert stage.join("ada")[0]["message"] == "join_blocked"


def test_quotas_are_of_later_servers() -> None:
    with pytest.raises(LocalProtocolError, match=r"0\.3"):
        ControllerConfig(web_url="https://meet.example", feature_level=FeatureLevel.CAPTURE, participant_limit=2)


def test_a_deleted_room() -> None:
    for level, expected in ((FeatureLevel.CAPTURE, []), (FeatureLevel.V0_4, [{"message": "room_deleted"}])):
        stage = Stage(level)
        stage.joined("ada", "bob")
        (room,) = stage.controller.store.rooms
        stage.controller.delete_room(room, stage.now)
        stage.drain()
        assert stage.heard("bob") == expected
        assert stage.closed == {"ada": 1000, "bob": 1000}
        assert stage.start("bob")[0] == 404
        stage.controller.delete_room(room, stage.now)


def test_what_the_latest_server_tells_of_the_room() -> None:
    stage = Stage(FeatureLevel.V0_16)
    (success,) = stage.join("ada")
    assert success["is_room_owner"] is True
    assert success["room_info"]["id"] == stage.room
    assert success["room_info"]["created_by"]["display_name"] == "Ada Lovell"
    assert success["event_info"]["title"] == "T"
    assert success["event_info"] == {
        "id": success["event_info"]["id"],
        "room_id": stage.room,
        "title": "T",
        "is_adhoc": False,
    }
    assert stage.join("bob")[0]["is_room_owner"] is False
    assert stage.heard("ada")[-1]["control"]["is_room_owner"] is False
    stage.lose("bob")
    assert stage.heard("ada") == [{"message": "left", "id": stage.ids["bob"], "reason": "quit"}]
    _, answer = stage.start("cyd")
    assert answer["ticket"].startswith(f"{stage.room}#")
    assert len(answer["ticket"]) == 64
    assert stage.knock("cyd", answer["ticket"]) == 101


def test_meeting_details_are_told_if_the_event_is_to_show_them() -> None:
    """They have an invitation, which opens the room for others."""
    stage = Stage(FeatureLevel.V0_13)
    target = {"name": "Live", "kind": "custom", "public_url": "https://stream.example.org/watch"}
    event = {"title": "T", "description": "", "is_time_independent": True, "show_meeting_details": True}
    room = stage.ask("POST", "/events", {**event, "streaming_targets": [target]})[1]["room"]
    stage.room = room["id"]
    details = stage.join("ada")[0]["event_info"]["meeting_details"]
    assert details["streaming_links"] == [{"name": "Live", "url": "https://stream.example.org/watch"}]
    stage.invite = details["invite_code_id"]
    (success,) = stage.join("bob")
    assert success["event_info"]["meeting_details"] == details


def test_what_readers_want_of_a_tariff() -> None:
    """Clients of 0.9 and later refuse the whole `join_success` without `disabled_features` (signaling.md § 5.1)."""
    for level in FeatureLevel:
        tariff = Stage(level).join("ada")[0].get("tariff", {})
        assert tariff.get("disabled_features") == ([] if level.has(Feature.DISABLED_FEATURES) else None)


def test_sub_protocols() -> None:
    """Each client knows one of the names, and meets servers of any version."""
    for level in FeatureLevel:
        for offered in (OPENTALK, K3K, f"{OPENTALK}, {K3K}"):
            stage = Stage(level)
            _, answer = stage.start("bob")
            assert stage.knock("bob", answer["ticket"], offered) == 101


def test_every_feature_has_a_level() -> None:
    assert set(FEATURES) == set(Feature)
    assert all(FeatureLevel.V0_16.has(feature) for feature in Feature)
    assert not any(FeatureLevel.CAPTURE.has(feature) for feature in Feature)
