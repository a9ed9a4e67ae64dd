"""docs/interop.md names tests that exist, and has the same counts as docs/differences.md."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "interop.md").read_text("utf-8")


def test_the_tests_it_names_exist() -> None:
    files = {path.name: path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    functions = {name for text in files.values() for name in re.findall(r"def (test_\w+)\(", text)}
    named = re.findall(r"`(test_\w+(?:\.py)?)`", PAGE)
    assert len(named) > 30
    assert [name for name in named if name not in files and name not in functions] == []


def test_both_pages_count_the_same_scenarios() -> None:
    differences = (ROOT / "docs" / "differences.md").read_text("utf-8")
    (equal,) = re.findall(r"^\| (\d+) \| equal \|$", differences, re.MULTILINE)
    (decided,) = re.findall(r"^\| (\d+) \| different, as below \|$", differences, re.MULTILINE)
    assert f"| after, in memory (`make test`) | {equal} | {decided} | 0 |" in PAGE
