"""Run the tests against every mutant (``make mutants``): a mutant that no test notices survives.

Each mutant lives in a copy of the tree, so that the tree itself is never changed. The exit code is 1 when one survives,
and 2 when the tests fail without any fault.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants import ROOT, Mutant, areas

COPIED = ("m3core", "m3asyncio", "m3trio", "tests", "benchmarks", "examples", "docs")
FILES = ("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "constraints.txt")
PATIENCE = 60.0
"""Seconds of tests/patience.py in the copies: many mutants make a test hang."""
TIMEOUT = 300.0
"""Seconds until a run of tests with a mutant is ended; a mutant that makes them hang was noticed."""
LONG = 3600.0
"""The same for all tests together without any fault."""
FAILED = 1
"""What pytest exits with when tests failed; other codes say that no test ran."""


def passes(tests: tuple[str, ...], mutant: Mutant | None = None) -> bool:
    """Whether ``tests`` pass with ``mutant``, or with the source as it is."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        for name in COPIED:
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, copy / name)
        patience = copy / "tests/patience.py"
        patience.write_text(patience.read_text("utf-8").replace("= 600.0", f"= {PATIENCE}"), "utf-8")
        if mutant is not None:
            (copy / mutant.file).write_text(mutant.source(), "utf-8")
        return _pass_in(copy, tests, LONG if mutant is None else TIMEOUT)


def _pass_in(copy: Path, tests: tuple[str, ...], timeout: float) -> bool:
    """The same in ``copy``. A run that is no verdict is an error, not a mutant that was noticed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return False
    if run.returncode not in {0, FAILED}:
        raise RuntimeError(f"no verdict: pytest exited with {run.returncode}\n{run.stdout}{run.stderr}")
    return run.returncode == 0


def main() -> int:
    """The command."""
    known = areas()
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"only these: {', '.join(known)}")
    parser.add_argument("--jobs", type=int, default=2, help="how many run at once (default: %(default)s)")
    asked = parser.parse_args()
    if unknown := set(asked.areas) - set(known):
        parser.error(f"no such area: {', '.join(sorted(unknown))}")
    chosen = [mutant for area in asked.areas or known for mutant in known[area]]
    survived = []
    every = tuple(sorted({test for mutant in chosen for test in mutant.tests}))
    print(f"Running {len(every)} tests and files of tests without any fault ...", flush=True)
    if not passes(every):
        print("They fail, so that they would say nothing of a fault.")
        return 2
    with ThreadPoolExecutor(asked.jobs) as pool:
        verdicts = pool.map(lambda mutant: passes(mutant.tests, mutant), chosen)
        for number, (mutant, passed) in enumerate(zip(chosen, verdicts, strict=True), 1):
            print(f"{number:3}/{len(chosen)}  {'SURVIVED' if passed else 'killed  '}  {mutant.name}", flush=True)
            if passed:
                survived.append(mutant)
    print(f"{len(chosen) - len(survived)} of {len(chosen)} mutants were killed.")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
