"""The state that modules keep for a participant, a room or a meeting. Knows no module."""

from __future__ import annotations

from typing import TypeVar

StateT = TypeVar("StateT")


class States:
    """Values by class: at most one of each. Each module has classes of its own, so modules cannot collide."""

    def __init__(self) -> None:
        self.version = 0
        """How often a value was added, replaced or dropped."""
        self._by_kind: dict[type, object] = {}

    def of(self, kind: type[StateT]) -> StateT:
        """The value of class ``kind``; it is made when there is none."""
        found = self._by_kind.get(kind)
        if not isinstance(found, kind):
            found = kind()
            self.put(found)
        return found

    def find(self, kind: type[StateT]) -> StateT | None:
        """The value of class ``kind``; None: there is none."""
        found = self._by_kind.get(kind)
        return found if isinstance(found, kind) else None

    def put(self, value: object) -> None:
        """Keep ``value`` in place of the one of its class."""
        self._by_kind[type(value)] = value
        self.version += 1

    def drop(self, kind: type[object]) -> None:
        """Forget the value of class ``kind``."""
        if self._by_kind.pop(kind, None) is not None:
            self.version += 1
