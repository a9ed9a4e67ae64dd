"""Tests look at the controller through its public names, as an operator would."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))
PRIVATE = re.compile(r"_[a-zA-Z]\w*")
ENGINES = {"api", "controller", "front", "meeting", "rooms", "store", "tickets", "_api", "_controller", "_tickets"}
"""What a test calls the controller's objects: the last name before the dot."""
ALLOWED = {"core/sdp/test_sdp_document.py"}
"""It compares the search that finds what is wrong with a line with the one that only sees that something is."""


def privates(tree: ast.AST) -> list[str]:
    """Private names that are imported from m3core, and private attributes of the controller's objects."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "m3core":
            found += [f"{node.module}.{alias.name}" for alias in node.names if PRIVATE.fullmatch(alias.name)]
        elif isinstance(node, ast.Attribute) and PRIVATE.fullmatch(node.attr):
            owner = node.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if name in ENGINES:
                found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=lambda path: path.name)
def test_no_test_uses_private_names_of_the_controller(folder: Path) -> None:
    names = {
        path.relative_to(TESTS).as_posix(): privates(ast.parse(path.read_text("utf-8"))) for path in folder.glob("*.py")
    }
    assert {file: found for file, found in names.items() if found and file not in ALLOWED} == {}


def test_what_is_allowed_is_needed() -> None:
    assert [name for name in ALLOWED if not privates(ast.parse((TESTS / name).read_text("utf-8")))] == []


@pytest.mark.parametrize(
    "code",
    [
        "from m3core.controller.polls import _Poll",
        "world.controller._sessions",
        "server._controller._api",
        "front._alarms",
        "controller.tickets._out",
    ],
)
def test_the_check_can_fail(code: str) -> None:
    assert privates(ast.parse(code))


@pytest.mark.parametrize(
    "code", ["from m3core.controller import api", "self._controller", "controller.__class__", "x._y"]
)
def test_the_check_leaves_other_names_alone(code: str) -> None:
    assert privates(ast.parse(code)) == []
