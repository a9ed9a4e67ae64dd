"""Which signals end a command. Imports nothing heavy: they are looked after before anything else is loaded."""

from __future__ import annotations

import signal


def ending() -> list[signal.Signals]:
    """Ctrl-C, the polite request to end, and a terminal that is closed; what `nohup` starts does not hear of that."""
    found = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # Windows has none
        found.append(signal.SIGHUP)
    return found
