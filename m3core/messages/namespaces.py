"""The list of namespaces, and where their classes stand. Loads none of them by itself."""

from __future__ import annotations

from importlib import import_module
from typing import Final

NAMESPACES: Final[dict[str, str]] = {
    namespace: f"m3core.messages.{namespace}"
    for namespace in (
        "control",
        "media",
        "moderation",
        "chat",
        "breakout",
        "polls",
        "timer",
        "recording",
        "recording_service",
        "whiteboard",
        "protocol",
        "meeting_notes",
        "legal_vote",
        "automod",
        "shared_folder",
        "echo",
    )
}
"""Namespaces whose messages are typed, and the module that holds their classes; loaded on first use."""

LIVEKIT_GENERATION: Final[tuple[str, ...]] = (
    "livekit",
    "meeting_report",
    "subroom_audio",
    "training_participation_report",
)
"""Namespaces of servers that have no `media` (signaling.md § 19)."""

UNTYPED_NAMESPACES: Final[frozenset[str]] = frozenset(LIVEKIT_GENERATION)
"""Namespaces that have no classes: their messages are unknown ones, but expected, and decoded as fast."""

FREE_NAMESPACES: Final[frozenset[str]] = frozenset({"echo"})
"""Namespaces whose payload may be anything, so that no name in it is no mistake (signaling.md § 15)."""

ENTRY_MODULES: Final[tuple[str, ...]] = ("livekit",)
"""Keys of participant entries that are kept raw (signaling.md § 5.2)."""

JOIN_MODULES: Final[tuple[str, ...]] = LIVEKIT_GENERATION
"""Keys of `join_success` that are kept raw (signaling.md § 5.1, 19)."""


class LazyModules(dict[str, object]):
    """Names of namespaces to their modules, which are imported when asked for; for type hints such as `chat.JoinData`.

    So `control`, which everybody needs, may name the classes of all others without loading them.
    """

    def __missing__(self, name: str) -> object:
        module = self[name] = import_module(NAMESPACES[name])
        return module
