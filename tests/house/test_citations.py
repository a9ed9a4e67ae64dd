"""What code, tests and pages cite is there: sections of the protocol, decisions, source marks.

A citation is a page of docs/protocol with sections (`signaling.md § 5.2`, `media.md § 2, 3 and 6`, `§ 2 - 7`), perhaps
with rows of a numbered table (`media.md § 10 row 4`) or a subject that the section names (`rest.md § 4, TURN`); or a
page with a subject (`rest.md, TURN`). A section without a page (`§ 5.2`) belongs to a page that the same file cites.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PROTOCOL: Final = ROOT / "docs" / "protocol"
NAMES: Final = ("README.md", "signaling.md", "media.md", "rest.md")
CODE: Final = ("m3core", "m3asyncio", "m3trio", "tests", "examples", "benchmarks", "docs")
GENERATED: Final = ROOT / "docs" / "reference"  # its sentences are those of the docstrings
HEADING: Final = re.compile(r"^(#+) (.*)$", re.MULTILINE)

NUMBER: Final = r"\d+(?:\.\d+)?"
NEXT: Final = rf"(?:, | and | - | to |, and |; )(?:§ ?)?(?={NUMBER})"
SECTIONS: Final = rf"§§? ?({NUMBER}(?:{NEXT}{NUMBER}(?![\w#]))*)"
ROWS: Final = r"(?:,? rows? (\d+(?:(?:, | and | to )\d+)*))?"
WORDS: Final = r"(?!(?:\w+/)?\w+\.md|RFC|and |see |as )([^();:.,|§\"]+?)(?= and (?:\w+/)?\w+\.md|[();:.,|§\"]|$)"
SUBJECT: Final = rf"(?:, {WORDS})?"
CITED: Final = re.compile(rf"\b(signaling|media|rest)\.md {SECTIONS}{ROWS}{SUBJECT}")
NAMED: Final = re.compile(rf"\b(protocol/README|signaling|media|rest)\.md, {WORDS}")
BARE: Final = re.compile(rf"(?<!\.md ){SECTIONS}")
PAGE: Final = re.compile(r"\b(signaling|media|rest)\.md\b")
DECISION: Final = re.compile(r"docs/architecture\.md, decision (\d+)")
STRAY: Final = re.compile(
    r"design, decision|reliability (?:row|\d)|(?<!architecture\.md, )decision \d|\.md s\. ?\d", re.IGNORECASE
)
MARK: Final = r"[A-Z]{1,2}(?: (?:to )?\d+\.\d+)?"
MARKS: Final = re.compile(rf"\(({MARK}(?:, {MARK})*)(?=[);,]| …)")
RELEASES: Final = tuple(f"0.{minor}" for minor in range(1, 21))


@cache
def page(name: str) -> str:
    return (PROTOCOL / name).read_text("utf-8")


@cache
def sections(name: str) -> Mapping[str, str]:
    """The text below each numbered heading, its subsections included."""
    text = page(name)
    found = {}
    headings = [*HEADING.finditer(text)]
    for index, match in enumerate(headings):
        if number := re.match(rf"({NUMBER})\.? ", match[2]):
            ends = (later.start() for later in headings[index + 1 :] if len(later[1]) <= len(match[1]))
            found[number[1]] = text[match.start() : next(ends, len(text))]
    return found


def subjects(name: str) -> set[str]:
    """What a page can be asked for by name: its headings, what its tables' rows begin with, and what is bold."""
    text = page(name)
    titles = [title for _, title in HEADING.findall(text)]
    return {each.strip().lower() for each in (*titles, *re.findall(r"^\| ([^|]+) \|", text, re.M), *bold(text))}


def bold(text: str) -> list[str]:
    return re.findall(r"\*\*([^*]+)\*\*", text)


def numbers(cited: str) -> Iterator[str]:
    """The sections of `2, 3 and 6`, of `2 - 7` and of `4.1 - 4.3`."""
    for begin, end in re.findall(rf"({NUMBER})(?:(?: - | to )({NUMBER}))?", cited):
        yield begin
        if end:
            chapter, dot, last = end.rpartition(".")
            first = begin.rpartition(".")[2]
            yield from (f"{chapter}{dot}{number}" for number in range(int(first) + 1, int(last) + 1))


def one_line(text: str) -> str:
    """The text without the line ends of its paragraphs, and without what begins a line of a comment."""
    text = re.sub(r"\n[ \t]*\n", "\n;", text)
    return re.sub(r"\n[ \t]*(?:#:? |\* )?[ \t]*", " ", text)


def problems(text: str, own: str | None = None) -> Iterator[str]:
    """What ``text`` cites that is not there; ``own`` is the page of the protocol that it is itself."""
    text = one_line(text)
    for match in CITED.finditer(text):
        yield from in_sections(match[0], f"{match[1]}.md", [*numbers(match[2])], match[3], match[4])
    for match in NAMED.finditer(text):
        name = match[1].removeprefix("protocol/") + ".md"
        if match[2].strip().lower() not in subjects(name):
            yield f"{match[0]}: no such heading or row"
    pages = {f"{name}.md" for name in PAGE.findall(text)} | ({own} if own else set())
    for match in BARE.finditer(text):
        for number in numbers(match[1]):
            if not any(number in sections(name) for name in pages):
                yield f"{match[0]}: no page that this file cites has that section"
    for match in DECISION.finditer(text):
        if int(match[1]) not in decisions():
            yield f"{match[0]}: no such decision"
    for match in STRAY.finditer(text):
        yield f"{match[0]}: cites what is not in the repository"


def in_sections(cited: str, name: str, wanted: list[str], rows: str | None, subject: str | None) -> Iterator[str]:
    missing = [number for number in wanted if number not in sections(name)]
    if missing:
        yield f"{cited}: {name} has no § {', '.join(missing)}"
        return
    last = sections(name)[wanted[-1]]
    for row in re.findall(r"\d+", rows or ""):
        if not re.search(rf"^\| {row} \|", last, re.MULTILINE):
            yield f"{cited}: no row {row}"
    if subject and subject.strip().lower() not in last.lower():
        yield f"{cited}: the section does not speak of {subject!r}"


@cache
def decisions() -> frozenset[int]:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    listed = text.split("## Decisions")[1].split("\n## ")[0]
    return frozenset(int(number) for number in re.findall(r"^(\d+)\. ", listed, re.MULTILINE))


def files() -> Iterator[Path]:
    yield from ROOT.glob("*.md")
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".md") and path != Path(__file__) and GENERATED not in path.parents:
                yield path


def test_the_check_sees_the_citations() -> None:
    seen = sum(len(CITED.findall(one_line(path.read_text("utf-8")))) for path in files())
    assert seen > 250


def test_what_is_cited_is_there() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in files()
        for problem in problems(path.read_text("utf-8"), path.name if path.parent == PROTOCOL else None)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "(signaling.md § 21)",
        "(signaling.md § 5.9)",
        "signaling.md\n    # § 99",
        "(media.md § 2, 3 and 60)",
        "(media.md § 9 - 12)",
        "(media.md § 10 row 99)",
        "(media.md § 10, 12)",
        "(rest.md § 4, teleportation)",
        "(rest.md, teleportation)",
        "(protocol/README.md, teleportation)",
        "nothing but § 3",
        "rest.md, and then § 17",
        "docs/architecture.md, decision 99",
        "design, decision 7",
        "(reliability row 7)",
        "(reliability rows 1 to 7)",
        "(signaling.md s. 1)",
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text: str) -> None:
    assert [*problems(text)] != []


@pytest.mark.parametrize(
    "text",
    [
        "(signaling.md § 5.2)",
        "(signaling.md § 5 and 6). Other words, and more",
        "(media.md § 2 - 7)",
        "(signaling.md § 6 and § 5)",
        "(media.md § 2, § 10 row 7)",
        "(media.md § 10 row 5, 6)",
        "(rest.md § 4, TURN)",
        "(rest.md § 4, Services)",
        "(rest.md, TURN)",
        "(protocol/README.md, timestamps)",
        "(signaling.md § 5.1, rest.md § 3), and about its media",
        "signaling.md says it (§ 4)",
        "docs/architecture.md, decision 7",
    ],
)
def test_a_citation_that_leads_somewhere_is_not(text: str) -> None:
    assert [*problems(text)] == []


def marks_of(text: str) -> Iterator[tuple[str, str]]:
    """Letter and release of each mark in parentheses."""
    for marks in MARKS.findall(one_line(text)):
        yield from re.findall(r"([A-Z]+)(?: (?:to )?([\d.]+))?", marks)


def test_source_marks_are_explained() -> None:
    explained = set(re.findall(r"^\| \*\*([A-Z]+)\*\* \|", page("README.md"), re.MULTILINE))
    used = {mark for path in (ROOT / "m3core").rglob("*.py") for mark in marks_of(path.read_text("utf-8"))}
    assert {("S", ""), ("R", ""), ("L", "0.9")} <= used
    assert {letter for letter, _ in used} <= explained
    assert {release for _, release in used if release} <= set(RELEASES)
    assert "X" not in explained
    assert [*marks_of("(X), (R, L to 0.9; see there)")] == [("X", ""), ("R", ""), ("L", "0.9")]


def test_the_protocol_pages_name_nothing_outside_of_the_repository() -> None:
    for name in NAMES:
        assert not re.search(r"\bshared\b(?! folder|_folder| with| secret| by)|/work|m3-protocol", page(name)), name
