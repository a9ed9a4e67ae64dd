"""What `pip install` puts on a machine: the packages, and no test of them."""

from __future__ import annotations

import ast
import zipfile
from pathlib import Path

import pytest
from cli_helpers import ROOT
from hatchling.builders.wheel import WheelBuilder

PACKAGES = ("m3core", "m3asyncio", "m3trio")
DEMO = {
    "demo.py",  # the command
    "demo_person.py",
    "demo_picture.py",
    "demo_loop.py",
    "demo_report.py",
    "demo_script.py",
    "demo_stage.py",
    "demo_streams.py",
}
MAX_DEMO_LINES = 800


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The Python files of the wheel, with their texts."""
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        names = wheel.namelist()
        folders = {name.partition("/")[0] for name in names}
        assert {name for name in folders if not name.endswith(".dist-info")} == set(PACKAGES)
        return {name: wheel.read(name).decode() for name in names if name.endswith(".py")}


def test_every_module_is_in_the_wheel(files: dict[str, str]) -> None:
    modules = {path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    assert set(files) == modules


def test_the_demo_is_in_the_wheel_without_its_checker(files: dict[str, str]) -> None:
    demo = {Path(name).name: text for name, text in files.items() if name.startswith("m3asyncio/cli/demo")}
    assert set(demo) == DEMO
    assert sum(text.count("\n") for text in demo.values()) <= MAX_DEMO_LINES
    assert not [name for name in files if Path(name).name.startswith(("checker_", "test_"))]


def test_nothing_in_the_wheel_imports_a_test(files: dict[str, str]) -> None:
    tests = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"tests", "pytest", "benchmarks"}
    for name, text in files.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                found = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found = {(node.module or "").partition(".")[0]}
            else:
                continue
            assert not found & tests, name
