"""No `while` loop awaits `gather`.

Since Python 3.12 `gather` of tasks that are finished does not yield to the event loop, so the callbacks that would end
such a loop never run.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for name in ("m3core", "m3asyncio", "m3trio") for path in (ROOT / name).rglob("*.py"))


def gathering(tree: ast.AST) -> list[int]:
    """The lines of `while` loops that call `gather`."""
    return [
        loop.lineno
        for loop in ast.walk(tree)
        if isinstance(loop, ast.While)
        and any(
            isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node).endswith("gather")
            for node in ast.walk(loop)
        )
    ]


def test_no_loop_gathers() -> None:
    found = {str(path.relative_to(ROOT)): gathering(ast.parse(path.read_text("utf-8"))) for path in MODULES}
    assert found
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize("call", ["asyncio.gather", "gather"])
def test_the_check_can_fail(call: str) -> None:
    assert gathering(ast.parse(f"async def close():\n    while tasks:\n        await {call}(*tasks)\n")) == [2]
