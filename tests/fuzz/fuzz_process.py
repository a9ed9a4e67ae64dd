"""Fuzzes one target: the process that `fuzz.py` starts with the name of the target and the seconds.

With 0 seconds it merges the inputs that were found into the corpus of the repository. libFuzzer ends this process.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

HERE = Path(__file__).parent
FOUND = HERE.parents[1] / ".fuzz"
INPUT_TIMEOUT = 20
"""Seconds of one input after which it counts as a hang."""
MEMORY = 1_024
"""MiB after which an input counts as one that grows without bound."""

sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE.parent / "core")]
with atheris.instrument_imports(include=["m3core"]):  # the first import: what was imported before has no coverage
    from fuzz_targets import CORPUS, MAX_LENGTH, TARGETS


def main(name: str, seconds: str) -> None:
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    corpora = [str(found), str(CORPUS / name)]  # libFuzzer writes into the first
    how = [f"-max_total_time={seconds}"]
    if seconds == "0":
        corpora.reverse()
        how = ["-merge=1"]
    options = [
        f"-max_len={MAX_LENGTH.get(name, 8_192)}",
        f"-timeout={INPUT_TIMEOUT}",
        f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix={found}.",
        f"-dict={HERE / 'fuzz.dict'}",
    ]
    atheris.Setup([name, *how, *options, *corpora], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
