"""The command `m3`, also as ``python -m m3asyncio``. Imports nothing heavy before Ctrl-C is looked after."""

import os
import signal

from m3asyncio.cli.signals import ending

INTERRUPTED = 130


def main() -> int:
    """Run the command; the exit code. Ctrl-C, or alike, while it is still being loaded ends it in silence."""
    for number in ending():
        signal.signal(number, lambda *_: os._exit(INTERRUPTED))
    from m3asyncio.cli.main import main as run

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
