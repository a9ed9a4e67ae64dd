"""docs/differences.md has a section for each reason in `decided`, with the right count of scenarios."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from decided import DECIDED
from recorded import scenarios

_PAGE: Final = (Path(__file__).parents[2] / "docs" / "differences.md").read_text("utf-8")


def test_each_reason_has_its_section_and_its_count() -> None:
    sections = re.findall(r"^### ([^\n]*)\n(.*?)(?=^#|\Z)", _PAGE, re.MULTILINE | re.DOTALL)
    told = {}
    for title, body in sections:
        assert re.findall(r"^\* (\w+): ", body, re.MULTILINE) == ["There", "Here", "Why", "Scenarios"], title
        (told[title.lower().replace(" ", "-")],) = map(int, re.findall(r"^\* Scenarios: (\d+)$", body, re.MULTILINE))
    assert told == {reason: len(decided) for reason, decided in DECIDED.items()}


def test_the_table_counts_the_scenarios() -> None:
    different = {name for decided in DECIDED.values() for name in decided}
    counts = [len(scenarios()), len(scenarios()) - len(different), len(different)]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", _PAGE, re.MULTILINE)] == counts
