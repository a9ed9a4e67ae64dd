"""Print every supported Python that this machine has, the oldest first: its version and its path, a line each.

Supported are those that pyproject.toml names; looked for on PATH and below pyenv. One of each version is enough.
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
    """Versions such as 3.11."""
    named = re.findall(r"Programming Language :: Python :: (\d+\.\d+)", (ROOT / "pyproject.toml").read_text("utf-8"))
    return sorted(named, key=lambda version: [int(part) for part in version.split(".")])


def candidates(version: str) -> Iterator[str]:
    """Paths where an interpreter of ``version`` may be."""
    if found := shutil.which(f"python{version}"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))


def works(python: str, version: str) -> bool:
    """Whether it is what its name says (pyenv's stand-in may not be), and can make environments (Debian's may not)."""
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
        sys.exit(f"no Python of {', '.join(found)} on PATH or below pyenv")
    for version, python in found.items():
        if python is not None:
            print(version, python)


if __name__ == "__main__":
    main()
