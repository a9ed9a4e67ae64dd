"""The server's side of namespace `moderation`: kick, ban, the waiting room, hands, names (signaling.md § 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from m3core.controller.control import ControlModule
from m3core.controller.entries import control_state
from m3core.controller.features import Feature
from m3core.controller.joining import NORMAL_CLOSURE, normalised_name
from m3core.controller.module import Module
from m3core.controller.room import LiveRoom, Participant
from m3core.controller.surroundings import Surroundings
from m3core.messages import Command, UnknownCommand, moderation
from m3core.messages.moderation import KickScope, ModerationErrorCode
from m3core.messages.participants import ParticipantEntry, WaitingRoomState
from m3core.values import ParticipationKind

SERVICE_RESTART = 1012
"""The close code after which clients reconnect (signaling.md § 2); IANA registered it as "Service Restart"."""

_LATER: Final[Mapping[type[Command], Feature]] = MappingProxyType(
    {
        moderation.SendToWaitingRoom: Feature.SEND_TO_WAITING_ROOM,
        moderation.Debrief: Feature.DEBRIEF,
        moderation.ChangeDisplayName: Feature.CHANGE_DISPLAY_NAME,
    }
)
"""Commands that servers of earlier levels do not know, and so ignore."""
_WITHOUT_ACCOUNT: Final = frozenset({ParticipationKind.GUEST, ParticipationKind.SIP})


class ModerationModule(Module):
    """Handles the commands of this namespace, which are all for moderators only."""

    NAMESPACE = "moderation"

    def __init__(self, around: Surroundings, control: ControlModule) -> None:
        super().__init__(around)
        self._control = control
        self._handlers = {
            moderation.Kick: self._kick,
            moderation.Ban: self._ban,
            moderation.EnableWaitingRoom: lambda sender, _: self._switch_waiting_room(sender, enabled=True),
            moderation.DisableWaitingRoom: lambda sender, _: self._switch_waiting_room(sender, enabled=False),
            moderation.EnableRaiseHands: lambda sender, _: self._enable_raise_hands(sender),
            moderation.DisableRaiseHands: lambda sender, _: self._disable_raise_hands(sender),
            moderation.Accept: self._accept,
            moderation.ResetRaisedHands: self._reset_raised_hands,
            moderation.SendToWaitingRoom: self._send_to_waiting_room,
            moderation.Debrief: self._debrief,
            moderation.ChangeDisplayName: self._change_display_name,
        }

    def handle(self, sender: Participant, command: Command | UnknownCommand) -> None:
        """Take a command of a moderator. Others get no answer (R), or an error (0.15)."""
        feature = _LATER.get(type(command)) if isinstance(command, Command) else None
        if feature is not None and not self._around.has(feature):
            return
        if sender.is_moderator:
            super().handle(sender, command)
        elif self._around.has(Feature.MODERATION_REFUSES):
            self._refuse(sender, ModerationErrorCode.INSUFFICIENT_PERMISSIONS)

    def join_data(self, joiner: Participant) -> moderation.JoinData | None:
        """The switches and the waiting participants for moderators; at later levels the switch of hands for all."""
        meeting = joiner.room.meeting
        if joiner.is_moderator:
            return moderation.JoinData(
                raise_hands_enabled=meeting.raise_hands_enabled,
                waiting_room_enabled=meeting.waiting_room_enabled,
                waiting_room_participants=tuple(self._waiting(one) for one in meeting.waiting.values()),
            )
        if self._around.has(Feature.WAITING_ROOM_FOR_MODERATORS):
            return moderation.JoinData(raise_hands_enabled=meeting.raise_hands_enabled)
        return None

    def _waiting(self, participant: Participant) -> ParticipantEntry:
        state = WaitingRoomState.ACCEPTED if participant.is_accepted else WaitingRoomState.WAITING
        control = control_state(participant, tells_owner=self._around.has(Feature.ROOM_OWNER))
        return ParticipantEntry(id=participant.id, control=control, waiting_room_state=state)

    # -- out of the room ---
    def _kick(self, sender: Participant, command: moderation.Kick) -> None:
        target = sender.room.present.get(command.target)  # of this room only, as in R
        if target is not None:
            self._send_off((target,), moderation.Kicked(timestamp=self._around.relayed()))

    def _ban(self, sender: Participant, command: moderation.Ban) -> None:
        """Ban the user with all its sessions. The target may wait, or have left already.

        A session that is connected and has not joined ends as well.
        """
        meeting = sender.room.meeting
        user = meeting.user_of(command.target)
        if user is None:  # also for unknown ids (signaling.md § 6)
            self._refuse(sender, ModerationErrorCode.CANNOT_BAN_GUEST)
            return
        meeting.banned.add(user)
        theirs = [one for one in meeting.everyone() if (own := one.session.admission.user) and own.id == user]
        self._send_off(theirs, moderation.Banned(timestamp=self._around.relayed()))
        self._around.check_again(meeting.room.id)

    def _debrief(self, sender: Participant, command: moderation.Debrief) -> None:
        meeting = sender.room.meeting
        self._enable_waiting_room(sender)  # `debrief` does so (signaling.md § 6)
        leaves: Callable[[Participant], bool]
        match command.kick_scope:
            case KickScope.GUESTS:
                leaves = _is_guest
            case KickScope.USERS_AND_GUESTS:
                leaves = _is_not_moderator
            case KickScope.ALL:
                leaves = _is_anybody
        going = [one for one in meeting.joined() if leaves(one)]
        staying = [one for one in meeting.joined() if not leaves(one)]
        now = self._around.relayed()
        self._around.tell_all(staying, moderation.DebriefingStarted(issued_by=sender.id, timestamp=now))
        self._send_off(going, moderation.SessionEnded(issued_by=sender.id, timestamp=now))
        for one in meeting.gone():  # a lost connection must not lead past the waiting room into what it was to end
            if leaves(one):
                meeting.accepted.pop(one.id, None)

    def _send_off(self, participants: Iterable[Participant], event: Any) -> None:
        """Tell participants that they have to go, and close their connections.

        They cannot resume: who comes back is a new participant, and waits where there is a waiting room.
        """
        going = list(participants)
        for participant in going:
            participant.session.is_resumable = False
        self._around.tell_all(going, event)
        self._around.dismiss([participant.session for participant in going], NORMAL_CLOSURE)

    # -- the waiting room ---
    def _switch_waiting_room(self, sender: Participant, *, enabled: bool) -> None:
        """Switch the waiting room. Switching it off does not let waiting participants in (signaling.md § 6)."""
        meeting = sender.room.meeting
        meeting.waiting_room_enabled = enabled
        event = moderation.WaitingRoomEnabled if enabled else moderation.WaitingRoomDisabled
        told = meeting.everyone() if self._around.has(Feature.WAITING_ROOM_FOR_MODERATORS) else meeting.joined()
        self._around.tell_all(told, event(timestamp=self._around.relayed()))

    def _enable_waiting_room(self, sender: Participant) -> None:
        if not sender.room.meeting.waiting_room_enabled:
            self._switch_waiting_room(sender, enabled=True)

    def _accept(self, sender: Participant, command: moderation.Accept) -> None:
        """Let a waiting participant enter, which it does by its own `enter_room`."""
        target = sender.room.meeting.waiting.get(command.target)
        if target is not None and not target.is_accepted:
            target.is_accepted = True
            self._around.tell(target.session, moderation.Accepted(timestamp=self._around.relayed()))

    def _send_to_waiting_room(self, sender: Participant, command: moderation.SendToWaitingRoom) -> None:
        around = self._around
        target = sender.room.meeting.find(command.target)
        if target is None or not target.is_visible:
            return
        if target.is_owner:
            self._refuse(sender, ModerationErrorCode.CANNOT_SEND_ROOM_OWNER_TO_WAITING_ROOM)
            return
        self._enable_waiting_room(sender)
        target.is_accepted = False  # an earlier acceptance must not let it skip the waiting room
        around.tell(target.session, moderation.SentToWaitingRoom(timestamp=around.relayed()))
        if around.has(Feature.STAYS_CONNECTED):
            around.send_back(target)
        else:
            around.dismiss((target.session,), SERVICE_RESTART)  # the client comes back, and has to wait then

    # -- hands and names ---
    def _enable_raise_hands(self, sender: Participant) -> None:
        sender.room.meeting.raise_hands_enabled = True
        event = moderation.RaiseHandsEnabled(issued_by=sender.id, timestamp=self._around.relayed())
        self._around.tell_all(_everyone_in(sender.room), event)

    def _disable_raise_hands(self, sender: Participant) -> None:
        """Switch hands off in the whole meeting. Only the sender's room gets the event, and has its hands lowered."""
        room = sender.room
        room.meeting.raise_hands_enabled = False
        event = moderation.RaiseHandsDisabled(issued_by=sender.id, timestamp=self._around.relayed())
        self._around.tell_all(_everyone_in(room), event)
        for participant in [one for one in room.present.values() if one.hand_is_up]:
            self._control.lower_hand(participant)

    def _reset_raised_hands(self, sender: Participant, command: moderation.ResetRaisedHands) -> None:
        """Lower hands. R lowers all and tells everybody; later versions tell those whose hand was up."""
        around, room = self._around, sender.room
        wanted = (command.target,) if isinstance(command.target, str) else command.target
        if not around.has(Feature.RESET_ONE_HAND):
            wanted = None
        lowered = [one for one in room.present.values() if one.hand_is_up and (wanted is None or one.id in wanted)]
        told = lowered if around.has(Feature.RESET_ONE_HAND) else _everyone_in(room)
        event = moderation.RaisedHandResetByModerator(issued_by=sender.id, timestamp=around.relayed())
        around.tell_all(told, event)
        for participant in lowered:
            self._control.lower_hand(participant)

    def _change_display_name(self, sender: Participant, command: moderation.ChangeDisplayName) -> None:
        target = sender.room.present.get(command.target)
        name = normalised_name(command.new_name)
        if target is None:
            return
        if target.kind not in _WITHOUT_ACCOUNT:
            self._refuse(sender, ModerationErrorCode.CANNOT_CHANGE_NAME_OF_REGISTERED_USERS)
        elif name is None:
            self._refuse(sender, ModerationErrorCode.INVALID_DISPLAY_NAME)
        else:
            old, target.display_name = target.display_name, name
            event = moderation.DisplayNameChanged(
                target=target.id, issued_by=sender.id, old_name=old, new_name=name, timestamp=self._around.relayed()
            )
            # The others get an `update`, which the target does not: it would not learn its new name otherwise.
            self._around.tell(target.session, event)
            self._around.announce(target)

    def _refuse(self, sender: Participant, code: ModerationErrorCode) -> None:
        self._around.tell(sender.session, moderation.Error(error=code, timestamp=self._around.direct()))


def _everyone_in(room: LiveRoom) -> list[Participant]:
    """Participants in ``room`` and those who wait for it: both get events about hands (signaling.md § 6)."""
    waiting = room.meeting.waiting.values()
    return [*room.present.values(), *(one for one in waiting if one.room.breakout == room.breakout)]


def _is_guest(participant: Participant) -> bool:
    return participant.kind in _WITHOUT_ACCOUNT and not participant.is_moderator


def _is_not_moderator(participant: Participant) -> bool:
    return not participant.is_moderator


def _is_anybody(_: Participant) -> bool:
    return True
