"""tests/pythons.py, which tells `make test-all` and CI where the supported Pythons are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "pythons.py"
HERE = "{}.{}".format(*sys.version_info)
REAL = Path(sys.base_prefix) / "bin" / f"python{HERE}"


def told(path: Path, pyenv: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": str(path), "PYENV_ROOT": str(pyenv)}
    return subprocess.run([sys.executable, SCRIPT], env=environment, capture_output=True, text=True, check=False)


def program(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


@pytest.mark.skipif(os.name != "posix", reason="stand-ins are shell scripts")
@pytest.mark.parametrize("place", ["PATH", "pyenv"])
def test_it_finds_those_that_work(tmp_path: Path, place: str) -> None:
    """It skips programs on PATH that refuse to run, as those of pyenv may, and Pythons of another version."""
    stand_in, another = tmp_path / "shims" / f"python{HERE}", tmp_path / "pyenv" / "versions" / f"{HERE}.0" / "bin"
    program(stand_in, f'#!/bin/sh\nexec {REAL} "$@"\n' if place == "PATH" else "#!/bin/sh\nexit 127\n")
    program(another / "python", "#!/bin/sh\necho 2.7\n")
    real = program(tmp_path / "pyenv" / "versions" / f"{HERE}.1" / "bin" / "python", f'#!/bin/sh\nexec {REAL} "$@"\n')
    run = told(stand_in.parent, tmp_path / "pyenv")
    assert run.stdout.splitlines() == [f"{HERE} {stand_in if place == 'PATH' else real}"]


def test_none_is_an_error(tmp_path: Path) -> None:
    run = told(tmp_path, tmp_path)
    assert run.returncode == 1
    assert run.stdout == ""
    assert run.stderr.startswith("no Python of 3.11, ")
