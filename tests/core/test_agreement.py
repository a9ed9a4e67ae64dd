"""`all_agree`, which other tests end with, notices what a client was not told."""

from __future__ import annotations

from typing import Any

import pytest
from agreement import all_agree
from worlds import say

from m3core.testing.pair import Client, World

POLL = {"topic": "Lunch?", "live": False, "choices": ["yes", "no"], "duration": 60}
TIMER = {"kind": "stopwatch", "enable_ready_check": True}


def meeting() -> tuple[World, Client, Client]:
    """Ada and Bob, with a poll and a timer."""
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    say(world, ada, "polls", "start", **POLL)
    say(world, ada, "timer", "start", **TIMER)
    say(world, ada, "chat", "send_message", content="hello", scope="global")
    all_agree(world)
    return world, ada, bob


def ids(world: World) -> dict[str, str]:
    """The ids of the poll and the timer that run."""
    (live,) = world.controller.rooms.live.values()
    told = world.controller.entries.join_data(next(iter(live.joined())))
    return {"POLL": told["polls"].id, "TIMER": told["timer"].timer_id}


@pytest.mark.parametrize(
    ("namespace", "action", "fields"),
    [
        ("chat", "send_message", {"content": "more", "scope": "global"}),
        ("chat", "clear_history", {}),
        ("chat", "disable_chat", {}),
        ("polls", "finish", {"id": "POLL"}),
        ("timer", "stop", {"timer_id": "TIMER"}),
        ("timer", "update_ready_status", {"timer_id": "TIMER", "status": True}),
        ("control", "raise_hand", {}),
        ("moderation", "disable_raise_hands", {}),
        ("recording", "set_consent", {"consent": True}),
        ("breakout", "start", {"rooms": [{"name": "red", "assignments": []}]}),
    ],
)
def test_a_client_that_hears_nothing_disagrees(
    namespace: str, action: str, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, ada, bob = meeting()
    monkeypatch.setattr(bob.conference, "receive_text", lambda *_: None)
    say(world, ada, namespace, action, **{key: ids(world).get(str(value), value) for key, value in fields.items()})
    with pytest.raises(AssertionError):
        all_agree(world)


def test_a_vote_that_the_client_did_not_send_disagrees() -> None:
    world, _, bob = meeting()
    say(world, bob, "polls", "vote", poll_id=ids(world)["POLL"], choice_id=1)
    with pytest.raises(AssertionError):
        all_agree(world)
