"""The pages render as they should: tables have as many cells in each row, links lead to files and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PROTOCOL: Final = ROOT / "docs" / "protocol"
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)


def cells(row: str) -> int:
    """How many cells GitHub sees in a row: a bar counts unless a backslash stands before it, in code, too."""
    return len(re.sub(r"\\\|", "", row.strip()).strip("|").split("|"))


def uneven(text: str) -> Iterator[str]:
    """Rows with another number of cells than the separator below the head of their table."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for block in re.findall(r"(?:^[ \t]*\|.*\n?)+", text, re.MULTILINE):
        head, *rest = block.splitlines()
        if not rest or not re.fullmatch(r"[ \t]*\|(?:\s*:?-+:?\s*\|)+", rest[0]):
            yield f"no table: {head}"
        else:
            yield from (row for row in (head, *rest[1:]) if cells(row) != cells(rest[0]))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_render(path: Path) -> None:
    assert [*uneven(path.read_text("utf-8"))] == []


def test_a_table_that_does_not_render_is_found() -> None:
    good = "| a | b |\n|---|---|\n| `x`\\|`y` | 2 |\n"
    assert [*uneven(good)] == []
    assert [*uneven(good + "| 1 | 2 | 3 |\n")] == ["| 1 | 2 | 3 |"]
    assert [*uneven(good + "| `x|y` | 2 |\n")] == ["| `x|y` | 2 |"]
    assert [*uneven("| a | b |\n| 1 | 2 |\n")] == ["no table: | a | b |"]


def anchors(path: Path) -> set[str]:
    """What GitHub makes of the headings."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in HEADING.findall(text)}


def broken_links(path: Path, text: str) -> Iterator[str]:
    for target, _, anchor in re.findall(r"\]\(([^)#\s]*)(#([^)\s]+))?\)", text):
        if "://" in target:
            continue
        there = (path.parent / target).resolve() if target else path
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            yield f"{target}#{anchor}" if anchor else target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_a_file_and_a_heading(path: Path) -> None:
    assert [*broken_links(path, path.read_text("utf-8"))] == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    here = PROTOCOL / "README.md"
    assert [
        *broken_links(here, "[a](rest.md) [b](rest.md#3-resources) [c](#source-marks) [d](https://x.example/y)")
    ] == []
    assert [*broken_links(here, "[a](none.md) [b](rest.md#none) [c](#none)")] == ["none.md", "rest.md#none", "#none"]
