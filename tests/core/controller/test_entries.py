"""Entries of participants are encoded once for all who join later, as long as nothing in them changes."""

from __future__ import annotations

from typing import Any

import pytest
from kept import all_is_current
from stage import RECORDER, Stage
from worlds import VIDEO, link, say

from m3core.controller.config import ControllerConfig, User
from m3core.controller.entries import Entries
from m3core.controller.features import FeatureLevel
from m3core.controller.room import Participant
from m3core.limits import MAX_ENTRY_FORMS
from m3core.messages import encode, encode_around, encode_value
from m3core.messages.control import JoinSuccess
from m3core.messages.participants import StreamState
from m3core.testing.pair import BASE_URL, Client, World
from m3core.values import ParticipantId, Role, Secret, Timestamp, UserId

_ON = {"audio": True, "video": True}
TIMER = {"kind": "stopwatch", "enable_ready_check": True}


def participant_of(world: World, client: Client) -> Participant:
    participant = world.controller.sessions[link(world, client)[0]].participant
    assert participant is not None
    return participant


@pytest.mark.parametrize("name", ["Ada", 'participants":[]', "é\u2028\\"])
def test_a_message_with_encoded_entries_has_the_same_bytes(name: str) -> None:
    world = World()
    world.joined("Ada", 'x "participants":[]', "Bob")
    receiver = participant_of(world, world.clients[0])
    entries = world.controller.entries
    success = JoinSuccess(
        id=ParticipantId(receiver.id),
        display_name=name,
        role=Role.GUEST,
        participants=entries.others(receiver),
        timestamp=Timestamp("2024-03-05T09:20:11Z"),
        **entries.join_data(receiver),
    )
    assert len(success.participants) == 2
    assert encode_around(success, "participants", entries.encoded_others(receiver)) == encode(success)
    assert encode_around(success, "participants", map(encode_value, success.participants)) == encode(success)


def test_entries_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    entry = Entries._entry

    def counted(entries: Entries, participant: Participant, receiver: Participant) -> Any:
        made.append(participant.display_name)
        return entry(entries, participant, receiver)

    world = World()
    (ada,) = world.joined("Ada")
    monkeypatch.setattr(Entries, "_entry", counted)
    for name in ("Bob", "Carol", "Dora"):
        world.guest(name)
        world.run()
    assert made == ["Ada", "Bob", "Carol"]
    world.cut(world.clients[1])  # Bob's entry says since when he is away
    ada.do(lambda conference, now: conference.commands(now).raise_hand())
    world.run()
    made.clear()
    for name in ("Eve", "Finn"):
        world.guest(name)
        world.run()
    assert made == ["Ada", "Dora", "Bob", "Eve"]


@pytest.mark.parametrize(
    ("namespace", "action", "fields"),
    [
        ("control", "raise_hand", {}),
        ("recording", "set_consent", {"consent": True}),
        ("media", "publish_complete", {"media_session_type": "video", "media_session_state": _ON}),
        ("timer", "update_ready_status", {"timer_id": "TIMER", "status": True}),
        ("timer", "stop", {"timer_id": "TIMER"}),
    ],
)
@pytest.mark.parametrize("level", FeatureLevel)
def test_a_change_is_in_the_next_entry(
    namespace: str, action: str, fields: dict[str, Any], level: FeatureLevel
) -> None:
    world = World(ControllerConfig(web_url=BASE_URL, feature_level=level))
    ada, bob = world.joined("Ada", "Bob")
    say(world, ada, "timer", "start", **TIMER)
    timer = world.controller.entries.join_data(participant_of(world, ada))["timer"].timer_id
    say(world, ada, "timer", "update_ready_status", timer_id=timer, status=False)
    viewer, changed = participant_of(world, bob), participant_of(world, ada)
    before = world.controller.entries.encoded_others(viewer)
    filled = {key: timer if value == "TIMER" else value for key, value in fields.items()}
    world.sleep(1.0)
    say(world, ada, namespace, action, **filled)
    assert changed.id in before[0].decode()
    assert world.controller.entries.encoded_others(viewer) != before


@pytest.mark.parametrize(
    ("state", "is_told"), [(StreamState(audio=True, video=True), False), (StreamState(audio=False, video=False), True)]
)
def test_an_entry_for_a_client_that_learns_of_streams_one_by_one_is_another(state: StreamState, is_told: bool) -> None:
    world = World()
    ada, bob, carol = world.joined("Ada", "Bob", "Carol")
    participant_of(world, carol).session.one_by_one = True
    participant_of(world, ada).announce(VIDEO, state)
    entries = world.controller.entries
    for _ in range(2):
        to_bob, to_carol = (entries.encoded_others(participant_of(world, each))[0] for each in (bob, carol))
        assert b'"video":{' in to_bob
        assert (b'"video":{' in to_carol) is is_told
    all_is_current(world.controller)


def test_forms_for_readers_with_other_groups_are_bounded() -> None:
    users = [
        User(
            id=UserId(f"00000000-0000-4000-8000-{number:012}"),
            email=f"{number}@example.org",
            display_name=f"User {number}",
            groups=("all", f"group {number // 2}"),
        )
        for number in range(MAX_ENTRY_FORMS * 2 + 4)
    ]
    world = World(ControllerConfig(web_url=BASE_URL, open_rooms=True), users=users)
    people = [world.user(user.display_name) for user in users]
    world.run()
    first = participant_of(world, people[0])
    for number, client in enumerate(people[1:], start=1):
        entries = world.controller.entries.encoded_others(participant_of(world, client))
        common = b'["all","group 0"]' if number == 1 else b'["all"]'
        assert b'"groups":' + common in entries[0]
        assert first.encoded is not None
        assert 0 < len(first.encoded.forms) <= MAX_ENTRY_FORMS
    all_is_current(world.controller)


def test_the_count_of_people_is_right_after_every_way_in_and_out() -> None:
    """`Stage.drain` compares the count with the sum after each input."""
    server = Stage(FeatureLevel.V0_15, recorder_token=Secret(RECORDER))

    def visible() -> int:
        (meeting,) = server.controller.rooms.live.values()
        return meeting.visible

    ada, bob = server.joined("Ada", "Bob")
    recorder = server.recorder()
    recorder.join()
    assert visible() == 2
    ada.say("moderation", "enable_waiting_room")
    dan, cyd = server.guest("Dan"), server.guest("Cyd")
    for waiting in (dan, cyd):
        waiting.say("control", "join", display_name=waiting.name)
    assert visible() == 4
    ada.say("moderation", "accept", target=ada.heard("moderation")[-1]["id"])
    cyd.say("control", "enter_room")
    ada.say("moderation", "send_to_waiting_room", target=bob.id)
    assert visible() == 4
    dan.leave()
    assert visible() == 3
    bob.leave()
    recorder.leave()
    assert visible() == 2
    ada.say("moderation", "kick", target=cyd.id)
    assert visible() == 1
    server.settle()
