"""What every message is: `Command` or `Event`, a namespace and a name, and how its fields are put on the wire.

Owns the two base classes and the field helpers. Knows nothing of bytes or states.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from attrs import define

from m3core.messages.checking import checker
from m3core.messages.fields import WIRE_EMPTY, WIRE_IS_SHORT, WIRE_MODULE, WIRE_NAME, WIRE_NULL, WIRE_REST, WIRE_SHORT
from m3core.messages.namespaces import ENTRY_MODULES as ENTRY_MODULES
from m3core.messages.namespaces import JOIN_MODULES as JOIN_MODULES
from m3core.messages.namespaces import NAMESPACES as NAMESPACES
from m3core.messages.namespaces import UNTYPED_NAMESPACES as UNTYPED_NAMESPACES
from m3core.values import Timestamp


# These bases are not frozen, so that the twins of `reading` can have them; all classes below them are.
@define(kw_only=True, weakref_slot=False, eq=False)
class Value:
    """A message, or a value inside of one. Making it raises `LocalProtocolError` for a field of the wrong type."""

    def __attrs_post_init__(self) -> None:
        checker(type(self))(self)


class Stamped(Value):
    """A common base of `Event` and `participants.PeerData`, so that a class can inherit both.

    CPython combines two bases only if one of them adds no slots to what they share: so the slot of `Event.timestamp`
    is here.
    """

    __slots__ = ("timestamp",)


@define(kw_only=True, weakref_slot=False, eq=False)
class Command(Value):
    """A message from a client to the server (signaling.md § 4). Wire: ``payload.action`` is `ACTION`.

    A namespace may name another `KEY` than ``action``; all its commands have the same.
    """

    NAMESPACE: ClassVar[str] = ""
    KEY: ClassVar[str] = "action"
    ACTION: ClassVar[str] = ""


@define(kw_only=True, weakref_slot=False, eq=False)
class Event(Stamped):
    """A message from the server to a client (signaling.md § 4). Wire: ``payload.message`` is `MESSAGE`.

    A namespace may name another `KEY` than ``message``; all its events have the same.

    ``timestamp``: of the envelope; a server always sets it. Not an order: relayed messages carry the sender's.
    """

    NAMESPACE: ClassVar[str] = ""
    KEY: ClassVar[str] = "message"
    MESSAGE: ClassVar[str] = ""

    timestamp: Timestamp | None = None


def hide(text: object) -> str:
    """How a secret or long text stands in a repr: its length only."""
    return f"<{len(text)}>" if isinstance(text, str) else repr(text)


def named(wire: str) -> Mapping[str, object]:
    """Metadata: the key on the wire, where it is not the attribute's name."""
    return {WIRE_NAME: wire}


NULL: Final[Mapping[str, object]] = {WIRE_NULL: True}
"""Metadata: an optional field that is sent as ``null`` when it is None; others are omitted."""

EMPTY: Final[Mapping[str, object]] = {WIRE_EMPTY: True}
"""Metadata: an optional value whose ``null`` says something else than a missing key.

``null`` is the value with nothing but defaults; None is no key.
"""

MODULE: Final[Mapping[str, object]] = {WIRE_MODULE: True}
"""Metadata: what another namespace tells. An unknown enum value makes it None, not the whole message unknown."""

SHORT: Final[Mapping[str, object]] = {WIRE_SHORT: True}
"""Metadata: an optional field that older servers send as ``null`` when it is None, and later ones omit."""

IS_SHORT: Final[Mapping[str, object]] = {WIRE_IS_SHORT: True}
"""Metadata: the one boolean, not on the wire and not compared, that says whether `SHORT` fields are omitted."""


def rest(keys: tuple[str, ...]) -> Mapping[str, object]:
    """Metadata: the one field that takes the raw values of ``keys``, which belong to other namespaces."""
    return {WIRE_REST: keys}
