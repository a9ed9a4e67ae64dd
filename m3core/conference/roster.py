"""Who is in the room: turns `join_success`, `joined`, `update` and `left` into participants and into events.

`merging` has the merge rule. Nothing here knows connections or media sessions.
"""

from __future__ import annotations

from types import MappingProxyType

from attrs import evolve, frozen

from m3core.conference.common import Participant
from m3core.conference.events import (
    ConferenceEvent,
    FocusChanged,
    HandLowered,
    HandRaised,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    PresenterChanged,
    RoleChanged,
    StreamChanged,
    StreamStarted,
    StreamStopped,
)
from m3core.conference.merging import merged, newcomer
from m3core.errors import LimitExceeded, LocalProtocolError
from m3core.limits import MAX_PARTICIPANTS
from m3core.messages.control import Joined, Update
from m3core.messages.participants import ParticipantEntry
from m3core.values import MediaSessionKey, ParticipantId, Role, Timestamp


@frozen(kw_only=True)
class RosterChanges:
    """What changed among the others between two snapshots: the newer values, those of ``left`` with `left_at`."""

    joined: tuple[Participant, ...]
    left: tuple[Participant, ...]
    changed: tuple[Participant, ...]


class Roster:
    """The other participants, those who left included, and the focus."""

    def __init__(self) -> None:
        self.participants: dict[ParticipantId, Participant] = {}
        self.focus: ParticipantId | None = None

    def enter(self, entries: tuple[ParticipantEntry, ...]) -> list[ConferenceEvent]:
        """Replace everybody by ``entries``, the others at the moment of joining."""
        self.participants.clear()
        self.focus = None
        for entry in entries:
            self._keep(newcomer(entry))
        return self.present_events()

    def resume(self, entries: tuple[ParticipantEntry, ...]) -> RosterChanges:
        """Replace everybody by ``entries``, the others when we have reconnected; gives the difference."""
        now = Roster()
        now.enter(entries)
        before = {one.id: one for one in self.participants.values() if one.is_here}
        after = {one.id: one for one in now.participants.values() if one.is_here}
        self.participants, self.focus = now.participants, None
        return RosterChanges(
            joined=tuple(one for one in after.values() if one.id not in before),
            left=tuple(_gone(one, now) for one in before.values() if one.id not in after),
            changed=tuple(one for one in after.values() if one.id in before and one != before[one.id]),
        )

    def publishes(self, key: MediaSessionKey) -> bool:
        """Whether a participant who is here publishes that stream."""
        participant = self.participants.get(key.participant_id)
        return participant is not None and participant.is_here and key.media_session_type in participant.streams

    def check_publishes(self, key: MediaSessionKey) -> None:
        """Raises `LocalProtocolError` unless a participant who is here publishes that stream."""
        participant = self.participants.get(key.participant_id)
        if participant is None or not participant.is_here:
            raise LocalProtocolError("that participant is not in the room")
        if not self.publishes(key):
            raise LocalProtocolError(f"that participant does not publish {key.media_session_type.value}")

    def present_events(self) -> list[ConferenceEvent]:
        """The events that lead from an empty room to the present state."""
        events: list[ConferenceEvent] = []
        for participant in self.participants.values():
            if participant.is_here:
                events += _arrival(participant)
        return events

    def join(self, entry: Joined) -> list[ConferenceEvent]:
        """Handle `joined`: about somebody new, or about a change of somebody who is here already."""
        before = self.participants.get(entry.id)
        if before is not None and before.is_here:
            return self._change(before, entry)
        after = newcomer(entry)
        self._keep(after)
        return _arrival(after) if after.is_here else []

    def update(self, entry: Update) -> list[ConferenceEvent]:
        """Handle `update`. It is ignored for participants who are not here.

        Servers of the capture era send it also about people who wait or have not joined yet, and who may never enter:
        no `left` would follow for them.
        """
        before = self.participants.get(entry.id)
        return [] if before is None or not before.is_here else self._change(before, entry)

    def _change(self, before: Participant, entry: Joined | Update) -> list[ConferenceEvent]:
        after = merged(before, entry)
        self.participants[entry.id] = after
        return _changes(before, after) + ([] if after.is_here else [ParticipantLeft(participant=after)])

    def leave(self, participant_id: ParticipantId, timestamp: Timestamp | None) -> list[ConferenceEvent]:
        """Handle `left`. It is ignored for participants who are not here."""
        before = self.participants.get(participant_id)
        if before is None or not before.is_here:
            return []
        after = evolve(before, left_at=timestamp or Timestamp(""), streams=MappingProxyType({}), hand_is_up=False)
        self.participants[participant_id] = after
        events: list[ConferenceEvent] = [
            StreamStopped(participant=after, media_session_type=stream) for stream in before.streams
        ]
        return [*events, ParticipantLeft(participant=after)]

    def set_focus(self, participant_id: ParticipantId | None, own: Participant) -> list[ConferenceEvent]:
        """Handle `focus_update`; the active speaker may be ourselves."""
        if participant_id == self.focus:
            return []
        self.focus = participant_id
        if participant_id is None:
            return [FocusChanged(participant=None)]
        participant = own if participant_id == own.id else self.participants.get(participant_id)
        return [] if participant is None else [FocusChanged(participant=participant)]

    def rename(self, participant_id: ParticipantId, display_name: str) -> None:
        """Change the name of a participant. It is ignored for one who is unknown."""
        before = self.participants.get(participant_id)
        if before is not None:
            self.participants[participant_id] = evolve(before, display_name=display_name)

    def _keep(self, participant: Participant) -> None:
        # A participant who returns becomes the newest entry, because the oldest leavers are dropped first.
        self.participants.pop(participant.id, None)
        if len(self.participants) >= MAX_PARTICIPANTS:
            gone = next((other.id for other in self.participants.values() if not other.is_here), None)
            if gone is None:
                raise LimitExceeded("participants", MAX_PARTICIPANTS, len(self.participants) + 1, "participants")
            del self.participants[gone]
        self.participants[participant.id] = participant


def _gone(before: Participant, roster: Roster) -> Participant:
    """A participant who left, by the newer ``roster`` if it lists leavers: not if the room was destroyed meanwhile."""
    return roster.participants.get(
        before.id,
        evolve(before, left_at=Timestamp(""), streams=MappingProxyType({}), hand_is_up=False),
    )


def _arrival(participant: Participant) -> list[ConferenceEvent]:
    joined: list[ConferenceEvent] = [ParticipantJoined(participant=participant)]
    if participant.hand_is_up:
        joined.append(HandRaised(participant=participant))
    return joined + [StreamStarted(participant=participant, media_session_type=kind) for kind in participant.streams]


def _changes(before: Participant, after: Participant) -> list[ConferenceEvent]:
    events: list[ConferenceEvent] = []
    if before.role is not after.role:
        events.append(RoleChanged(participant=after))
    if before.hand_is_up != after.hand_is_up:
        events.append(HandRaised(participant=after) if after.hand_is_up else HandLowered(participant=after))
    if before.is_presenter != after.is_presenter:
        events.append(PresenterChanged(participant=after, is_presenter=after.is_presenter))
    events += _stream_changes(before, after)
    if _without_events(before) != _without_events(after):
        events.append(ParticipantChanged(participant=after, previous=before))
    return events


def _stream_changes(before: Participant, after: Participant) -> list[ConferenceEvent]:
    events: list[ConferenceEvent] = [
        StreamStopped(participant=after, media_session_type=kind)
        for kind in before.streams
        if kind not in after.streams
    ]
    for kind, stream in after.streams.items():
        if kind not in before.streams:
            events.append(StreamStarted(participant=after, media_session_type=kind))
        elif before.streams[kind] != stream:
            events.append(
                StreamChanged(participant=after, media_session_type=kind, audio=stream.audio, video=stream.video)
            )
    return events


def _without_events(participant: Participant) -> Participant:
    """The part of a participant that `ParticipantChanged` is about: the rest, which has events of its own, is reset."""
    return evolve(
        participant,
        role=Role.GUEST,
        hand_is_up=False,
        hand_updated_at=None,
        is_presenter=True,
        streams=MappingProxyType({}),
        left_at=None,
    )
