"""What the modules of a controller remember of a participant, a room or a meeting. Knows none of them."""

from __future__ import annotations

from typing import TypeVar

StateT = TypeVar("StateT")


class States:
    """What modules remember of a participant, room or meeting: one value of each class, made when first asked for."""

    def __init__(self) -> None:
        self._by_kind: dict[type, object] = {}

    def of(self, kind: type[StateT]) -> StateT:
        """The value of class ``kind``."""
        found = self._by_kind.get(kind)
        if not isinstance(found, kind):
            found = self._by_kind[kind] = kind()
        return found

    def find(self, kind: type[StateT]) -> StateT | None:
        """The value of class ``kind``, if there is one."""
        found = self._by_kind.get(kind)
        return found if isinstance(found, kind) else None

    def put(self, value: object) -> None:
        """Remember ``value`` in place of the one of its class."""
        self._by_kind[type(value)] = value

    def drop(self, kind: type[object]) -> None:
        """Forget the value of class ``kind``."""
        self._by_kind.pop(kind, None)
