"""The server's side of namespace `control` inside a room: hands and roles (signaling.md § 5). See also `joining`."""

from __future__ import annotations

from m3core.controller.features import Feature
from m3core.controller.module import Module
from m3core.controller.room import Participant
from m3core.controller.surroundings import Surroundings
from m3core.messages import control
from m3core.values import Role


class ControlModule(Module):
    """Handles the commands of participants in the room."""

    NAMESPACE = "control"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._handlers = {
            control.RaiseHand: lambda sender, _: self._raise_hand(sender),
            control.LowerHand: lambda sender, _: self._lower_own_hand(sender),
            control.GrantModeratorRole: self._grant,
            control.RevokeModeratorRole: self._revoke,
        }

    def _raise_hand(self, participant: Participant) -> None:
        if not participant.room.meeting.raise_hands_enabled:
            self._around.refuse(participant.session, "raise_hands_disabled")
            return
        self._set_hand(participant, is_up=True)
        self._acknowledge(participant, control.HandRaised)

    def _lower_own_hand(self, participant: Participant) -> None:
        self.lower_hand(participant)
        self._acknowledge(participant, control.HandLowered)

    def lower_hand(self, participant: Participant) -> None:
        """Lower a hand, be it up or not. The others get an `update`; the participant itself gets no message."""
        self._set_hand(participant, is_up=False)

    def _set_hand(self, participant: Participant, *, is_up: bool) -> None:
        participant.hand_is_up = is_up
        participant.hand_updated_at = self._around.relayed()
        self._around.announce(participant)

    def _acknowledge(self, participant: Participant, event: type[control.HandRaised | control.HandLowered]) -> None:
        if self._around.has(Feature.HAND_ACKNOWLEDGED):
            self._around.tell(participant.session, event(timestamp=self._around.direct()))

    def _grant(self, sender: Participant, command: control.GrantModeratorRole) -> None:
        target = sender.room.present.get(command.target)
        self._set_role(sender, target, granted=True)

    def _revoke(self, sender: Participant, command: control.RevokeModeratorRole) -> None:
        target = sender.room.present.get(command.target)
        self._set_role(sender, target, granted=False)

    def _set_role(self, sender: Participant, target: Participant | None, *, granted: bool) -> None:
        """The checks are in the order of signaling.md § 5."""
        around = self._around
        # An unknown target counts as no moderator, so a grant does nothing and a revoke is `nothing_to_do` (R).
        is_moderator = target is not None and target.is_moderator
        if not sender.is_moderator:
            around.refuse(sender.session, "insufficient_permissions")
        elif is_moderator is granted:
            around.refuse(sender.session, "nothing_to_do")
        elif target is not None and target.is_owner:
            around.refuse(sender.session, "target_is_room_owner")
        elif target is not None:
            target.role = Role.MODERATOR if granted else _own_role(target)
            around.tell(target.session, control.RoleUpdated(new_role=target.role, timestamp=around.relayed()))
            around.announce(target)


def _own_role(participant: Participant) -> Role:
    """The role without a moderator's grant."""
    return Role.GUEST if participant.session.admission.user is None else Role.USER
