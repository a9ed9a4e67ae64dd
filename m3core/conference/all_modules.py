"""The modules of one conference: one instance of each class that `ConferenceState` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from m3core.conference.modules.base import ClientModule
from m3core.conference.state import MODULES
from m3core.conference.surroundings import Surroundings

ModuleT = TypeVar("ModuleT", bound=ClientModule[Any])


class Modules:
    """The modules. Each hook is called on all of them, in the order of the fields of `ConferenceState`."""

    def __init__(self, around: Surroundings) -> None:
        self._by_name = {name: module(around) for name, module in MODULES.items()}
        self.all: tuple[ClientModule[Any], ...] = tuple(self._by_name.values())

    def __getitem__(self, which: type[ModuleT]) -> ModuleT:
        """The module of class ``which``."""
        return next(module for module in self.all if isinstance(module, which))

    def of(self, namespace: str) -> ClientModule[Any] | None:
        """The module of ``namespace``."""
        return next((module for module in self.all if namespace == module.NAMESPACE), None)

    def states(self) -> Mapping[str, Any]:
        """The state of each module, by its field of `ConferenceState`; the same object as before if nothing changed."""
        return {name: module.state for name, module in self._by_name.items()}

    @property
    def deadline(self) -> float | None:
        """When to call `advance`; ``None`` if no module waits for a time."""
        return min((module.deadline for module in self.all if module.deadline is not None), default=None)

    def advance(self, now: float) -> None:
        """Advance the modules whose deadline has come."""
        for module in self.all:
            if module.deadline is not None and module.deadline <= now:
                module.advance()
