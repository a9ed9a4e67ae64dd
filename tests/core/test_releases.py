"""`releases`, which compares our messages with the types of the releases, finds each kind of fault."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from everything import played
from releases import faults, faults_of, kind_of

from m3core.controller.features import FeatureLevel


def join_success() -> dict[str, Any]:
    """A correct `join_success` of 0.16, with another participant in it."""
    said, _ = played(FeatureLevel.V0_16)
    found = [one for one in said if kind_of(one) == "control.join_success" and len(one["payload"]["participants"]) > 3]
    message = copy.deepcopy(found[0])
    assert faults_of(message, "0.16", from_server=True) == []
    return message


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (("tariff",), "event/control.join_success has no tariff"),
        (("tariff", "disabled_features"), "part/TariffResource has no disabled_features"),
        (("room_info", "created_by", "avatar_url"), "part/CreatorInfo has no avatar_url"),
        (("participants", 0, "control", "role"), "part/ControlState has no role"),
    ],
)
def test_a_key_that_is_missing(path: tuple[str | int, ...], told: str) -> None:
    message = join_success()
    inner: Any = message["payload"]
    for step in path[:-1]:
        inner = inner[step]
    value = inner.pop(path[-1])
    assert faults_of(message, "0.16", from_server=True) == [told]
    inner[path[-1]] = None  # a required key must not be null either
    assert faults_of(message, "0.16", from_server=True) == [told]
    inner[path[-1]] = value
    assert faults_of(message, "0.16", from_server=True) == []


def test_a_key_that_the_release_does_not_have() -> None:
    message = join_success()
    message["payload"]["event_info"]["e2e_encryption"] = False
    message["payload"]["participants"][0]["nope"] = 1
    message["payload"]["media"]["nope"] = 1
    assert sorted(faults_of(message, "0.16", from_server=True)) == [
        "part/EventInfo has e2e_encryption",
        "part/MediaState has nope",
        "part/Participant has nope",
    ]


def test_what_another_release_has() -> None:
    message = join_success()
    found = set(faults_of(message, "0.12", from_server=True))
    later = {"event/control.join_success has room_info", "part/EventInfo has room_id", "part/MediaState has force_mute"}
    assert later <= found
    left = {"namespace": "control", "payload": {"message": "left", "id": "x", "reason": "quit"}}
    assert faults_of(left, "0.13", from_server=True) == []
    assert faults_of(left, "0.12", from_server=True) == ["event/control.left has reason"]


def test_a_message_that_the_release_does_not_have() -> None:
    started = {"namespace": "recording", "payload": {"message": "started", "recording_id": "x"}}
    assert faults_of(started, "0.13", from_server=True) == []
    assert faults_of(started, "0.14", from_server=True) == ["event/recording.started is not in 0.14"]
    granted = {"namespace": "media", "payload": {"message": "presenter_role_granted", "participant_ids": []}}
    assert faults_of(granted, "0.16", from_server=True) == ["event/media.presenter_role_granted is not in 0.16"]


def test_each_end_has_its_key() -> None:
    kick = {"namespace": "moderation", "payload": {"action": "kick", "target": "x"}}
    assert faults_of(kick, "0.16", from_server=False) == []
    assert faults_of(kick, "0.16", from_server=True) == ["moderation.kick has no message"]
    start = {"namespace": "recording_service", "payload": {"action": "start_streams", "target_ids": []}}
    assert faults_of(start, "0.16", from_server=True) == []
    assert faults_of(start, "0.16", from_server=False) == ["recording_service.start_streams has no message"]


def test_bodies() -> None:
    assert faults("body/PostLoginResponse", {"permissions": []}, "0.9") == []
    assert faults("body/PostLoginResponse", {}, "0.9") == ["body/PostLoginResponse has no permissions"]
    assert faults("body/PostLoginResponse", {"permissions": [], "nope": 1}, "0.9") == [
        "body/PostLoginResponse has nope"
    ]
    assert faults("body/RoomsStartResponse", {}, "0.9") == ["body/RoomsStartResponse is not in 0.9"]
