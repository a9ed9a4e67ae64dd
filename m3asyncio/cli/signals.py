"""Which signals end a command. `__main__` needs this before anything else, so it imports nothing that takes time."""

from __future__ import annotations

import signal


def ending() -> list[signal.Signals]:
    """SIGINT (Ctrl-C), SIGTERM, and SIGHUP (the terminal was closed)."""
    found = [signal.SIGINT, signal.SIGTERM]
    # Windows has no SIGHUP. `nohup` starts programs that ignore it, and then it must not end them.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        found.append(signal.SIGHUP)
    return found
