"""The ways into a room, out of it, and through the waiting room (signaling.md § 5, 5.3, 5.4 and the flow of § 6).

It owns the order of the messages at these moments. What a namespace adds is in the hooks of its module.
"""

from __future__ import annotations

from collections.abc import Iterable

from m3core.controller.authorisation import denial_of
from m3core.controller.entries import Entries, control_state
from m3core.controller.features import Feature
from m3core.controller.module import Module
from m3core.controller.room import LiveRoom, Meeting, Participant, Session
from m3core.controller.room_details import RoomDetails
from m3core.controller.surroundings import Surroundings
from m3core.errors import InvalidName
from m3core.limits import MAX_PARTICIPANTS
from m3core.messages import control, encode_around, moderation
from m3core.names import display_name
from m3core.values import ParticipationKind, Role

NORMAL_CLOSURE = 1000
INTERNAL_ERROR = 1011
"""RFC 6455 s.7.4.1."""


def normalised_name(text: str) -> str | None:
    """The name, trimmed and with single blanks; None if nobody may have such a name (docs/names.md)."""
    try:
        return display_name(text)
    except InvalidName:
        return None


class Joining:
    """Lets participants in and out."""

    def __init__(self, around: Surroundings, modules: Iterable[Module], entries: Entries) -> None:
        self._around = around
        self._modules = tuple(modules)
        self._entries = entries
        self._room_details = RoomDetails(around)

    # -- in ---
    def join(self, session: Session, given: str | None) -> None:
        """`control.join` with the display name ``given``; None: the name of the account."""
        around, admission = self._around, session.admission
        if given is None:
            given = "" if admission.user is None else admission.user.display_name
        name = normalised_name(given)
        if name is None:
            # R joins such a client all the same. Ours refuses, and the client may try again (docs/differences.md).
            around.refuse(session, "invalid_username")
            return
        if denial_of(around, session) is not None:
            # No event says that an invitation is over. After 1000 clients do not try again (signaling.md § 2).
            around.dismiss((session,), NORMAL_CLOSURE)
            return
        meeting = around.rooms.open(admission.room)
        if _is_dead_end(meeting, session):
            around.dismiss((session,), INTERNAL_ERROR)
        elif self._is_full(meeting, session):
            # The connection remains open: the web client sends `join` again every 10 s (signaling.md § 5).
            reason = control.JoinBlockedReason.PARTICIPANT_LIMIT_REACHED
            around.tell(session, control.JoinBlocked(reason=reason, timestamp=around.direct()))
        else:
            participant = self._newcomer(session, meeting, name)
            session.participant = participant
            if self._must_wait(meeting, participant):
                self._wait(participant)
            else:
                self._enter(participant)
        self._discard_empty(meeting)  # `open` has made it, and nobody came in

    def enter_room(self, participant: Participant) -> None:
        """`control.enter_room` of a participant in the waiting room.

        `m3core.signaling` refuses the command until `accepted` was sent.
        """
        if denial_of(self._around, participant.session) is not None:
            self._around.dismiss((participant.session,), NORMAL_CLOSURE)
            return
        # Its breakout room may have ended while it waited.
        if _is_dead_end(participant.room.meeting, participant.session):
            self._around.dismiss((participant.session,), INTERNAL_ERROR)
            return
        participant.room.meeting.end_wait(participant)
        self._tell_left_waiting(participant)  # before `joined` (signaling.md § 6, flow)
        self._enter(participant)

    def check_again(self, sessions: Iterable[Session]) -> None:
        """Something has changed: close those of ``sessions`` that have not joined, and no longer may."""
        denied = [one for one in sessions if one.participant is None and denial_of(self._around, one) is not None]
        # Without a message: a server has none for a client that has not sent `join` (`m3core.signaling.SERVER_SENDS`).
        self._around.dismiss(denied, NORMAL_CLOSURE)

    def send_back(self, participant: Participant) -> None:
        """Move a participant from its room into the waiting room. Its connection remains open (L 0.15)."""
        self._leave_room(participant, control.LeftReason.SENT_TO_WAITING_ROOM)
        participant.left_at = None
        participant.hand_is_up = False
        participant.was_inside = True
        # It is the same participant, and not one who left: it comes in again with its flags, and is not listed twice.
        del participant.room.gone[participant.id]
        self._wait(participant)

    def _wait(self, participant: Participant) -> None:
        """Put a participant that is in no room into the waiting room, and tell those who may know of it."""
        participant.room.meeting.wait(participant)
        self._around.tell(participant.session, moderation.InWaitingRoom(timestamp=self._around.direct()))
        joined = moderation.JoinedWaitingRoom(
            id=participant.id,
            control=control_state(participant, tells_owner=self._around.has(Feature.ROOM_OWNER)),
            timestamp=self._around.relayed(),
        )
        self._tell_of_waiting(participant, joined)

    def _is_full(self, meeting: Meeting, session: Session) -> bool:
        """Whether the limit is reached. All rooms, the waiting room and moderators count (signaling.md § 5)."""
        limit = min(self._around.config.participant_limit or MAX_PARTICIPANTS, MAX_PARTICIPANTS)
        there = meeting.visible
        if session.admission.kind is ParticipationKind.RECORDER or there < limit:
            return False
        # L 0.4: a full room without a moderator has a place for its owner. Our own limit has no exception.
        may_enter = self._around.has(Feature.MODERATOR_ALWAYS_ENTERS) and there < MAX_PARTICIPANTS
        return not (may_enter and _owns(session) and not any(other.is_moderator for other in meeting.joined()))

    def _must_wait(self, meeting: Meeting, participant: Participant) -> bool:
        """Whether a newcomer has to wait: not moderators, recorders and ids accepted before (signaling.md § 6)."""
        # Asked even with the waiting room off: coming back uses the acceptance up, and the next leave renews it.
        participant.is_accepted = meeting.was_accepted(participant.id, self._around.now)
        skips = participant.is_moderator or not participant.is_visible or participant.is_accepted
        return meeting.waiting_room_enabled and not skips

    def _newcomer(self, session: Session, meeting: Meeting, name: str) -> Participant:
        admission, now = session.admission, self._around.relayed()
        # The role follows from the identity at each join: a granted role does not survive (signaling.md § 3).
        role = Role.GUEST
        if admission.user is not None:
            role = Role.MODERATOR if _owns(session) else Role.USER
        return Participant(
            id=admission.participant_id,
            session=session,
            room=meeting.room_for(admission.breakout_room),
            display_name=name,
            role=role,
            kind=admission.kind,
            avatar_url=(admission.user.avatar_url or None) if admission.user is not None else None,
            joined_at=now,
            hand_updated_at=now,
            is_presenter=role is Role.MODERATOR or not self._around.config.screen_needs_permission,
        )

    def _enter(self, participant: Participant) -> None:
        """Bring a participant into its room. The order of messages is that of signaling.md § 5.3."""
        around = self._around
        # Not the room that it was given when it began to wait: that one may have been closed since, and made anew.
        participant.room = participant.room.meeting.room_for(participant.session.admission.breakout_room)
        before = None if participant.was_inside else participant.room.meeting.last_seen(participant.id)
        participant.room.enter(participant)
        if before is not None:
            # It resumes its session, in this room or from another: the presenter flag survives, and what modules take
            # over (signaling.md § 3).
            if before.is_presenter or around.has(Feature.DENIAL_SURVIVES):
                participant.is_presenter = before.is_presenter
            for module in self._modules:
                module.resumed(participant, before)
        self._begin(participant.room.meeting)
        success = control.JoinSuccess(
            id=participant.id,
            display_name=participant.display_name,
            avatar_url=participant.avatar_url,
            role=participant.role,
            participants=(),  # they are encoded already, see below
            timestamp=around.direct(),
            **self._room_details.keys_for(participant),
            **self._entries.join_data(participant),
        )
        data = encode_around(success, "participants", self._entries.encoded_others(participant))
        around.tell_encoded(
            participant.session, success, data
        )  # always the first message in the room (signaling.md § 5)
        if participant.is_visible:
            self._tell_joined(participant)
        for module in self._modules:
            module.entered(participant)

    def _tell_joined(self, participant: Participant) -> None:
        """Tell the others. Entries name common groups, so the message is encoded once for all with the same groups."""
        audiences: dict[tuple[str, ...] | None, list[Participant]] = {}
        for other in participant.room.others(participant):
            audiences.setdefault(other.groups, []).append(other)
        for audience in audiences.values():
            event = self._entries.joined(participant, audience[0], self._around.relayed())
            self._around.tell_all(audience, event)

    # -- out ---
    def leave(self, participant: Participant, reason: control.LeftReason) -> None:
        """A connection is gone, or is being closed by us: tell the others."""
        meeting = participant.room.meeting
        meeting.remember_user(participant)  # a moderator may still ban it
        if participant.is_waiting:
            meeting.end_wait(participant)
            self._tell_left_waiting(participant)
        else:
            self._leave_room(participant, reason)
        self._discard_empty(meeting)

    def _leave_room(self, participant: Participant, reason: control.LeftReason) -> None:
        """Take a participant out of its room: streams end first, then comes `left` (signaling.md § 20, S order)."""
        around, room = self._around, participant.room
        for module in self._modules:
            module.leaving(participant)
        participant.left_at = around.relayed()
        room.leave(participant)
        if participant.is_visible:
            told = reason if around.has(Feature.LEFT_REASON) else None
            around.tell_all(
                room.present.values(), control.Left(id=participant.id, reason=told, timestamp=around.relayed())
            )
        for module in self._modules:
            module.left(participant)
        if not room.present and room.breakout is not None:
            self._close(room)

    def _discard_empty(self, meeting: Meeting) -> None:
        """End a meeting in which nobody is and nobody waits, with its main room and alarms (signaling.md § 5.4)."""
        if not meeting.is_empty:
            return
        for room in list(meeting.rooms.values()):
            self._close(room)
        for alarm in (meeting.time_limit, None if meeting.breakouts is None else meeting.breakouts.alarm):
            if alarm is not None:
                alarm.cancel()
        self._around.rooms.discard(meeting)

    def _close(self, room: LiveRoom) -> None:
        for module in self._modules:
            module.closing(room)
        del room.meeting.rooms[room.breakout]

    # -- the meeting ---
    def _begin(self, meeting: Meeting) -> None:
        """Start the time limit. It runs from the first join (signaling.md § 5.4)."""
        seconds = self._around.config.time_limit
        if seconds is not None and meeting.time_limit is None:
            meeting.closes_at = self._around.in_utc(seconds)
            elapsed = control.TimeLimitQuotaElapsed
            meeting.time_limit = self._around.after(
                seconds, lambda: self.end(meeting, elapsed(timestamp=self._around.direct()))
            )

    def end(self, meeting: Meeting, event: control.TimeLimitQuotaElapsed | control.RoomDeleted | None) -> None:
        """Send ``event`` to everybody in the meeting, waiting ones included, and close their connections."""
        everyone = list(meeting.everyone())
        if event is not None:
            self._around.tell_all(everyone, event)
        self._around.dismiss([participant.session for participant in everyone], NORMAL_CLOSURE)

    def _tell_left_waiting(self, participant: Participant) -> None:
        event = moderation.LeftWaitingRoom(id=participant.id, timestamp=self._around.relayed())
        self._tell_of_waiting(participant, event)

    def _tell_of_waiting(
        self, participant: Participant, event: moderation.JoinedWaitingRoom | moderation.LeftWaitingRoom
    ) -> None:
        """Tell who waits: everybody in all rooms in R, moderators only in later versions (signaling.md § 6)."""
        only_moderators = self._around.has(Feature.WAITING_ROOM_FOR_MODERATORS)
        joined = participant.room.meeting.joined()
        self._around.tell_all((other for other in joined if other.is_moderator or not only_moderators), event)


def _is_dead_end(meeting: Meeting, session: Session) -> bool:
    """Whether the breakout room of the ticket is over, or unknown: it ended after the ticket was given.

    Callers close with 1011 and not with 1000: after 1000 clients take the whole conference for ended, and the main room
    still exists (signaling.md § 2). R sends `join_success` before it closes, and others get `breakout.left` of a
    participant that never came; ours does not (docs/differences.md).
    """
    room, breakouts = session.admission.breakout_room, meeting.breakouts
    return room is not None and (breakouts is None or breakouts.is_over or room not in breakouts.names)


def _owns(session: Session) -> bool:
    user = session.admission.user
    return user is not None and user.id == session.admission.room.owner
