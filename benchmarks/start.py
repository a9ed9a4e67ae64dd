"""How much longer `m3 --help` takes than a Python that does nothing. Both are separate processes."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from benchmarks.timing import Delay, delay

TARGET = 120.0
"""Milliseconds."""


def _python(*arguments: str) -> None:
    subprocess.run((sys.executable, *arguments), stdout=subprocess.DEVNULL, check=True)


def run(rounds: int = 31) -> tuple[Delay, ...]:
    """All figures."""
    help_, nothing = partial(_python, "-m", "m3asyncio", "--help"), partial(_python, "-c", "pass")
    return (delay("m3 --help", help_, "python -c pass", nothing, rounds=rounds, target=TARGET),)
