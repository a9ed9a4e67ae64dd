"""The command `m3`, also as ``python -m m3asyncio``. It handles signals before it imports what takes time."""

import os
import signal

from m3asyncio.cli.signals import ending

INTERRUPTED = 130


def main() -> int:
    """Run the command; the exit code. A signal that comes while its modules are imported ends it silently."""
    for number in ending():
        signal.signal(number, lambda *_: os._exit(INTERRUPTED))
    from m3asyncio.cli.main import main as run

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
