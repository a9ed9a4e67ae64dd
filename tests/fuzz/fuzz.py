"""Fuzz the library with atheris (libFuzzer): `make fuzz`, or ``make fuzz ARGS="sdp front --seconds 60"``.

Each target runs in a process of its own, one after the other, and again from the first until the time is over. Inputs
that reach new code are kept in .fuzz/, where git ignores them; ``--keep`` takes those that matter over into the corpus
of the repository. An input that breaks a target is written to .fuzz/, and the command that repeats it is printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOUND = ROOT / ".fuzz"
TURN = 60
"""Seconds of one target until the next one has its turn."""


def main() -> int:
    sys.path[:0] = [str(ROOT), str(HERE), str(ROOT / "tests"), str(ROOT / "tests" / "core")]
    from fuzz_targets import TARGETS  # after the path is set

    parser = argparse.ArgumentParser(prog="make fuzz", description="Fuzz the library with atheris.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all without one")
    parser.add_argument("--seconds", type=float, help="for all targets together (until Ctrl-C)")
    parser.add_argument("--keep", action="store_true", help="take inputs that reach new code over into the corpus")
    parser.add_argument("--input", type=Path, help="run one target on one file, without a fuzzer")
    options = parser.parse_args()
    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}: name some of {', '.join(TARGETS)}")
    names = options.targets or list(TARGETS)
    if options.input is not None:
        if len(options.targets) != 1:
            parser.error("--input needs one target")
        TARGETS[names[0]](options.input.read_bytes())
        print(f"{names[0]}: the input breaks nothing")
        return 0
    if options.keep:
        return max(keep(name) for name in names)
    return fuzz_all(names, options.seconds)


def fuzz_all(names: Sequence[str], seconds: float | None) -> int:
    """Fuzz all targets in turns. 1 if any has a fault."""
    end = None if seconds is None else time.monotonic() + seconds
    turn = TURN if seconds is None else max(1.0, min(TURN, seconds / len(names)))
    rows: dict[str, tuple[int, float, int]] = {}
    broken: list[str] = []
    try:
        while names and (end is None or time.monotonic() < end - turn / 2):
            for name in names:
                print(f"{name}: {turn:.0f} s ...", flush=True)
                began = time.monotonic()
                done = subprocess.run(command(name, turn), capture_output=True, text=True, errors="replace")
                runs, covered = counted(done.stderr)
                before = rows.get(name, (0, 0.0, 0))
                rows[name] = (before[0] + runs, before[1] + time.monotonic() - began, max(covered, before[2]))
                if done.returncode:
                    broken.append(name)
                    print(report(name, done.stdout + done.stderr), flush=True)
            names = [name for name in names if name not in broken]
    except KeyboardInterrupt:
        print()
    print(f"{'target':<12}{'inputs':>10}{'per second':>12}{'coverage':>10}  outcome")
    for name, (runs, took, covered) in rows.items():
        outcome = "FAULT" if name in broken else "no fault"
        print(f"{name:<12}{runs:>10,}{runs / max(took, 0.1):>12,.0f}{covered:>10,}  {outcome}")
    return 1 if broken else 0


def command(name: str, seconds: float) -> list[str]:
    """The process that fuzzes one target. libFuzzer ends its process, so that each target needs one."""
    return [sys.executable, str(HERE / "fuzz_process.py"), name, f"{seconds:.0f}"]


def counted(output: str) -> tuple[int, int]:
    """The number of inputs, and of the edges that they covered, in what libFuzzer printed."""
    runs = re.findall(r"^#(\d+)", output, re.MULTILINE)
    covered = re.findall(r"\bcov: (\d+)", output)
    return (int(runs[-1]) if runs else 0, int(covered[-1]) if covered else 0)


def report(name: str, output: str) -> str:
    """What the process of a target said about its fault, and how to repeat it."""
    files = re.findall(r"Test unit written to (\S+)", output)
    output = "\n".join(line for line in output.splitlines() if not line.startswith("INFO: Instrumenting"))
    said = output[output.find("=== Uncaught Python exception") :] if "=== Uncaught" in output else output[-3_000:]
    repeat = [f'make fuzz ARGS="{name} --input {Path(file).relative_to(ROOT)}"' for file in files]
    return "\n".join([f"{name}: FAULT", said[:3_000], "To repeat it:", *repeat])


def keep(name: str) -> int:
    """Merge what was found into the corpus of a target: libFuzzer takes the smallest inputs that reach the most."""
    from fuzz_targets import CORPUS

    (CORPUS / name).mkdir(parents=True, exist_ok=True)
    (FOUND / name).mkdir(parents=True, exist_ok=True)
    before = len(list((CORPUS / name).iterdir()))
    done = subprocess.run(command(name, 0), capture_output=True, text=True, errors="replace")
    print(f"{name}: {before} inputs before, {len(list((CORPUS / name).iterdir()))} now")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
