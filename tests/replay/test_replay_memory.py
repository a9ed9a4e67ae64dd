"""Our controller beside the recorded one, in memory."""

from __future__ import annotations

from typing import Any

import pytest
from recorded import scenarios
from replay_compare import differences
from replay_memory import play_in_memory


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario["name"])
def test_a_scenario_is_equal_or_decided(scenario: dict[str, Any]) -> None:
    found = differences(scenario, play_in_memory(scenario))
    assert not found, "\n".join(map(str, found))
