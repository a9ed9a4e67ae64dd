"""The base classes `Command` and `Event`, and the metadata that says how a field is written.

It knows nothing of bytes or states.
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


# These bases are not frozen: the twins of `reading` inherit from them, too, and have to set attributes.
@define(kw_only=True, weakref_slot=False, eq=False)
class Value:
    """A message, or a value in a message. Its constructor raises `WrongType` for a field of the wrong type."""

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

    All commands of a namespace have one `KEY`; two namespaces have another than ``action``.
    """

    NAMESPACE: ClassVar[str] = ""
    KEY: ClassVar[str] = "action"
    ACTION: ClassVar[str] = ""


@define(kw_only=True, weakref_slot=False, eq=False)
class Event(Stamped):
    """A message from the server to a client (signaling.md § 4). Wire: ``payload.message`` is `MESSAGE`.

    All events of a namespace have one `KEY`; two namespaces have another than ``message``.

    ``timestamp``: of the envelope; a server always sets it. Events need not be in its order: a relayed message has the
    time of its sender.
    """

    NAMESPACE: ClassVar[str] = ""
    KEY: ClassVar[str] = "message"
    MESSAGE: ClassVar[str] = ""

    timestamp: Timestamp | None = None


def hide(text: object) -> str:
    """A repr of secret or long texts: only their length."""
    return f"<{len(text)}>" if isinstance(text, str) else repr(text)


def named(wire: str) -> Mapping[str, object]:
    """Metadata: the key on the wire, where it is not the attribute's name."""
    return {WIRE_NAME: wire}


NULL: Final[Mapping[str, object]] = {WIRE_NULL: True}
"""Metadata: an optional field that is sent as ``null`` when it is None; others are omitted."""

EMPTY: Final[Mapping[str, object]] = {WIRE_EMPTY: True}
"""Metadata: an optional value for which ``null`` and a missing key differ.

``null`` is the value whose fields are all defaults; None is a missing key.
"""

MODULE: Final[Mapping[str, object]] = {WIRE_MODULE: True}
"""Metadata: a field of another namespace. An unknown enum value makes the field None, and not the message unknown."""

SHORT: Final[Mapping[str, object]] = {WIRE_SHORT: True}
"""Metadata: an optional field that older servers send as ``null`` when it is None, and that later ones omit."""

IS_SHORT: Final[Mapping[str, object]] = {WIRE_IS_SHORT: True}
"""Metadata: the one boolean, not on the wire and not compared, that says whether `SHORT` fields are omitted."""


def rest(keys: tuple[str, ...]) -> Mapping[str, object]:
    """Metadata: the one field that takes the raw values of ``keys``, which belong to other namespaces."""
    return {WIRE_REST: keys}
