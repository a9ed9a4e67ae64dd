"""Namespace `shared_folder`: a folder that belongs to the event (signaling.md § 16; L 0.5). There are no commands."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from m3core.messages.base import Event, Value
from m3core.values import Secret


@frozen(kw_only=True, weakref_slot=False)
class FolderAccess(Value):
    """One way into the folder. Wire: ``read``, ``read_write`` (L 0.5)."""

    url: str
    password: Secret


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """The ways into the folder. Wire: ``join_success.shared_folder`` (L 0.5). ``read_write``: only for moderators."""

    read: FolderAccess
    read_write: FolderAccess | None = None


@frozen(kw_only=True, weakref_slot=False)
class Updated(Event):
    """The ways into the folder changed, or your role did. Wire: `updated` (L 0.5)."""

    NAMESPACE: ClassVar[str] = "shared_folder"
    MESSAGE: ClassVar[str] = "updated"

    read: FolderAccess
    read_write: FolderAccess | None = None
