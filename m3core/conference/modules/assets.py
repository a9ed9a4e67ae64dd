"""What several namespaces make: files among the assets of the room."""

from __future__ import annotations

from attrs import frozen

from m3core.conference.events import ConferenceEvent
from m3core.values import AssetId, LegalVoteId


@frozen(kw_only=True)
class AssetReady(ConferenceEvent):
    """A PDF is among the assets of the room; the REST API has it, at ``rooms/{id}/assets/{asset_id}`` (rest.md)."""

    namespace: str
    """Of what it is: `whiteboard`, `protocol` or `meeting_notes` (the minutes), `legal_vote`."""
    asset_id: AssetId
    filename: str
    legal_vote_id: LegalVoteId | None = None
    """Of `legal_vote` only."""
