"""Over real sockets, on both loops, our controller does in the scenarios what it does in memory."""

from __future__ import annotations

import anyio
import anyio.to_thread
import pytest
from extent import extent
from recorded import scenarios
from replay_compare import differences
from replay_memory import play_in_memory
from replay_player import Played
from replay_serving import serving_for_replay
from replay_sockets import play_over_sockets

TIMED = {"frames/fragments of 1.1 MB", "frames/fragments of 990 kB"}
"""Either the budget or a limit of size ends them: the budget grows while the bytes are on their way."""


@pytest.mark.soak
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
@pytest.mark.usefixtures("nothing_is_left")
def test_sockets_change_nothing(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps may differ: only pauses take real time here, so that what a timer sends may come at another step."""
    quick = [each for each in scenarios() if not each.get("slow") and each["name"] not in TIMED]
    chosen = quick[:: extent(whole=1, part=16)]

    async def play() -> dict[str, Played]:
        async with serving_for_replay(loop, monkeypatch) as host:
            return await anyio.to_thread.run_sync(play_over_sockets, chosen, host)

    played = anyio.run(play, backend=loop)
    assert len(played) == len(chosen)
    for scenario in chosen:
        in_memory = play_in_memory(scenario)
        alike = {**scenario, "received": in_memory.received, "closed": in_memory.closed}
        found = differences(alike, played[scenario["name"]], with_steps=False)
        assert not found, "\n".join([scenario["name"], *map(str, found)])
