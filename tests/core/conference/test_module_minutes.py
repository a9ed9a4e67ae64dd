"""Namespaces `protocol` and `meeting_notes` in the client engine (signaling.md § 13)."""

from __future__ import annotations

from typing import Any

import pytest
from rooms import BOB, EVE, OWN, Room, entry

from m3core.conference.events import ParticipantChanged
from m3core.conference.modules.assets import AssetReady
from m3core.conference.modules.minutes import MinutesReadable, MinutesState, MinutesWritable
from m3core.errors import CallTimedOut, LocalProtocolError
from m3core.limits import ANSWER_TIMEOUT
from m3core.values import AssetId, ParticipantId

READ, WRITE = "https://pad.example.org/canary-read", "https://pad.example.org/canary-write"
ASSET = "b1e8e1df-5206-4d94-a8b5-54bd5a062663"
NAMES = pytest.mark.parametrize("name", ["protocol", "meeting_notes"])


def room_of(name: str) -> Room:
    """A room whose server uses the namespace ``name`` for the minutes."""
    return Room(participants=[entry(), entry(EVE, "Eve", **{name: {"readonly": True}})])


@NAMES
def test_the_first_writer_makes_the_pad(name: str) -> None:
    room = room_of(name)
    assert room.state().minutes == MinutesState(namespace=name)
    assert room.state().minutes.url is None
    call = room.do(lambda commands: commands.minutes.select_writer(ParticipantId(BOB)))
    assert room.sent[-1] == {"namespace": name, "action": "select_writer", "participant_ids": [BOB]}
    room.hear(name, "read_url", url=READ)
    assert room.result(call) is None
    assert room.last(MinutesReadable).url == READ
    assert room.state().minutes.url == READ
    assert not room.state().minutes.may_write
    assert room.own().may_write_minutes is False


@NAMES
def test_writers_come_and_go(name: str) -> None:
    room = room_of(name)
    room.hear(name, "read_url", url=READ)
    select = room.do(lambda commands: commands.minutes.select_writer(ParticipantId(BOB), room.own()))
    room.hear(name, "write_url", url=WRITE)
    assert room.result(select) is None
    assert room.last(MinutesWritable).url == WRITE
    state = room.state().minutes
    assert (state.may_write, state.url, state.read_url) == (True, WRITE, None)
    assert room.own().may_write_minutes is True
    others = room.do(lambda commands: commands.minutes.deselect_writer(ParticipantId(BOB)))
    own = room.do(lambda commands: commands.minutes.deselect_writer(ParticipantId(OWN)))
    assert room.sent[-1] == {"namespace": name, "action": "deselect_writer", "participant_ids": [OWN]}
    room.hear(name, "read_url", url=READ)
    assert room.result(own) is None
    room.done_by_silence(others)
    assert not room.state().minutes.may_write
    others_may: dict[str, Any] = {name: {"readonly": False}}
    room.hear("control", "update", id=EVE, **others_may)
    assert room.last(ParticipantChanged).participant.may_write_minutes is True


def test_a_url_that_comes_for_another_reason_ends_no_call() -> None:
    room = room_of("protocol")
    room.hear("protocol", "write_url", url=WRITE)
    select = room.do(lambda commands: commands.minutes.select_writer(ParticipantId(BOB)))
    room.hear("protocol", "write_url", url=WRITE)
    room.done_by_silence(select)


@NAMES
def test_a_pdf_is_among_the_assets(name: str) -> None:
    room = room_of(name)
    call = room.do(lambda commands: commands.minutes.generate_pdf())
    assert room.sent[-1] == {"namespace": name, "action": "generate_pdf"}
    room.hear(name, "pdf_asset", filename="minutes.pdf", asset_id=ASSET)
    ready = AssetReady(namespace=name, asset_id=AssetId(ASSET), filename="minutes.pdf")
    assert room.result(call) == room.last(AssetReady) == ready
    late = room.do(lambda commands: commands.minutes.generate_pdf())
    room.world.sleep(ANSWER_TIMEOUT + 0.1)
    assert isinstance(room.client.done[late].error, CallTimedOut)


@NAMES
@pytest.mark.parametrize(
    ("action", "slugs"),
    [
        (
            "select_writer",
            "insufficient_permissions invalid_participant_selection currently_initializing failed_initialization",
        ),
        (
            "deselect_writer",
            "insufficient_permissions invalid_participant_selection currently_initializing not_initialized",
        ),
        ("generate_pdf", "insufficient_permissions not_initialized storage_exceeded"),
    ],
)
def test_what_may_refuse(name: str, action: str, slugs: str) -> None:
    room = room_of(name)
    someone = () if action == "generate_pdf" else (ParticipantId(BOB),)
    for slug in slugs.split():
        room.refused(room.do(lambda commands: getattr(commands.minutes, action)(*someone)), name, slug)


def test_somebody_has_to_be_named() -> None:
    room = Room()
    for command in (
        lambda commands: commands.minutes.select_writer(),
        lambda commands: commands.minutes.deselect_writer(),
    ):
        with pytest.raises(LocalProtocolError, match="at least one"):
            room.do(command)


@pytest.mark.parametrize(
    ("tariff", "name"),
    [
        ({}, "protocol"),
        ({"enabled_modules": ["chat", "protocol"]}, "protocol"),
        ({"enabled_modules": ["chat", "meeting_notes"]}, "meeting_notes"),
        ({"modules": {"meeting_notes": {"features": []}}}, "meeting_notes"),
    ],
)
def test_the_tariff_shows_the_name(tariff: dict[str, Any], name: str) -> None:
    known = {"id": ASSET, "name": "basic", "quotas": {}}
    room = Room(tariff={**known, **tariff})
    room.do(lambda commands: commands.minutes.generate_pdf())
    assert room.sent[-1]["namespace"] == name


@pytest.mark.parametrize(
    ("message", "fields"),
    [("read_url", {"url": READ}), ("pdf_asset", {"filename": "minutes.pdf", "asset_id": ASSET})],
)
def test_a_message_shows_the_name(message: str, fields: dict[str, str]) -> None:
    room = Room()
    room.hear("meeting_notes", message, **fields)
    room.do(lambda commands: commands.minutes.generate_pdf())
    assert room.sent[-1]["namespace"] == "meeting_notes"


def test_who_watches_later_finds_the_pad_and_the_waiting_room_has_none() -> None:
    room = Room()
    room.hear("meeting_notes", "read_url", url=READ)
    assert room.client.conference.present_events()[-1] == MinutesReadable(url=READ)
    room.hear("meeting_notes", "write_url", url=WRITE)
    assert room.client.conference.present_events()[-1] == MinutesWritable(url=WRITE)
    assert "canary" not in repr(room.state()) + repr(room.client.events)
    room.hear("moderation", "in_waiting_room")
    assert room.state().minutes == MinutesState(namespace="meeting_notes")
