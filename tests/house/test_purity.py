"""Calls that the import contracts cannot see: those that read the clock, the environment or randomness, or run text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "m3core"
MODULES = sorted(path for path in CORE.rglob("*.py") if "testing" not in path.parts)
FORBIDDEN_MODULES = {
    "time",
    "random",
    "secrets",
    "os",
    "socket",
    "asyncio",
    "threading",
    "uuid",
    "subprocess",
    "builtins",
}
FORBIDDEN_CALLS = {"now", "utcnow", "today", "urandom", "getenv", "monotonic", "perf_counter"}
FORBIDDEN_BUILTINS = {"open", "print", "input", "breakpoint"}
RUN_TEXT = {"exec", "eval", "compile"}
GENERATES_CODE = "messages/source.py"
"""The one module that may run text: it makes decoders of message classes, and never of anything that a peer sent."""


def faults(tree: ast.AST, *, may_run_text: bool = False) -> list[str]:
    forbidden = FORBIDDEN_BUILTINS if may_run_text else FORBIDDEN_BUILTINS | RUN_TEXT
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in FORBIDDEN_MODULES:
            found.append(node.module or "")
        elif isinstance(node, ast.Name) and node.id in forbidden and isinstance(node.ctx, ast.Load):
            found.append(node.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FORBIDDEN_CALLS:
            owner = node.func.value
            # `self._now()` is a clock that was passed in; `datetime.now()` is that of the machine.
            if isinstance(owner, ast.Name | ast.Attribute) and "date" in ast.unparse(owner):
                found.append(ast.unparse(node.func))
    return found


def path_in_core(module: Path) -> str:
    return module.relative_to(CORE).as_posix()


@pytest.mark.parametrize("module", MODULES, ids=path_in_core)
def test_module_is_pure(module: Path) -> None:
    may_run_text = path_in_core(module) == GENERATES_CODE
    assert faults(ast.parse(module.read_text("utf-8")), may_run_text=may_run_text) == []


def test_the_module_that_may_run_text_does_so() -> None:
    assert set(faults(ast.parse((CORE / GENERATES_CODE).read_text("utf-8")))) <= RUN_TEXT
    assert "exec" in faults(ast.parse((CORE / GENERATES_CODE).read_text("utf-8")))


@pytest.mark.parametrize(
    "code",
    [
        "import time",
        "from os import environ",
        "dt.datetime.now()",
        "open('x')",
        "import asyncio.events",
        "exec('x = 1')",
        "run = eval",
        "compile('x', 'x', 'exec')",
        "import builtins",
    ],
)
def test_the_check_can_fail(code: str) -> None:
    assert faults(ast.parse(code))


@pytest.mark.parametrize("code", ["re.compile('x')", "source.compile()", "self._now()"])
def test_the_check_leaves_other_names_alone(code: str) -> None:
    assert faults(ast.parse(code)) == []
