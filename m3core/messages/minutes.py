"""What `protocol` and `meeting_notes`, its later name, share: the minutes of the meeting (signaling.md § 13).

Each of the two has its own subclasses of these. As bases these classes are not frozen, for the same reason as those of
`base`.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from attrs import define, field, frozen

from m3core.messages.base import Command, Event, Value, hide
from m3core.values import AssetId, ParticipantId


class ProtocolErrorCode(Enum):
    """Why the server refused a command for the minutes (signaling.md § 13; the last one L)."""

    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"
    INVALID_PARTICIPANT_SELECTION = "invalid_participant_selection"
    CURRENTLY_INITIALIZING = "currently_initializing"
    FAILED_INITIALIZATION = "failed_initialization"
    NOT_INITIALIZED = "not_initialized"
    STORAGE_EXCEEDED = "storage_exceeded"


@frozen(kw_only=True, weakref_slot=False)
class PeerData(Value):
    """Whether a participant may only read the minutes. Wire: ``protocol``, ``meeting_notes`` of an entry (R)."""

    readonly: bool


@define(kw_only=True, weakref_slot=False, eq=False)
class SelectWriter(Command):
    """Allow participants to write; the first such command creates the pad. Wire: `select_writer`."""

    ACTION: ClassVar[str] = "select_writer"

    participant_ids: tuple[ParticipantId, ...]


@define(kw_only=True, weakref_slot=False, eq=False)
class DeselectWriter(Command):
    """Allow participants only to read. Wire: `deselect_writer`."""

    ACTION: ClassVar[str] = "deselect_writer"

    participant_ids: tuple[ParticipantId, ...]


@define(kw_only=True, weakref_slot=False, eq=False)
class GeneratePdf(Command):
    """Make a PDF of the pad; answered by `PdfAsset` to all. Wire: `generate_pdf`."""

    ACTION: ClassVar[str] = "generate_pdf"


@define(kw_only=True, weakref_slot=False, eq=False)
class WriteUrl(Event):
    """The URL of the pad, with which you may write. Wire: `write_url`."""

    MESSAGE: ClassVar[str] = "write_url"

    url: str = field(repr=hide)


@define(kw_only=True, weakref_slot=False, eq=False)
class ReadUrl(Event):
    """The URL of the pad, with which you may only read. Wire: `read_url`."""

    MESSAGE: ClassVar[str] = "read_url"

    url: str = field(repr=hide)


@define(kw_only=True, weakref_slot=False, eq=False)
class PdfAsset(Event):
    """A PDF of the pad is among the room's assets. Wire: `pdf_asset`."""

    MESSAGE: ClassVar[str] = "pdf_asset"

    filename: str
    asset_id: AssetId


@define(kw_only=True, weakref_slot=False, eq=False)
class Error(Event):
    """The server refused a command. Wire: `error`."""

    MESSAGE: ClassVar[str] = "error"

    error: ProtocolErrorCode
