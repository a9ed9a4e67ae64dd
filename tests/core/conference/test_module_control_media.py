"""Namespaces `control` and `media` in the client engine, without streams and roster, and how errors find calls."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
from rooms import BOB, EVE, OWN, STARTED, Room, entry
from worlds import hear

from m3core.conference.commands import Commands
from m3core.conference.events import Ended, ParticipantChanged, PresenterChanged, ServerRefused
from m3core.conference.modules.media import ForceMuteChanged, MediaState, SpeakerChanged
from m3core.conference.state import EndReason, Phase
from m3core.errors import CallTimedOut, UnsupportedServer
from m3core.io import CallId
from m3core.limits import ANSWER_TIMEOUT
from m3core.messages import Event, UnknownCommand
from m3core.testing.pair import World
from m3core.values import ParticipantId, Timestamp

Command = Callable[[Commands[CallId]], CallId]
BOB_ID, EVE_ID, OWN_ID = ParticipantId(BOB), ParticipantId(EVE), ParticipantId(OWN)


# commands ---
@pytest.mark.parametrize(
    ("command", "payload", "slug"),
    [
        (lambda c: c.raise_hand(), {"action": "raise_hand"}, "raise_hands_disabled"),
        (lambda c: c.grant_moderator(BOB_ID), {"action": "grant_moderator_role", "target": BOB}, "nothing_to_do"),
        (
            lambda c: c.revoke_moderator(BOB_ID),
            {"action": "revoke_moderator_role", "target": BOB},
            "target_is_room_owner",
        ),
        (
            lambda c: c.grant_presenter(BOB_ID, EVE_ID),
            {"action": "grant_presenter_role", "participant_ids": [BOB, EVE]},
            "permission_denied",
        ),
        (
            lambda c: c.revoke_presenter(BOB_ID),
            {"action": "revoke_presenter_role", "participant_ids": [BOB]},
            "permission_denied",
        ),
        (
            lambda c: c.mute(EVE_ID, force=True),
            {"action": "moderator_mute", "targets": [EVE], "force": True},
            "permission_denied",
        ),
        (lambda c: c.mute(), {"action": "moderator_mute", "targets": [BOB], "force": False}, "permission_denied"),
        (
            lambda c: c.enable_force_mute(BOB_ID),
            {"action": "moderator_enable_force_mute", "allow_list": [BOB]},
            "permission_denied",
        ),
        (lambda c: c.disable_force_mute(), {"action": "moderator_disable_force_mute"}, "permission_denied"),
    ],
)
def test_a_command_is_sent_done_by_silence_or_refused(command: Command, payload: dict[str, Any], slug: str) -> None:
    room = Room(participants=[entry(), entry(EVE, "Eve", control={"left_at": STARTED})])
    call = room.do(command)
    namespace = room.sent[-1].pop("namespace")
    assert room.sent[-1] == {"namespace": namespace, **payload}
    room.done_by_silence(call)
    room.refused(room.do(command), namespace, slug)


def test_speaking_and_a_participant_instead_of_an_id() -> None:
    room = Room()
    room.done_by_silence(room.do(lambda commands: commands.update_speaking(is_speaking=True)))
    assert room.sent[-1] == {"namespace": "media", "action": "update_speaking_state", "is_speaking": True}
    bob = room.state().participants[BOB_ID]
    room.do(lambda commands: commands.grant_moderator(bob))
    assert room.sent[-1]["target"] == BOB
    room.do(lambda commands: commands.lower_hand())


@pytest.mark.parametrize(
    ("command", "namespace", "message", "fields"),
    [
        (lambda c: c.grant_moderator(BOB_ID), "control", "moderator_role_granted", {"target": BOB}),
        (lambda c: c.revoke_moderator(BOB_ID), "control", "moderator_role_revoked", {"target": BOB}),
        (lambda c: c.raise_hand(), "control", "hand_raised", {}),
        (lambda c: c.lower_hand(), "control", "hand_lowered", {}),
        (lambda c: c.grant_presenter(BOB_ID), "media", "presenter_role_granted", {"participant_ids": [BOB]}),
        (lambda c: c.revoke_presenter(BOB_ID), "media", "presenter_role_revoked", {"participant_ids": [BOB]}),
        (lambda c: c.enable_force_mute(), "media", "force_mute_enabled", {"allow_list": []}),
        (lambda c: c.disable_force_mute(), "media", "force_mute_disabled", {}),
    ],
)
def test_an_acknowledgement_ends_a_command_at_once(
    command: Command, namespace: str, message: str, fields: dict[str, Any]
) -> None:
    room = Room()
    call = room.do(command)
    room.hear(namespace, message, **fields)
    assert room.result(call) is None


def test_our_hand_is_down_again_when_the_server_refuses_it() -> None:
    room = Room()
    call = room.do(lambda commands: commands.raise_hand())
    assert room.own().hand_is_up
    room.refused(call, "control", "raise_hands_disabled")
    assert not room.own().hand_is_up


@pytest.mark.parametrize(
    "shown", [{"is_room_owner": False}, {"media": {"is_presenter": True, "speakers": []}}], ids=["owner", "speakers"]
)
@pytest.mark.parametrize("command", [lambda c: c.raise_hand(), lambda c: c.lower_hand()], ids=["raise", "lower"])
def test_a_server_that_acknowledges_hands_is_waited_for(command: Command, shown: dict[str, Any]) -> None:
    room = Room(**shown)
    call = room.do(command)
    room.world.sleep(ANSWER_TIMEOUT - 0.1)
    assert room.end(call) is None
    room.world.sleep(0.2)
    assert isinstance(room.client.done[call].error, CallTimedOut)


# errors ---
def test_an_error_is_matched_by_its_namespace() -> None:
    room = Room()
    kick = room.do(lambda commands: commands.moderation.kick(BOB_ID))
    grant = room.do(lambda commands: commands.grant_moderator(BOB_ID))
    room.refused(grant, "control", "insufficient_permissions")
    assert room.end(kick) is None
    room.refused(kick, "moderation", "insufficient_permissions")
    room.hear("moderation", "error", error="insufficient_permissions")
    assert room.last(ServerRefused) == ServerRefused(namespace="moderation", code="insufficient_permissions")


def test_a_namespace_that_the_server_does_not_have_refuses_the_oldest_command_of_a_module() -> None:
    room = Room()
    hand = room.do(lambda commands: commands.raise_hand())
    start = room.do(lambda commands: commands.timer.start())
    unknown = room.client.do(lambda conference, now: conference.command(UnknownCommand("votes", "start"), now))
    room.refused(start, "control", "invalid_namespace")
    room.refused(unknown, "control", "invalid_namespace")
    room.hear("control", "error", error="invalid_namespace")
    assert room.last(ServerRefused).code == "invalid_namespace"
    room.done_by_silence(hand)


@pytest.mark.parametrize("namespace", ["control", "media", "moderation", "chat", "polls", "timer"])
def test_every_event_has_a_meaning_and_every_rule_a_slug_that_exists(namespace: str) -> None:
    room = Room()
    module = room.client.conference.modules.of(namespace)
    assert module is not None
    wire = importlib.import_module(f"m3core.messages.{namespace}")
    events = {
        cls
        for cls in vars(wire).values()
        if isinstance(cls, type) and issubclass(cls, Event) and cls.__dict__.get("NAMESPACE") == namespace
    }
    assert events <= room.client.conference.dispatcher.handled
    codes = next(
        cls
        for name, cls in vars(wire).items()
        if name.endswith("ErrorCode") and isinstance(cls, type) and issubclass(cls, Enum)
    )
    for command, rule in module.RULES.items():
        assert namespace == command.NAMESPACE
        assert rule.refusals <= {code.value for code in codes}


# state ---
def test_what_the_server_tells_about_the_meeting() -> None:
    room = Room(closes_at=STARTED, is_room_owner=True)
    assert room.state().control.closes_at == Timestamp(STARTED)
    assert room.state().control.is_room_owner
    assert room.state().modules == {}


def test_speakers_and_force_mute() -> None:
    speaker = {"participant": BOB, "is_speaking": True, "updated_at": STARTED}
    forced = {"type": "enabled", "allow_list": [OWN]}
    room = Room(media={"is_presenter": True, "speakers": [speaker], "force_mute": forced})
    media = room.state().media
    assert media.speaking == {BOB}
    assert media.allow_list == {OWN}
    assert media.force_mute
    room.hear("media", "speaker_updated", participant=OWN, is_speaking=True, updated_at=STARTED)
    assert room.last(SpeakerChanged).participant == room.own()
    assert room.state().media.speaking == {BOB, OWN}
    room.quietly(lambda: room.hear("media", "speaker_updated", participant=EVE, is_speaking=True, updated_at=STARTED))
    room.hear("media", "force_mute_disabled")
    assert room.last(ForceMuteChanged) == ForceMuteChanged(force_mute=False, allow_list=frozenset())
    room.hear("media", "speaker_updated", participant=BOB, is_speaking=False, updated_at=STARTED)
    assert room.state().media.speaking == {OWN}
    room.hear("control", "left", id=BOB)
    assert list(room.state().media.speakers) == [OWN]
    room.hear("media", "force_mute_enabled", allow_list=[BOB])
    assert room.state().media.allow_list == {BOB}
    for more in ({}, {"allow_list": [OWN]}):
        off = {"type": "disabled", **more}
        assert Room(media={"is_presenter": True, "force_mute": off}).state().media == MediaState()


def test_each_change_of_a_participant_is_one_event() -> None:
    room = Room()
    before = len(room.client.events)
    room.hear("control", "update", id=BOB, media={"is_presenter": False})
    room.hear("control", "update", id=BOB, recording={"consents_recording": True})
    room.hear("control", "update", id=BOB, protocol={"readonly": False}, chat={"groups": ["staff"]})
    presenter, consent, minutes = room.client.events[before:]
    assert isinstance(presenter, PresenterChanged)
    assert (presenter.participant.id, presenter.is_presenter) == (BOB, False)
    assert isinstance(consent, ParticipantChanged)
    assert (consent.previous.consents_recording, consent.participant.consents_recording) == (None, True)
    assert isinstance(minutes, ParticipantChanged)
    assert (minutes.participant.may_write_minutes, minutes.participant.groups) == (True, ("staff",))
    room.hear("control", "update", id=BOB, recording={"recording_consent": False})
    assert room.state().participants[BOB_ID].consents_recording is False


# servers of the next generation ---
def test_a_server_without_media_but_with_livekit_is_not_for_us() -> None:
    world = World()
    ada = world.guest("Ada")
    while ada.conference.phase is not Phase.JOINING:
        world.deliver(0)
    world.channels["up", 0].clear()
    hear(
        world,
        ada,
        "control",
        "join_success",
        id=OWN,
        display_name="Ada",
        role="guest",
        participants=[],
        livekit={"x": 1},
    )
    error = ada.done[CallId(1)].error
    assert isinstance(error, UnsupportedServer)
    assert "unsupported server generation" in str(error)
    assert [event.reason for event in ada.of(Ended)] == [EndReason.FAILED]
    assert ada.closes == [None]
