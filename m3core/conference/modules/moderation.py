"""Namespace `moderation`: the waiting room, hands, names, kicking and banning (signaling.md § 6)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import evolve, field, frozen

from m3core.conference.common import EndReason, Participant
from m3core.conference.events import ConferenceEvent, HandLowered
from m3core.conference.merging import merged, newcomer
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, Someone, T, id_of, rule, rules
from m3core.conference.modules.control import ControlModule
from m3core.errors import LimitExceeded, LocalProtocolError
from m3core.limits import MAX_PARTICIPANTS
from m3core.messages import Command, Event, moderation
from m3core.messages.control import JoinSuccess, Update
from m3core.messages.moderation import KickScope
from m3core.messages.participants import ParticipantEntry, WaitingRoomState
from m3core.names import display_name
from m3core.values import ParticipantId


# -- state ---
@frozen(kw_only=True)
class ModerationState:
    """The switches of the room, and who waits. Servers of the capture era send both to moderators only."""

    raise_hands_enabled: bool = True
    waiting_room_enabled: bool | None = None
    """None: the server did not say."""
    waiting: Mapping[ParticipantId, Participant] = field(factory=lambda: MappingProxyType({}))
    """Who is in the waiting room, the latest last."""
    accepted: frozenset[ParticipantId] = frozenset()
    """Those in ``waiting`` whom a moderator has accepted. They enter when their programs ask to (signaling.md § 6)."""


# -- events ---
@frozen(kw_only=True)
class WaitingRoomEntered(ConferenceEvent):
    """We are in the waiting room until a moderator lets us in. ``sent_back``: we were in the room before."""

    sent_back: bool = False


@frozen(kw_only=True)
class WaitingRoomJoined(ConferenceEvent):
    """Somebody is in the waiting room."""

    participant: Participant


@frozen(kw_only=True)
class WaitingRoomLeft(ConferenceEvent):
    """Somebody left the waiting room: the participant has gone, or enters the room."""

    participant: Participant


@frozen(kw_only=True)
class WaitingRoomSwitched(ConferenceEvent):
    """The waiting room is on: whoever joins has to wait. Or it is off."""

    is_enabled: bool


@frozen(kw_only=True)
class RaiseHandsSwitched(ConferenceEvent):
    """``is_enabled``: hands may be raised. Otherwise they may not, and all hands are down."""

    is_enabled: bool
    issued_by: ParticipantId


@frozen(kw_only=True)
class HandsReset(ConferenceEvent):
    """A moderator lowered raised hands. A `HandLowered` for each of them says whose."""

    issued_by: ParticipantId


@frozen(kw_only=True)
class DebriefingStarted(ConferenceEvent):
    """The meeting is over for some others, and goes on for us (L 0.4)."""

    issued_by: ParticipantId


@frozen(kw_only=True)
class DisplayNameChanged(ConferenceEvent):
    """A moderator gave us another name (L 0.12).

    Servers after 0.16 send this for others, too. Before, the new name of another participant is a `ParticipantChanged`.
    ``participant``: None if unknown here.
    """

    participant: Participant | None
    old_name: str
    new_name: str
    issued_by: ParticipantId


# -- the module ---
_MODERATORS = "insufficient_permissions"  # servers before 0.15 ignore such commands without an error (signaling.md § 6)


class ModerationModule(ClientModule[ModerationState]):
    """The switches of the room, the waiting room, and what moderators do to us."""

    NAMESPACE = "moderation"
    RULES: ClassVar[Rules] = MappingProxyType(
        rules(_MODERATORS, moderation.Kick, moderation.Accept, moderation.ResetRaisedHands, moderation.Debrief)
        | rules(_MODERATORS, moderation.EnableWaitingRoom, moderation.DisableWaitingRoom)
        | rules(_MODERATORS, moderation.EnableRaiseHands, moderation.DisableRaiseHands)
        | {
            moderation.Ban: rule(_MODERATORS, "cannot_ban_guest"),
            moderation.SendToWaitingRoom: rule(_MODERATORS, "cannot_send_room_owner_to_waiting_room"),
            moderation.ChangeDisplayName: rule(
                _MODERATORS, "cannot_change_name_of_registered_users", "invalid_display_name"
            ),
        }
    )
    _state = ModerationState()

    def build(self) -> ModerationState:
        return self._state

    def handlers(self) -> Mapping[type[Event], Handler]:
        """All messages but those about ourselves in the waiting room, which `m3core.conference.joining` has."""
        return {
            moderation.Kicked: lambda _: self._expect_end(EndReason.KICKED),
            moderation.Banned: lambda _: self._expect_end(EndReason.BANNED),
            moderation.SessionEnded: lambda _: self._expect_end(EndReason.MEETING_OVER),
            moderation.JoinedWaitingRoom: self._joined_waiting_room,
            moderation.LeftWaitingRoom: lambda event: self._waits_no_more(event.id),
            moderation.WaitingRoomEnabled: lambda _: self._switch_waiting_room(is_enabled=True),
            moderation.WaitingRoomDisabled: lambda _: self._switch_waiting_room(is_enabled=False),
            moderation.RaiseHandsEnabled: lambda event: self._switch_hands(event.issued_by, is_enabled=True),
            moderation.RaiseHandsDisabled: lambda event: self._switch_hands(event.issued_by, is_enabled=False),
            moderation.RaisedHandResetByModerator: self._hands_reset,
            moderation.DebriefingStarted: self._debriefing_started,
            moderation.DisplayNameChanged: self._display_name_changed,
            moderation.Error: lambda event: self._refuse(event.error.value),
        }

    def entered(self, join: JoinSuccess) -> None:
        # Servers of the capture era send this part of `join_success` to moderators only. For others the last message
        # counts, which can have come in the waiting room (signaling.md § 6).
        told = join.moderation or moderation.JoinData(raise_hands_enabled=self._state.raise_hands_enabled)
        entries = told.waiting_room_participants or ()
        self._state = ModerationState(
            raise_hands_enabled=told.raise_hands_enabled,
            waiting_room_enabled=told.waiting_room_enabled,
            waiting=MappingProxyType({entry.id: newcomer(entry) for entry in entries}),
            accepted=frozenset(one.id for one in entries if one.waiting_room_state is WaitingRoomState.ACCEPTED),
        )

    def participant_came(self, participant_id: ParticipantId) -> None:
        # One who is in the room does not wait, even if the server has not sent `left_waiting_room`.
        if participant_id in self._state.waiting:
            self.touch()
            self._waits_no_more(participant_id)

    def participant_changed(self, told: Update) -> None:
        # One who waits may get another name or role.
        before = self._state.waiting.get(told.id)
        if before is not None:
            self.touch()
            waiting = MappingProxyType({**self._state.waiting, told.id: merged(before, told)})
            self._state = evolve(self._state, waiting=waiting)

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        return tuple(WaitingRoomJoined(participant=participant) for participant in self._state.waiting.values())

    def sent(self, command: Command) -> None:
        # The server sends `accepted` only to the participant who waits (signaling.md § 6).
        if isinstance(command, moderation.Accept):
            self._state = evolve(self._state, accepted=self._state.accepted | {command.target})

    def refused(self, command: Command) -> None:
        if isinstance(command, moderation.Accept):
            self._state = evolve(self._state, accepted=self._state.accepted - {command.target})

    def _expect_end(self, reason: EndReason) -> None:
        self._around.expect_end(reason)

    def _joined_waiting_room(self, event: moderation.JoinedWaitingRoom) -> None:
        before = self._state
        if event.id not in before.waiting and len(before.waiting) >= MAX_PARTICIPANTS:
            raise LimitExceeded("waiting participants", MAX_PARTICIPANTS, len(before.waiting) + 1, "participants")
        participant = newcomer(ParticipantEntry(id=event.id, control=event.control))
        accepted = before.accepted - {event.id}
        if event.waiting_room_state is WaitingRoomState.ACCEPTED:
            accepted |= {event.id}
        waiting = MappingProxyType({**before.waiting, event.id: participant})
        self._state = evolve(before, waiting=waiting, accepted=accepted)
        self._notify(WaitingRoomJoined(participant=participant))
        self._acknowledge(moderation.SendToWaitingRoom, lambda command: command.target == event.id)

    def _waits_no_more(self, participant_id: ParticipantId) -> None:
        before = self._state
        participant = before.waiting.get(participant_id)
        if participant is not None:
            waiting = MappingProxyType({who: one for who, one in before.waiting.items() if who != participant_id})
            self._state = evolve(before, waiting=waiting, accepted=before.accepted - {participant_id})
            self._notify(WaitingRoomLeft(participant=participant))

    def _switch_waiting_room(self, *, is_enabled: bool) -> None:
        self._state = evolve(self._state, waiting_room_enabled=is_enabled)
        self._notify(WaitingRoomSwitched(is_enabled=is_enabled))
        self._acknowledge(moderation.EnableWaitingRoom if is_enabled else moderation.DisableWaitingRoom)

    def _switch_hands(self, issued_by: ParticipantId, *, is_enabled: bool) -> None:
        self._state = evolve(self._state, raise_hands_enabled=is_enabled)
        self._notify(RaiseHandsSwitched(is_enabled=is_enabled, issued_by=issued_by))
        if not is_enabled:
            self._lower_own_hand()
        self._acknowledge(moderation.EnableRaiseHands if is_enabled else moderation.DisableRaiseHands)

    def _lower_own_hand(self) -> None:
        # `update` shows the hands of others, and never goes to the participant whom it is about (signaling.md § 5, 6).
        own = self._around.own  # None: we are in the waiting room, which gets the switch of hands, too
        if own is not None and own.hand_is_up:
            own = self._around.own = evolve(own, hand_is_up=False)
            self._notify(HandLowered(participant=own))

    def _hands_reset(self, event: moderation.RaisedHandResetByModerator) -> None:
        self._notify(HandsReset(issued_by=event.issued_by))
        self._lower_own_hand()
        self._acknowledge(moderation.ResetRaisedHands)

    def _debriefing_started(self, event: moderation.DebriefingStarted) -> None:
        self._notify(DebriefingStarted(issued_by=event.issued_by))
        self._acknowledge(moderation.Debrief)

    def _display_name_changed(self, event: moderation.DisplayNameChanged) -> None:
        self._around.rename(event.target, event.new_name)
        who, old, new = self._participant(event.target), event.old_name, event.new_name
        self._notify(DisplayNameChanged(participant=who, old_name=old, new_name=new, issued_by=event.issued_by))
        self._acknowledge(moderation.ChangeDisplayName, lambda command: command.target == event.target)


# -- commands ---
class ModerationCommands(CommandGroup[T]):
    """All commands are for moderators. Refused: `insufficient_permissions`.

    Servers before 0.15 do not refuse the commands of others. They ignore them, which looks like success.
    """

    def kick(self, participant: Someone) -> T:
        """Remove somebody from the meeting, who may join again."""
        return self._perform(moderation.Kick(target=id_of(participant)))

    def ban(self, participant: Someone) -> T:
        """Remove somebody who has an account, and forbid to join this room again. Refused: `cannot_ban_guest`."""
        return self._perform(moderation.Ban(target=id_of(participant)))

    def accept(self, participant: Someone) -> T:
        """Let somebody from the waiting room into the room."""
        return self._perform(moderation.Accept(target=id_of(participant)))

    def enable_waiting_room(self) -> T:
        """Make all who join from now on wait for `accept`."""
        return self._perform(moderation.EnableWaitingRoom())

    def disable_waiting_room(self) -> T:
        """Let all who join from now on into the room. Those who wait already still need `accept`."""
        return self._perform(moderation.DisableWaitingRoom())

    def enable_raise_hands(self) -> T:
        """Let participants raise their hands."""
        return self._perform(moderation.EnableRaiseHands())

    def disable_raise_hands(self) -> T:
        """Forbid to raise hands, and lower all that are up."""
        return self._perform(moderation.DisableRaiseHands())

    def reset_raised_hands(self, *participants: Someone) -> T:
        """Lower the hands of ``participants``, or all hands if none is named.

        Servers since 0.16 can lower several named hands, those of 0.15 one. Earlier servers lower all hands in any
        case. Raises `LocalProtocolError` for several participants at a server before 0.16.
        """
        wanted = tuple(map(id_of, participants))
        if not wanted:
            return self._perform(moderation.ResetRaisedHands())
        if self._state().of(ControlModule).room_info is not None:  # servers since 0.16 send it (signaling.md § 5.1)
            return self._perform(moderation.ResetRaisedHands(target=wanted))
        if len(wanted) > 1:
            raise LocalProtocolError("this server can lower one hand or all hands: name one participant, or none")
        return self._perform(moderation.ResetRaisedHands(target=wanted[0]))

    def send_to_waiting_room(self, participant: Someone) -> T:
        """Move somebody from the room to the waiting room (L 0.12).

        Refused: `cannot_send_room_owner_to_waiting_room`.
        """
        return self._perform(moderation.SendToWaitingRoom(target=id_of(participant)))

    def debrief(self, kick_scope: KickScope) -> T:
        """End the meeting for the participants in ``kick_scope``. It goes on for the others (L 0.4)."""
        return self._perform(moderation.Debrief(kick_scope=kick_scope))

    def change_display_name(self, participant: Someone, new_name: str) -> T:
        """Give a guest another name (L 0.12).

        Raises `InvalidName`. Refused: `cannot_change_name_of_registered_users`, `invalid_display_name`.
        """
        display_name(new_name)
        return self._perform(moderation.ChangeDisplayName(target=id_of(participant), new_name=new_name))
