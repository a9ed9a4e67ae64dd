"""The messages that concern the roster and all modules at once (signaling.md § 3, 5, 6).

`join_success` comes when we join, when we reconnect, and when we change rooms of the meeting. Each time it is the whole
state of the room: the roster and every module replace theirs by it, and the user gets the events that lead from the old
state to the new one. The other messages here are those about participants who come and go, and about the waiting room.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from m3core.conference.all_modules import Modules
from m3core.conference.common import Participant, Phase
from m3core.conference.events import (
    ConferenceEvent,
    ConferenceJoined,
    ParticipantLeft,
    PeerMisbehaved,
    Resumed,
    RoomChanged,
    StreamStarted,
    StreamStopped,
)
from m3core.conference.life import Life
from m3core.conference.modules.base import Handler
from m3core.conference.modules.moderation import WaitingRoomEntered
from m3core.conference.outbox import Outbox
from m3core.conference.surroundings import Surroundings
from m3core.errors import CallRefused, RemoteProtocolError, StaleNegotiation, UnsupportedServer
from m3core.limits import PUBLISHER_RENEWAL, PUBLISHER_RETURN
from m3core.messages import Event, control, moderation
from m3core.messages.participants import ParticipantEntry
from m3core.signaling import State
from m3core.values import MediaSessionKey, ParticipantId, ParticipationKind, Role

_JOIN_ERRORS = frozenset({"invalid_username", "invalid_json"})


class Joining:
    """The handlers of those messages."""

    def __init__(self, around: Surroundings, outbox: Outbox, modules: Modules, life: Life) -> None:
        self._around = around
        self._outbox = outbox
        self._modules = modules
        self._life = life
        self.raw_modules: Mapping[str, object] = MappingProxyType({})
        """The JSON of namespaces without a message class here, as it came in `join_success`."""

    def handlers(self) -> Mapping[type[Event], Handler]:
        """The handler of each message class. A handler raises `RemoteProtocolError` for what makes no sense."""
        return {
            control.JoinSuccess: self._join_success,
            control.JoinBlocked: lambda event: self._life.give_up(CallRefused(event.reason.value)),
            control.Joined: self._joined,
            control.Update: self._update,
            control.Left: self._left,
            moderation.InWaitingRoom: self._in_waiting_room,
            moderation.SentToWaitingRoom: lambda _: None,  # `in_waiting_room` follows
            moderation.Accepted: self._let_in,
        }

    def refused(self, slug: str) -> bool:
        """Handle `control.error` with ``slug``. Gives whether it refused our `join`: then the conference has ended."""
        if slug in _JOIN_ERRORS and self._outbox.signaling.state is State.NEW:
            self._life.give_up(CallRefused(slug))
            return True
        if self._outbox.signaling.state is State.WAITING:  # it refuses our `enter_room`: we still wait
            self._life.waiting()
        return False

    # -- we enter ---
    def _join_success(self, event: control.JoinSuccess) -> None:
        # Controllers of the LiveKit generation have no namespace `media` (signaling.md § 19).
        if event.media is None and "livekit" in event.modules:
            self._life.give_up(UnsupportedServer())
            return
        previous = self._around.own
        self._around.own = own = Participant(
            id=event.id,
            display_name=event.display_name,
            role=event.role,
            kind=ParticipationKind.GUEST if event.role is Role.GUEST else ParticipationKind.USER,
            avatar_url=event.avatar_url,
            is_presenter=event.media is not None and event.media.is_presenter,
        )
        self.raw_modules = MappingProxyType(dict(event.modules))
        if self._life.whereabouts.is_moving:
            self._moved(own, event)
        elif previous is not None and self._life.recovery.is_resuming:
            self._resumed(previous, own, event)
        else:
            present = self._enter(event)
            self._around.notify(ConferenceJoined(participant=own), *present)
            self._tell_what_modules_know()

    def _moved(self, own: Participant, event: control.JoinSuccess) -> None:
        """We are in another room of the meeting, and everybody here is new to us."""
        self._leave_modules()
        present = self._enter(event)
        self._around.notify(RoomChanged(participant=own, breakout_room=self._life.whereabouts.breakout), *present)
        self._tell_what_modules_know()
        self._around.publications.renew(own, self._around.now)
        self._around.subscriptions.renew(self._around.roster.publishes, lambda _: 0.0)

    def _resumed(self, previous: Participant, own: Participant, event: control.JoinSuccess) -> None:
        """We have reconnected: tell the user what changed meanwhile, and begin streams and subscriptions anew."""
        roster, subscriptions = self._around.roster, self._around.subscriptions
        before = dict(roster.participants)
        changes = roster.resume(_others(event))
        missed = self._enter_modules(event)
        self._life.entered()
        self._around.notify(
            Resumed(
                participant=own,
                previous_id=previous.id,
                joined=changes.joined,
                left=changes.left,
                changed=changes.changed,
            ),
            *missed,
        )
        self._around.publications.renew(own, self._around.now)
        subscriptions.expect_publishers()
        subscriptions.renew(roster.publishes, lambda key: self._patience(key, before.get(key.participant_id)))

    def _patience(self, key: MediaSessionKey, then: Participant | None) -> float:
        """How long a subscription waits for a publisher who does not publish now.

        What broke our connection may have broken the publisher's as well, and it may reconnect later than we.
        """
        now = self._around.roster.participants.get(key.participant_id)
        if then is None or now is None or not now.is_here or now.joined_at != then.joined_at:
            return PUBLISHER_RETURN
        # The publisher seems to have been here all the time. `joined_at` is in whole seconds, and may be missing: one
        # who was away for less than that looks the same, and publishes again soon.
        return 0.0 if now.streams else PUBLISHER_RENEWAL

    def _enter(self, event: control.JoinSuccess) -> list[ConferenceEvent]:
        """Replace the whole state by `join_success`. Gives the events about the participants who are there."""
        present = self._around.roster.enter(_others(event))
        self._enter_modules(event)
        self._life.entered()
        return present

    def _enter_modules(self, event: control.JoinSuccess) -> list[ConferenceEvent]:
        """Give `join_success` to each module. Gives the events that the modules missed if we were here before."""
        missed: list[ConferenceEvent] = []
        for module in self._modules.all:
            module.touch()
            try:
                module.entered(event)
            except RemoteProtocolError as error:  # one module that makes no sense must not keep us out of the room
                self._around.notify(PeerMisbehaved(error=error))
            missed += module.missed_events()
        return missed

    def _leave_modules(self) -> None:
        for module in self._modules.all:
            module.touch()
            module.left()

    def _tell_what_modules_know(self) -> None:
        for module in self._modules.all:
            self._around.notify(*module.present_events())

    # -- others come and go ---
    def _joined(self, event: control.Joined) -> None:
        if not self._is_own(event.id):
            for module in self._modules.all:
                module.participant_came(event.id)
            self._notify(self._around.roster.join(event))

    def _update(self, event: control.Update) -> None:
        for module in self._modules.all:
            module.participant_changed(event)
        if not self._is_own(event.id):
            self._notify(self._around.roster.update(event))

    def _notify(self, events: list[ConferenceEvent]) -> None:
        """Tell the user, and the subscriptions that the events concern."""
        subscriptions = self._around.subscriptions
        self._around.notify(*events)
        for change in events:
            if isinstance(change, StreamStopped):
                subscriptions.unannounced(MediaSessionKey(change.participant.id, change.media_session_type))
            elif isinstance(change, StreamStarted):
                subscriptions.announced(MediaSessionKey(change.participant.id, change.media_session_type))
            elif isinstance(change, ParticipantLeft):
                self._gone(change.participant.id)

    def _left(self, event: control.Left) -> None:
        self._around.notify(*self._around.roster.leave(event.id, event.timestamp))
        self._gone(event.id)

    def _gone(self, participant_id: ParticipantId) -> None:
        self._around.subscriptions.publisher_left(participant_id)
        for module in self._modules.all:
            module.participant_left(participant_id)

    def _is_own(self, participant_id: ParticipantId) -> bool:
        own = self._around.own
        if own is None:  # impossible: the state tables accept these messages only after join_success
            raise StaleNegotiation("a message about participants came before join_success")
        return participant_id == own.id

    # -- the waiting room ---
    def _in_waiting_room(self, _: moderation.InWaitingRoom) -> None:
        if self._outbox.signaling.state is not State.WAITING:
            return
        was_inside = self._life.phase is Phase.JOINED
        self._life.waiting()
        if was_inside:
            self._leave_modules()
        self._around.notify(WaitingRoomEntered(sent_back=was_inside))

    def _let_in(self, _: moderation.Accepted) -> None:
        if self._outbox.signaling.state is State.ACCEPTED:
            self._life.enter_room()


def _others(event: control.JoinSuccess) -> tuple[ParticipantEntry, ...]:
    """The entries of the others, also if the server lists ourselves among them."""
    return tuple(entry for entry in event.participants if entry.id != event.id)
