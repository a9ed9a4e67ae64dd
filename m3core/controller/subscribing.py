"""Subscriptions: how a participant begins and restarts them, and what they cost (media.md § 2, subscribe).

Each makes the media server build a peer connection. A client may subscribe to all streams of a large room at once, so a
subscription that the budget of its connection cannot pay waits. There is one for each stream at most: a second
`subscribe` for a stream replaces the first.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from m3core.controller.alarms import Alarm
from m3core.controller.one_by_one import OneByOne
from m3core.controller.peers import Publisher, Subscription
from m3core.controller.room import Participant
from m3core.controller.sfu import OfferSubscription, RestartSubscription
from m3core.controller.streams import Streams
from m3core.controller.surroundings import Surroundings
from m3core.limits import BUDGET_RATE, PEER_COST, PEER_RESERVE
from m3core.messages import media
from m3core.messages.media import MediaErrorCode
from m3core.negotiation import Negotiation, NegotiationRole
from m3core.values import MediaSessionKey


@define
class _Waiting:
    """State of a participant: its subscriptions that wait for its budget, in their order."""

    begins: dict[MediaSessionKey, Callable[[], None]] = field(factory=dict)
    alarm: Alarm | None = None


class Subscribing:
    """Handles `subscribe` and `resubscribe`."""

    def __init__(self, around: Surroundings, streams: Streams, one_by_one: OneByOne) -> None:
        self._around = around
        self._streams = streams
        self._one_by_one = one_by_one

    def subscribe(self, participant: Participant, command: media.Subscribe) -> None:
        """Begin a subscription, in place of the one to the same stream if there is one."""
        key = MediaSessionKey(command.target, command.media_session_type)
        room = participant.room
        if command.target not in room.present and command.target not in room.gone:
            return  # it was never in the room: no answer (media.md § 2)
        if self._publisher(participant, key) is None:
            self._refuse(participant, key)
            return
        old = participant.subscriptions.get(key)
        if old is not None:
            # R refuses this. Mustang's client closes its peer connection without a message and subscribes again
            # (media.md § 10, row 10).
            self._streams.end_subscription(participant, old)
        self._one_by_one.goes_on(participant, key)
        self._pay(participant, key, lambda: self._begin(participant, key, without_video=command.without_video))

    def resubscribe(self, participant: Participant, command: media.Resubscribe) -> None:
        """Let the media server make a new peer connection for a subscription that exists."""
        key = MediaSessionKey(command.target, command.media_session_type)
        subscription = participant.subscriptions.get(key)
        if subscription is None or not subscription.negotiation.is_stable:
            self._refuse(participant, key)
        else:
            self._pay(participant, key, lambda: self._restart(participant, subscription))

    def leaving(self, participant: Participant) -> None:
        """Forget the subscriptions that wait."""
        waiting = participant.states.find(_Waiting)
        if waiting is not None and waiting.alarm is not None:
            waiting.alarm.cancel()
        participant.states.drop(_Waiting)

    def _publisher(self, participant: Participant, key: MediaSessionKey) -> Publisher | None:
        """The publisher of stream ``key``, if ``participant`` may subscribe to it now."""
        target = participant.room.present.get(key.participant_id)
        publisher = None if target is None else target.publishers.get(key.media_session_type)
        return None if target is participant or publisher is None or not publisher.is_up else publisher

    def _refuse(self, participant: Participant, key: MediaSessionKey) -> None:
        self._streams.refuse(participant, MediaErrorCode.INVALID_REQUEST_OFFER, key)

    # -- what it costs ---
    def _pay(self, participant: Participant, key: MediaSessionKey, begin: Callable[[], None]) -> None:
        """Call ``begin`` as soon as the budget can pay for it, and after those that wait already."""
        waiting = participant.states.of(_Waiting)
        waiting.begins[key] = begin
        if waiting.alarm is None or not waiting.alarm.is_set:
            self._begin_waiting(participant, waiting)

    def _begin_waiting(self, participant: Participant, waiting: _Waiting) -> None:
        budget, now = participant.session.budget, self._around.now
        while waiting.begins:
            delay = budget.wait(now, PEER_COST + PEER_RESERVE)
            if delay > 0:
                # At least one unit: a wait that is too short for the clock would ring at once, again and again.
                wait = max(delay, 1 / BUDGET_RATE)
                waiting.alarm = self._around.after(wait, lambda: self._begin_waiting(participant, waiting))
                return
            budget.take(now, PEER_COST)
            key = next(iter(waiting.begins))
            waiting.begins.pop(key)()

    def _begin(self, participant: Participant, key: MediaSessionKey, *, without_video: bool) -> None:
        publisher = self._publisher(participant, key)
        if publisher is None:  # it ended while the subscription waited
            self._refuse(participant, key)
            return
        subscription = Subscription(
            peer=self._around.new_peer(),
            key=key,
            publisher=publisher.peer,
            negotiation=Negotiation(NegotiationRole.OFFERER, trickle=False),
        )
        self._streams.add(participant, subscription)
        subscription.negotiation.create_offer()
        self._streams.connect(participant, subscription, OfferSubscription(publisher.peer, without_video=without_video))
        self._one_by_one.goes_on(participant, key)

    def _restart(self, participant: Participant, subscription: Subscription) -> None:
        if participant.subscriptions.get(subscription.key) is subscription and subscription.negotiation.is_stable:
            subscription.negotiation.create_offer()
            self._streams.connect(participant, subscription, RestartSubscription())
        else:  # it ended while the restart waited
            self._refuse(participant, subscription.key)
