"""Namespace `protocol`: the minutes of the meeting, in a pad (signaling.md § 13). There is no join data."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from m3core.messages import minutes
from m3core.messages.minutes import PeerData as PeerData
from m3core.messages.minutes import ProtocolErrorCode as ProtocolErrorCode


@frozen(kw_only=True, weakref_slot=False)
class SelectWriter(minutes.SelectWriter):
    """Allow participants to write; the first such command creates the pad. Wire: `select_writer` (R)."""

    NAMESPACE: ClassVar[str] = "protocol"


@frozen(kw_only=True, weakref_slot=False)
class DeselectWriter(minutes.DeselectWriter):
    """Allow participants only to read. Wire: `deselect_writer` (R)."""

    NAMESPACE: ClassVar[str] = "protocol"


@frozen(kw_only=True, weakref_slot=False)
class GeneratePdf(minutes.GeneratePdf):
    """Make a PDF of the pad; answered by `PdfAsset` to all. Wire: `generate_pdf` (R)."""

    NAMESPACE: ClassVar[str] = "protocol"


@frozen(kw_only=True, weakref_slot=False)
class WriteUrl(minutes.WriteUrl):
    """The URL of the pad, with which you may write. Wire: `write_url` (R)."""

    NAMESPACE: ClassVar[str] = "protocol"


@frozen(kw_only=True, weakref_slot=False)
class ReadUrl(minutes.ReadUrl):
    """The URL of the pad, with which you may only read. Wire: `read_url` (R)."""

    NAMESPACE: ClassVar[str] = "protocol"


@frozen(kw_only=True, weakref_slot=False)
class PdfAsset(minutes.PdfAsset):
    """A PDF of the pad is among the room's assets. Wire: `pdf_asset` (R)."""

    NAMESPACE: ClassVar[str] = "protocol"


@frozen(kw_only=True, weakref_slot=False)
class Error(minutes.Error):
    """The server refused a command. Wire: `error` (R)."""

    NAMESPACE: ClassVar[str] = "protocol"
