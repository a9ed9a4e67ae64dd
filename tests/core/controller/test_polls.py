"""Namespace `polls` on the server: the order of the checks, votes, the end (signaling.md § 9)."""

from __future__ import annotations

from typing import Any

import pytest
from stage import Stage
from worlds import NOBODY

from m3core.controller.features import FeatureLevel
from m3core.controller.room import Breakouts
from m3core.values import BreakoutRoomId, RoomId

QUESTION: dict[str, Any] = {"topic": "Lunch?", "live": True, "choices": ["Soup", "Salad"], "duration": 60}
RED = BreakoutRoomId("c89e8ce3-708c-4e3d-80c9-eba5957146e7")


def meeting(level: FeatureLevel = FeatureLevel.CAPTURE) -> Stage:
    stage = Stage(level)
    stage.joined("ada", "bob", "cyd")
    return stage


def start(stage: Stage, who: str = "ada", **fields: Any) -> str:
    """Start a poll, and empty the inboxes. Returns its id."""
    poll: str = stage.say(who, "polls", "start", **QUESTION | fields)[-1]["id"]
    stage.inbox.clear()
    return poll


def vote(stage: Stage, who: str, poll: str, choice: object, key: str = "choice_id") -> list[dict[str, Any]]:
    return stage.say(who, "polls", "vote", **{"poll_id": poll, key: choice})


def error(slug: str) -> list[dict[str, Any]]:
    return [{"message": "error", "error": slug}]


def counts(payload: dict[str, Any]) -> list[int]:
    assert [result["id"] for result in payload["results"]] == list(range(len(payload["results"])))
    return [result["count"] for result in payload["results"]]


def test_a_poll_from_start_to_finish() -> None:
    stage = meeting()
    stage.now = 1.5
    (started,) = stage.say("ada", "polls", "start", **QUESTION)
    poll = started["id"]
    choices = [{"id": 0, "content": "Soup"}, {"id": 1, "content": "Salad"}]
    told = {"id": poll, "topic": "Lunch?", "live": True, "choices": choices, "duration": 60}
    assert started == {"message": "started"} | told
    assert stage.inbox["bob"] == stage.inbox["cyd"]
    envelope = {"namespace": "polls", "timestamp": "2024-03-05T09:30:01.500000000Z"}
    assert stage.inbox.pop("bob") == [envelope | {"payload": started}]
    stage.inbox.clear()
    (update,) = vote(stage, "bob", poll, 1)
    assert update == {"message": "live_update", "id": poll, "results": [{"id": 0, "count": 0}, {"id": 1, "count": 1}]}
    assert stage.heard("ada") == [update]
    assert stage.inbox.pop("cyd")[0]["timestamp"] == "2024-03-05T09:30:01Z"
    assert stage.join("dee")[0]["polls"] == told | {"started": "2024-03-05T09:30:01.500000000Z"}
    assert counts(vote(stage, "dee", poll, 0)[0]) == [1, 1]
    stage.inbox.clear()
    (done,) = stage.say("ada", "polls", "finish", id=poll)
    assert (done["message"], done["id"], counts(done)) == ("done", poll, [1, 1])
    assert stage.heard("bob") == stage.heard("dee") == [done]
    assert "polls" not in stage.join("eve")[0]
    stage.inbox.clear()
    stage.sleep(120.0)
    assert not stage.inbox


def test_a_poll_ends_by_itself() -> None:
    stage = meeting()
    poll = start(stage, duration=2)
    vote(stage, "ada", poll, 0)
    stage.inbox.clear()
    stage.sleep(1.9)
    assert not stage.inbox
    stage.sleep(0.1)
    (done,) = stage.heard("bob")
    assert (done["message"], done["id"], counts(done)) == ("done", poll, [1, 0])
    assert {one["timestamp"] for heard in stage.inbox.values() for one in heard} == {"2024-03-05T09:30:02.000000000Z"}
    assert stage.heard("ada") == stage.heard("cyd") == [done]
    assert vote(stage, "bob", poll, 0) == error("invalid_poll_id")
    assert start(stage) != poll


def test_a_poll_that_is_not_live_tells_nothing_before_its_end() -> None:
    stage = meeting()
    poll = start(stage, live=False)
    assert vote(stage, "bob", poll, 1) == []
    assert not stage.inbox
    assert counts(stage.say("ada", "polls", "finish", id=poll)[0]) == [0, 1]


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("invalid_duration", {"duration": 1}),
    ("invalid_duration", {"duration": 3601}),
    ("invalid_topic_length", {"topic": "?"}),
    ("invalid_topic_length", {"topic": "é" * 50 + "?"}),
    ("invalid_choice_count", {"choices": ["Soup"]}),
    ("invalid_choice_count", {"choices": ["Soup"] * 65}),
    ("invalid_choice_description", {"choices": ["Soup", ""]}),
    ("invalid_choice_description", {"choices": ["é" * 50 + "!", "Soup"]}),
]


@pytest.mark.parametrize(("slug", "fields"), WRONG)
def test_what_is_out_of_bounds_is_refused(slug: str, fields: dict[str, Any]) -> None:
    stage = meeting()
    assert stage.say("ada", "polls", "start", **QUESTION | fields) == error(slug)
    assert not stage.inbox
    assert "polls" not in stage.join("dee")[0]


def test_the_bounds_themselves_are_fine() -> None:
    stage = meeting()
    fine: list[dict[str, Any]] = [
        {"duration": 2, "topic": "é", "choices": ["a", "b"]},
        {"duration": 3600, "topic": "é" * 50, "choices": ["é" * 50] * 64},
    ]
    for fields in fine:
        stage.say("ada", "polls", "finish", id=start(stage, **fields))


def test_the_checks_in_their_order() -> None:
    """Each of these is also wrong in everything that is checked later."""
    stage = meeting()
    fields = QUESTION | {"duration": 1, "topic": "?", "choices": [""]}
    poll = start(stage)
    assert stage.say("bob", "polls", "start", **fields) == error("insufficient_permissions")
    assert stage.say("ada", "polls", "start", **fields) == error("still_running")
    stage.say("ada", "polls", "finish", id=poll)
    for slug, right in (
        ("invalid_duration", {"duration": 2}),
        ("invalid_topic_length", {"topic": "??"}),
        ("invalid_choice_count", {"choices": ["", ""]}),
        ("invalid_choice_description", {}),
    ):
        assert stage.say("ada", "polls", "start", **fields) == error(slug)
        fields |= right


def test_only_moderators_finish() -> None:
    stage = meeting()
    assert stage.say("ada", "polls", "finish", id=NOBODY) == error("invalid_poll_id")
    poll = start(stage)
    assert stage.say("bob", "polls", "finish", id=NOBODY) == error("insufficient_permissions")
    assert stage.say("bob", "polls", "finish", id=poll) == error("insufficient_permissions")
    assert stage.say("ada", "polls", "finish", id=NOBODY) == error("invalid_poll_id")
    assert not stage.inbox
    assert stage.say("ada", "polls", "finish", id=poll)[0]["message"] == "done"
    assert stage.say("ada", "polls", "finish", id=poll) == error("invalid_poll_id")


def test_one_vote_each() -> None:
    stage = meeting()
    assert vote(stage, "bob", NOBODY, 0) == error("invalid_poll_id")
    poll = start(stage)
    assert vote(stage, "bob", NOBODY, 7) == error("invalid_poll_id")
    for choice in (2, 2**32 - 1):
        assert vote(stage, "bob", poll, choice) == error("invalid_choice_id")
    for choice in (-1, 2**32):  # numbers that no choice can have cannot be read, which is silence
        assert vote(stage, "bob", poll, choice) == []
    assert not stage.inbox
    assert counts(vote(stage, "bob", poll, 0)[0]) == [1, 0]
    stage.inbox.clear()
    for choice in (1, 7):
        assert vote(stage, "bob", poll, choice) == error("voted_already")
    assert not stage.inbox
    stage.lose("bob")
    stage.join("bob", resumption=stage.resumption["bob"])
    assert vote(stage, "bob", poll, 1) == error("voted_already")  # nor by coming back
    stage.say("ada", "polls", "finish", id=poll)
    assert counts(vote(stage, "bob", start(stage), 1)[0]) == [0, 1]  # another poll


def test_later_a_new_vote_replaces_the_old_one() -> None:
    stage = meeting(FeatureLevel.V0_7)
    poll = start(stage)
    vote(stage, "cyd", poll, 0)
    assert counts(vote(stage, "bob", poll, 0)[-1]) == [2, 0]
    assert counts(vote(stage, "bob", poll, 1)[0]) == [1, 1]
    assert vote(stage, "bob", poll, 2) == error("invalid_choice_id")
    assert counts(vote(stage, "bob", poll, [], "choice_ids")[0]) == [1, 0]  # taken back
    assert counts(vote(stage, "bob", poll, [1], "choice_ids")[0]) == [1, 1]
    assert counts(stage.say("bob", "polls", "vote", poll_id=poll)[0]) == [1, 0]  # the other way to take it back
    stage.lose("bob")
    stage.join("bob", resumption=stage.resumption["bob"])
    assert counts(vote(stage, "bob", poll, 0)[0]) == [2, 0]


def test_multiple_choice() -> None:
    stage = meeting(FeatureLevel.V0_14)
    cake = ["Soup", "Salad", "Cake"]
    (started,) = stage.say("ada", "polls", "start", **QUESTION | {"choices": cake, "multiple_choice": True})
    poll = started["id"]
    assert started["multiple_choice"] is True
    assert stage.join("dee")[0]["polls"]["multiple_choice"] is True
    assert counts(vote(stage, "dee", poll, [0, 2, 2], "choice_ids")[0]) == [1, 0, 1]
    assert counts(vote(stage, "dee", poll, [1, 2], "choice_ids")[0]) == [0, 1, 1]
    assert vote(stage, "dee", poll, [1, 3], "choice_ids") == error("invalid_choice_id")
    assert counts(vote(stage, "dee", poll, 0)[0]) == [1, 0, 0]
    stage.say("ada", "polls", "finish", id=poll)
    (started,) = stage.say("ada", "polls", "start", **QUESTION | {"choices": cake})
    poll = started["id"]
    assert started["multiple_choice"] is False  # always told: its readers refuse the message without
    assert stage.join("fay")[0]["polls"]["multiple_choice"] is False
    stage.forget()
    assert vote(stage, "dee", poll, [0, 3], "choice_ids") == error("invalid_choice_id")
    assert vote(stage, "dee", poll, [0, 1], "choice_ids") == error("multiple_choices_not_allowed")
    assert not stage.inbox


def test_earlier_servers_know_no_multiple_choice() -> None:
    assert meeting(FeatureLevel.V0_13).say("ada", "polls", "start", **{**QUESTION, "live": None}) == []
    early = meeting(FeatureLevel.V0_3)
    assert vote(early, "bob", start(early), [0], "choice_ids") == []
    stage = meeting(FeatureLevel.V0_13)
    (started,) = stage.say("ada", "polls", "start", **QUESTION | {"multiple_choice": True})
    assert "multiple_choice" not in started
    stage.forget()
    assert vote(stage, "bob", started["id"], [0, 1], "choice_ids") == []  # nor a word to refuse them


@pytest.mark.parametrize(
    ("level", "live"), [(FeatureLevel.V0_3, None), (FeatureLevel.V0_13, None), (FeatureLevel.V0_14, False)]
)
def test_whether_it_is_live_has_to_be_said_until_later(level: FeatureLevel, live: bool | None) -> None:
    stage = meeting(level)
    fields = {key: value for key, value in QUESTION.items() if key != "live"}
    assert [one["live"] for one in stage.say("ada", "polls", "start", **fields)] == ([] if live is None else [live])


def test_what_cannot_be_read_is_silence() -> None:
    stage = meeting()
    assert stage.say("bob", "polls", "start", **QUESTION | {"duration": -1}) == []
    assert stage.say("ada", "polls", "start", **QUESTION | {"duration": -1}) == []


def test_a_vote_for_nothing_at_all_is_broken() -> None:
    stage = meeting()
    poll = start(stage)
    assert stage.say("bob", "polls", "vote", poll_id=poll) == []
    assert counts(vote(stage, "bob", poll, 0)[0]) == [1, 0]


def test_a_breakout_room_has_its_own_poll() -> None:
    stage = meeting()
    poll = start(stage)
    stage.controller.rooms.live[RoomId(stage.room)].breakouts = Breakouts({RED: "Red"}, None)
    success = stage.join("ada", breakout_room=RED)[0]  # in a second tab
    assert "polls" not in success
    stage.join("dee", breakout_room=RED)
    stage.inbox.clear()
    other = start(stage, duration=2)
    assert vote(stage, "dee", poll, 0) == error("invalid_poll_id")
    assert counts(vote(stage, "dee", other, 0)[0]) == [1, 0]
    stage.inbox.clear()
    stage.sleep(2.0)
    assert stage.names("dee") == ["done"]
    assert stage.heard("bob") == []
    assert counts(vote(stage, "bob", poll, 1)[0]) == [0, 1]


def test_a_poll_goes_with_its_room() -> None:
    stage = meeting()
    start(stage)
    for who in ("ada", "bob", "cyd"):
        stage.lose(who)
    assert stage.controller.deadline is None
    assert "polls" not in stage.join("ada")[0]
