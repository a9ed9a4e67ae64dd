"""Docstrings, comments, texts and pages do without words that misled a reader who did not know the project."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for name in ("m3core", "m3asyncio", "m3trio", "tests", "benchmarks", "examples", "docs")
    for path in (ROOT / name).rglob("*.py")
    if path.parent.name != "mutants" and path != Path(__file__)
)
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
MISLEADING = re.compile(
    r"(?<![-`])(?<!silent socket before join )"
    r"\b(houses?(?!/)|doors?|stay(?:s|ed|ing)?|deaf|alone|ha(?:s|ve|d) the word|whoever hears|hears? nothing"
    r"|who \w+ (?:is|are) told|they were the \w+'s|out of the blue)\b",
    re.IGNORECASE,
)
"""`has the word` meant: has the floor. `who publishes is told` meant: the server tells the publisher.

An option or a name in backquotes, such as `--stay`, is no text, and neither is the name of a recorded scenario."""


def texts(source: str) -> list[tuple[int, str]]:
    """The comments and strings of a module with their lines, docstrings and parts of f-strings included."""
    comments = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    strings = [
        (node.lineno, node.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return comments + strings


def misleading(source: str) -> list[str]:
    """The words that are found, each with the line where its text begins."""
    return [
        f"{line}: {found[0]}" for line, text in texts(source) for found in MISLEADING.finditer(" ".join(text.split()))
    ]


@pytest.mark.parametrize("file", FILES)
def test_no_word_misleads(file: str) -> None:
    assert misleading((ROOT / file).read_text("utf-8")) == []


@pytest.mark.parametrize("page", PAGES)
def test_no_word_of_a_page_misleads(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert [found[0] for found in MISLEADING.finditer(text) if found[0] != "house"] == []  # architecture.md has one


@pytest.mark.parametrize(
    "source",
    [
        '"""Modules are deaf before the room."""',
        "x = 1  # it stays here",
        "def f():\n    '''The one at the door.'''",
        'raise ValueError(f"{name} has the\\nword")',
        'text = "whoever hears nothing then"',
        '"""Who publishes is told."""',
        "call('you are', 'alone')",
    ],
)
def test_the_check_can_fail(source: str) -> None:
    assert misleading(source)


@pytest.mark.parametrize(
    "source",
    ["stay = door(house)", '"""Unless `stay` or ``--stay``."""', '"""The standalone outdoor stayer has the floor."""'],
)
def test_the_check_leaves_other_words_alone(source: str) -> None:
    assert misleading(source) == []
