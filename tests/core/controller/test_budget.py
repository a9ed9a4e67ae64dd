"""Budgets: how much a peer may make the server do."""

from __future__ import annotations

import pytest

from m3core.controller.budget import Budget, cost


@pytest.mark.parametrize(
    ("size", "units"), [(0, 1), (1, 1), (1024, 1), (1025, 2), (2048, 2), (2049, 3), (1 << 20, 1024)]
)
def test_each_kib_after_the_first_costs_as_much_as_the_first(size: int, units: int) -> None:
    assert cost(size) == units


def test_what_is_refused_costs_nothing() -> None:
    budget = Budget(0, size=10, rate=2)
    assert budget.take(0, 7)
    assert not budget.take(0, 4)
    assert budget.take(0, 3)
    assert not budget.take(0)


def test_it_says_how_long_to_wait() -> None:
    budget = Budget(0, size=10, rate=2)
    assert budget.wait(0, 10) == 0
    budget.take(0, 10)
    assert budget.wait(0, 4) == 2
    assert not budget.take(1.75, 4)
    assert budget.wait(2, 4) == 0
    assert budget.take(2, 4)
