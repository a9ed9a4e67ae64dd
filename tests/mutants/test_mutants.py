"""The lists of mutants are true: each changes what stands in the source, into something that still is Python."""

from __future__ import annotations

import ast

import pytest
from mutants import ROOT, Mutant, areas

AREAS = areas()


def test_names_are_used_once() -> None:
    names = [mutant.name for listed in AREAS.values() for mutant in listed]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("area", AREAS)
def test_the_source_can_be_changed_so(area: str) -> None:
    assert [mutant.name for mutant in AREAS[area] if not changes_code(mutant)] == []


@pytest.mark.parametrize("area", AREAS)
def test_the_tests_are_there(area: str) -> None:
    assert [(mutant.name, test) for mutant in AREAS[area] for test in mutant.tests if not is_there(test)] == []


def changes_code(mutant: Mutant) -> bool:
    """Whether the mutant is Python, and another program than the source."""
    before = ast.dump(ast.parse((ROOT / mutant.file).read_text("utf-8")))
    return ast.dump(ast.parse(mutant.source())) != before


def is_there(test: str) -> bool:
    """Whether there is such a folder, file or function of tests."""
    path, _, name = test.partition("::")
    if not (ROOT / path).exists():
        return False
    function = name.rpartition("::")[2].partition("[")[0]
    return not function or f"def {function}(" in (ROOT / path).read_text("utf-8")


def test_a_mutant_that_changes_nothing_is_found() -> None:
    same = Mutant("a comment", "m3core/handshake.py", "from __future__", "from  __future__", ())
    assert not changes_code(same)
    assert not is_there("tests/mutants/test_mutants.py::test_that_is_not_there")
    with pytest.raises(ValueError, match="stands 0 times"):
        Mutant("no such text", "m3core/handshake.py", "no such text", "", ()).source()
