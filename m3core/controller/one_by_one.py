"""Telling a connection of streams one at a time (media.md § 10 row 4).

Mustang's client subscribes at once to every stream that it is told of, and each of its waits ends at the first message
of that name, whichever stream it is of: told of two, it loses one, and with two at its join it never gets in. So it is
told of a stream only when its `configure` for the last one has come, or after `STREAM_TOLD_TIMEOUT` without a word of
that stream. Of one whose media never came, where a subscribe is refused, it is not told. What it publishes itself takes
its turn like the others: until then its offer waits, as it does for an
answer of a media server that is slow. A stream whose sound and picture are off it does not subscribe to: that is told
at once.

`Session.one_by_one` says which connections want it. Entries leave out what is not told yet; later it is told by a
`control.update` of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from m3core.controller.alarms import Alarm
from m3core.controller.room import Participant
from m3core.controller.surroundings import Surroundings
from m3core.limits import STREAM_TOLD_TIMEOUT
from m3core.messages.participants import StreamState
from m3core.values import MediaSessionKey, MediaSessionType


@define
class _Told:
    """What one connection knows of the streams of others."""

    keys: set[MediaSessionKey] = field(factory=set)
    """The streams that are on, and were told."""
    busy: dict[MediaSessionKey, Alarm] = field(factory=dict)
    """What is being negotiated with it, and when we no longer wait for that."""
    held: dict[MediaSessionKey, Callable[[], None]] = field(factory=dict)
    """What it wants to publish, and how that begins."""


def announced(participant: Participant, receiver: Participant | None) -> dict[MediaSessionType, StreamState]:
    """The streams of ``participant`` that ``receiver`` may be told of; None: somebody who may be told of all."""
    told = None if receiver is None or not receiver.session.one_by_one else receiver.states.of(_Told).keys
    return {
        kind: state
        for kind, state in participant.announced.items()
        if told is None or MediaSessionKey(participant.id, kind) in told or not _is_on(state)
    }


class OneByOne:
    """Tells the next stream when its time has come. Does nothing for connections that are told of all at once."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def entered(self, receiver: Participant) -> None:
        """Somebody is in, and was told of no stream that is on."""
        if receiver.session.one_by_one:
            self._tell_next(receiver)

    def left(self, receiver: Participant) -> None:
        """Somebody goes: wait for nothing."""
        told = receiver.states.find(_Told)
        for alarm in () if told is None else told.busy.values():
            alarm.cancel()
        receiver.states.drop(_Told)

    def update(self, receiver: Participant, participant: Participant) -> None:
        """``participant`` changed: tell ``receiver``, without the streams whose time has not come."""
        told = receiver.states.of(_Told)
        on = {MediaSessionKey(participant.id, kind) for kind, state in participant.announced.items() if _is_on(state)}
        for key in [key for key in told.keys if key.participant_id == participant.id and key not in on]:
            told.keys.discard(key)
            self._free(told, key)
        chosen = self._proceed(receiver, told)
        self._around.announce_to(receiver, participant)
        if chosen is not None and chosen is not participant:
            self._around.announce_to(receiver, chosen)

    def came_up(self, participant: Participant) -> None:
        """Media of ``participant`` came: of what was announced before, the others may be told only now."""
        if participant.announced:
            for other in participant.room.others(participant):
                if other.session.one_by_one:
                    self._tell_next(other)

    def publish(self, participant: Participant, key: MediaSessionKey, begin: Callable[[], None]) -> None:
        """``participant`` wants to publish: ``begin`` it now, or in its turn. It takes until `done`."""
        if not participant.session.one_by_one:
            begin()
            return
        told = participant.states.of(_Told)
        told.held[key] = begin
        if told.busy.keys() <= {key}:  # what was begun before goes on
            self._free(told, key)
            self._tell_next(participant)

    def goes_on(self, participant: Participant, key: MediaSessionKey) -> None:
        """A negotiation made a step: it may take as long again."""
        told = participant.states.find(_Told)
        if told is not None and key in told.busy:
            self._free(told, key)
            self._wait(participant, told, key)

    def done(self, participant: Participant, key: MediaSessionKey) -> None:
        """``participant`` has configured a subscription, or completed a stream of its own."""
        told = participant.states.find(_Told)
        if told is not None and key in told.busy:
            self._free(told, key)
            self._tell_next(participant)

    def _tell_next(self, receiver: Participant) -> None:
        chosen = self._proceed(receiver, receiver.states.of(_Told))
        if chosen is not None:
            self._around.announce_to(receiver, chosen)

    def _proceed(self, receiver: Participant, told: _Told) -> Participant | None:
        """If it is time, begin what ``receiver`` wants to publish, or let a stream be told; whose that is."""
        if told.busy:
            return None
        for key in told.held:
            begin = told.held.pop(key)
            self._wait(receiver, told, key)
            begin()
            return None
        for other in receiver.room.others(receiver):
            for kind, publisher in other.publishers.items() if other.is_visible else ():
                if publisher.is_up and _is_on(other.announced.get(kind)) and publisher.key not in told.keys:
                    told.keys.add(publisher.key)
                    self._wait(receiver, told, publisher.key)
                    return other
        return None

    def _wait(self, receiver: Participant, told: _Told, key: MediaSessionKey) -> None:
        told.busy[key] = self._around.after(STREAM_TOLD_TIMEOUT, lambda: self.done(receiver, key))

    def _free(self, told: _Told, key: MediaSessionKey) -> None:
        alarm = told.busy.pop(key, None)
        if alarm is not None:
            alarm.cancel()


def _is_on(state: StreamState | None) -> bool:
    return state is not None and (state.audio or state.video)
