"""All benchmarks in one run: ``make bench``. Exits with 1 when a ratio falls short of what the README promises."""

from __future__ import annotations

import sys

from benchmarks import codec, fanout, sdp


def main() -> int:
    """Run them one after the other."""
    for module in (codec, sdp, fanout):
        print(f"== {module.__name__.removeprefix('benchmarks.')}")
        module.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
