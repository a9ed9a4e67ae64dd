"""Namespace `meeting_notes`: the later name of `protocol`, with the same messages (signaling.md § 13)."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from attrs import frozen

from m3core.messages import minutes
from m3core.messages.minutes import PeerData as PeerData
from m3core.messages.minutes import ProtocolErrorCode

MeetingNotesErrorCode: TypeAlias = ProtocolErrorCode
"""The slugs have not changed with the name."""


@frozen(kw_only=True, weakref_slot=False)
class SelectWriter(minutes.SelectWriter):
    """Allow participants to write; the first such command creates the pad. Wire: `select_writer` (L)."""

    NAMESPACE: ClassVar[str] = "meeting_notes"


@frozen(kw_only=True, weakref_slot=False)
class DeselectWriter(minutes.DeselectWriter):
    """Allow participants only to read. Wire: `deselect_writer` (L)."""

    NAMESPACE: ClassVar[str] = "meeting_notes"


@frozen(kw_only=True, weakref_slot=False)
class GeneratePdf(minutes.GeneratePdf):
    """Make a PDF of the pad; answered by `PdfAsset` to all. Wire: `generate_pdf` (L)."""

    NAMESPACE: ClassVar[str] = "meeting_notes"


@frozen(kw_only=True, weakref_slot=False)
class WriteUrl(minutes.WriteUrl):
    """The URL of the pad, with which you may write. Wire: `write_url` (L)."""

    NAMESPACE: ClassVar[str] = "meeting_notes"


@frozen(kw_only=True, weakref_slot=False)
class ReadUrl(minutes.ReadUrl):
    """The URL of the pad, with which you may only read. Wire: `read_url` (L)."""

    NAMESPACE: ClassVar[str] = "meeting_notes"


@frozen(kw_only=True, weakref_slot=False)
class PdfAsset(minutes.PdfAsset):
    """A PDF of the pad is among the room's assets. Wire: `pdf_asset` (L)."""

    NAMESPACE: ClassVar[str] = "meeting_notes"


@frozen(kw_only=True, weakref_slot=False)
class Error(minutes.Error):
    """The server refused a command. Wire: `error` (L)."""

    NAMESPACE: ClassVar[str] = "meeting_notes"
