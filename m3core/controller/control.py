"""The server's side of namespace `control`: joining, leaving, hands and roles (signaling.md § 5)."""

from __future__ import annotations

from m3core.controller.room import Participant, Rooms, Session
from m3core.controller.surroundings import Surroundings
from m3core.limits import MAX_DISPLAY_NAME, MAX_PARTICIPANTS
from m3core.messages import Command, control, media
from m3core.values import ParticipationKind, Role


def normalised_name(text: str) -> str | None:
    """Trimmed, inner blanks collapsed; None if it is empty or longer than 100 bytes (signaling.md § 5)."""
    name = " ".join(text.split())
    return name if 0 < len(name.encode()) <= MAX_DISPLAY_NAME else None


class ControlModule:
    """Handles the commands of `control`."""

    def __init__(self, around: Surroundings, rooms: Rooms) -> None:
        self._around = around
        self._rooms = rooms

    def enter(self, session: Session, command: Command) -> None:
        """A command of somebody who is not in the room: the state tables let `join` alone through."""
        match command:
            case control.Join(display_name=name):
                self._join(session, name)

    def handle(self, participant: Participant, command: Command) -> None:
        """One command of somebody in the room; the state tables have let it through."""
        match command:
            case control.RaiseHand():
                self._set_hand(participant, is_up=True)
            case control.LowerHand():
                self._set_hand(participant, is_up=False)
            case control.GrantModeratorRole():
                self._set_role(participant, command, Role.MODERATOR)
            case control.RevokeModeratorRole():
                self._set_role(participant, command, None)

    def update(self, participant: Participant) -> None:
        """Tell the others how somebody is now: complete, not a delta (signaling.md § 5.2)."""
        event = control.Update(
            id=participant.id,
            control=participant.control_state(),
            media=participant.media_state(),
            timestamp=self._around.relayed(),
        )
        self._around.tell_all(self._around.room_of(participant).others(participant), event)

    def left(self, participant: Participant) -> None:
        """Tell the others that somebody is gone; the last one goes in silence, with the room."""
        room = self._around.room_of(participant)
        participant.left_at = self._around.relayed()
        participant.hand_is_up = False
        room.remove(participant)
        event = control.Left(id=participant.id, timestamp=self._around.relayed())
        self._around.tell_all(room.present.values(), event)
        if not room.present:
            self._rooms.discard(room)

    def _join(self, session: Session, given: str | None) -> None:
        around = self._around
        user = session.admission.user
        if given is None:
            given = "" if user is None else user.display_name
        name = normalised_name(given)
        if name is None:
            around.refuse(session, "invalid_username")
            return
        room = self._rooms.enter(session.admission.room)
        if len(room.present) >= MAX_PARTICIPANTS:
            reason = control.JoinBlockedReason.PARTICIPANT_LIMIT_REACHED
            around.tell(session, control.JoinBlocked(reason=reason, timestamp=around.direct()))
            return
        participant = self._newcomer(session, name)
        session.participant = participant
        room.present[participant.id] = participant
        around.tell(
            session,
            control.JoinSuccess(
                id=participant.id,
                display_name=participant.display_name,
                avatar_url=participant.avatar_url,
                role=participant.role,
                media=media.MediaJoinData(is_presenter=participant.is_presenter),
                participants=room.entries(participant),
                timestamp=around.direct(),
            ),
        )
        joined = control.Joined(
            id=participant.id,
            control=participant.control_state(),
            media=participant.media_state(),
            timestamp=around.relayed(),
        )
        around.tell_all(room.others(participant), joined)

    def _newcomer(self, session: Session, name: str) -> Participant:
        user, now = session.admission.user, self._around.relayed()
        role = Role.GUEST
        if user is not None:
            role = Role.MODERATOR if session.admission.room.owner == user.id else Role.USER
        return Participant(
            id=self._around.new_participant_id(),
            session=session,
            display_name=name,
            role=role,
            kind=ParticipationKind.GUEST if user is None else ParticipationKind.USER,
            avatar_url=(user.avatar_url or None) if user is not None else None,
            joined_at=now,
            hand_updated_at=now,
            is_presenter=role is Role.MODERATOR or not self._around.config.screen_needs_permission,
        )

    def _set_hand(self, participant: Participant, *, is_up: bool) -> None:
        participant.hand_is_up = is_up
        participant.hand_updated_at = self._around.relayed()
        self.update(participant)

    def _set_role(
        self,
        sender: Participant,
        command: control.GrantModeratorRole | control.RevokeModeratorRole,
        role: Role | None,
    ) -> None:
        """Checks in the order of signaling.md § 5: sender is moderator, state differs, target is not the owner."""
        around = self._around
        target = around.room_of(sender).present.get(command.target)
        is_moderator = target is not None and target.role is Role.MODERATOR
        if sender.role is not Role.MODERATOR:
            around.refuse(sender.session, "insufficient_permissions")
        elif is_moderator is (role is Role.MODERATOR):
            around.refuse(sender.session, "nothing_to_do")
        elif target is not None and self._owns(target):
            around.refuse(sender.session, "target_is_room_owner")
        elif target is not None:
            target.role = role or (Role.GUEST if target.session.admission.user is None else Role.USER)
            event = control.RoleUpdated(new_role=target.role, timestamp=around.relayed())
            around.tell(target.session, event)
            self.update(target)

    @staticmethod
    def _owns(participant: Participant) -> bool:
        admission = participant.session.admission
        return admission.user is not None and admission.user.id == admission.room.owner
