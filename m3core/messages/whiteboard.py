"""Namespace `whiteboard`: a drawing board beside the conference (signaling.md § 12)."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from attrs import field, frozen

from m3core.messages.base import Command, Event, Value, hide
from m3core.values import AssetId


class WhiteboardErrorCode(Enum):
    """Why the server refused a `whiteboard` command (signaling.md § 12; the last one L)."""

    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"
    CURRENTLY_INITIALIZING = "currently_initializing"
    ALREADY_INITIALIZED = "already_initialized"
    INITIALIZATION_FAILED = "initialization_failed"
    STORAGE_EXCEEDED = "storage_exceeded"


class WhiteboardStatus(Enum):
    """Whether there is a board (R)."""

    NOT_INITIALIZED = "not_initialized"
    INITIALIZING = "initializing"
    INITIALIZED = "initialized"


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """Whether there is a board, and where. Wire: ``join_success.whiteboard`` (R). ``url``: once ``initialized``."""

    status: WhiteboardStatus
    url: str | None = field(default=None, repr=hide)


@frozen(kw_only=True, weakref_slot=False)
class Initialize(Command):
    """Make the board; answered by `SpaceUrl` to all. Wire: `initialize` (R)."""

    NAMESPACE: ClassVar[str] = "whiteboard"
    ACTION: ClassVar[str] = "initialize"


@frozen(kw_only=True, weakref_slot=False)
class GeneratePdf(Command):
    """Make a PDF of the board; answered by `PdfAsset` to all. Wire: `generate_pdf` (R)."""

    NAMESPACE: ClassVar[str] = "whiteboard"
    ACTION: ClassVar[str] = "generate_pdf"


@frozen(kw_only=True, weakref_slot=False)
class SpaceUrl(Event):
    """The URL of the board: everybody who has it may draw. Wire: `space_url` (R)."""

    NAMESPACE: ClassVar[str] = "whiteboard"
    MESSAGE: ClassVar[str] = "space_url"

    url: str = field(repr=hide)


@frozen(kw_only=True, weakref_slot=False)
class PdfAsset(Event):
    """A PDF of the board is among the room's assets. Wire: `pdf_asset` (R)."""

    NAMESPACE: ClassVar[str] = "whiteboard"
    MESSAGE: ClassVar[str] = "pdf_asset"

    filename: str
    asset_id: AssetId


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused a command. Wire: `error` (R)."""

    NAMESPACE: ClassVar[str] = "whiteboard"
    MESSAGE: ClassVar[str] = "error"

    error: WhiteboardErrorCode
