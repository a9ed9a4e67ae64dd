"""Namespace `whiteboard`: a drawing board beside the conference (signaling.md § 12)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import evolve, field, frozen

from m3core.conference.events import ConferenceEvent
from m3core.conference.modules.assets import AssetReady
from m3core.conference.modules.base import CommandGroup, Handler, Rules, T, rule
from m3core.conference.modules.comparing import ComparingModule
from m3core.messages import Event, whiteboard
from m3core.messages.base import hide
from m3core.messages.control import JoinSuccess
from m3core.messages.whiteboard import WhiteboardErrorCode, WhiteboardStatus


# -- state ---
@frozen(kw_only=True)
class WhiteboardState:
    """The status of the board, and its address."""

    status: WhiteboardStatus = WhiteboardStatus.NOT_INITIALIZED
    url: str | None = field(default=None, repr=hide)
    """The address of the board. It is a secret, because everybody who has it can draw."""


# -- events ---
@frozen(kw_only=True)
class WhiteboardOpened(ConferenceEvent):
    """There is a board. Everybody who has ``url`` can draw."""

    url: str = field(repr=hide)


# -- the module ---
_STATUS_OF = MappingProxyType(
    {
        WhiteboardErrorCode.CURRENTLY_INITIALIZING: WhiteboardStatus.INITIALIZING,
        WhiteboardErrorCode.INITIALIZATION_FAILED: WhiteboardStatus.NOT_INITIALIZED,
    }
)
"""The status of the board that some errors show."""


class WhiteboardModule(ComparingModule[WhiteboardState]):
    """The board of the room."""

    NAMESPACE = "whiteboard"
    RULES: ClassVar[Rules] = MappingProxyType(
        {
            whiteboard.Initialize: rule(
                "insufficient_permissions",
                "currently_initializing",
                "already_initialized",
                "initialization_failed",
                answered=True,
            ),
            whiteboard.GeneratePdf: rule("insufficient_permissions", "storage_exceeded", answered=True),
        }
    )
    _state = WhiteboardState()

    def build(self) -> WhiteboardState:
        return self._state

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            whiteboard.SpaceUrl: self._space_url,
            whiteboard.PdfAsset: self._pdf_asset,
            whiteboard.Error: self._error,
        }

    def restore(self, join: JoinSuccess) -> None:
        told = join.whiteboard
        self._state = WhiteboardState() if told is None else WhiteboardState(status=told.status, url=told.url)

    def left(self) -> None:
        self._state = WhiteboardState()

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        return () if self._state.url is None else (WhiteboardOpened(url=self._state.url),)

    def _space_url(self, event: whiteboard.SpaceUrl) -> None:
        self._state = WhiteboardState(status=WhiteboardStatus.INITIALIZED, url=event.url)
        self._notify(WhiteboardOpened(url=event.url))
        self._acknowledge(whiteboard.Initialize, result=self._state)

    def _pdf_asset(self, event: whiteboard.PdfAsset) -> None:
        ready = AssetReady(namespace=self.NAMESPACE, asset_id=event.asset_id, filename=event.filename)
        self._notify(ready)
        self._acknowledge(whiteboard.GeneratePdf, result=ready)

    def _error(self, event: whiteboard.Error) -> None:
        if self._state.url is None:
            self._state = evolve(self._state, status=_STATUS_OF.get(event.error, self._state.status))
        self._refuse(event.error.value)


# -- commands ---
class WhiteboardCommands(CommandGroup[T]):
    """All commands are for moderators."""

    def initialize(self) -> T:
        """Make the board; done with the `WhiteboardState` and its URL.

        Refused: `currently_initializing`, `already_initialized`, `initialization_failed`, `insufficient_permissions`.
        """
        return self._perform(whiteboard.Initialize())

    def generate_pdf(self) -> T:
        """Make a PDF of the board; done with an `AssetReady`.

        Refused: `storage_exceeded` (L), `insufficient_permissions`.
        """
        return self._perform(whiteboard.GeneratePdf())
