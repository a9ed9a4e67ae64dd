"""A conference of Ada and Bob in this process of which every message and every frame is checked.

It does what `m3 demo` does and more, slower, and with stricter checks.
"""

from __future__ import annotations

from checker_scenario import Scenario
from checker_stage import CheckedStage

from m3asyncio.cli.demo import event_loops
from m3asyncio.cli.demo_stage import DemoFailed
from m3asyncio.cli.output import Output
from m3core.controller.features import FeatureLevel


async def hold(loop: str, level: FeatureLevel, seconds: float) -> tuple[CheckedStage, Scenario]:
    """Hold it on ``loop`` (`m3 demo --loop`); the stage has its checks. Its timeline goes to stdout."""
    async with event_loops(loop) as (home, guest):
        stage = CheckedStage(Output(), home.adapter.backend)
        scenario = Scenario(stage, home, guest, level)
        try:
            await scenario.play(seconds)
        except* DemoFailed:
            pass  # the check is noted
    return stage, scenario
