"""The comparison finds each kind of difference, and reports nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from recorded import scenarios
from replay_compare import Difference, Kind, differences
from replay_names import UNKNOWN, Names
from replay_player import Played


def _scenario(name: str) -> dict[str, Any]:
    return next(scenario for scenario in scenarios() if scenario["name"] == name)


def _recorded(name: str) -> tuple[dict[str, Any], Played]:
    """A scenario and an equal result, which a test may change."""
    scenario = _scenario(name)
    return scenario, Played(copy.deepcopy(scenario["received"]), copy.deepcopy(scenario["closed"]))


def _shown(name: str, played: Played, *, with_steps: bool = True) -> list[str]:
    return [difference.line for difference in differences(_scenario(name), played, with_steps=with_steps)]


def _index(played: Played, socket: str, message: str) -> int:
    return [str(what.get("payload", {}).get("message")) for _, what in played.received[socket]].index(message)


def test_a_recording_is_equal_to_itself() -> None:
    for scenario in scenarios():
        assert differences(scenario, Played(scenario["received"], scenario["closed"])) == []


@pytest.mark.parametrize("with_steps", [True, False])
def test_a_changed_a_missing_and_an_extra_field(with_steps: bool) -> None:
    _, played = _recorded("join/owner twice")
    joined = played.received["owner"][_index(played, "owner", "joined")][1]["payload"]
    joined["control"]["role"] = "guest"
    del joined["control"]["left_at"]
    joined["control"]["colour"] = "red"
    joined["media"]["is_presenter"] = 1  # in Python, 1 equals True
    assert _shown("join/owner twice", played, with_steps=with_steps) == [
        'field extra at owner: control.joined payload.control.colour = "red"',
        "field missing at owner: control.joined payload.control.left_at",
        'value at owner: control.joined payload.control.role = "guest"',
        "value at owner: control.joined payload.media.is_presenter = 1",
    ]


@pytest.mark.parametrize("with_steps", [True, False])
def test_a_missing_and_an_extra_message(with_steps: bool) -> None:
    _, played = _recorded("join/owner twice")
    told = played.received["owner"].pop(_index(played, "owner", "left"))
    played.received["guest"].append(told)
    assert _shown("join/owner twice", played, with_steps=with_steps) == [
        "missing at owner: control.left",
        # the recording has the message once for the guest
        "extra at guest: control.left",
    ]


def test_another_order_and_another_step() -> None:
    scenario, played = _recorded("hands/reset with a target")
    told = played.received["owner"]
    first = next(n for n in range(len(told)) if told[n][0] == told[n + 1][0] and told[n] != told[n + 1])
    told[first], told[first + 1] = told[first + 1], told[first]
    for with_steps in (True, False):
        (line,) = _shown(scenario["name"], played, with_steps=with_steps)
        assert line.startswith("order at owner: ")
    _, played = _recorded("join/owner twice")
    played.received["owner"][-1][0] += 1
    assert _shown("join/owner twice", played) == ["step at owner: control.left"]
    assert _shown("join/owner twice", played, with_steps=False) == []


def test_another_close_code_another_end_and_none() -> None:
    scenario, played = _recorded("leave/close 1000")
    (socket,) = scenario["closed"]
    played.closed[socket]["code"] = 1001
    assert _shown("leave/close 1000", played) == [f"closed at {socket}: close = 1001"]
    played.closed[socket] = {**scenario["closed"][socket], "by_client": False}
    assert len(_shown("leave/close 1000", played)) == 1
    del played.closed[socket]
    assert _shown("leave/close 1000", played) == [f"closed at {socket}: close = null"]


def test_what_is_configured_or_arbitrary_does_not_count() -> None:
    _, played = _recorded("join/owner twice")
    joined = played.received["guest"][_index(played, "guest", "join_success")][1]["payload"]
    assert len(joined["participants"]) == 2
    joined["participants"].reverse()
    joined["tariff"] = {"id": "<tariff>", "name": "Another", "quotas": {"x": 1}, "enabled_modules": []}
    assert _shown("join/owner twice", played) == []
    joined["tariff"]["features"] = []
    assert _shown("join/owner twice", played) == [
        "field extra at guest: control.join_success payload.tariff.features = []"
    ]


_ONE, _TWO, _THREE = (f"{number:08x}-0000-4000-8000-000000000000" for number in range(1, 4))


def _names() -> Names:
    names = Names({})
    names.said("guest", {"namespace": "control", "payload": {"action": "join", "display_name": "  Bob  B "}})
    for namespace, payload in (
        ("control", {"message": "join_success", "id": _ONE}),
        ("control", {"message": "joined", "id": _TWO, "control": {"display_name": "Bob B"}}),
        ("polls", {"message": "started", "id": _THREE}),
    ):
        names.received("owner", {"namespace": namespace, "payload": payload})
    return names


def test_received_messages_get_the_form_of_the_recordings() -> None:
    normal = _names().normal
    assert normal([_ONE, _TWO, _THREE, UNKNOWN]) == ["<owner>", "<guest>", "<poll1>", "<unknown>"]
    assert normal({_TWO: "x", "avatar_url": "y", "sdp": "z"}) == {
        "<guest>": "x",
        "avatar_url": "<avatar>",
        "sdp": "<sdp>",
    }
    assert normal(["2030-01-01T00:00:00Z", "2030-01-01T00:00:00.5+01:00"]) == ["<time>", "<time.f>"]
    assert normal(["1970-01-01T00:00:00Z", "ä" * 250, "ä" * 251]) == ["1970-01-01T00:00:00Z", "ä" * 250, "<502 bytes>"]


def test_messages_of_a_recording_are_sent_with_ids() -> None:
    real = _names().real
    assert real({"target": "<guest>", "who": ["<unknown>", "<guest9>"], "text": "<b>bold</b>"}) == {
        "target": _TWO,
        "who": [UNKNOWN, UNKNOWN],
        "text": "<b>bold</b>",
    }
    assert real({"$repeat": ["ab", 2]}) == "abab"
    assert real([{"$many": ["<owner>", 2]}, {"$numbers": ["n", 2]}, {"$nest": 2}]) == [
        [_ONE, _ONE],
        ["n0", "n1"],
        [[0]],
    ]


def test_a_difference_tells_its_step_and_both_values() -> None:
    difference = Difference(Kind.VALUE, "owner", "control.update", "payload.x", 4, "a", "b" * 500)
    assert str(difference).startswith("step 4: value at owner: control.update payload.x = ")
    assert 'recorded "a"' in str(difference)
    assert len(str(difference)) < 1000
