"""All benchmarks in one run: ``make bench``. Exits with 1 when a ratio falls short of what the README promises.

``--json`` prints them for programs. Every ratio is measured side by side in this process.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

import attrs

from benchmarks import codec, fanout, joins, sdp
from benchmarks.timing import Comparison


def table(comparisons: Iterable[Comparison]) -> str:
    """What, against what, how many times as fast, what is promised, and whether that is kept."""
    rows = [("what", "against", "ratio", "promised", "")]
    for each in comparisons:
        promised = "" if each.target is None else f"{each.target:.1f}"
        verdict = "" if each.target is None else "ok" if each.ok else "SHORT"
        rows.append((each.name, each.peer, f"{each.ratio:.2f}", promised, verdict))
    what, against = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(
        f"{row[0]:{what}}  {row[1]:{against}}  {row[2]:>6}  {row[3]:>8}  {row[4]}".rstrip() for row in rows
    )


def main(arguments: list[str] | None = None) -> int:
    """Run them one after the other, and print them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure all ratios that the README promises."
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects instead of a table")
    parser.add_argument("--rounds", type=int, default=31, help="how often each pair is measured (%(default)s)")
    options = parser.parse_args(arguments)
    comparisons = [each for module in (codec, sdp, fanout, joins) for each in module.run(options.rounds)]
    if options.json:
        print(json.dumps([attrs.asdict(each) | {"ok": each.ok} for each in comparisons], indent=2))
    else:
        print(table(comparisons))
    return 0 if all(each.ok for each in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())
