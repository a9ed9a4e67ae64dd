"""An event of several namespaces: a file is among the assets of the room."""

from __future__ import annotations

from attrs import frozen

from m3core.conference.events import ConferenceEvent
from m3core.values import AssetId, LegalVoteId


@frozen(kw_only=True)
class AssetReady(ConferenceEvent):
    """A PDF is among the assets of the room. The REST API serves it at ``rooms/{id}/assets/{asset_id}`` (rest.md)."""

    namespace: str
    """What the PDF shows: `whiteboard`, `protocol` or `meeting_notes` (both are the minutes), or `legal_vote`."""
    asset_id: AssetId
    filename: str
    legal_vote_id: LegalVoteId | None = None
    """Which vote the PDF shows; None in other namespaces."""
