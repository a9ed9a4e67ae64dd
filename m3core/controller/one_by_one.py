"""Telling a connection of streams one at a time (media.md § 10, row 4).

Mustang's client subscribes at once to every stream that an entry shows, and waits for answers by their name only. The
first `sdp_offer` or `webrtc_up`, of whichever stream, ends all its waits for that name. So of two new streams it loses
one, and with two publishers at its join it never gets in.

For such a connection (`Session.one_by_one`) the controller does this:

* Entries leave streams out. A `control.update` of its own shows the next stream when the client has configured the last
  one, or after `STREAM_TOLD_TIMEOUT` without a message about the last one.
* A stream whose media has not come yet is left out as well, since a `subscribe` to it would be refused.
* A stream whose sound and picture are both off is shown at once: the client does not subscribe to it.
* A stream that the client publishes takes its turn, too. Until then its offer waits, as if the media server were slow.
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
class _KnownStreams:
    """State of a participant: what its client knows of the streams of others."""

    keys: set[MediaSessionKey] = field(factory=set)
    """The streams that are on, and that the client knows."""
    busy: dict[MediaSessionKey, Alarm] = field(factory=dict)
    """The streams that are being negotiated, and the end of the wait for each."""
    held: dict[MediaSessionKey, Callable[[], None]] = field(factory=dict)
    """The streams that the client wants to publish and that wait for their turn, with a function that begins each."""


def announced(participant: Participant, receiver: Participant | None) -> dict[MediaSessionType, StreamState]:
    """The streams of ``participant`` that ``receiver`` may know of; None stands for a receiver that may know all."""
    told = None if receiver is None or not receiver.session.one_by_one else receiver.states.of(_KnownStreams).keys
    return {
        kind: state
        for kind, state in participant.announced.items()
        if told is None or MediaSessionKey(participant.id, kind) in told or not _is_on(state)
    }


class OneByOne:
    """Decides when a connection learns of the next stream. Does nothing for connections that may know all at once."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def entered(self, receiver: Participant) -> None:
        """``receiver`` is in; its `join_success` had no stream that is on. Tell the first."""
        if receiver.session.one_by_one:
            self._tell_next(receiver)

    def left(self, receiver: Participant) -> None:
        """``receiver`` leaves: forget its state and its alarms."""
        known = receiver.states.find(_KnownStreams)
        for alarm in () if known is None else known.busy.values():
            alarm.cancel()
        receiver.states.drop(_KnownStreams)

    def update(self, receiver: Participant, participant: Participant) -> None:
        """``participant`` changed: send ``receiver`` an `update` without the streams whose turn has not come."""
        known = receiver.states.of(_KnownStreams)
        on = {MediaSessionKey(participant.id, kind) for kind, state in participant.announced.items() if _is_on(state)}
        for key in [key for key in known.keys if key.participant_id == participant.id and key not in on]:
            known.keys.discard(key)
            self._free(known, key)
        # Before the `update`: if the turn is that of a stream of ``participant``, one `update` tells both.
        chosen = self._proceed(receiver, known)
        self._around.announce_to(receiver, participant)
        if chosen is not None and chosen is not participant:
            self._around.announce_to(receiver, chosen)

    def came_up(self, participant: Participant) -> None:
        """Media of ``participant`` came. Streams that it announced before that may be told to the others now."""
        if participant.announced:
            for other in participant.room.others(participant):
                if other.session.one_by_one:
                    self._tell_next(other)

    def publish(self, participant: Participant, key: MediaSessionKey, begin: Callable[[], None]) -> None:
        """``participant`` wants to publish: call ``begin`` now, or in its turn. The turn ends with `done`."""
        if not participant.session.one_by_one:
            begin()
            return
        known = participant.states.of(_KnownStreams)
        known.held[key] = begin
        if known.busy.keys() <= {key}:  # nothing else is being negotiated; an offer for the same stream goes on with it
            self._free(known, key)
            self._tell_next(participant)

    def goes_on(self, participant: Participant, key: MediaSessionKey) -> None:
        """A negotiation made a step: start its timeout anew, since a slow network needs it for each step."""
        known = participant.states.find(_KnownStreams)
        if known is not None and key in known.busy:
            self._free(known, key)
            self._wait(participant, known, key)

    def done(self, participant: Participant, key: MediaSessionKey) -> None:
        """``participant`` has configured a subscription or completed a stream, or the wait for that is over."""
        known = participant.states.find(_KnownStreams)
        if known is not None and key in known.busy:
            self._free(known, key)
            self._tell_next(participant)

    def _tell_next(self, receiver: Participant) -> None:
        chosen = self._proceed(receiver, receiver.states.of(_KnownStreams))
        if chosen is not None:
            self._around.announce_to(receiver, chosen)

    def _proceed(self, receiver: Participant, known: _KnownStreams) -> Participant | None:
        """If no negotiation is under way, begin the next one. Returns whose stream is to be told now, if any.

        What the client publishes comes first.
        """
        if known.busy:
            return None
        for key in known.held:  # the first one; the loop ends with it
            begin = known.held.pop(key)
            self._wait(receiver, known, key)
            begin()
            return None
        for other in receiver.room.others(receiver):
            for kind, publisher in other.publishers.items() if other.is_visible else ():
                if publisher.is_up and _is_on(other.announced.get(kind)) and publisher.key not in known.keys:
                    known.keys.add(publisher.key)
                    self._wait(receiver, known, publisher.key)
                    return other
        return None

    def _wait(self, receiver: Participant, known: _KnownStreams, key: MediaSessionKey) -> None:
        known.busy[key] = self._around.after(STREAM_TOLD_TIMEOUT, lambda: self.done(receiver, key))

    def _free(self, known: _KnownStreams, key: MediaSessionKey) -> None:
        alarm = known.busy.pop(key, None)
        if alarm is not None:
            alarm.cancel()


def _is_on(state: StreamState | None) -> bool:
    return state is not None and (state.audio or state.video)
