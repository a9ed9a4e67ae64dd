"""The client engine: one conference, from the first REST call to its end. `Conference` is the engine; `events` are what
users see; `state` is the snapshot; the other modules are its parts."""

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
