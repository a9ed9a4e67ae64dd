"""Namespace `moderation` in the client engine (signaling.md § 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rooms import BOB, EVE, OWN, Room, entry
from scripted import Script

from m3core.conference.commands import Commands
from m3core.conference.events import HandLowered, ParticipantJoined, PeerMisbehaved, RoleChanged, ServerRefused
from m3core.conference.modules import moderation
from m3core.conference.modules.moderation import (
    DebriefingStarted,
    DisplayNameChanged,
    HandsReset,
    ModerationState,
    RaiseHandsSwitched,
    WaitingRoomEntered,
    WaitingRoomJoined,
    WaitingRoomLeft,
    WaitingRoomSwitched,
)
from m3core.conference.state import Phase
from m3core.errors import InvalidName, LocalProtocolError
from m3core.io import CallId
from m3core.messages.moderation import KickScope
from m3core.values import ParticipantId, Role

Command = Callable[[Commands[CallId]], CallId]
BOB_ID, EVE_ID, OWN_ID = ParticipantId(BOB), ParticipantId(EVE), ParticipantId(OWN)


def waiting(participant_id: str = EVE, name: str = "Eve") -> dict[str, Any]:
    """The payload of `joined_waiting_room`."""
    return {key: value for key, value in entry(participant_id, name).items() if key != "media"}


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        (lambda commands: commands.moderation.kick(BOB_ID), {"action": "kick", "target": BOB}),
        (lambda commands: commands.moderation.ban(BOB_ID), {"action": "ban", "target": BOB}),
        (lambda commands: commands.moderation.accept(EVE_ID), {"action": "accept", "target": EVE}),
        (lambda commands: commands.moderation.enable_waiting_room(), {"action": "enable_waiting_room"}),
        (lambda commands: commands.moderation.disable_waiting_room(), {"action": "disable_waiting_room"}),
        (lambda commands: commands.moderation.enable_raise_hands(), {"action": "enable_raise_hands"}),
        (lambda commands: commands.moderation.disable_raise_hands(), {"action": "disable_raise_hands"}),
        (lambda commands: commands.moderation.reset_raised_hands(), {"action": "reset_raised_hands"}),
        (
            lambda commands: commands.moderation.reset_raised_hands(BOB_ID),
            {"action": "reset_raised_hands", "target": BOB},
        ),
        (
            lambda commands: commands.moderation.send_to_waiting_room(BOB_ID),
            {"action": "send_to_waiting_room", "target": BOB},
        ),
        (
            lambda commands: commands.moderation.debrief(KickScope.GUESTS),
            {"action": "debrief", "kick_scope": "guests"},
        ),
        (
            lambda commands: commands.moderation.change_display_name(BOB_ID, "Robert"),
            {"action": "change_display_name", "target": BOB, "new_name": "Robert"},
        ),
    ],
)
def test_a_command_is_sent_and_done_by_silence_or_refused(command: Command, payload: dict[str, Any]) -> None:
    room = Room()
    call = room.do(command)
    assert room.sent[-1] == {"namespace": "moderation", **payload}
    room.done_by_silence(call)
    room.refused(room.do(command), "moderation", "insufficient_permissions")


def test_hands_of_several_are_lowered_where_the_server_understands_it() -> None:
    """A server of 0.15 takes one `target`, one of 0.16 several. Servers before 0.15 take none, and lower all hands."""
    room = Room()
    with pytest.raises(LocalProtocolError, match="one hand or all"):
        room.do(lambda commands: commands.moderation.reset_raised_hands(BOB_ID, EVE_ID))
    room = Room(room_info={"id": BOB, "created_by": {}})
    for who in ([BOB_ID], [BOB_ID, EVE_ID]):
        room.do(lambda commands: commands.moderation.reset_raised_hands(*who))
        assert room.sent[-1] == {"namespace": "moderation", "action": "reset_raised_hands", "target": who}
    room.do(lambda commands: commands.moderation.reset_raised_hands())
    assert room.sent[-1] == {"namespace": "moderation", "action": "reset_raised_hands"}


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "\u200b", "\u202eBob"])
def test_a_name_that_servers_refuse_is_not_sent(name: str) -> None:
    room = Room()
    before = len(room.sent)
    with pytest.raises(InvalidName):
        room.do(lambda commands: commands.moderation.change_display_name(BOB_ID, name))
    assert len(room.sent) == before


@pytest.mark.parametrize(
    ("command", "slug"),
    [
        (lambda commands: commands.moderation.ban(BOB_ID), "cannot_ban_guest"),
        (lambda commands: commands.moderation.send_to_waiting_room(BOB_ID), "cannot_send_room_owner_to_waiting_room"),
        (
            lambda commands: commands.moderation.change_display_name(BOB_ID, "x"),
            "cannot_change_name_of_registered_users",
        ),
        (lambda commands: commands.moderation.change_display_name(BOB_ID, "y"), "invalid_display_name"),
    ],
)
def test_particular_refusals_find_their_command(command: Command, slug: str) -> None:
    room = Room()
    other = room.do(lambda commands: commands.moderation.kick(BOB_ID))
    room.refused(room.do(command), "moderation", slug)
    assert room.end(other) is None


@pytest.mark.parametrize(
    ("command", "message", "fields"),
    [
        (lambda commands: commands.moderation.enable_waiting_room(), "waiting_room_enabled", {}),
        (lambda commands: commands.moderation.disable_waiting_room(), "waiting_room_disabled", {}),
        (lambda commands: commands.moderation.enable_raise_hands(), "raise_hands_enabled", {"issued_by": OWN}),
        (lambda commands: commands.moderation.disable_raise_hands(), "raise_hands_disabled", {"issued_by": OWN}),
        (
            lambda commands: commands.moderation.reset_raised_hands(),
            "raised_hand_reset_by_moderator",
            {"issued_by": OWN},
        ),
        (
            lambda commands: commands.moderation.send_to_waiting_room(BOB_ID),
            "joined_waiting_room",
            waiting(BOB, "Bob"),
        ),
        (lambda commands: commands.moderation.debrief(KickScope.ALL), "debriefing_started", {"issued_by": OWN}),
        (
            lambda commands: commands.moderation.change_display_name(BOB_ID, "Robert"),
            "display_name_changed",
            {"target": BOB, "issued_by": OWN, "old_name": "Bob", "new_name": "Robert"},
        ),
    ],
)
def test_an_acknowledgement_ends_a_command_at_once(command: Command, message: str, fields: dict[str, Any]) -> None:
    room = Room()
    call = room.do(command)
    room.hear("moderation", message, **fields)
    assert room.result(call) is None


def test_who_waits() -> None:
    room = Room(
        moderation={
            "raise_hands_enabled": False,
            "waiting_room_enabled": True,
            "waiting_room_participants": [{**waiting(), "waiting_room_state": "accepted"}],
        }
    )
    state = room.state().moderation
    assert (state.raise_hands_enabled, state.waiting_room_enabled) == (False, True)
    assert state.waiting[EVE_ID].display_name == "Eve"
    assert state.accepted == {EVE}
    assert [event.participant.id for event in room.client.of(WaitingRoomJoined)] == [EVE]
    assert WaitingRoomJoined(participant=state.waiting[EVE_ID]) in room.client.conference.present_events()
    room.hear("moderation", "joined_waiting_room", **waiting(BOB, "Bob"))
    assert room.last(WaitingRoomJoined).participant.display_name == "Bob"
    accept = room.do(lambda commands: commands.moderation.accept(BOB_ID))
    assert room.state().moderation.accepted == {BOB, EVE}
    room.refused(accept, "moderation", "insufficient_permissions")
    assert room.state().moderation.accepted == {EVE}
    room.hear("moderation", "left_waiting_room", id=EVE)
    assert room.last(WaitingRoomLeft).participant.display_name == "Eve"
    assert list(room.state().moderation.waiting) == [BOB]
    assert room.state().moderation.accepted == set()
    room.quietly(lambda: room.hear("moderation", "left_waiting_room", id=EVE))
    room.hear("moderation", "joined_waiting_room", **waiting(), waiting_room_state="accepted")
    assert room.state().moderation.accepted == {EVE}
    room.hear("moderation", "joined_waiting_room", **waiting(), waiting_room_state="waiting")
    assert room.state().moderation.accepted == set()


def test_nobody_waits_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moderation, "MAX_PARTICIPANTS", 1)
    room = Room()
    room.hear("moderation", "joined_waiting_room", **waiting())
    room.hear("moderation", "joined_waiting_room", **waiting())
    room.hear("moderation", "joined_waiting_room", **waiting(BOB, "Bob"))
    assert "waiting participants" in str(room.last(PeerMisbehaved).error)
    assert list(room.state().moderation.waiting) == [EVE]


def test_switches() -> None:
    room = Room()
    assert room.state().moderation == ModerationState()
    room.hear("moderation", "waiting_room_enabled")
    assert room.last(WaitingRoomSwitched).is_enabled
    assert room.state().moderation.waiting_room_enabled is True
    room.hear("moderation", "waiting_room_disabled")
    assert not room.last(WaitingRoomSwitched).is_enabled
    assert room.state().moderation.waiting_room_enabled is False
    room.hear("moderation", "raise_hands_disabled", issued_by=BOB)
    assert room.last(RaiseHandsSwitched) == RaiseHandsSwitched(is_enabled=False, issued_by=BOB_ID)
    assert not room.state().moderation.raise_hands_enabled
    room.hear("moderation", "raise_hands_enabled", issued_by=BOB)
    assert room.state().moderation.raise_hands_enabled


@pytest.mark.parametrize("message", ["raise_hands_disabled", "raised_hand_reset_by_moderator"])
def test_our_own_hand_is_lowered_with_the_others(message: str) -> None:
    room = Room()
    room.do(lambda commands: commands.raise_hand())
    room.hear("moderation", message, issued_by=BOB)
    assert room.last(HandLowered).participant == room.own()
    assert not room.own().hand_is_up
    assert len(room.client.of(HandsReset)) == (message == "raised_hand_reset_by_moderator")


def test_names_change() -> None:
    room = Room()
    for who, name in ((OWN, "Ada B"), (BOB, "Robert"), (EVE, "Mallory")):
        room.hear("moderation", "display_name_changed", target=who, issued_by=BOB, old_name="?", new_name=name)
        event = room.last(DisplayNameChanged)
        assert (event.old_name, event.new_name, event.issued_by) == ("?", name, BOB)
        assert (event.participant is None) == (who == EVE)
    assert room.own().display_name == "Ada B"
    assert room.state().participants[BOB_ID].display_name == "Robert"


def test_debriefing_and_the_way_back_to_the_waiting_room() -> None:
    room = Room()
    room.hear("moderation", "debriefing_started", issued_by=BOB)
    assert room.last(DebriefingStarted).issued_by == BOB
    room.quietly(lambda: room.hear("moderation", "sent_to_waiting_room"))
    room.hear("moderation", "in_waiting_room")
    assert room.last(WaitingRoomEntered).sent_back
    assert room.state().phase is Phase.WAITING
    room.hear("moderation", "accepted")
    room.join()
    assert room.client.conference.state.phase is Phase.JOINED


def test_a_waiting_room_that_is_told_of_while_we_enter_changes_nothing() -> None:
    room = Room()
    room.hear("moderation", "in_waiting_room")
    room.hear("moderation", "accepted")
    room.quietly(lambda: room.hear("moderation", "in_waiting_room"))
    room.join()
    assert room.state().phase is Phase.JOINED


# participants in the waiting room ---
def test_an_update_about_who_waits_makes_nobody_arrive() -> None:
    """They may raise a hand or become moderators. When they go, only `left_waiting_room` comes."""
    room = Room()
    room.hear("moderation", "joined_waiting_room", **waiting())
    up = entry(EVE, "Eve", control={"hand_is_up": True, "role": "moderator"})
    room.quietly(lambda: room.hear("control", "update", **up))
    assert EVE_ID not in room.state().participants
    told = room.state().moderation.waiting[EVE_ID]
    assert (told.hand_is_up, told.role) == (True, Role.MODERATOR)
    room.hear("moderation", "left_waiting_room", id=EVE)
    room.last(WaitingRoomLeft)
    assert EVE_ID not in room.state().participants
    room.quietly(lambda: room.hear("control", "update", **up))
    assert EVE_ID not in room.state().participants
    assert room.state().moderation.waiting == {}


def test_who_is_in_the_room_waits_no_more() -> None:
    room = Room()
    room.hear("moderation", "joined_waiting_room", **waiting())
    room.hear("control", "joined", **entry(EVE, "Eve"))
    left, came = room.client.events[-2:]
    assert isinstance(left, WaitingRoomLeft)
    assert isinstance(came, ParticipantJoined)
    assert room.state().moderation.waiting == {}
    room.quietly(lambda: room.hear("moderation", "left_waiting_room", id=EVE))
    assert room.state().participants[EVE_ID].is_here


def test_nobody_is_his_own_peer() -> None:
    room = Room(participants=[entry(OWN, "Ada"), entry()])
    assert list(room.state().participants) == [BOB_ID]
    for message in ("joined", "update"):
        room.quietly(lambda: room.hear("control", message, **entry(OWN, "Ada")))
    assert list(room.state().participants) == [BOB_ID]


@pytest.mark.parametrize("sent_back", [False, True])
def test_what_one_hears_while_waiting(sent_back: bool) -> None:
    script = Script()
    if sent_back:
        script.enter(moderation={"raise_hands_enabled": True})
        script.give(lambda c, now: c.raise_hand(now))
        script.hear("moderation", message="in_waiting_room")
    else:
        script.answer_all()
        script.connect()
        script.answer_all()
        script.hear("moderation", message="in_waiting_room")
    script.events.clear()
    script.hear("moderation", message="raised_hand_reset_by_moderator", issued_by=BOB)
    script.hear("control", message="role_updated", new_role="moderator")
    for message in ("raise_hands_disabled", "raise_hands_enabled", "raise_hands_disabled"):
        script.hear("moderation", message=message, issued_by=BOB)
    script.hear("moderation", message="accepted")
    script.hear("control", message="role_updated", new_role="user")
    own = script.conference.state.own
    assert (own is not None) == sent_back
    assert script.of(PeerMisbehaved) == []
    assert len(script.of(HandLowered)) == sent_back
    assert len(script.of(RoleChanged)) == 2 * sent_back
    assert [event.is_enabled for event in script.of(RaiseHandsSwitched)] == [False, True, False]
    script.join()  # without `moderation`, as for all who are not moderators
    assert script.phase() is Phase.JOINED
    assert not script.conference.state.moderation.raise_hands_enabled


def test_a_role_before_any_answer_is_nobodys() -> None:
    script = Script()
    script.answer_all()
    script.connect()
    script.hear("control", message="role_updated", new_role="moderator")
    assert len(script.of(PeerMisbehaved)) == 1


def test_an_error_while_waiting_is_not_about_the_join() -> None:
    script = Script()
    script.answer_all()
    script.connect()
    script.hear("moderation", message="in_waiting_room")
    script.hear("control", message="error", error="invalid_json")
    assert script.phase() is Phase.WAITING
    assert script.of(ServerRefused) == [ServerRefused(namespace="control", code="invalid_json")]
