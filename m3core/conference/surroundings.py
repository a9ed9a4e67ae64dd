"""What the modules need of the conference that they belong to. The engine provides it."""

from __future__ import annotations

from typing import Protocol

from m3core.conference.calls import Call, Calls
from m3core.conference.common import EndReason, Participant
from m3core.conference.events import ConferenceEvent
from m3core.conference.publications import Publications
from m3core.conference.roster import Roster
from m3core.conference.subscriptions import Subscriptions
from m3core.values import MediaSessionKey, ParticipantId


class Surroundings(Protocol):
    """The conference, as its modules see it."""

    now: float
    """Monotonic seconds: the latest time that any input told."""
    own: Participant | None
    """Ourselves; None before the first `join_success`. A module that learns something about us replaces it."""
    calls: Calls
    roster: Roster
    publications: Publications
    subscriptions: Subscriptions

    def participant(self, participant_id: ParticipantId) -> Participant | None:
        """Somebody, perhaps ourselves or one who left; None if unknown."""
        ...

    def rename(self, participant_id: ParticipantId, display_name: str) -> None:
        """Somebody, perhaps we, has another name now."""
        ...

    def notify(self, *events: ConferenceEvent) -> None:
        """Tell the user."""
        ...

    def expect_end(self, reason: EndReason) -> None:
        """The server said why it is about to close the connection."""
        ...

    def refuse(self, namespace: str, slug: str, key: MediaSessionKey | None = None) -> None:
        """The server sent the error ``slug``: the oldest open call that it can mean is refused, else it is told."""
        ...

    def refuse_call(self, call: Call, slug: str) -> None:
        """``call`` was refused with ``slug``."""
        ...
