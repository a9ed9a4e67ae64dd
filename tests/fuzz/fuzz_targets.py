"""All fuzz targets by name, and their corpora."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

import fuzz_texts
from fuzz_controller import controller
from fuzz_front import front
from fuzz_guard import guard

Target: TypeAlias = Callable[[bytes], None]

TARGETS: Final[Mapping[str, Target]] = MappingProxyType(
    {
        "events": fuzz_texts.events,
        "commands": fuzz_texts.commands,
        "sdp": fuzz_texts.sdp,
        "candidate": fuzz_texts.candidate,
        "link": fuzz_texts.link,
        "rest": fuzz_texts.rest,
        "front": front,
        "guard": guard,
        "controller": controller,
    }
)
MAX_LENGTH: Final[Mapping[str, int]] = MappingProxyType({"candidate": 512, "link": 2_200, "controller": 2_000})
"""Bytes of one input; 8,192 for other targets."""
CORPUS: Final = Path(__file__).parent / "corpus"
"""A folder for each target. Its files are inputs that reached new code, and inputs that found a fault."""


def entries(name: str) -> list[Path]:
    """The corpus of a target."""
    return sorted((CORPUS / name).iterdir())
