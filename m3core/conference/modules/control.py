"""Namespace `control`: the meeting and its end, our own hand and our own role (signaling.md § 5).

Who comes and goes is in `m3core.conference.joining`, for it concerns every module.
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
    """What the server told about the meeting; None where it did not (signaling.md § 5.1)."""

    closes_at: Timestamp | None = None
    tariff: Tariff | None = None
    event_info: EventInfo | None = None
    room_info: RoomInfo | None = None
    is_room_owner: bool | None = None
    """Whether we own the room."""


# -- events are in `m3core.conference.events`, because the roster makes most of them ---


# -- folding ---
class ControlModule(ClientModule[ControlState]):
    """What is known of the meeting, our own role and hand, and what ends the meeting."""

    NAMESPACE = "control"
    RULES: ClassVar[Rules] = MappingProxyType(
        {
            control.RaiseHand: rule("raise_hands_disabled"),
            control.LowerHand: rule(),
            control.GrantModeratorRole: rule("insufficient_permissions", "nothing_to_do", "target_is_room_owner"),
            control.RevokeModeratorRole: rule("insufficient_permissions", "nothing_to_do", "target_is_room_owner"),
        }
    )
    _told = ControlState()
    _answers_hands = False
    """Whether the server acknowledges our own hand, as those since 0.9 do."""

    def build(self) -> ControlState:
        """The snapshot."""
        return self._told

    def handlers(self) -> Mapping[type[Event], Handler]:
        """What is about ourselves. `m3core.conference.joining` takes what is about others, `dispatch` the errors."""
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
        """How ``command`` ends at this server."""
        found = super().rule_of(command)
        return evolve(found, answered=self._answers_hands) if isinstance(command, _HANDS) else found

    def entered(self, join: control.JoinSuccess) -> None:
        """What is known of the meeting."""
        # Versions are not told: who speaks and who owns the room came into `join_success` with the same one.
        told_speakers = join.media is not None and join.media.speakers is not None
        self._answers_hands = told_speakers or join.is_room_owner is not None
        self._told = ControlState(
            closes_at=join.closes_at,
            tariff=join.tariff,
            event_info=join.event_info,
            room_info=join.room_info,
            is_room_owner=join.is_room_owner,
        )

    def sent(self, command: Command) -> None:
        """Nobody tells us of our own hand (but L)."""
        if isinstance(command, _HANDS):
            self._show_hand(is_up=isinstance(command, control.RaiseHand))

    def refused(self, command: Command) -> None:
        """Hands are disabled."""
        if isinstance(command, control.RaiseHand):
            self._show_hand(is_up=False)

    def _show_hand(self, *, is_up: bool) -> None:
        """Our own hand."""
        own = self._around.own
        self._around.own = None if own is None else evolve(own, hand_is_up=is_up)

    def _role_updated(self, event: control.RoleUpdated) -> None:
        if self._around.own is not None:  # who waits for the first time has its role from `join_success`
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
    """Hands and roles."""

    def raise_hand(self) -> T:
        """Raise the own hand."""
        return self._perform(control.RaiseHand())

    def lower_hand(self) -> T:
        """Lower the own hand."""
        return self._perform(control.LowerHand())

    def grant_moderator(self, participant: Someone) -> T:
        """Make somebody a moderator; moderators only."""
        return self._perform(control.GrantModeratorRole(target=id_of(participant)))

    def revoke_moderator(self, participant: Someone) -> T:
        """Make somebody a moderator no more; moderators only, and not the owner of the room."""
        return self._perform(control.RevokeModeratorRole(target=id_of(participant)))
