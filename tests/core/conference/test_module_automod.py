"""Namespace `automod` in the client engine (signaling.md § 18)."""

from __future__ import annotations

from typing import Any

import pytest
from rooms import BOB, EVE, OWN, Room

from m3core.conference.modules.automod import (
    Automod,
    AutomodStarted,
    AutomodStopped,
    RemainingSpeakersChanged,
    SpeakerDrawn,
    SpeakerSelected,
)
from m3core.errors import LocalProtocolError
from m3core.messages.automod import SelectHow, SelectionStrategy, StopReason
from m3core.values import ParticipantId

OWN_ID, BOB_ID, EVE_ID = ParticipantId(OWN), ParticipantId(BOB), ParticipantId(EVE)
DENIED, BAD = "insufficient_permissions", "invalid_selection"


def config(**more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "selection_strategy": "playlist",
        "show_list": True,
        "consider_hand_raise": False,
        "allow_double_selection": False,
        "animation_on_random": True,
        "auto_append_on_join": False,
        "time_limit": 90000,
        "history": [],
        "remaining": [OWN, BOB],
        "issued_by": OWN,
    }
    return told | more


def session(room: Room) -> Automod:
    running = room.state().automod
    assert running is not None
    return running


def with_session(**more: Any) -> Room:
    room = Room()
    room.hear("automod", "started", **config(**more))
    return room


def test_a_session_begins_and_ends() -> None:
    room = Room()
    assert room.state().automod is None
    call = room.do(
        lambda commands: commands.automod.start(SelectionStrategy.PLAYLIST, time_limit=1.5, playlist=[OWN_ID, BOB_ID])
    )
    assert room.sent[-1] == {
        "namespace": "automod",
        "action": "start",
        "selection_strategy": "playlist",
        "show_list": True,
        "consider_hand_raise": False,
        "allow_double_selection": False,
        "animation_on_random": False,
        "auto_append_on_join": False,
        "time_limit": 1500,
        "playlist": [OWN, BOB],
    }
    room.hear("automod", "started", **config(issued_by=BOB))
    assert room.end(call) is None
    room.hear("automod", "started", **config())
    running = session(room)
    assert room.result(call) == running
    assert room.last(AutomodStarted) == AutomodStarted(session=running)
    assert (running.time_limit, running.remaining, running.speaker) == (90.0, (OWN, BOB), None)
    stop = room.do(lambda commands: commands.automod.stop())
    room.hear("automod", "stopped", reason="stopped_by_moderator", issued_by=OWN)
    assert room.result(stop) is None
    assert room.last(AutomodStopped) == AutomodStopped(
        session=running, reason=StopReason.STOPPED_BY_MODERATOR, issued_by=OWN_ID
    )
    assert room.state().automod is None
    room.quietly(lambda: room.hear("automod", "stopped", reason="session_finished"))


def test_without_limit_and_lists() -> None:
    room = Room()
    room.do(lambda commands: commands.automod.start())
    assert not {"time_limit", "playlist", "allow_list"} & set(room.sent[-1])
    room.hear("automod", "started", **{key: value for key, value in config().items() if key != "time_limit"})
    assert session(room).time_limit is None


def test_the_stick_goes_round() -> None:
    room = with_session()
    select = room.do(lambda commands: commands.automod.select(BOB_ID))
    assert room.sent[-1] == {
        "namespace": "automod",
        "action": "select",
        "how": "specific",
        "participant": BOB,
        "keep_in_remaining": False,
    }
    room.hear("automod", "speaker_updated", speaker=OWN, history=[], remaining=[BOB])
    assert room.end(select) is None
    assert room.last(SpeakerSelected) == SpeakerSelected(participant=room.own(), session=session(room))
    room.hear("automod", "speaker_updated", speaker=BOB, history=[OWN], remaining=[])
    assert room.result(select) is None
    assert (session(room).speaker, session(room).history, session(room).remaining) == (BOB, (OWN,), ())
    room.hear("automod", "speaker_updated")
    assert room.last(SpeakerSelected).participant is None
    assert (session(room).speaker, session(room).history) == (None, (OWN,))
    room.hear("automod", "remaining_updated", remaining=[EVE])
    assert room.last(RemainingSpeakersChanged).session.remaining == (EVE,)


@pytest.mark.parametrize(
    ("how", "speaker", "fits"),
    [
        (SelectHow.NEXT, BOB, True),
        (SelectHow.NEXT, None, True),
        (SelectHow.RANDOM, BOB, True),
        (SelectHow.NONE, None, True),
        (SelectHow.NONE, BOB, False),
    ],
)
def test_who_is_selected_ends_the_call(how: SelectHow, speaker: str | None, fits: bool) -> None:
    room = with_session()
    call = room.do(lambda commands: commands.automod.select(how))
    assert room.sent[-1] == {"namespace": "automod", "action": "select", "how": how.value}
    room.hear("automod", "speaker_updated", **({} if speaker is None else {"speaker": speaker}))
    assert (room.end(call) is not None) is fits


def test_chance_is_shown() -> None:
    room = with_session()
    following = room.do(lambda commands: commands.automod.select(SelectHow.NEXT))
    call = room.do(lambda commands: commands.automod.select(SelectHow.RANDOM))
    room.hear("automod", "start_animation", pool=[OWN, BOB], result=BOB)
    assert room.last(SpeakerDrawn) == SpeakerDrawn(pool=(OWN_ID, BOB_ID), result=BOB_ID)
    assert room.result(call) is None
    assert room.end(following) is None


def test_passing_on() -> None:
    room = with_session()
    with pytest.raises(LocalProtocolError, match="do not have the stick"):
        room.do(lambda commands: commands.automod.pass_on())
    room.hear("automod", "speaker_updated", speaker=OWN)
    call = room.do(lambda commands: commands.automod.pass_on(BOB_ID))
    assert room.sent[-1] == {"namespace": "automod", "action": "yield", "next": BOB}
    room.hear("automod", "speaker_updated", speaker=EVE)
    assert room.end(call) is None
    room.refused(call, "automod", BAD)
    room.hear("automod", "speaker_updated", speaker=OWN)
    to_anybody = room.do(lambda commands: commands.automod.pass_on())
    room.hear("automod", "speaker_updated", speaker=BOB)
    assert room.result(to_anybody) is None


def test_a_stick_that_others_move_does_not_end_our_pass_on() -> None:
    room = with_session()
    room.hear("automod", "speaker_updated", speaker=OWN)
    call = room.do(lambda commands: commands.automod.pass_on(BOB_ID))
    room.hear("automod", "speaker_updated", speaker=EVE)  # a moderator was faster
    room.hear("automod", "speaker_updated", speaker=BOB)
    assert room.end(call) is None


def test_editing_stands_until_it_is_refused() -> None:
    room = with_session(playlist=[OWN])
    call = room.do(lambda commands: commands.automod.edit(playlist=[BOB_ID]))
    assert room.sent[-1] == {"namespace": "automod", "action": "edit", "playlist": [BOB]}
    assert (session(room).playlist, session(room).allow_list) == ((BOB,), None)
    room.hear("automod", "remaining_updated", remaining=[BOB])
    assert room.result(call) is None
    for slug in (DENIED, BAD):
        refused = room.do(lambda commands: commands.automod.edit(allow_list=[EVE_ID]))
        assert session(room).allow_list == (EVE,)
        room.refused(refused, "automod", slug)
        assert (session(room).playlist, session(room).allow_list) == ((BOB,), None)


def test_what_may_refuse() -> None:
    room = with_session()
    for slug in (DENIED, BAD, "session_already_running"):
        room.refused(room.do(lambda commands: commands.automod.start()), "automod", slug)
    for slug in (DENIED, BAD):
        room.refused(room.do(lambda commands: commands.automod.select(SelectHow.NEXT)), "automod", slug)
    room.refused(room.do(lambda commands: commands.automod.stop()), "automod", DENIED)
    with pytest.raises(LocalProtocolError, match="name the participant"):
        room.do(lambda commands: commands.automod.select(SelectHow.SPECIFIC))


def test_without_a_session_there_is_nothing_to_do() -> None:
    room = Room()
    for command in (
        lambda commands: commands.automod.stop(),
        lambda commands: commands.automod.edit(),
        lambda commands: commands.automod.select(BOB_ID),
        lambda commands: commands.automod.pass_on(),
    ):
        with pytest.raises(LocalProtocolError, match="no automod session"):
            room.do(command)
    room.quietly(lambda: room.hear("automod", "speaker_updated", speaker=BOB))
    room.quietly(lambda: room.hear("automod", "remaining_updated", remaining=[BOB]))
    assert room.state().automod is None


def test_a_session_that_ends_takes_the_edit_with_it() -> None:
    room = with_session()
    edit = room.do(lambda commands: commands.automod.edit(playlist=[BOB_ID]))
    room.hear("automod", "stopped", reason="session_finished")
    room.refused(edit, "automod", BAD)
    assert room.state().automod is None


def test_who_joins_later_finds_the_session() -> None:
    room = Room(automod={"config": config(), "speaker": BOB})
    bob = room.state().participants[BOB_ID]
    assert room.last(AutomodStarted) == AutomodStarted(session=session(room), speaker=bob)
    assert room.resume(automod={"config": config(), "speaker": BOB}) == []
    (missed,) = room.resume(automod={"config": config(), "speaker": None})
    assert missed == SpeakerSelected(participant=None, session=session(room))
    assert room.resume() == []
    assert room.resume(automod={"config": config(), "speaker": None}) == [AutomodStarted(session=session(room))]
    room.hear("moderation", "in_waiting_room")
    assert room.state().automod is None
