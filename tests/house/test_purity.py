"""What the import contract cannot see: calls that read the clock, the environment or randomness."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "m3core"
MODULES = sorted(path for path in CORE.rglob("*.py") if "testing" not in path.parts)
FORBIDDEN_MODULES = {"time", "random", "secrets", "os", "socket", "asyncio", "threading", "uuid", "subprocess"}
FORBIDDEN_CALLS = {"now", "utcnow", "today", "urandom", "getenv", "monotonic", "perf_counter"}
FORBIDDEN_BUILTINS = {"open", "print", "input", "eval", "breakpoint"}


def faults(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in FORBIDDEN_MODULES:
            found.append(node.module or "")
        elif isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute) and function.attr in FORBIDDEN_CALLS:
                owner = function.value
                # `self._now()` is an injected clock; `datetime.now()` is the machine's.
                if isinstance(owner, ast.Name | ast.Attribute) and "date" in ast.unparse(owner):
                    found.append(ast.unparse(function))
            elif isinstance(function, ast.Name) and function.id in FORBIDDEN_BUILTINS:
                found.append(function.id)
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(CORE)))
def test_module_is_pure(module: Path) -> None:
    assert faults(ast.parse(module.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "code", ["import time", "from os import environ", "dt.datetime.now()", "open('x')", "import asyncio.events"]
)
def test_the_check_can_fail(code: str) -> None:
    assert faults(ast.parse(code))
