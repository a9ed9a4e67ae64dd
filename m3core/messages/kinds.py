"""The message classes of each namespace, by their names on the wire."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from m3core.messages.fields import cached, tag_of
from m3core.messages.namespaces import NAMESPACES


def classes(namespace: str, base: type[Any]) -> dict[str, type[Any]]:
    """The classes of ``namespace`` that are a ``base`` (`Command` or `Event`), by wire name. Imports its module."""
    module = NAMESPACES.get(namespace)
    if module is None:
        return {}
    found = {}
    for cls in vars(import_module(module)).values():
        if isinstance(cls, type) and issubclass(cls, base) and cls.__dict__.get("NAMESPACE") == namespace:
            found[tag_of(cls)[1] or ""] = cls
    return found


@cached
def key(namespace: str, base: type[Any]) -> str:
    """The key in the payload that holds the name of a message. Imports the module of ``namespace``."""
    keys: str = next((cls.KEY for cls in classes(namespace, base).values()), base.KEY)
    return keys
