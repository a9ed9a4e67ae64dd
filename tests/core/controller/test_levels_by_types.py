"""What the controller says at each level from 0.9 to 0.16 is what that release says: held against its types.

`everything` makes it speak, `releases` compares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import pytest
from everything import played
from recorded import message_types
from releases import RELEASES, as_released, faults, faults_of, kind_of

from m3core.controller.features import Feature, FeatureLevel

LEVELS: Final = pytest.mark.parametrize("level", [FeatureLevel(release) for release in RELEASES])


# -- what the controller says ---
@LEVELS
def test_what_the_controller_says_is_what_the_release_says(level: FeatureLevel) -> None:
    said, _ = played(level)
    found = {fault for message in said for fault in faults_of(as_released(message), level.value, from_server=True)}
    # In no release, and yet told to the one who was renamed: by nothing else could it learn its name.
    told = level.has(Feature.CHANGE_DISPLAY_NAME)
    assert found == ({f"event/moderation.display_name_changed is not in {level.value}"} if told else set())
    joins = [message["payload"] for message in said if kind_of(message) == "control.join_success"]
    assert {join["is_room_owner"] for join in joins} == {True, False}
    others = [other["control"]["is_room_owner"] for join in joins for other in join["participants"]]
    assert set(others) == {True, False}


_SLUGS: Final[Mapping[str, tuple[str, str]]] = {
    "moderation.cannot_change_name_of_registered_users": ("0.12", "0.16"),
    "moderation.cannot_send_room_owner_to_waiting_room": ("0.12", "0.16"),
    "moderation.insufficient_permissions": ("0.15", "0.16"),
    "moderation.invalid_display_name": ("0.12", "0.16"),
    "polls.multiple_choices_not_allowed": ("0.14", "0.16"),
    "protocol.storage_exceeded": ("0.11", "0.16"),
    "recording.already_recording": ("0.9", "0.13"),
    "recording.invalid_recording_id": ("0.9", "0.13"),
    "recording.invalid_streaming_id": ("0.14", "0.16"),
    "recording.recorder_not_started": ("0.14", "0.16"),
}
"""Error codes that not every release has, with the first and the last release that has each."""


@LEVELS
def test_errors_are_those_of_the_release(level: FeatureLevel) -> None:
    said, _ = played(level)
    errors = [as_released(message) for message in said if kind_of(message).endswith(".error")]
    slugs = {f"{message['namespace']}.{message['payload']['error']}" for message in errors}
    releases = {
        slug: RELEASES[RELEASES.index(first) : RELEASES.index(last) + 1] for slug, (first, last) in _SLUGS.items()
    }
    assert _SLUGS.keys() & slugs == {slug for slug, those in releases.items() if level.value in those}
    assert "polls.voted_already" not in slugs


_NEVER: Final = {
    "event/media.sdp_candidate",  # descriptions keep their candidates inside, for Mustang's client
    "event/media.sdp_end_of_candidates",
    "event/protocol.pdf_asset",  # there is no store for files
    "event/recording_service.stream_updated",  # what a recorder says
    "event/shared_folder.updated",  # not offered
    "event/whiteboard.error",
    "event/whiteboard.pdf_asset",
    "event/whiteboard.space_url",
}


def test_every_message_of_every_release_was_said() -> None:
    """All errors of the types, except those that this controller never sends."""
    for release in RELEASES:
        said, _ = played(FeatureLevel(release))
        seen = {f"event/{kind_of(as_released(message))}" for message in said}
        typed = {
            kind
            for kind, rows in message_types().items()
            if kind.startswith("event/") and any(row["fields"] and release in row["releases"] for row in rows)
        }
        assert typed - seen - _NEVER == set()
        assert seen & _NEVER == set()


# -- REST ---
def _body(method: str, path: str, release: str) -> str:
    """The type of an answer."""
    started = "StartResponse" if release == "0.9" else "RoomsStartResponse"
    for pattern, name in (
        ("GET /auth/login", "GetLoginResponse"),
        ("POST /auth/login", "PostLoginResponse"),
        ("GET /users/me", "PrivateUserProfile"),
        ("POST /events|GET /events/[^/]+", "EventResource"),
        ("GET /rooms/[^/]+", "RoomResource"),
        ("POST /rooms/[^/]+/invites", "InviteResource"),
        ("POST /invite/verify", "CodeVerified"),
        ("POST /rooms/[^/]+/(start|start_invited)", started),
        ("POST /services/recording/start", "ServiceStartResponse"),
        ("GET /turn", "IceServer"),
    ):
        if re.fullmatch(pattern, f"{method} {path}"):
            return name
    raise AssertionError(f"{method} {path} is in no row")


@LEVELS
def test_what_the_controller_answers_is_what_the_release_answers(level: FeatureLevel) -> None:
    _, answers = played(level)
    found: set[str] = set()
    names = set()
    for method, path, body in answers:
        name = _body(method, path, level.value)
        names.add(name)
        if name == "IceServer":
            turn, stun = body
            found |= {*faults("body/Turn", turn, level.value), *faults("body/Stun", stun, level.value)}
        else:
            found |= set(faults(f"body/{name}", body, level.value))
    assert found == set()
    assert len(names) == 10


def test_what_an_event_tells_at_each_level() -> None:
    """The same for what the types leave open."""
    for level in (FeatureLevel(release) for release in RELEASES):
        _, answers = played(level)
        shown = {body.get("show_meeting_details") for method, path, body in answers if path == "/events"}
        assert shown == ({True, False} if level.has(Feature.EVENT_SHOWS_DETAILS) else {None})
