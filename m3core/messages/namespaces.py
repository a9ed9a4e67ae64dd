"""The list of namespaces, and the modules of their classes. It imports none of them."""

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
"""Namespaces whose messages are typed, and the module with their classes, which is imported at first use."""

LIVEKIT_GENERATION: Final[tuple[str, ...]] = (
    "livekit",
    "meeting_report",
    "subroom_audio",
    "training_participation_report",
)
"""Namespaces of servers that have no `media` (signaling.md § 19)."""

UNTYPED_NAMESPACES: Final[frozenset[str]] = frozenset(LIVEKIT_GENERATION)
"""Namespaces without classes. Their messages are decoded to unknown ones, but as fast as typed ones."""

FREE_NAMESPACES: Final[frozenset[str]] = frozenset({"echo"})
"""Namespaces whose payload may be anything: a payload without a name is correct, too (signaling.md § 15)."""

ENTRY_MODULES: Final[tuple[str, ...]] = ("livekit",)
"""Keys of participant entries that are kept raw (signaling.md § 5.2)."""

JOIN_MODULES: Final[tuple[str, ...]] = LIVEKIT_GENERATION
"""Keys of `join_success` that are kept raw (signaling.md § 5.1, 19)."""


class LazyModules(dict[str, object]):
    """The modules of namespaces by name, imported when they are looked up; for type hints such as `chat.JoinData`.

    So the import of `control`, which every program needs, does not import all others.
    """

    def __missing__(self, name: str) -> object:
        module = self[name] = import_module(NAMESPACES[name])
        return module
