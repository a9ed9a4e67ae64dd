"""How long tests wait for what should happen at once: a hang, and no slow machine, makes them fail."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 600.0
"""Seconds after which something that should have happened never will."""
