"""The client engine: one conference, from the first REST call to its end.

`Conference` is the engine, `events` has what the user is told, `state` has the snapshot. docs/architecture.md, The
client engine, says how the other files build on each other.
"""

from m3core.conference.engine import Conference
from m3core.conference.entrance import GuestEntrance, MemberEntrance
from m3core.conference.state import ConferenceState, EndReason, Participant, Phase, Stream

__all__ = [
    "Conference",
    "ConferenceState",
    "EndReason",
    "GuestEntrance",
    "MemberEntrance",
    "Participant",
    "Phase",
    "Stream",
]
