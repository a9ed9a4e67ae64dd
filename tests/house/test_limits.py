"""docs/limits.md has every limit with its default, and the parsers of other projects are recent enough."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from m3core import limits

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| `([A-Z_]+)` \| ([\d,.]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def test_every_limit_is_in_the_table() -> None:
    rows = {
        name: (value, what) for name, value, what, _ in _ROW.findall((ROOT / "docs" / "limits.md").read_text("utf-8"))
    }
    told = {name: float(value.replace(",", "")) for name, (value, _) in rows.items()}
    kept = {name: float(value) for name, value in vars(limits).items() if name.isupper()}
    assert told == kept


def test_every_limit_is_used() -> None:
    """A limit that no module reads limits nothing."""
    code = "\n".join(
        path.read_text("utf-8")
        for folder in ("m3core", "m3asyncio")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "limits.py"
    )
    assert [name for name in vars(limits) if name.isupper() and not re.search(rf"\b{name}\b", code)] == []


def test_the_parsers_of_others_are_not_too_old() -> None:
    """h11 before 0.16 allows request smuggling (GHSA-vqfr-h8mv-ghfj)."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    floors = dict(requirement.split(">=") for extra in extras.values() for requirement in extra if ">=" in requirement)
    assert tuple(map(int, floors["h11"].split("."))) >= (0, 16)
    pins = dict(re.findall(r"^([a-z0-9-]+)==([^ \\]+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE))
    assert tuple(map(int, pins["h11"].split("."))) >= (0, 16)
    assert "h2" not in pins
