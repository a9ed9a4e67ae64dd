"""What clients and their controller must agree on once nothing is under way, module by module.

The controller's side is what it would tell a participant that joins now, and its public view of rooms and people.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kept import all_is_current
from worlds import link

from m3core.conference.events import ConnectionLost
from m3core.conference.state import ConferenceState, Phase
from m3core.conference.state import Participant as Seen
from m3core.controller.features import FeatureLevel
from m3core.controller.polls import vote_of
from m3core.controller.room import Participant
from m3core.messages.media import Speaker
from m3core.messages.participants import ParticipantEntry
from m3core.testing.pair import Client, World

LATE = FeatureLevel.V0_16


def all_agree(world: World) -> None:
    """Everybody who is in or waits is so at both ends, and sees what the controller sees."""
    all_is_current(world.controller)
    meetings = list(world.controller.rooms.live.values())
    present = {participant.id: participant for meeting in meetings for participant in meeting.joined()}
    inside = [client for client in world.clients if client.conference.phase is Phase.JOINED]
    assert {client.id for client in inside} == set(present)
    waiting = [client for client in world.clients if client.conference.phase is Phase.WAITING]
    waiting_for_it = [link(world, client)[0] for client in waiting]
    assert set(waiting_for_it) == {one.session.connection for meeting in meetings for one in meeting.waiting.values()}
    assert not any(one.is_accepted for meeting in meetings for one in meeting.waiting.values())
    for client in inside:
        me, state = present[client.id], client.conference.state
        assert link(world, client)[0] == me.session.connection
        told = world.controller.entries.join_data(me)
        _roster(world, me, state)
        _streams(world, me, state)
        _moderation(world, me, state)
        _chat(world, told, me, state)
        _poll(client, told, me, state)
        _timer(world, told, me, state)
        _breakout(told, me, state)


def _entries(world: World, viewers: list[Participant]) -> Iterator[ParticipantEntry]:
    """What those who join would be told of each other."""
    for viewer in viewers:
        yield from (entry for entry in world.controller.entries.others(viewer) if entry.id in viewer.room.present)


def _roster(world: World, me: Participant, state: ConferenceState) -> None:
    seen = {one.id: one for one in state.participants.values() if one.is_here}
    assert set(seen) == set(me.room.present) - {me.id}
    entries = {entry.id: entry for entry in _entries(world, [me])}
    for identity, one in seen.items():
        assert _looks(one) == _really(me.room.present[identity], entries[identity])
    own = state.own
    assert own is not None
    assert (own.display_name, own.role, own.hand_is_up) == (me.display_name, me.role, me.hand_is_up)


def _looks(one: Seen) -> tuple[object, ...]:
    streams = {kind: (stream.audio, stream.video) for kind, stream in one.streams.items()}
    return (one.display_name, one.role, one.hand_is_up, one.is_presenter, one.consents_recording, streams)


def _really(one: Participant, entry: ParticipantEntry) -> tuple[object, ...]:
    streams = {kind: (stream.audio, stream.video) for kind, stream in one.announced.items()}
    consents = None if entry.recording is None else entry.recording.consents_recording
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
    """Who is a moderator since it came is told everything; others hear what happens after they came.

    The switch of hands is one of the whole meeting, but only the room in which it is used hears of it.
    """
    meeting, told = me.room.meeting, state.moderation
    if (me.is_owner or world.controller.config.feature_level is LATE) and _is_whole(world, me):
        assert told.raise_hands_enabled == meeting.raise_hands_enabled
    if me.is_owner:
        assert told.waiting_room_enabled == meeting.waiting_room_enabled
        assert {who: one.display_name for who, one in told.waiting.items()} == {
            who: one.display_name for who, one in meeting.waiting.items()
        }
        assert told.accepted <= set(meeting.waiting)
    elif me.is_moderator:
        assert set(told.waiting) <= set(meeting.waiting)


def _chat(world: World, told: dict[str, Any], me: Participant, state: ConferenceState) -> None:
    """The switch is one of the whole meeting, but only the room in which it is used hears of it (signaling.md § 7)."""
    chat = told["chat"]
    if _is_whole(world, me):
        assert state.chat.enabled == chat.enabled
    assert [one.id for one in state.chat.room.messages] == [one.id for one in reversed(chat.room_history)]
    for history in chat.private_history or ():  # None: a controller that does not tell it to joiners
        known = {one.id for one in state.chat.private[history.correspondent].messages}
        assert {one.id for one in history.history} <= known


def _is_whole(world: World, me: Participant) -> bool:
    """Whether the meeting has one room only, and always had."""
    return me.room.meeting.breakouts is None and len(me.room.meeting.rooms) == 1 and not _was_split(world)


def _was_split(world: World) -> bool:
    """Whether there ever were breakout rooms."""
    return any(b'"namespace":"breakout"' in data for client in world.clients for data in client.sent)


def _poll(client: Client, told: dict[str, Any], me: Participant, state: ConferenceState) -> None:
    poll, seen = told.get("polls"), state.polls.running
    assert (None if poll is None else poll.id) == (None if seen is None else seen.id)
    if poll is None or seen is None:
        return
    assert [choice.content for choice in seen.choices] == [choice.content for choice in poll.choices]
    if client.of(ConnectionLost):  # then nobody knows whether a vote arrived
        return
    assert seen.own_choices == vote_of(me)


def _timer(world: World, told: dict[str, Any], me: Participant, state: ConferenceState) -> None:
    running, seen = told.get("timer"), state.timer
    assert (None if running is None else running.timer_id) == (None if seen is None else seen.id)
    if running is None or seen is None:
        return
    everybody = list(me.room.present.values())
    ready = {one.id: one.timer.ready_status for one in _entries(world, everybody) if one.timer is not None}
    if len(everybody) == 1:  # there is nobody who would be told of us
        assert set(seen.ready) <= {me.id}
    else:
        assert seen.ready == ready
        assert seen.own_ready == ready.get(me.id)


def _breakout(told: dict[str, Any], me: Participant, state: ConferenceState) -> None:
    active, seen = told.get("breakout"), state.breakout
    names = {} if active is None else {room.id: room.name for room in active.rooms}
    assert {room.id: room.name for room in seen.rooms} == names
    assert seen.current == me.room.breakout
    if active is not None:
        elsewhere = {one.id: one.room.breakout for one in me.room.meeting.elsewhere(me.room)}
        known = {who: one.room_id for who, one in seen.elsewhere.items()}
        if all(one.room.breakout in {None, *names} for one in me.room.meeting.joined()):
            assert known == elsewhere
        else:  # nobody tells who is still in a room of before
            assert known.items() <= elsewhere.items()
