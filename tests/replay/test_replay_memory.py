"""Our controller beside the recorded one, in memory: equal, or different as decided (decided.py)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from decided import DECIDED, expected
from recorded import scenarios
from replay_compare import differences
from replay_memory import play_in_memory


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario["name"])
def test_it_is_equal_or_decided(scenario: dict[str, Any]) -> None:
    found = differences(scenario, play_in_memory(scenario), with_steps=not scenario.get("unsteady"))
    shown, wanted = Counter(difference.line for difference in found), expected(scenario["name"])
    undecided = [str(difference) for difference in found if shown[difference.line] > wanted[difference.line]]
    assert not undecided, "\n".join(["", *undecided])
    assert not wanted - shown, "decided, but it no longer differs"


def test_what_is_decided_is_recorded() -> None:
    names = {scenario["name"] for scenario in scenarios()}
    assert len(names) == len(scenarios()) == 356
    assert {name for decided in DECIDED.values() for name in decided} <= names
