"""The recordings of a real controller, and of other stacks (tests/recordings/README.md)."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent / "recordings"


def _text(name: str) -> str:
    return gzip.decompress((_FOLDER / f"{name}.gz").read_bytes()).decode()


@cache
def scenarios() -> list[dict[str, Any]]:
    """The recorded scenarios of signalling."""
    return [json.loads(line) for line in _text("signaling.jsonl").split("\n") if line]


@cache
def answers() -> list[dict[str, Any]]:
    """The recorded REST requests with their answers, in order. A line with `step` says what happened between two."""
    return [json.loads(line) for line in _text("rest.jsonl").split("\n") if line]


@cache
def message_types() -> dict[str, list[dict[str, Any]]]:
    """The messages of the releases 0.9 to 0.16, such as ``event/control.left``."""
    messages: dict[str, list[dict[str, Any]]] = json.loads(_text("types-signaling.json"))["messages"]
    return messages


@cache
def body_types() -> dict[str, list[dict[str, Any]]]:
    """The REST bodies of the releases 0.9 to 0.16, such as ``EventResource``."""
    bodies: dict[str, list[dict[str, Any]]] = json.loads(_text("types-rest.json"))["bodies"]
    return bodies


@cache
def descriptions() -> list[dict[str, str]]:
    """Session descriptions of other stacks, with ``name``, ``kind``, ``want``, ``source`` and ``sdp``."""
    return [json.loads(line) for line in _text("sdp.jsonl").split("\n") if line]
