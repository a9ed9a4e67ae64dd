"""Namespace `control`: who is there, hands, roles, and the end of the meeting (signaling.md § 5)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import evolve, frozen

from m3core.conference.common import EndReason, Participant
from m3core.conference.events import (
    ConferenceEvent,
    ConferenceJoined,
    HandLowered,
    ParticipantLeft,
    PeerMisbehaved,
    Resumed,
    RoleChanged,
    RoomChanged,
    StreamStarted,
    StreamStopped,
)
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rule, Rules, Someone, T, id_of, rule
from m3core.errors import CallRefused, RemoteProtocolError, UnsupportedServer
from m3core.limits import PUBLISHER_RENEWAL, PUBLISHER_RETURN
from m3core.messages import Command, Event, control
from m3core.messages.participants import ParticipantEntry
from m3core.messages.room import EventInfo, RoomInfo, Tariff
from m3core.signaling import State
from m3core.values import MediaSessionKey, ParticipantId, ParticipationKind, Role, Timestamp

_HANDS = (control.RaiseHand, control.LowerHand)
_JOIN_ERRORS = frozenset({"invalid_username", "invalid_json"})


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


# -- events: they stand in `m3core.conference.events`, because the roster makes most of them ---


# -- folding ---
class ControlModule(ClientModule[ControlState]):
    """Joins, changes and leaves; our own role and hand; what ends the meeting."""

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
        """Every event of `control`."""
        return {
            control.JoinSuccess: self._join_success,
            control.JoinBlocked: lambda event: self._conference.life.give_up(CallRefused(event.reason.value)),
            control.Joined: self._joined,
            control.Update: self._update,
            control.Left: self._left,
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
            control.Error: self._error,
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
            self.show_hand(is_up=isinstance(command, control.RaiseHand))

    def refused(self, command: Command) -> None:
        """Hands are disabled."""
        if isinstance(command, control.RaiseHand):
            self.show_hand(is_up=False)

    def show_hand(self, *, is_up: bool) -> None:
        """Our own hand."""
        own = self._conference.own
        self._conference.own = None if own is None else evolve(own, hand_is_up=is_up)

    def lower_by_moderator(self) -> None:
        """A moderator lowered all hands: others are told by `update`, of our own hand nobody tells.

        Whoever has never been in the room hears of it in the waiting room, and has no hand yet.
        """
        if self._conference.own is not None and self._conference.own.hand_is_up:
            self.show_hand(is_up=False)
            self._notify(HandLowered(participant=self._own()))

    def _join_success(self, event: control.JoinSuccess) -> None:
        conference = self._conference
        if event.media is None and "livekit" in event.modules:
            conference.life.give_up(UnsupportedServer())
            return
        previous = conference.own
        conference.own = own = Participant(
            id=event.id,
            display_name=event.display_name,
            role=event.role,
            kind=ParticipationKind.GUEST if event.role is Role.GUEST else ParticipationKind.USER,
            avatar_url=event.avatar_url,
            is_presenter=event.media is not None and event.media.is_presenter,
        )
        conference.raw_modules = MappingProxyType(dict(event.modules))
        if conference.life.is_moving:
            self._moved(own, event)
            return
        if previous is not None and conference.life.is_resuming:
            self._resumed(previous, own, event)
            return
        present = conference.roster.enter(_others(event))
        self._enter_modules(event)
        conference.life.entered()
        self._notify(ConferenceJoined(participant=own), *present)
        for module in conference.modules.all:
            self._notify(*module.present_events())

    def _moved(self, own: Participant, event: control.JoinSuccess) -> None:
        """We are in another room of the meeting: everybody here is new to us."""
        conference = self._conference
        for module in conference.modules.all:
            module.left()
        present = conference.roster.enter(_others(event))
        self._enter_modules(event)
        conference.life.entered()
        self._notify(RoomChanged(participant=own, breakout_room=conference.life.breakout), *present)
        for module in conference.modules.all:
            self._notify(*module.present_events())
        conference.publications.renew(own, conference.now)
        conference.subscriptions.renew(conference.roster.publishes, lambda _: 0.0)

    def _resumed(self, previous: Participant, own: Participant, event: control.JoinSuccess) -> None:
        """We are back: what we missed is told at once, and our streams and subscriptions begin anew."""
        conference = self._conference
        before = dict(conference.roster.participants)
        changes = conference.roster.resume(_others(event))
        missed = self._enter_modules(event)
        conference.life.entered()
        self._notify(
            Resumed(
                participant=own,
                previous_id=previous.id,
                joined=changes.joined,
                left=changes.left,
                changed=changes.changed,
            )
        )
        self._notify(*missed)
        conference.publications.renew(own, conference.now)

        conference.subscriptions.expect_publishers()
        conference.subscriptions.renew(
            conference.roster.publishes, lambda key: self._patience(key, before.get(key.participant_id))
        )

    def _patience(self, key: MediaSessionKey, then: Participant | None) -> float:
        """How long to wait for a publisher who does not publish: what hit us may have hit him, and later."""
        now = self._conference.roster.participants.get(key.participant_id)
        if then is None or now is None or not now.is_here or now.joined_at != then.joined_at:
            return PUBLISHER_RETURN
        # Perhaps he never was away. Who came back publishes soon; instants of joining are in whole seconds, if told.
        return 0.0 if now.streams else PUBLISHER_RENEWAL

    def _enter_modules(self, event: control.JoinSuccess) -> list[ConferenceEvent]:
        """What `join_success` tells each module; gives what was missed, if we were here before."""
        missed: list[ConferenceEvent] = []
        for module in self._conference.modules.all:
            module.touch()
            try:
                module.entered(event)
            except RemoteProtocolError as error:  # the room is there, whatever one module says
                self._notify(PeerMisbehaved(error=error))
            missed += module.missed_events()
        return missed

    def _joined(self, event: control.Joined) -> None:
        if event.id != self._own().id:
            for module in self._conference.modules.all:
                module.participant_came(event.id)
            self._tell(self._conference.roster.join(event))

    def _update(self, event: control.Update) -> None:
        self._conference.modules.moderation.changed(event)
        if event.id != self._own().id:
            self._tell(self._conference.roster.update(event))

    def _tell(self, events: list[ConferenceEvent]) -> None:
        subscriptions = self._conference.subscriptions
        self._notify(*events)
        for change in events:
            if isinstance(change, StreamStopped):
                subscriptions.unannounced(MediaSessionKey(change.participant.id, change.media_session_type))
            elif isinstance(change, StreamStarted):
                subscriptions.announced(MediaSessionKey(change.participant.id, change.media_session_type))
            elif isinstance(change, ParticipantLeft):
                self._gone(change.participant.id)

    def _left(self, event: control.Left) -> None:
        self._notify(*self._conference.roster.leave(event.id, event.timestamp))
        self._gone(event.id)

    def _gone(self, participant_id: ParticipantId) -> None:
        self._conference.subscriptions.publisher_left(participant_id)
        for module in self._conference.modules.all:
            module.participant_left(participant_id)

    def _role_updated(self, event: control.RoleUpdated) -> None:
        if self._conference.own is not None:  # who waits for the first time has its role from `join_success`
            self._conference.own = own = evolve(self._conference.own, role=event.new_role)
            self._notify(RoleChanged(participant=own))

    def _hand_raised(self, _: control.HandRaised) -> None:
        self.show_hand(is_up=True)
        self._acknowledge(control.RaiseHand)

    def _hand_lowered(self, _: control.HandLowered) -> None:
        self.show_hand(is_up=False)
        self._acknowledge(control.LowerHand)

    def _over(self, _: control.TimeLimitQuotaElapsed | control.RoomDeleted) -> None:
        self._conference.life.expected_end = EndReason.MEETING_OVER

    def _error(self, event: control.Error) -> None:
        conference = self._conference
        slug = event.error.value
        if slug in _JOIN_ERRORS and conference.outbox.signaling.state is State.NEW:  # our `join` was refused
            conference.life.give_up(CallRefused(slug))
            return
        if conference.outbox.signaling.state is State.WAITING:  # not accepted after all
            conference.life.waiting()
        if event.error is _NO_NAMESPACE and conference.life.keepalive.is_echo_refused():
            return
        foreign = conference.calls.oldest_of_a_module() if event.error is _NO_NAMESPACE else None
        if foreign is not None:
            conference.dispatcher.refuse_call(foreign, slug)
        else:
            self._refuse(slug)


def _others(event: control.JoinSuccess) -> tuple[ParticipantEntry, ...]:
    """Who is there beside us, whatever a server lists."""
    return tuple(entry for entry in event.participants if entry.id != event.id)


_NO_NAMESPACE = control.ControlErrorCode.INVALID_NAMESPACE
"""The answer to a command of a module that the server does not have (signaling.md § 4)."""


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
