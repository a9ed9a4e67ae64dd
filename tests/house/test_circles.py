"""No file imports one that imports it, directly or by way of others. Imports for type checkers count as well."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("m3core", "m3asyncio", "m3trio")
Graph = Mapping[str, frozenset[str]]


def sources(root: Path, packages: tuple[str, ...]) -> dict[str, Path]:
    """The file of each module."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in packages
        for path in (root / package).rglob("*.py")
    }


def imported(tree: ast.AST, modules: Mapping[str, Path]) -> Iterator[str]:
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                part = f"{node.module}.{alias.name}"
                name = part if part in modules else node.module
                if name in modules:
                    yield name


def graph(root: Path, packages: tuple[str, ...]) -> Graph:
    modules = sources(root, packages)
    return {
        name: frozenset(imported(ast.parse(path.read_text("utf-8")), modules)) - {name}
        for name, path in modules.items()
    }


def reachable(start: str, edges: Graph) -> set[str]:
    seen: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            waiting += edges[name]
    return seen


def circles(edges: Graph) -> set[frozenset[str]]:
    """The sets of modules that all reach each other."""
    reach = {name: reachable(name, edges) for name in edges}
    return {frozenset(other for other in reach[name] if name in reach[other]) for name in edges if name in reach[name]}


def test_there_are_no_import_circles() -> None:
    assert circles(graph(ROOT, PACKAGES)) == set()


@pytest.mark.parametrize(
    "how",
    [
        "import pack.second",
        "from pack import second",
        "from pack.second import Name",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pack.second import Name",
        "def f() -> None:\n    import pack.second",
    ],
)
def test_a_circle_is_found(tmp_path: Path, how: str) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "first.py").write_text(how)
    (package / "second.py").write_text("from pack.third import Name")
    (package / "third.py").write_text("")
    assert circles(graph(tmp_path, ("pack",))) == set()
    (package / "third.py").write_text("from pack.first import Name")
    circle = frozenset({"pack.first", "pack.second", "pack.third"})
    assert circles(graph(tmp_path, ("pack",))) == {circle}
