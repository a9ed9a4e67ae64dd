"""Namespace `control`: the meeting and its end, our own hand and our own role (signaling.md § 5).

`m3core.conference.joining` handles the messages about who comes and goes, because they concern every module.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import evolve, frozen

from m3core.conference.common import EndReason
from m3core.conference.events import RoleChanged
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rule, Rules, Someone, T, id_of, rule
from m3core.messages import Command, Event, control
from m3core.messages.room import EventInfo, RoomInfo, Tariff
from m3core.values import Timestamp

_HANDS = (control.RaiseHand, control.LowerHand)


# -- state ---
@frozen(kw_only=True)
class ControlState:
    """What the server said about the meeting; None where it said nothing (signaling.md § 5.1)."""

    closes_at: Timestamp | None = None
    tariff: Tariff | None = None
    event_info: EventInfo | None = None
    room_info: RoomInfo | None = None
    is_room_owner: bool | None = None
    """Whether we own the room."""


# -- the events are in `m3core.conference.events`, because the roster makes most of them ---


# -- the module ---
class ControlModule(ClientModule[ControlState]):
    """The meeting, our own role, our own hand, and the end of the meeting."""

    NAMESPACE = "control"
    RULES: ClassVar[Rules] = MappingProxyType(
        {
            control.RaiseHand: rule("raise_hands_disabled"),
            control.LowerHand: rule(),
            control.GrantModeratorRole: rule("insufficient_permissions", "nothing_to_do", "target_is_room_owner"),
            control.RevokeModeratorRole: rule("insufficient_permissions", "nothing_to_do", "target_is_room_owner"),
        }
    )
    _state = ControlState()
    _answers_hands = False
    """Whether the server acknowledges our own hand, as it does since 0.9 (signaling.md § 5)."""

    def build(self) -> ControlState:
        return self._state

    def handlers(self) -> Mapping[type[Event], Handler]:
        """The messages about ourselves. `m3core.conference.joining` has those about others, `dispatch` the errors."""
        return {
            control.RoleUpdated: self._role_updated,
            control.HandRaised: self._hand_raised,
            control.HandLowered: self._hand_lowered,
            control.ModeratorRoleGranted: lambda event: self._acknowledge(
                control.GrantModeratorRole, lambda command: command.target == event.target
            ),
            control.ModeratorRoleRevoked: lambda event: self._acknowledge(
                control.RevokeModeratorRole, lambda command: command.target == event.target
            ),
            control.TimeLimitQuotaElapsed: self._over,
            control.RoomDeleted: self._over,
        }

    def rule_of(self, command: Command) -> Rule:
        found = super().rule_of(command)
        return evolve(found, answered=self._answers_hands) if isinstance(command, _HANDS) else found

    def entered(self, join: control.JoinSuccess) -> None:
        # Servers do not tell their version. `speakers` and `is_room_owner` are in `join_success` since 0.9, as are the
        # acknowledgements of hands (signaling.md § 5.1, media.md § 3).
        told_speakers = join.media is not None and join.media.speakers is not None
        self._answers_hands = told_speakers or join.is_room_owner is not None
        self._state = ControlState(
            closes_at=join.closes_at,
            tariff=join.tariff,
            event_info=join.event_info,
            room_info=join.room_info,
            is_room_owner=join.is_room_owner,
        )

    def sent(self, command: Command) -> None:
        # Before 0.9 the server sends nothing about our own hand to ourselves (signaling.md § 5).
        if isinstance(command, _HANDS):
            self._show_hand(is_up=isinstance(command, control.RaiseHand))

    def refused(self, command: Command) -> None:
        if isinstance(command, control.RaiseHand):
            self._show_hand(is_up=False)

    def _show_hand(self, *, is_up: bool) -> None:
        own = self._around.own
        self._around.own = None if own is None else evolve(own, hand_is_up=is_up)

    def _role_updated(self, event: control.RoleUpdated) -> None:
        # `join_success` tells the role to a participant who is in the waiting room and has not been in the room yet.
        if self._around.own is not None:
            self._around.own = own = evolve(self._around.own, role=event.new_role)
            self._notify(RoleChanged(participant=own))

    def _hand_raised(self, _: control.HandRaised) -> None:
        self._show_hand(is_up=True)
        self._acknowledge(control.RaiseHand)

    def _hand_lowered(self, _: control.HandLowered) -> None:
        self._show_hand(is_up=False)
        self._acknowledge(control.LowerHand)

    def _over(self, _: control.TimeLimitQuotaElapsed | control.RoomDeleted) -> None:
        self._around.expect_end(EndReason.MEETING_OVER)


# -- commands ---
class ControlCommands(CommandGroup[T]):
    """Our hand, and the roles of others."""

    def raise_hand(self) -> T:
        """Raise our hand. Refused: `raise_hands_disabled`."""
        return self._perform(control.RaiseHand())

    def lower_hand(self) -> T:
        """Lower our hand."""
        return self._perform(control.LowerHand())

    def grant_moderator(self, participant: Someone) -> T:
        """Make a participant a moderator; for moderators.

        Refused: `nothing_to_do` (already a moderator), `target_is_room_owner`, `insufficient_permissions`.
        """
        return self._perform(control.GrantModeratorRole(target=id_of(participant)))

    def revoke_moderator(self, participant: Someone) -> T:
        """Take the role of moderator from a participant; for moderators.

        Refused: `nothing_to_do` (not a moderator), `target_is_room_owner`, `insufficient_permissions`.
        """
        return self._perform(control.RevokeModeratorRole(target=id_of(participant)))
