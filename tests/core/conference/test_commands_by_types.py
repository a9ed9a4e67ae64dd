"""What our client says is understood at each level from 0.9 to 0.16: its commands and REST bodies, held against types.

Client engines hold a conference with our controller at that level; `releases` compares.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import pytest
from recorded import message_types
from releases import RELEASES, as_released, faults, faults_of, kind_of
from rooms import Room
from stage import Pads
from worlds import NOBODY, SCREEN, VIDEO, hear, published, subscribed

from m3core.conference.commands import Commands
from m3core.controller.config import ControllerConfig
from m3core.controller.features import Feature, FeatureLevel
from m3core.errors import CallRefused, LocalProtocolError
from m3core.io import CallId, HttpResponse
from m3core.messages.moderation import KickScope
from m3core.messages.recording import StreamStatus
from m3core.testing.pair import BASE_URL, Client, World
from m3core.values import StreamingTargetId

LEVELS: Final = pytest.mark.parametrize("level", [FeatureLevel(release) for release in RELEASES])


class Watched(World):
    """A world that records the REST requests of its clients."""

    def __init__(self, level: FeatureLevel) -> None:
        self.asked: list[tuple[str, bytes]] = []
        super().__init__(ControllerConfig(web_url=BASE_URL, feature_level=level, pads=Pads()))

    def _ask(
        self,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        reply: Callable[[HttpResponse], None],
    ) -> None:
        self.asked.append((f"{method} {url.removeprefix(BASE_URL).removeprefix('/v1')}", body))
        super()._ask(method, url, headers, body, reply)

    def give(self, client: Client, *commands: Callable[[Commands[CallId]], CallId]) -> None:
        """Give commands, one after the other, that succeed."""
        for command in commands:
            call = client.do(lambda conference, now: command(conference.commands(now)))
            self.sleep(0.3)
            assert client.done[call].error is None, client.sent[-1]

    def refused(self, client: Client, code: str, command: Callable[[Commands[CallId]], CallId]) -> None:
        """Give a command that the server understands and refuses."""
        call = client.do(lambda conference, now: command(conference.commands(now)))
        self.sleep(0.3)
        error = client.done[call].error
        assert isinstance(error, CallRefused)
        assert error.code == code

    @property
    def said(self) -> list[dict[str, Any]]:
        """What all clients sent, without their heartbeats, which may have any shape."""
        messages = [json.loads(data) for client in self.clients for data in client.sent]
        return [message for message in messages if message["namespace"] != "echo"]


@cache
def held(level: FeatureLevel) -> Watched:
    """A conference in which the clients give every command."""
    world = Watched(level)
    ada, bob, cyd = world.joined("Ada", "Bob", "Cyd")
    for client in (ada, bob):
        published(world, client)
    published(world, ada, SCREEN)
    subscribed(world, cyd, bob)
    subscribed(world, cyd, ada, SCREEN)
    _media(world, ada, bob, cyd)
    world.give(
        bob,
        lambda it: it.raise_hand(),
        lambda it: it.lower_hand(),
        lambda it: it.chat("hello"),
        lambda it: it.chat("psst", to=ada.id),
        lambda it: it.chat.mark_seen(),
        lambda it: it.chat.mark_seen(to=ada.id),
        lambda it: it.recording.set_consent(),
    )
    world.give(
        ada,
        lambda it: it.chat.disable(),
        lambda it: it.chat.enable(),
        lambda it: it.chat.clear(),
        lambda it: it.grant_moderator(bob.id),
        lambda it: it.revoke_moderator(bob.id),
        lambda it: it.minutes.select_writer(cyd.id),
        lambda it: it.minutes.deselect_writer(cyd.id),
        lambda it: it.timer.start(60, title="Tea", style="coffee-break", ready_check=True),
        lambda it: it.timer.set_ready(),
        lambda it: it.timer.stop("enough"),
        lambda it: it.timer.start(),
    )
    ada.do(lambda conference, now: conference.commands(now).minutes.generate_pdf())  # there is no store for files
    _polls(world, ada, bob, level)
    _recording(world, ada, level)
    _breakout(world, ada, cyd)
    _moderation(world, ada, bob, cyd, level)
    return world


def _media(world: Watched, ada: Client, bob: Client, cyd: Client) -> None:
    cyd.do(lambda conference, now: conference.configure(bob.id, VIDEO, video=False, substream=None, now=now))
    bob.do(lambda conference, now: conference.set_sending(VIDEO, audio=False, video=True, now=now))
    ada.do(lambda conference, now: conference.unpublish(SCREEN, now))
    world.give(
        ada,
        lambda it: it.mute(),
        lambda it: it.mute(bob.id, force=True),
        lambda it: it.revoke_presenter(bob.id),
        lambda it: it.grant_presenter(bob.id),
        lambda it: it.update_speaking(True),
    )


def _polls(world: Watched, ada: Client, bob: Client, level: FeatureLevel) -> None:
    world.give(ada, lambda it: it.polls.start("Lunch?", ["Soup", "Salad"], duration=60, live=False))
    world.give(bob, lambda it: it.polls.vote("Soup"), lambda it: it.polls.vote())
    with pytest.raises(LocalProtocolError, match="one choice"):
        bob.do(lambda conference, now: conference.commands(now).polls.vote("Soup", "Salad"))
    world.give(ada, lambda it: it.polls.finish())
    if level.has(Feature.MULTIPLE_CHOICE):
        world.give(ada, lambda it: it.polls.start("Lunch?", ["a", "b"], duration=60, multiple_choice=True))
        world.give(bob, lambda it: it.polls.vote(0, 1), lambda it: it.polls.vote())
        counts = [choice.count for choice in ada.conference.state.polls.running.choices]  # type: ignore[union-attr]  # it runs
        assert counts == [0, 0]


def _recording(world: Watched, ada: Client, level: FeatureLevel) -> None:
    world.give(ada, lambda it: it.recording.start())
    if not level.has(Feature.STREAMING_TARGETS):
        hear(world, ada, "recording", "started", recording_id=NOBODY)
        world.refused(ada, "invalid_recording_id", lambda it: it.recording.stop())
        return
    world.refused(ada, "recorder_not_started", lambda it: it.recording.pause_stream())
    world.refused(ada, "recorder_not_started", lambda it: it.recording.stop())


def _breakout(world: Watched, ada: Client, cyd: Client) -> None:
    world.give(ada, lambda it: it.breakout.start({"Left": [cyd.id]}, duration=600))
    cyd.do(lambda conference, now: conference.switch_room(conference.state.breakout.assignment, now))
    world.sleep(1.0)
    cyd.do(lambda conference, now: conference.switch_room(None, now))
    world.sleep(1.0)
    world.give(ada, lambda it: it.breakout.stop())


def _moderation(world: Watched, ada: Client, bob: Client, cyd: Client, level: FeatureLevel) -> None:
    world.give(
        ada,
        lambda it: it.moderation.disable_raise_hands(),
        lambda it: it.moderation.enable_raise_hands(),
        lambda it: it.moderation.reset_raised_hands(),
        lambda it: it.moderation.enable_waiting_room(),
    )
    dan = world.guest("Dan")
    world.run()
    (waiting,) = ada.conference.state.moderation.waiting
    world.give(ada, lambda it: it.moderation.accept(waiting), lambda it: it.moderation.disable_waiting_room())
    world.cut(bob)
    world.sleep(5.0)
    if level.has(Feature.RESET_ONE_HAND):
        world.give(bob, lambda it: it.raise_hand())
        world.give(ada, lambda it: it.moderation.reset_raised_hands(bob.id))
        assert not bob.conference.own or not bob.conference.own.hand_is_up
    if level.has(Feature.SEND_TO_WAITING_ROOM):
        world.give(
            ada,
            lambda it: it.moderation.change_display_name(cyd.id, "C."),
            lambda it: it.moderation.send_to_waiting_room(bob.id),
        )
    if level.has(Feature.FORCE_MUTE):
        world.give(
            ada,
            lambda it: it.moderation.reset_raised_hands(cyd.id, dan.id),
            lambda it: it.enable_force_mute(ada.id),
            lambda it: it.disable_force_mute(),
        )
    world.refused(ada, "cannot_ban_guest", lambda it: it.moderation.ban(cyd.id))
    world.give(
        ada,
        lambda it: it.moderation.kick(dan.id),
        lambda it: it.moderation.debrief(KickScope.GUESTS),
    )


_EXCEPTIONS: Final = {
    # The types show the fields of the event for this command; it has `targets` (media.md § 2).
    "command/media.moderator_mute has no issuer",
    "command/media.moderator_mute has targets",
    # As the capture and browsers have them; servers look at neither (media.md § 5).
    "part/MediaSessionState has video_settings",
    "part/TrickleCandidate has sdpMid",
}


@LEVELS
def test_commands_are_those_of_the_release(level: FeatureLevel) -> None:
    said = held(level).said
    found = {fault for message in said for fault in faults_of(as_released(message), level.value, from_server=False)}
    assert found == _EXCEPTIONS


_NEVER: Final = {
    "command/whiteboard.generate_pdf",  # our controller does not offer it
    "command/whiteboard.initialize",
    "command/media.resubscribe",  # our client subscribes once more instead
    "command/recording_service.pause_streams",  # of the server
    "command/recording_service.start_streams",
    "command/recording_service.stop_streams",
}


def test_every_command_of_every_release_was_said() -> None:
    """Every command of the published types is tried, except those that our client never sends."""
    for release in RELEASES:
        seen = {f"command/{kind_of(as_released(message))}" for message in held(FeatureLevel(release)).said}
        typed = {
            kind
            for kind, rows in message_types().items()
            if kind.startswith("command/") and any(row["fields"] and release in row["releases"] for row in rows)
        }
        assert typed - seen == _NEVER & typed


_BODIES: Final = (
    ("POST /auth/login", "PostLoginRequest", "PostLoginRequestBody"),
    ("POST /events", "PostEventsBody", "PostEventsBody"),
    ("POST /rooms/[^/]+/invites", "PostInviteBody", "PostInviteRequestBody"),
    ("POST /invite/verify", "VerifyBody", "PostInviteVerifyRequestBody"),
    ("POST /rooms/[^/]+/start", "StartRequest", "PostRoomsStartRequestBody"),
    ("POST /rooms/[^/]+/start_invited", "InvitedStartRequest", "PostRoomsStartInvitedRequestBody"),
)
"""What is asked, and the type of its body at 0.9 and later."""


@LEVELS
def test_requests_are_those_of_the_release(level: FeatureLevel) -> None:
    seen = set()
    for what, body in held(level).asked:
        names = [names for pattern, *names in _BODIES if re.fullmatch(pattern, what)]
        if what.startswith("POST"):
            ((at_first, later),) = names
            seen.add(later)
            assert faults(f"body/{at_first if level.value == '0.9' else later}", json.loads(body), level.value) == []
        else:
            assert (names, body) == ([], b"")
    assert len(seen) == len(_BODIES)


@pytest.mark.parametrize("release", ["0.14", "0.15", "0.16"])
def test_what_a_recorder_says(release: str) -> None:
    target = StreamingTargetId(NOBODY)
    stream = {"stream_kind": "recording", "auto_connect": False, "status": "inactive", "start_paused": False}
    room = Room(recording_service={"streams": {target: stream}})
    for status, code in ((StreamStatus.ACTIVE, None), (StreamStatus.ERROR, "x")):
        room.do(lambda it: it.recording_service.update(target, status, code=code))
        assert faults_of(json.loads(room.client.sent[-1]), release, from_server=False) == []
