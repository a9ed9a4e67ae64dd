"""All benchmarks in one run: ``make bench``. Exits with 1 when a ratio falls short of what the README promises.

``--json`` prints the figures for programs. Both sides of a ratio are measured in this process in turns; the time of a
start is that of separate processes. The attacks need a server in a process of its own, and take most of the time: the
exit code is 3 if only they fall short, ``--attacks`` runs only them, and ``--loop`` only those of one event loop.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from typing import TypeAlias

import attrs

from benchmarks import attacks, codec, delivery, fanout, joins, sdp, start
from benchmarks.timing import Comparison, Cost, Delay, Load, Wait

Figure: TypeAlias = Comparison | Cost | Delay | Load

ATTACKS_FALL_SHORT = 3
"""The exit code if all is well but the waits under attacks."""


def table(figures: Iterable[Figure | Wait]) -> str:
    """A text with a line for each figure: its name, its peer, what was measured and promised, and `ok` or `SHORT`."""
    rows = [("what", "against", "ratio", "promised", "")]
    for each in figures:
        verdict = "" if not each.promised else "ok" if each.ok else "SHORT"
        rows.append((each.name, each.peer, each.measured, each.promised, verdict))
    what, against = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(
        f"{row[0]:{what}}  {row[1]:{against}}  {row[2]:>7}  {row[3]:>8}  {row[4]}".rstrip() for row in rows
    )


def main(arguments: list[str] | None = None) -> int:
    """Run all benchmarks and print their figures; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure all ratios that the README promises."
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects instead of a table")
    parser.add_argument("--rounds", type=int, default=31, help="how often each pair is measured (%(default)s)")
    parser.add_argument("--attacks", action="store_true", help="only how long others wait during attacks")
    parser.add_argument("--loop", choices=attacks.LOOPS, help="the event loop that is attacked (both)")
    options = parser.parse_args(arguments)
    figures: list[Figure] = []
    for run in () if options.attacks else (codec.run, sdp.run, fanout.run, delivery.run, joins.run, start.run):
        figures += run(options.rounds)
    waits = attacks.run((options.loop,) if options.loop else attacks.LOOPS)
    if options.json:
        print(json.dumps([attrs.asdict(each) | {"ok": each.ok} for each in (*figures, *waits)], indent=2))
    else:
        print(table((*figures, *waits)))
    if not all(each.ok for each in figures):
        return 1
    return 0 if all(each.ok for each in waits) else ATTACKS_FALL_SHORT


if __name__ == "__main__":
    sys.exit(main())
