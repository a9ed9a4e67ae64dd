"""How long tests wait for what should happen at once: so long that only a hang fails a test, and no slow machine."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 600.0
"""Seconds after which a test gives up."""
