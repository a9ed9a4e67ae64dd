"""Each extra declares what its modules import, and nothing else."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import m3asyncio
import m3trio

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OURS = "m3-conference"
DISTRIBUTIONS = {
    module: {canonicalize_name(name) for name in names} for module, names in metadata.packages_distributions().items()
}
"""The distributions that have each importable module."""

NEEDS: dict[str, tuple[str, ...]] = {
    "m3asyncio": ("media",),
    "m3asyncio/cli": ("cli+media",),
    "m3asyncio/client.py": ("asyncio",),
    "m3asyncio/http.py": ("asyncio", "trio"),
    "m3asyncio/loop.py": ("asyncio",),
    "m3asyncio/media_factory.py": ("",),
    "m3asyncio/pattern.py": ("media+cli",),  # without Pillow a pattern has no name on it
    "m3asyncio/server.py": ("asyncio+controller",),
    "m3asyncio/tls.py": ("asyncio", "trio"),
    "m3asyncio/websocket.py": ("asyncio",),
    "m3core": ("",),
    "m3core/client/tunnel.py": ("asyncio", "trio"),
    "m3core/conference/http.py": ("controller", "asyncio", "trio"),
    "m3core/conference/wire.py": ("controller",),
    "m3core/controller/front.py": ("controller",),
    "m3core/controller/http.py": ("controller",),
    "m3core/frames.py": ("controller", "asyncio", "trio"),
    "m3core/media.py": ("media+cli",),  # each in a function, with a `MissingExtra` of its own
    "m3core/testing": ("testing+controller",),
    "m3trio": ("trio",),
}
"""The extras of each folder and file; the longest that fits counts. Each entry is enough by itself."""


def declared(extras: str) -> set[str]:
    """The distributions that a bare installation and ``extras`` (`media+cli`) name themselves."""
    wanted = [*PROJECT["dependencies"]]
    for extra in filter(None, extras.replace(",", "+").split("+")):
        wanted += PROJECT["optional-dependencies"][extra]
    return {canonicalize_name(Requirement(text).name) for text in wanted}


def imported(path: Path) -> set[str]:
    """The modules of others that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return {name for name in found - sys.stdlib_module_names if name not in {"m3core", "m3asyncio", "m3trio"}}


def needs(path: str) -> tuple[str, ...]:
    return NEEDS[max((known for known in NEEDS if path == known or path.startswith(known + "/")), key=len)]


FILES = [
    path.relative_to(ROOT).as_posix()
    for name in ("m3core", "m3asyncio", "m3trio")
    for path in (ROOT / name).rglob("*.py")
]


def test_each_file_imports_what_its_extras_declare() -> None:
    wrong = [
        f"{path} imports {module}, which [{extras}] does not declare"
        for path in FILES
        for module in imported(ROOT / path)
        for extras in needs(path)
        if not DISTRIBUTIONS[module] & declared(extras)
    ]
    assert wrong == []


def test_each_extra_declares_only_what_is_imported() -> None:
    used: dict[str, set[str]] = {}
    for path in FILES:
        for extras in needs(path):
            for extra in extras.split("+"):
                used.setdefault(extra, set()).update(*(DISTRIBUTIONS[module] for module in imported(ROOT / path)))
    extras = PROJECT["optional-dependencies"].keys() - {"all", "dev"}
    idle = {extra: declared(extra) - declared("") - used.get(extra, set()) for extra in extras}
    assert {extra: names for extra, names in idle.items() if names} == {}


def test_all_is_all() -> None:
    (all_of_it,) = PROJECT["optional-dependencies"]["all"]
    assert Requirement(all_of_it).extras == PROJECT["optional-dependencies"].keys() - {"all", "dev"}


def test_what_is_installed_is_what_the_project_says() -> None:
    """Installing an extra brings what is declared: the metadata that pip reads is made from pyproject.toml."""
    texts = [Requirement(text) for text in metadata.requires(OURS) or ()]
    for extra in PROJECT["optional-dependencies"].keys() - {"all", "dev"}:
        chosen = {one.name for one in texts if one.marker is None or one.marker.evaluate({"extra": extra})}
        assert {canonicalize_name(name) for name in chosen} == declared(extra), "the environment is stale: make venv"


def installed_with(extras: str) -> set[str]:
    """All distributions that ``extras`` bring, with what those need."""
    found: set[str] = set()
    pending = [*declared(extras)]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            needed = [Requirement(text) for text in metadata.requires(name) or ()]
            pending += [
                canonicalize_name(one.name)
                for one in needed
                if one.marker is None or one.marker.evaluate({"extra": ""})
            ]
    return found


NAMES = sorted({(a.__name__, extras) for a in (m3asyncio, m3trio) for _, extras in vars(a)["_OWN"].values()})


@pytest.mark.parametrize(("package", "extras"), NAMES)
def test_a_name_needs_no_more_than_its_extras(package: str, extras: str) -> None:
    there = installed_with(extras)
    absent = [module for module, names in DISTRIBUTIONS.items() if not names & (there | {OURS})]
    names = [name for name, (_, needed) in vars(sys.modules[package])["_OWN"].items() if needed == extras]
    code = (
        "import sys\npackage, names, *absent = sys.argv[1:]\nsys.modules.update(dict.fromkeys(absent))\n"
        "print(*(type(getattr(__import__(package), name)).__name__ for name in names.split()))"
    )
    command = [sys.executable, "-c", code, package, " ".join(names), *absent]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert len(done.stdout.split()) == len(names), done.stderr
