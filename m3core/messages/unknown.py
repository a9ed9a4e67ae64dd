"""Messages without a class: kept whole, so that `encode` gives what was decoded."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from m3core.strict_json import Json
from m3core.values import Timestamp


def _keys(payload: Mapping[str, Json]) -> str:
    return f"<{len(payload)} keys>"


@frozen(weakref_slot=False)
class UnknownEvent:
    """An event of an unknown namespace or name, or a known one with an unknown enum value.

    ``message`` is the name in the payload, under the key of its namespace; it is empty without one. ``payload`` is the
    whole payload, its name included. ``path`` says where the unknown enum value is, and is None for an unknown kind.
    """

    namespace: str
    message: str
    payload: Mapping[str, Json] = field(factory=dict, repr=_keys)
    timestamp: Timestamp | None = field(default=None, kw_only=True)
    path: str | None = field(default=None, kw_only=True, eq=False)


@frozen(weakref_slot=False)
class UnknownCommand:
    """A command of an unknown namespace or name, or a known one with an unknown enum value. As `UnknownEvent`."""

    namespace: str
    action: str
    payload: Mapping[str, Json] = field(factory=dict, repr=_keys)
    path: str | None = field(default=None, kw_only=True, eq=False)
