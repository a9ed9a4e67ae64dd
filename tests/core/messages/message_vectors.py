"""The vectors of signalling messages, as tests see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[2] / "vectors"
NAMES = sorted(path.stem.removeprefix("signaling-") for path in VECTORS.glob("signaling-*.json"))


def load(name: str) -> list[dict[str, Any]]:
    """The vectors of ``signaling-<name>.json``."""
    vectors: list[dict[str, Any]] = json.loads((VECTORS / f"signaling-{name}.json").read_text("utf-8"))
    return vectors
