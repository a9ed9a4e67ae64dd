"""What modules need of the engine."""

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
    """The part of the engine that modules may use. `Conference` implements it."""

    now: float
    """Monotonic seconds: the largest ``now`` of any input so far."""
    own: Participant | None
    """Ourselves; ``None`` before the first `join_success`. A module that learns a change of us sets the new value."""
    calls: Calls
    roster: Roster
    publications: Publications
    subscriptions: Subscriptions

    def participant(self, participant_id: ParticipantId) -> Participant | None:
        """The participant with that id, perhaps ourselves or one who left; ``None`` if unknown."""
        ...

    def rename(self, participant_id: ParticipantId, display_name: str) -> None:
        """Change the name of a participant, perhaps of ourselves."""
        ...

    def notify(self, *events: ConferenceEvent) -> None:
        """Tell the user."""
        ...

    def expect_end(self, reason: EndReason) -> None:
        """The server announced ``reason``, and is about to close the connection."""
        ...

    def refuse(self, namespace: str, slug: str, key: MediaSessionKey | None = None) -> None:
        """Refuse the oldest open call that the error ``slug`` can mean; without one, tell the user `ServerRefused`."""
        ...

    def refuse_call(self, call: Call, slug: str) -> None:
        """End ``call``, which the server refused with ``slug``."""
        ...
