"""Two engines and what their users see: joining, the roster, hands, roles, leaving, being thrown out."""

from __future__ import annotations

import pytest
from worlds import (
    NOBODY,
    SCREEN,
    VIDEO,
    close,
    deadline,
    done,
    errors,
    focus,
    hear,
    heard,
    link,
    phase,
    published,
    report,
    say,
    settle,
    subscribed,
)

from m3core.conference.events import (
    ConferenceJoined,
    Ended,
    FocusChanged,
    HandLowered,
    HandRaised,
    ParticipantJoined,
    ParticipantLeft,
    PeerMisbehaved,
    PresenterChanged,
    PublicationStopped,
    RoleChanged,
    StreamStarted,
    StreamStopped,
)
from m3core.conference.state import EndReason, Phase
from m3core.controller import joining
from m3core.controller.config import ControllerConfig
from m3core.controller.features import FeatureLevel
from m3core.errors import ApiError, CallRefused, InvalidName, LocalProtocolError
from m3core.io import Talking
from m3core.limits import JOIN_TIMEOUT, KEEPALIVE_INTERVAL, PUBLISHER_RENEWAL
from m3core.messages import control, media
from m3core.messages.participants import ControlState
from m3core.testing.pair import BASE_URL, World
from m3core.values import ParticipationKind, Role


def test_owner_and_guest_join_and_know_each_other() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    for client, other, role in ((ada, bob, Role.MODERATOR), (bob, ada, Role.GUEST)):
        state = client.conference.state
        assert state.phase is Phase.JOINED
        assert state.room_id == world.room_id
        assert state.own is not None
        assert state.own.role is role
        assert [joined.participant for joined in client.of(ConferenceJoined)] == [state.own]
        assert list(state.participants) == [other.id]
        assert [event.participant.id for event in client.of(ParticipantJoined)] == [other.id]
        assert client.done
        assert all(end.error is None for end in client.done.values())
        assert not client.of(PeerMisbehaved)
    assert ada.conference.state.participants[bob.id].display_name == "Bob"
    assert ada.conference.state.participants[bob.id].kind is ParticipationKind.GUEST
    assert bob.conference.state.participants[ada.id].kind is ParticipationKind.USER
    settle(world)


def test_the_snapshot_is_the_same_until_something_changes() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    before = ada.conference.state
    assert ada.conference.state is before
    bob.do(lambda c, now: c.raise_hand(now))
    world.run()
    assert ada.conference.state is not before
    assert not before.participants[bob.id].hand_is_up
    assert ada.conference.state.participants[bob.id].hand_is_up


def test_who_comes_late_sees_what_is_there() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    ada.do(lambda c, now: c.raise_hand(now))
    bob.do(lambda c, now: c.leave(now))
    world.run()
    carol = world.guest("Carol")
    world.run()
    expected = [ParticipantJoined, HandRaised, StreamStarted]
    assert [type(event) for event in carol.events[1:]] == expected
    assert [type(event) for event in carol.conference.present_events()] == expected
    gone = carol.conference.state.participants[bob.id]
    assert not gone.is_here  # leavers are listed, and make no events


def test_hands() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    assert done(world, bob, lambda c, now: c.raise_hand(now)) is None
    assert bob.conference.state.own is not None
    assert bob.conference.state.own.hand_is_up
    assert [event.participant.id for event in ada.of(HandRaised)] == [bob.id]
    assert done(world, bob, lambda c, now: c.lower_hand(now)) is None
    assert [event.participant.hand_is_up for event in ada.of(HandLowered)] == [False]
    assert not bob.conference.state.own.hand_is_up


def test_roles_in_the_order_of_the_checks() -> None:
    """signaling.md § 5: sender is moderator, the state differs, the target is not the owner."""
    world = World()
    ada, bob, carol = world.joined("Ada", "Bob", "Carol")
    grant, revoke = control.GrantModeratorRole, control.RevokeModeratorRole

    def ask(client: object, command: object) -> object:
        error = done(world, client, lambda c, now: c.command(command, now))  # type: ignore[arg-type]
        return error.code if isinstance(error, CallRefused) else error

    assert ask(bob, grant(target=ada.id)) == "insufficient_permissions"
    assert ask(bob, revoke(target=NOBODY)) == "insufficient_permissions"
    assert ask(ada, grant(target=ada.id)) == "nothing_to_do"
    assert ask(ada, revoke(target=bob.id)) == "nothing_to_do"
    assert ask(ada, revoke(target=NOBODY)) == "nothing_to_do"
    assert ask(ada, grant(target=NOBODY)) is None  # silently nothing
    assert ask(ada, grant(target=bob.id)) is None
    assert [event.participant.role for event in bob.of(RoleChanged)] == [Role.MODERATOR]
    assert [event.participant.id for event in carol.of(RoleChanged)] == [bob.id]
    assert ask(bob, revoke(target=ada.id)) == "target_is_room_owner"
    assert ask(bob, grant(target=bob.id)) == "nothing_to_do"
    assert ask(ada, revoke(target=bob.id)) is None
    assert bob.conference.own is not None
    assert bob.conference.own.role is Role.GUEST


def test_leaving_is_told_in_the_order_of_the_capture() -> None:
    """webrtc_down, update, left (media.md § 4.6)."""
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    subscribed(world, ada, bob)
    start, events = len(ada.received), len(ada.events)
    world.gone(bob)  # without unpublish
    world.run()
    assert [payload["message"] for payload in heard(ada, start)] == ["webrtc_down", "update", "left"]
    assert "video" not in heard(ada, start)[1]["media"]
    assert ada.of(StreamStopped)
    assert [event.participant.id for event in ada.of(ParticipantLeft)] == [bob.id]
    assert len(ada.events) == events + 3  # SubscriptionStopped, StreamStopped, ParticipantLeft
    settle(world)


def test_leaving_ends_with_left() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    published(world, ada)
    subscribed(world, bob, ada)
    first = bob.do(lambda c, now: c.leave(now))
    assert not bob.conference.state.subscriptions  # at once: nothing of them may be answered any more
    second = bob.do(lambda c, now: c.leave(now))
    world.run()
    assert bob.done[first].error is None
    assert bob.done[second].error is None
    assert [event.reason for event in bob.of(Ended)] == [EndReason.LEFT]
    assert bob.closes == [1000]
    assert [payload["message"] for payload in heard(ada)][-2:] == ["update", "left"]
    assert bob.conference.state.ended is EndReason.LEFT
    third = bob.do(lambda c, now: c.leave(now))
    assert bob.done[third].error is None
    with pytest.raises(LocalProtocolError):
        bob.publish()


@pytest.mark.parametrize(
    ("namespace", "message", "reason"),
    [
        ("moderation", "kicked", EndReason.KICKED),
        ("moderation", "banned", EndReason.BANNED),
        ("moderation", "session_ended", EndReason.MEETING_OVER),
        ("control", "room_deleted", EndReason.MEETING_OVER),
        ("control", "time_limit_quota_elapsed", EndReason.MEETING_OVER),
        ("chat", "history_cleared", EndReason.SERVER_CLOSED),
    ],
)
def test_why_the_server_closes(namespace: str, message: str, reason: EndReason) -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, bob)
    hear(world, bob, namespace, message, issued_by=ada.id)
    close(world, bob, 1000)
    assert [event.reason for event in bob.of(Ended)] == [reason]
    assert [event.reason for event in bob.of(PublicationStopped)] == []  # Ended says it all
    assert bob.conference.state.publications == ()
    assert deadline(bob.conference) is None
    assert not ada.of(Ended)


@pytest.mark.parametrize("code", [1002, 1011, 3000])
def test_a_lost_connection_says_how(code: int) -> None:
    world = World()
    (ada,) = world.joined("Ada")
    close(world, ada, code)
    (ended,) = ada.of(Ended)
    assert ended.reason is EndReason.LOST
    assert ended.detail == f"close code {code}"


@pytest.mark.parametrize("name", ["", "  \t ", "x" * 101, "ä" * 51, "\u200b", "\u202eBob", "Bob\0"])
def test_nothing_is_sent_for_an_invalid_name(name: str) -> None:
    world = World()
    with pytest.raises(InvalidName):
        world.guest(name)
    world.run()
    assert len(world.controller.tickets) == 0
    assert dict(world.controller.sessions) == {}


def test_a_server_may_refuse_more_names_than_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "normalised_name", lambda text: None)
    world = World()
    guest = world.guest("Bob")
    world.run()
    (end,) = guest.done.values()
    assert isinstance(end.error, CallRefused)
    assert end.error.code == "invalid_username"
    assert guest.conference.state.phase is Phase.ENDED
    assert guest.of(Ended)[0].reason is EndReason.FAILED
    settle(world)


def test_names_are_normalised() -> None:
    world = World()
    ada, bob = world.joined("Ada", "  Bob \t  Byte  ")
    assert bob.conference.own is not None
    assert bob.conference.own.display_name == "Bob Byte"
    assert ada.conference.state.participants[bob.id].display_name == "Bob Byte"


def test_a_second_join_is_refused() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    assert errors(say(world, bob, "control", "join", display_name="again")) == ["already_joined"]
    assert len(ada.of(ParticipantJoined)) == 1


def test_a_name_may_be_left_to_the_profile() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    bob = world.guest("Bob")
    while bob.conference.phase is not Phase.JOINING:
        world.deliver(0)
    world.channels["up", 1].clear()  # its own join never arrives
    assert errors(say(world, bob, "control", "join")) == ["invalid_username"]  # a guest has no profile
    second = world.owner("ignored")
    while second.conference.phase is not Phase.JOINING:
        world.deliver(0)
    world.channels["up", 2].clear()
    (joined,) = say(world, second, "control", "join")
    assert joined["display_name"] == "Ada Lovell"
    assert ada.of(ParticipantJoined)[-1].participant.display_name == "Ada Lovell"


def test_the_handshake_may_be_refused() -> None:
    world = World()
    bob = world.guest("Bob")
    while bob.conference.phase is not Phase.CONNECTING:
        world.deliver(0)
    world.now += 31.0  # the ticket is too old
    world.run()
    (end,) = bob.done.values()
    assert isinstance(end.error, ApiError)
    assert (end.error.status, end.error.code) == (401, "invalid_ticket")
    assert world.refusals[0].status == 401
    assert deadline(bob.conference) is None


def test_presenters() -> None:
    world = World(ControllerConfig(web_url=BASE_URL, screen_needs_permission=True))
    ada, bob, carol = world.joined("Ada", "Bob", "Carol")
    with pytest.raises(LocalProtocolError):
        bob.publish(SCREEN)
    fields = {"target": bob.id, "media_session_type": "screen"}
    assert errors(say(world, bob, "media", "publish", sdp="v=0", **fields)) == ["permission_denied"]
    state = {"media_session_type": "screen", "media_session_state": {"audio": False, "video": True}}
    assert errors(say(world, bob, "media", "update_media_session", **state)) == ["permission_denied"]
    grant = media.GrantPresenterRole(participant_ids=(bob.id, bob.id, NOBODY, ada.id))
    refused = done(world, bob, lambda c, now: c.command(grant, now))
    assert isinstance(refused, CallRefused)
    assert done(world, ada, lambda c, now: c.command(grant, now)) is None
    assert [event.is_presenter for event in bob.of(PresenterChanged)] == [True]
    assert carol.conference.state.participants[bob.id].is_presenter
    published(world, bob, SCREEN)
    published(world, bob, VIDEO)
    subscribed(world, carol, bob, SCREEN)
    start = len(bob.received)
    revoke = media.RevokePresenterRole(participant_ids=(bob.id,))
    assert done(world, ada, lambda c, now: c.command(revoke, now)) is None
    assert [payload["message"] for payload in heard(bob, start)] == ["presenter_revoked", "webrtc_down"]
    assert [one.media_session_type for one in bob.conference.state.publications] == [VIDEO]
    assert bob.of(PublicationStopped)[-1].media_session_type is SCREEN
    world.sleep(PUBLISHER_RENEWAL)
    assert carol.conference.state.subscriptions == ()
    assert list(carol.conference.state.participants[bob.id].streams) == [VIDEO]
    settle(world)


def test_a_moderator_may_share_without_being_a_presenter() -> None:
    world = World(ControllerConfig(web_url=BASE_URL, screen_needs_permission=True))
    ada, bob = world.joined("Ada", "Bob")
    done(world, ada, lambda c, now: c.command(control.GrantModeratorRole(target=bob.id), now))
    published(world, bob, SCREEN)
    done(world, ada, lambda c, now: c.command(media.GrantPresenterRole(participant_ids=(bob.id,)), now))
    done(world, ada, lambda c, now: c.command(media.RevokePresenterRole(participant_ids=(bob.id,)), now))
    assert [one.is_live for one in bob.conference.state.publications] == [True]
    assert not list(bob.of(PublicationStopped))


@pytest.mark.parametrize("targets", ["one", "list", "all"])
def test_moderator_mute(targets: str) -> None:
    world = World(ControllerConfig(web_url=BASE_URL, feature_level=FeatureLevel.V0_16))
    ada, bob, carol = world.joined("Ada", "Bob", "Carol")
    wanted = {"one": bob.id, "list": (bob.id, NOBODY, bob.id), "all": None}[targets]
    mute = media.ModeratorMute(targets=wanted, force=True)
    assert isinstance(done(world, bob, lambda c, now: c.command(mute, now)), CallRefused)
    assert done(world, ada, lambda c, now: c.command(mute, now)) is None
    asked = [client for client in (ada, bob, carol) if "request_mute" in str(heard(client))]
    assert asked == ([bob, carol] if targets == "all" else [bob])


def test_moderator_mute_of_nobody_sends_nothing() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    assert say(world, ada, "media", "moderator_mute", targets=[NOBODY], force=False) == []
    assert "request_mute" not in str(heard(bob))


def test_the_waiting_room_from_the_joined_room() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, bob)
    subscribed(world, bob, ada)
    hear(world, bob, "moderation", "sent_to_waiting_room")
    hear(world, bob, "moderation", "in_waiting_room")
    assert phase(bob) is Phase.WAITING
    assert not bob.conference.state.publications
    assert not bob.conference.state.subscriptions
    with pytest.raises(LocalProtocolError):
        bob.publish()
    hear(world, bob, "moderation", "accepted")
    assert bob.conference.life._step_deadline == JOIN_TIMEOUT
    hear(world, bob, "control", "error", error="not_accepted_or_not_in_waiting_room")
    assert deadline(bob.conference) == KEEPALIVE_INTERVAL
    assert phase(bob) is Phase.WAITING
    hear(world, bob, "moderation", "accepted")
    entry = {"id": ada.id, "control": {**_entry("Ada"), "role": "moderator"}}
    hear(world, bob, "control", "join_success", id=bob.id, display_name="Bob", role="guest", participants=[entry])
    assert phase(bob) is Phase.JOINED
    assert deadline(bob.conference) == KEEPALIVE_INTERVAL


def test_accepted_out_of_turn_does_nothing() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    before = len(ada.sent)
    hear(world, ada, "moderation", "accepted")
    assert len(ada.sent) == before
    assert ada.conference.state.phase is Phase.JOINED


def _entry(name: str) -> dict[str, object]:
    names = {"display_name": name, "role": "guest", "participation_kind": "guest", "hand_is_up": False}
    assert set(names) <= set(ControlState.__annotations__)
    return {**names, "left_at": None}


def test_focus_is_the_head_of_each_listener_s_queue() -> None:
    world = World(ControllerConfig(web_url=BASE_URL, feature_level=FeatureLevel.CAPTURE))
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    published(world, bob)
    published(world, bob, SCREEN)
    peers = {publisher.key: peer for peer, (_, publisher) in world.controller.streams.peers.items()}
    by = {(key.participant_id, key.media_session_type): peer for key, peer in peers.items()}
    report(world, Talking(by[ada.id, VIDEO], talking=True))
    report(world, Talking(by[bob.id, VIDEO], talking=True))
    assert focus(ada) == ada.id
    carol = world.guest("Carol")
    world.run()
    assert focus(carol) is None  # late joiners start empty
    report(world, Talking(by[ada.id, VIDEO], talking=True))  # again: to the end
    assert focus(bob) == bob.id
    done(world, bob, lambda c, now: c.set_sending(SCREEN, audio=False, video=True, now=now))
    assert focus(bob) == bob.id  # a silent screen does not silence the camera
    done(world, bob, lambda c, now: c.set_sending(VIDEO, audio=False, video=True, now=now))
    assert focus(bob) == ada.id
    report(world, Talking(by[bob.id, VIDEO], talking=True))  # muted: not speech
    assert focus(ada) == ada.id
    report(world, Talking(by[ada.id, VIDEO], talking=False))
    assert focus(ada) is None
    assert ada.of(FocusChanged)[-1].participant is None
    report(world, Talking(by[ada.id, VIDEO], talking=True))
    assert carol.of(FocusChanged)[-1].participant == carol.conference.state.participants[ada.id]
    ada.do(lambda c, now: c.leave(now))
    world.run()
    assert focus(carol) is None
    done(world, bob, lambda c, now: c.set_sending(VIDEO, audio=True, video=True, now=now))
    report(world, Talking(by[bob.id, VIDEO], talking=True))
    assert focus(carol) == bob.id
    world.cut(bob)  # in the middle of a sentence
    world.run()
    assert focus(carol) is None
    assert link(world, carol)
    settle(world)
