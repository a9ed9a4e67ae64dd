"""Namespace `shared_folder`: a folder that belongs to the event (signaling.md § 16; L 0.5). It has no commands."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.base import Handler
from m3core.conference.modules.comparing import ComparingModule
from m3core.messages import Event, shared_folder
from m3core.messages.control import JoinSuccess
from m3core.messages.shared_folder import FolderAccess


# -- state: `ConferenceState.shared_folder` is a `SharedFolder`, or None ---
@frozen(kw_only=True)
class SharedFolder:
    """The addresses of the folder, with their passwords."""

    read: FolderAccess
    read_write: FolderAccess | None = None
    """The server sends it to moderators only; else None."""


# -- events ---
@frozen(kw_only=True)
class SharedFolderChanged(ConferenceEvent):
    """There is a folder, or its addresses changed, as they do when our role changes."""

    folder: SharedFolder


# -- the module ---
class SharedFolderModule(ComparingModule[SharedFolder | None]):
    """The folder, if there is one."""

    NAMESPACE = "shared_folder"
    _folder: SharedFolder | None = None

    def build(self) -> SharedFolder | None:
        return self._folder

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {shared_folder.Updated: self._updated}

    def restore(self, join: JoinSuccess) -> None:
        told = join.shared_folder
        self._folder = None if told is None else SharedFolder(read=told.read, read_write=told.read_write)

    def left(self) -> None:
        self._folder = None

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        return () if self._folder is None else (SharedFolderChanged(folder=self._folder),)

    def _updated(self, event: shared_folder.Updated) -> None:
        self._folder = SharedFolder(read=event.read, read_write=event.read_write)
        self._notify(SharedFolderChanged(folder=self._folder))
