"""Each adapter's own code stays small: what both need belongs to m3core (docs/architecture.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = {
    "m3asyncio": ("__init__", "client", "http", "loop", "media_factory", "server", "websocket"),
    "m3trio": ("__init__", "client", "http", "loop", "server", "websocket"),
}
LIMIT = 600


@pytest.mark.parametrize("package", OWN)
def test_an_adapter_is_short_and_its_size_is_told(package: str) -> None:
    lines = {name: len((ROOT / package / f"{name}.py").read_text().splitlines()) for name in OWN[package]}
    assert sum(lines.values()) < LIMIT
    text = (ROOT / "docs/architecture.md").read_text()
    (together,) = re.findall(r"^\| together \| \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    assert int(together[list(OWN).index(package)]) == sum(lines.values())


def test_m3trio_has_no_other_rooms() -> None:
    assert {path.stem for path in (ROOT / "m3trio").glob("*.py")} == set(OWN["m3trio"])
