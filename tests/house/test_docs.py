"""The documents fit the code: diagrams, the reference, code and names. `test_pages` looks at links and tables."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path

import m3asyncio

ROOT = Path(__file__).parents[2]
REFERENCE = sorted((ROOT / "docs" / "reference").glob("*.md"))


def test_the_state_diagrams_are_those_of_the_tables() -> None:
    drawn = runpy.run_path(str(ROOT / "docs" / "diagrams.py"))["draw"]()
    assert (ROOT / "docs" / "state-diagrams.md").read_text("utf-8") == drawn, "run make diagrams"


def test_the_reference_is_that_of_the_messages() -> None:
    written = runpy.run_path(str(ROOT / "docs" / "reference.py"))["generate"]()
    found = {page.name: page.read_text("utf-8") for page in REFERENCE}
    stale = [name for name in {**written, **found} if written.get(name) != found.get(name)]
    assert not stale, "run make reference"


def test_the_code_of_the_readme_uses_names_that_exist() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        names = [
            node.attr
            for node in ast.walk(ast.parse(block))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "m3"
        ]
        assert names
        assert all(hasattr(m3asyncio, name) for name in names)


def test_files_that_the_documents_name_exist() -> None:
    for page in (ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"):
        named = re.findall(r"`((?:m3core|m3asyncio|tests|docs)/[\w/.-]+\.(?:py|md|json))`", page.read_text("utf-8"))
        assert named
        assert [name for name in named if not (ROOT / name).exists()] == []
