"""Print version and path of every supported Python on this machine, one a line, the oldest first.

The supported versions are those in pyproject.toml. It looks on PATH and below pyenv, and prints one for each version.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PROBE = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


def supported() -> list[str]:
    """The versions in pyproject.toml, such as 3.11."""
    named = re.findall(r"Programming Language :: Python :: (\d+\.\d+)", (ROOT / "pyproject.toml").read_text("utf-8"))
    return sorted(named, key=lambda version: [int(part) for part in version.split(".")])


def candidates(version: str) -> Iterator[str]:
    """Paths where an interpreter of ``version`` may be."""
    if found := shutil.which(f"python{version}"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))


def works(python: str, version: str) -> bool:
    """Whether it has that version (the shim of pyenv may not), and can make environments (Debian's may not)."""
    try:
        run = subprocess.run([python, "-c", _PROBE], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return run.stdout.strip() == version


def main() -> None:
    found = {
        version: next((python for python in candidates(version) if works(python, version)), None)
        for version in supported()
    }
    if not any(found.values()):
        sys.exit(f"no Python of {', '.join(found)} on PATH or below pyenv; install one of them")
    for version, python in found.items():
        if python is not None:
            print(version, python)


if __name__ == "__main__":
    main()
