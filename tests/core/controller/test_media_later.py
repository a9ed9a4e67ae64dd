"""What later servers added to `media`: who speaks, by clients themselves, and force mute (media.md § 2, 3, 6)."""

from __future__ import annotations

from typing import Any

import pytest
from stage import RECORDER, Stage
from worlds import SCREEN, VIDEO, errors, heard, published, report, say, server_peer

from m3core.controller import media_moderation
from m3core.controller.config import ControllerConfig
from m3core.controller.features import FeatureLevel
from m3core.controller.peers import Publisher
from m3core.io import Talking
from m3core.testing.pair import Client, World
from m3core.values import MediaSessionKey, Secret

NOBODY = "00000000-0000-4000-8000-000000000000"
AUDIBLE = {"media_session_type": "video", "media_session_state": {"audio": True, "video": True}}
MUTED = {"media_session_type": "video", "media_session_state": {"audio": False, "video": True}}


def world_of(level: FeatureLevel) -> World:
    return World(ControllerConfig(web_url="https://meet.example", feature_level=level))


# -- who speaks ---
def test_speakers_tell_themselves() -> None:
    server = Stage(FeatureLevel.V0_9)
    ada = server.owner()
    assert ada.join()["media"] == {"is_presenter": True, "speakers": []}
    bob = server.guest("Bob")
    bob.join()
    server.forget()
    server.sleep(5.0)
    bob.say("media", "update_speaking_state", is_speaking=True)
    assert sorted(server.log) == [("Ada", "media.speaker_updated"), ("Bob", "media.speaker_updated")]
    now = "2024-03-05T09:30:05Z"
    speaks = {"participant": bob.id, "is_speaking": True, "updated_at": now}
    assert ada.messages[-1]["timestamp"] == now
    assert ada.heard() == bob.heard() == [{"message": "speaker_updated", **speaks}]
    cyd = server.guest("Cyd")
    assert cyd.join()["media"]["speakers"] == [speaks]
    server.sleep(1.0)
    bob.say("media", "update_speaking_state", is_speaking=False)
    silent = {"participant": bob.id, "is_speaking": False, "updated_at": "2024-03-05T09:30:06Z"}
    assert server.guest("Dan").join()["media"]["speakers"] == [silent]
    bob.leave()
    assert server.guest("Eve").join()["media"]["speakers"] == []
    server.settle()


def test_who_is_sent_to_wait_does_not_speak_any_more() -> None:
    server = Stage(FeatureLevel.V0_15)
    ada, bob = server.joined("Ada", "Bob")
    bob.say("media", "update_speaking_state", is_speaking=True)
    ada.say("moderation", "send_to_waiting_room", target=bob.id)
    ada.say("moderation", "accept", target=bob.id)
    bob.say("control", "enter_room")
    assert server.owner("Ada again").join()["media"]["speakers"] == []


def test_nobody_hears_of_a_recorder() -> None:
    server = Stage(FeatureLevel.V0_14, recorder_token=Secret(RECORDER))
    (ada,) = server.joined("Ada")
    recorder = server.recorder()
    recorder.join()
    recorder.say("media", "update_speaking_state", is_speaking=True)
    assert ada.heard() == []


@pytest.mark.parametrize(
    ("level", "told"), [(FeatureLevel.V0_7, "focus_update"), (FeatureLevel.V0_9, None), (FeatureLevel.V0_16, None)]
)
def test_the_focus_is_told_by_earlier_servers_only(level: FeatureLevel, told: str | None) -> None:
    world = world_of(level)
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    before = len(ada.received)
    report(world, Talking(server_peer(world, bob, VIDEO), talking=True))
    assert [payload["message"] for payload in heard(ada, before)] == ([] if told is None else [told])


def test_earlier_servers_do_not_know_who_speaks() -> None:
    server = Stage(FeatureLevel.V0_7)
    ada, bob = server.joined("Ada", "Bob")
    bob.say("media", "update_speaking_state", is_speaking=True)
    assert server.log == []
    assert server.guest("Cyd").join()["media"] == {"is_presenter": True}
    del ada


# -- force mute ---
def relayed(world: World, client: Client) -> tuple[bool, bool] | None:
    """Whether the media server relays sound and picture of the camera of ``client``; None: there is none."""
    for peer, (_, stream) in world.controller.streams.peers.items():
        if (
            stream.key == MediaSessionKey(client.id, VIDEO)
            and isinstance(stream, Publisher)
            and peer in world.sfu.peers
        ):
            return world.sfu.peers[peer].audio, world.sfu.peers[peer].video
    return None


def muted_world() -> tuple[World, Client, Client, Client]:
    """A world with Ada, Bob and Cyd, in which only Bob may speak."""
    world = world_of(FeatureLevel.V0_16)
    ada, bob, cyd = world.joined("Ada", "Bob", "Cyd")
    published(world, bob)
    published(world, cyd)
    say(world, ada, "media", "moderator_enable_force_mute", allow_list=[bob.id, NOBODY, bob.id])
    return world, ada, bob, cyd


def test_force_mute_is_told_to_all() -> None:
    world, ada, bob, cyd = muted_world()
    enabled = {"message": "force_mute_enabled", "allow_list": [bob.id, NOBODY]}
    for client in (ada, bob):
        said, update = heard(client)[-2:]
        assert said == enabled
        assert (update["id"], update["media"]["video"]) == (cyd.id, {"audio": False, "video": True})
    assert heard(cyd)[-1] == enabled
    assert relayed(world, cyd) == (False, True)
    assert relayed(world, bob) == (True, True)
    assert say(world, ada, "media", "moderator_disable_force_mute") == [{"message": "force_mute_disabled"}]
    assert all(heard(client)[-1] == {"message": "force_mute_disabled"} for client in (ada, bob, cyd))


def test_only_those_of_the_list_may_be_heard() -> None:
    world, ada, bob, cyd = muted_world()
    change = "update_media_session"
    assert errors(say(world, bob, "media", change, **AUDIBLE)) == []
    assert heard(ada)[-1]["media"]["video"] == {"audio": True, "video": True}
    before = len(ada.received)
    assert errors(say(world, cyd, "media", change, **AUDIBLE)) == ["permission_denied"]
    assert heard(ada, before) == []
    assert errors(say(world, cyd, "media", change, **MUTED)) == []
    assert heard(ada)[-1]["media"]["video"] == {"audio": False, "video": True}
    say(world, ada, "media", "moderator_disable_force_mute")
    assert errors(say(world, cyd, "media", change, **AUDIBLE)) == []
    assert heard(ada)[-1]["media"]["video"] == {"audio": True, "video": True}
    assert relayed(world, cyd) == (True, True)


def test_a_camera_that_is_started_under_force_mute_is_seen_and_not_heard() -> None:
    """Moderators are no exception, and with an empty list nobody may speak."""
    world = world_of(FeatureLevel.V0_16)
    ada, bob = world.joined("Ada", "Bob")
    say(world, ada, "media", "moderator_enable_force_mute", allow_list=[])
    for publisher, watcher in ((bob, ada), (ada, bob)):
        before = len(watcher.received)
        call = publisher.publish()
        while relayed(world, publisher) != (False, True):  # long before it is announced
            assert world.deliver(0)
        assert not any(one["message"] == "update" for one in heard(watcher, before))
        world.run()
        assert publisher.done[call].error is None
        (update,) = (one for one in heard(watcher, before) if one["message"] == "update")
        assert update["media"]["video"] == {"audio": False, "video": True}
        assert relayed(world, publisher) == (False, True)
    cyd = world.guest("Cyd")
    world.run()
    assert heard(cyd)[0]["media"]["force_mute"] == {"type": "enabled", "allow_list": []}


def test_what_is_being_published_when_force_mute_begins_is_not_heard() -> None:
    world = world_of(FeatureLevel.V0_16)
    ada, bob = world.joined("Ada", "Bob")
    bob.publish()
    while relayed(world, bob) is None:
        assert world.deliver(0)
    assert relayed(world, bob) == (True, True)
    say(world, ada, "media", "moderator_enable_force_mute", allow_list=[])
    assert relayed(world, bob) == (False, True)
    assert heard(ada)[-1]["media"]["video"] == {"audio": False, "video": True}


def test_a_screen_is_muted_as_well() -> None:
    world, _ada, bob, cyd = muted_world()
    published(world, bob, SCREEN)
    state = {"media_session_type": "screen", "media_session_state": {"audio": True, "video": True}}
    assert errors(say(world, cyd, "media", "update_media_session", **state)) == ["permission_denied"]
    assert errors(say(world, bob, "media", "update_media_session", **state)) == []


def test_joiners_learn_of_force_mute() -> None:
    server = Stage(FeatureLevel.V0_16)
    ada = server.owner()
    disabled = {"is_presenter": True, "speakers": [], "force_mute": {"type": "disabled"}}
    assert ada.join()["media"] == disabled
    ada.say("media", "moderator_enable_force_mute", allow_list=[ada.id])
    assert server.guest("Bob").join()["media"]["force_mute"] == {"type": "enabled", "allow_list": [ada.id]}
    ada.say("media", "moderator_enable_force_mute", allow_list=[])
    assert server.guest("Cyd").join()["media"]["force_mute"] == {"type": "enabled", "allow_list": []}
    ada.say("media", "moderator_disable_force_mute")
    assert server.guest("Dan").join()["media"] == disabled
    server.settle()


def test_force_mute_is_for_moderators_of_later_servers() -> None:
    commands: list[tuple[str, dict[str, Any]]] = [
        ("moderator_enable_force_mute", {"allow_list": []}),
        ("moderator_disable_force_mute", {}),
    ]
    later, earlier = Stage(FeatureLevel.V0_16), Stage(FeatureLevel.V0_15)
    for action, fields in commands:
        for server, answer in ((later, [{"message": "error", "error": "permission_denied"}]), (earlier, [])):
            _ada, bob = server.joined("Ada", "Bob")
            bob.say("media", action, **fields)
            assert bob.heard() == answer
    (ada,) = earlier.joined("Ada")
    for action, fields in commands:
        ada.say("media", action, **fields)
    assert earlier.log == []


def test_the_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_moderation, "MAX_PARTICIPANTS", 1)
    server = Stage(FeatureLevel.V0_16)
    (ada,) = server.joined("Ada")
    ada.say("media", "moderator_enable_force_mute", allow_list=[NOBODY, ada.id])
    assert ada.heard() == [{"message": "force_mute_enabled", "allow_list": [NOBODY]}]


# -- moderator_mute ---
@pytest.mark.parametrize("level", [FeatureLevel.CAPTURE, FeatureLevel.V0_15, FeatureLevel.V0_16])
def test_muting_all_others(level: FeatureLevel) -> None:
    server = Stage(level)
    ada, bob, _cyd = server.joined("Ada", "Bob", "Cyd")
    bob.say("media", "moderator_mute", force=True)
    ada.say("media", "moderator_mute", force=True)
    if level is FeatureLevel.V0_16:
        assert server.log == [("Bob", "media.error"), ("Bob", "media.request_mute"), ("Cyd", "media.request_mute")]
        assert bob.heard()[-1] == {"message": "request_mute", "issuer": ada.id, "force": True}
    else:
        assert server.log == []  # not to be read there, and so ignored
    server.forget()
    ada.say("media", "moderator_mute", targets=[bob.id, NOBODY], force=False)
    assert server.log == [("Bob", "media.request_mute")]
