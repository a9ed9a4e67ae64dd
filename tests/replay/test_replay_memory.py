"""Our controller does in memory what the recorded one did, or differs as decided (decided.py)."""

from __future__ import annotations

from typing import Any

import pytest
from decided import DECIDED, complaints
from recorded import scenarios
from replay_compare import Difference, Kind, differences
from replay_memory import play_in_memory


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario["name"])
def test_it_is_equal_or_decided(scenario: dict[str, Any]) -> None:
    # the step of a message is not compared where two recordings of one scenario differ in it
    found = differences(scenario, play_in_memory(scenario), with_steps=not scenario.get("unsteady"))
    told = complaints(scenario["name"], found)
    assert not told, "\n".join(["", *told])


def test_what_is_decided_is_recorded() -> None:
    names = {scenario["name"] for scenario in scenarios()}
    assert len(names) == len(scenarios()) == 356
    assert {name for decided in DECIDED.values() for name in decided} <= names


def test_no_less_and_no_more_than_decided() -> None:
    expired, joined = (
        Difference(Kind.EXTRA, socket, message, "", 5)
        for socket, message in (("owner", "breakout.expired"), ("guest", "control.joined"))
    )
    name = "breakout/expired with people in it"
    assert complaints(name, [expired]) == []
    assert complaints(name, []) == ["decided, but not so: extra at owner: breakout.expired"]
    assert complaints(name, [expired, joined]) == [str(joined)]
    assert complaints(name, [expired, expired]) == [str(expired)] * 2
    assert complaints("hands/up", [joined]) == [str(joined)]
