"""What clients and their controller must agree on once nothing is under way, module by module."""

from __future__ import annotations

from worlds import link

from m3core.conference.events import ConnectionLost
from m3core.conference.state import ConferenceState, Phase
from m3core.conference.state import Participant as Seen
from m3core.controller.breakout import _active
from m3core.controller.chat import _ChatHistories, _ChatSwitch
from m3core.controller.features import FeatureLevel
from m3core.controller.polls import _Ballot, _Poll
from m3core.controller.recording import _Consent
from m3core.controller.room import Participant
from m3core.controller.timer import _Ready, _Running
from m3core.messages.media import Speaker
from m3core.testing.pair import Client, World

LATE = FeatureLevel.V0_16


def all_agree(world: World) -> None:
    """Everybody who is in or waits is so at both ends, and sees what the controller sees."""
    meetings = list(world.controller.rooms.live.values())
    present = {participant.id: participant for meeting in meetings for participant in meeting.joined()}
    inside = [client for client in world.clients if client.conference.phase is Phase.JOINED]
    assert {client.id for client in inside} == set(present)
    waiting = [client for client in world.clients if client.conference.phase is Phase.WAITING]
    at_the_door = [link(world, client)[0] for client in waiting]
    assert set(at_the_door) == {one.session.connection for meeting in meetings for one in meeting.waiting.values()}
    assert not any(one.is_accepted for meeting in meetings for one in meeting.waiting.values())
    for client in inside:
        me, state = present[client.id], client.conference.state
        assert link(world, client)[0] == me.session.connection
        _roster(me, state)
        _streams(world, me, state)
        _moderation(world, me, state)
        _chat(world, me, state)
        _poll(client, me, state)
        _timer(me, state)
        _breakout(me, state)


def _roster(me: Participant, state: ConferenceState) -> None:
    seen = {one.id: one for one in state.participants.values() if one.is_here}
    assert set(seen) == set(me.room.present) - {me.id}
    for identity, one in seen.items():
        assert _looks(one) == _really(me.room.present[identity])
    own = state.own
    assert own is not None
    assert (own.display_name, own.role, own.hand_is_up) == (me.display_name, me.role, me.hand_is_up)


def _looks(one: Seen) -> tuple[object, ...]:
    streams = {kind: (stream.audio, stream.video) for kind, stream in one.streams.items()}
    return (one.display_name, one.role, one.hand_is_up, one.is_presenter, one.consents_recording, streams)


def _really(one: Participant) -> tuple[object, ...]:
    streams = {kind: (stream.audio, stream.video) for kind, stream in one.announced.items()}
    consent = one.states.find(_Consent)
    consents = None if consent is None else consent.is_given
    return (one.display_name, one.role, one.hand_is_up, one.is_presenter, consents, streams)


def _streams(world: World, me: Participant, state: ConferenceState) -> None:
    assert {one.media_session_type for one in state.publications if one.is_live} == {
        kind for kind in me.publishers if kind in me.announced
    }
    assert {(one.participant_id, one.media_session_type) for one in state.subscriptions if one.is_live} <= {
        (key.participant_id, key.media_session_type) for key in me.subscriptions
    }
    if world.controller.config.feature_level is not LATE:
        assert state.focus == me.focus.focus
    speakers = {who: one.is_speaking for who, one in state.media.speakers.items() if who != me.id}
    assert speakers == {
        one.id: speaker.is_speaking for one in me.room.others(me) if (speaker := one.states.find(Speaker)) is not None
    }


def _moderation(world: World, me: Participant, state: ConferenceState) -> None:
    """Who is a moderator since it came is told everything; others hear what happens after they came."""
    meeting, told = me.room.meeting, state.moderation
    if me.is_owner or world.controller.config.feature_level is LATE:
        assert told.raise_hands_enabled == meeting.raise_hands_enabled
    if me.is_owner:
        assert told.waiting_room_enabled == meeting.waiting_room_enabled
        assert {who: one.display_name for who, one in told.waiting.items()} == {
            who: one.display_name for who, one in meeting.waiting.items()
        }
        assert told.accepted <= set(meeting.waiting)
    elif me.is_moderator:
        assert set(told.waiting) <= set(meeting.waiting)


def _chat(world: World, me: Participant, state: ConferenceState) -> None:
    """A switch is told in the room of whoever uses it alone (signaling.md § 7)."""
    said = me.room.states.of(_ChatHistories)
    if me.room.meeting.breakouts is None and len(me.room.meeting.rooms) == 1 and not _was_split(world):
        assert state.chat.enabled == me.room.meeting.states.of(_ChatSwitch).is_on
    assert [one.id for one in state.chat.room.messages] == [one.id for one, _ in said.to_all._messages]
    for pair, history in said.in_private:
        if me.id in pair:
            (other,) = pair - {me.id}
            known = {one.id for one in state.chat.private[other].messages}
            assert {one.id for one, _ in history._messages} <= known


def _was_split(world: World) -> bool:
    """Whether there ever were breakout rooms."""
    return any(b'"namespace":"breakout"' in data for client in world.clients for data in client.sent)


def _poll(client: Client, me: Participant, state: ConferenceState) -> None:
    poll, seen = me.room.states.find(_Poll), state.polls.running
    assert (None if poll is None else poll.told.id) == (None if seen is None else seen.id)
    if poll is None or seen is None:
        return
    assert [choice.content for choice in seen.choices] == [choice.content for choice in poll.told.choices]
    ballot = me.states.of(_Ballot)
    if client.of(ConnectionLost):  # then nobody knows whether a vote arrived
        return
    assert seen.own_choices == (ballot.choices if ballot.poll == poll.told.id else frozenset())


def _timer(me: Participant, state: ConferenceState) -> None:
    running, seen = me.room.states.find(_Running), state.timer
    assert (None if running is None else running.told.timer_id) == (None if seen is None else seen.id)
    if running is None or seen is None:
        return
    said = ((one.id, one.states.find(_Ready)) for one in me.room.present.values())
    ready = {who: one.status for who, one in said if one is not None and one.timer_id == seen.id}
    assert seen.ready == ready
    assert seen.own_ready == ready.get(me.id)


def _breakout(me: Participant, state: ConferenceState) -> None:
    active, seen = _active(me.room.meeting), state.breakout
    assert {room.id: room.name for room in seen.rooms} == ({} if active is None else dict(active.names))
    assert seen.current == me.room.breakout
    if active is not None:
        elsewhere = {one.id: one.room.breakout for one in me.room.meeting.elsewhere(me.room)}
        told = {who: one.room_id for who, one in seen.elsewhere.items()}
        if all(one.room.breakout in {None, *active.names} for one in me.room.meeting.joined()):
            assert told == elsewhere
        else:  # nobody tells who is still in a room of before
            assert told.items() <= elsewhere.items()
