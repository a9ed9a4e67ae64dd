"""The lists of mutants are true: each changes what stands in the source, into something that still is Python."""

from __future__ import annotations

import ast

import pytest
from mutants import ROOT, Mutant, areas

MUTANTS = [mutant for listed in areas().values() for mutant in listed]


def test_names_are_used_once() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_source_can_be_changed_so(mutant: Mutant) -> None:
    before = ast.dump(ast.parse((ROOT / mutant.file).read_text("utf-8")))
    assert ast.dump(ast.parse(mutant.source())) != before


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_tests_are_there(mutant: Mutant) -> None:
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists()
        assert not name or f"def {name.partition('::')[2] or name}".partition("[")[0] in (ROOT / path).read_text(
            "utf-8"
        )
