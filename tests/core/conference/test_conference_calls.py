"""Every call ends exactly once: done, refused, timed out or cancelled. Also deadlines and the drain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from worlds import SCREEN, VIDEO, close, deadline, hear, hear_raw, link, published, sent, settle, subscribed

from m3core.conference.engine import Conference
from m3core.conference.entrance import GuestEntrance, MemberEntrance
from m3core.conference.events import Ended, PeerMisbehaved, ServerRefused
from m3core.conference.modules.moderation import WaitingRoomEntered
from m3core.conference.state import EndReason, Phase
from m3core.controller.config import ControllerConfig
from m3core.controller.features import Feature, FeatureLevel
from m3core.errors import (
    ApiError,
    CallCancelled,
    CallRefused,
    CallTimedOut,
    ConferenceEnded,
    LimitExceeded,
    LocalProtocolError,
    M3Error,
    MediaError,
    TransportError,
)
from m3core.io import CallDone, CallId, Close, Connect, ConnectionId, HttpRequest, HttpResponse, PeerId, RequestId, Up
from m3core.limits import (
    ANSWER_TIMEOUT,
    CONNECT_TIMEOUT,
    JOIN_TIMEOUT,
    KEEPALIVE_INTERVAL,
    LEAVE_TIMEOUT,
    MAX_MESSAGE,
    NEGOTIATION_TIMEOUT,
    PUBLISHER_RENEWAL,
    REQUEST_TIMEOUT,
    SILENCE_MEANS_DONE,
)
from m3core.messages import UnknownCommand, control, media
from m3core.testing.pair import BASE_URL, Client, World
from m3core.values import InviteCode, RoomId

PHASES = (Phase.STARTING, Phase.CONNECTING, Phase.JOINING)


def until(world: World, client: Client, phase: Phase) -> None:
    """Deliver, in turn, until ``client`` is in ``phase``."""
    step = 0
    while client.conference.phase is not phase:
        assert world.deliver(step)
        step += 1


def silent(world: World, client: Client) -> None:
    """Lose everything that is on its way from or to ``client``."""
    index = world.clients.index(client)
    for (_, number), queue in world.channels.items():
        if number == index:
            queue.clear()


def error_of(client: Client, call: CallId = CallId(1)) -> M3Error | None:  # noqa: B008 - an int
    return client.done[call].error


# time ---
@pytest.mark.parametrize(
    ("phase", "seconds", "error"),
    [
        (Phase.STARTING, REQUEST_TIMEOUT, TransportError),
        (Phase.CONNECTING, CONNECT_TIMEOUT, CallTimedOut),
        (Phase.JOINING, JOIN_TIMEOUT, CallTimedOut),
    ],
)
def test_a_start_times_out_in_each_phase(phase: Phase, seconds: float, error: type[M3Error]) -> None:
    world = World()
    bob = world.guest("Bob")
    until(world, bob, phase)
    silent(world, bob)
    assert deadline(bob.conference) == seconds
    world.sleep(seconds - 0.1)
    assert not bob.done
    world.sleep(0.2)
    assert isinstance(error_of(bob), error)
    assert bob.of(Ended)[0].reason is EndReason.FAILED
    assert deadline(bob.conference) is None


def test_turn_may_stay_silent_and_the_start_is_done_without() -> None:
    world = World()
    bob = world.guest("Bob")
    until(world, bob, Phase.JOINING)
    world.channels["http", 0].clear()
    world.run()
    assert bob.conference.phase is Phase.JOINED
    assert not bob.done
    world.sleep(REQUEST_TIMEOUT)
    assert error_of(bob) is None
    assert bob.conference.ice_servers == ()


def test_publish_and_subscribe_time_out() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    publish = ada.publish()
    world.channels["media", 0].clear()
    world.sleep(NEGOTIATION_TIMEOUT)
    error = error_of(ada, publish)
    assert isinstance(error, CallTimedOut)
    assert (error.what, error.seconds) == ("publish", NEGOTIATION_TIMEOUT)
    assert "unpublish" not in str(sent(ada))
    publish = ada.publish()
    while not any(one["action"] == "publish" for one in sent(ada)):
        world.deliver(0)
    world.channels["up", 0].clear()
    world.sleep(NEGOTIATION_TIMEOUT)
    assert isinstance(error_of(ada, publish), CallTimedOut)
    assert sent(ada)[-1]["action"] == "unpublish"
    published(world, ada)
    published(world, bob)
    subscribe = bob.subscribe(ada.id)
    world.channels["up", 1].clear()
    world.sleep(NEGOTIATION_TIMEOUT)
    assert isinstance(error_of(bob, subscribe), CallTimedOut)
    assert bob.conference.state.subscriptions == ()
    assert [one.is_live for one in bob.conference.state.publications] == [True]
    subscribed(world, bob, ada)
    settle(world)


def test_a_command_is_done_by_silence() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    call = ada.do(lambda c, now: c.command(UnknownCommand("moderation", "invent", {}), now))
    world.sleep(SILENCE_MEANS_DONE - 0.01)
    assert call not in ada.done
    world.sleep(0.02)
    assert error_of(ada, call) is None
    with pytest.raises(LocalProtocolError):
        ada.conference.command(control.Join(display_name="Ada"), world.now)


def test_leaving_does_not_wait_for_the_server() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    published(world, ada)
    call = ada.do(lambda c, now: c.leave(now))
    world.channels["up", 0].clear()
    world.sleep(LEAVE_TIMEOUT + 0.1)
    assert error_of(ada, call) is None
    assert ada.closes == [1000, None]
    assert ada.of(Ended)[0].reason is EndReason.LEFT
    assert ada.media.peers == {}


# cancelling ---
@pytest.mark.parametrize("phase", PHASES)
def test_a_start_is_cancelled_in_each_phase(phase: Phase) -> None:
    world = World()
    bob = world.guest("Bob")
    until(world, bob, phase)
    bob.tell(lambda c, now: c.cancel(CallId(1), now))
    bob.tell(lambda c, now: c.cancel(CallId(1), now))
    world.run()
    assert isinstance(error_of(bob), CallCancelled)
    assert bob.conference.state.phase is Phase.ENDED
    assert bob.conference.deadline is None
    assert bob.closes == ([] if phase is Phase.STARTING else [None])
    settle(world)


@pytest.mark.parametrize("phase", PHASES)
def test_leaving_in_each_phase(phase: Phase) -> None:
    world = World()
    bob = world.guest("Bob")
    until(world, bob, phase)
    call = bob.do(lambda c, now: c.leave(now))
    world.run()
    assert error_of(bob, call) is None
    assert isinstance(error_of(bob), CallCancelled)
    assert [event.reason for event in bob.of(Ended)] == [EndReason.LEFT]
    settle(world)


def test_join_success_crosses_the_leave() -> None:
    world = World()
    bob = world.guest("Bob")
    until(world, bob, Phase.JOINING)
    while not any(b"join_success" in data for data in bob.received) and world.channels["up", 0]:
        world.channels["up", 0].popleft()()
    call = bob.do(lambda c, now: c.leave(now))
    world.run()
    assert error_of(bob, call) is None
    assert bob.conference.state.phase is Phase.ENDED
    assert bob.of(Ended)[0].reason is EndReason.LEFT
    settle(world)


def test_leaving_before_the_start() -> None:
    conference = Conference(GuestEntrance(base_url=BASE_URL, invite_code=InviteCode("x")), display_name="Bob")
    call = conference.leave(0.0)
    assert CallDone(call) in list(conference.outputs())
    with pytest.raises(LocalProtocolError):
        conference.start(0.0)


def test_a_publish_is_cancelled_in_each_phase() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    for steps in range(0, 40, 3):
        call = ada.publish()
        for step in range(steps):
            world.deliver(step)
        is_done = call in ada.done
        ada.tell(lambda c, now: c.cancel(call, now))
        world.run()
        if is_done:
            assert error_of(ada, call) is None
            ada.do(lambda c, now: c.unpublish(VIDEO, now))
            world.run()
        else:
            assert isinstance(error_of(ada, call), CallCancelled)
        assert ada.conference.state.publications == ()
        assert ada.media.peers == world.sfu.peers == {}
        assert bob.conference.state.participants[ada.id].streams == {}
        offers = [one["action"] for one in sent(ada)]
        assert offers.count("publish") == offers.count("unpublish")
    settle(world)


def test_unpublish_cancels_a_publish_that_is_under_way() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    call = ada.publish()
    stop = ada.do(lambda c, now: c.unpublish(VIDEO, now))
    assert isinstance(error_of(ada, call), CallCancelled)
    assert error_of(ada, stop) is None
    world.run()
    published(world, ada)


def test_a_subscribe_is_cancelled_in_each_phase() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    for steps in range(0, 40, 4):
        kind = VIDEO if steps % 8 else SCREEN
        published(world, ada, kind)
        call = bob.subscribe(ada.id, kind)
        for step in range(steps):
            world.deliver(step)
        bob.tell(lambda c, now: c.cancel(call, now))
        world.run()
        error = error_of(bob, call)
        assert error is None or isinstance(error, CallCancelled)
        (state,) = bob.conference.state.subscriptions
        assert state.is_parked is (error is not None)
        assert state.is_live
        ada.do(lambda c, now: c.unpublish(kind, now))
        world.sleep(PUBLISHER_RENEWAL)
        assert bob.conference.state.subscriptions == ()
    settle(world)


def test_cancelled_commands_and_leaves() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    hand = ada.do(lambda c, now: c.raise_hand(now))
    ada.tell(lambda c, now: c.cancel(hand, now))
    assert isinstance(error_of(ada, hand), CallCancelled)
    leave = ada.do(lambda c, now: c.leave(now))
    ada.tell(lambda c, now: c.cancel(leave, now))
    assert isinstance(error_of(ada, leave), CallCancelled)
    world.run()
    assert ada.of(Ended)[0].reason is EndReason.LEFT


# the end of a conference ends all calls ---
def test_the_publisher_goes_while_we_subscribe() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    call = bob.subscribe(ada.id)
    world.gone(ada)
    world.run()
    assert isinstance(error_of(bob, call), MediaError)
    assert bob.conference.state.subscriptions == ()
    settle(world)


def test_a_connection_that_is_lost_for_good_ends_all_calls() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    calls = [bob.publish(), bob.subscribe(ada.id), bob.do(lambda c, now: c.raise_hand(now))]
    connection = link(world, bob)[0]
    close(world, bob, 1011)
    world.controller.connection_lost(connection, world.now)
    world.drain_server()
    for call in calls:
        error = error_of(bob, call)
        assert isinstance(error, ConferenceEnded)
        assert error.reason == "lost"
    world.run()
    assert bob.media.peers == {}
    assert [participant.is_here for participant in ada.conference.state.participants.values()] == [False]
    settle(world)


@pytest.mark.parametrize("code", [None, 1000])
def test_a_connection_that_is_lost_before_the_room(code: int | None) -> None:
    world = World()
    bob = world.guest("Bob")
    until(world, bob, Phase.JOINING)
    connection = link(world, bob)[1]
    bob.tell(lambda c, now: c.connection_lost(connection, now, code=code))
    error = error_of(bob)
    assert isinstance(error, TransportError)
    assert "before the room was entered" in str(error)


# REST on the way in ---
@pytest.mark.parametrize("answer", [HttpResponse(404, body=b"{}"), HttpResponse(200, body=b"no"), None])
@pytest.mark.parametrize("step", [0, 1])
def test_rest_says_no(answer: HttpResponse | None, step: int) -> None:
    world = World()
    bob = world.guest("Bob")
    for _ in range(step * 2):
        world.channels["http", 0].popleft()()
    request = RequestId(1 + step)
    if answer is None:
        bob.tell(lambda c, now: c.http_failed(request, TransportError("no network"), now))
    else:
        bob.tell(lambda c, now: c.http_response(request, answer, now))
    assert isinstance(error_of(bob), TransportError if answer is None else M3Error)
    if answer is not None and answer.status == 404:
        assert isinstance(error_of(bob), ApiError)
    assert bob.of(Ended)[0].reason is EndReason.FAILED
    world.run()  # what comes late is ignored
    assert len(bob.done) == 1


def test_members_go_on_without_turn_and_room() -> None:
    world = World()
    ada = world.owner("Ada")
    until(world, ada, Phase.JOINING)
    world.channels["http", 0].clear()
    for request in (RequestId(2), RequestId(3), RequestId(99)):
        ada.tell(lambda c, now: c.http_failed(request, TransportError("gone"), now))
    world.run()
    assert error_of(ada) is None


def test_a_start_that_cannot_be_asked_changes_nothing() -> None:
    for conference in (
        Conference(MemberEntrance(base_url=BASE_URL, room_id=RoomId("../../x")), display_name="Ada"),
        Conference(GuestEntrance(base_url=BASE_URL, invite_code=InviteCode("x")), display_name="\ud800"),
    ):
        with pytest.raises(M3Error):
            conference.start(0.0)
        assert list(conference.outputs()) == []
        assert conference.state.phase is Phase.IDLE
        assert conference.deadline is None


def test_a_conference_is_started_once() -> None:
    world = World()
    bob = world.guest("Bob")
    with pytest.raises(LocalProtocolError):
        bob.conference.start(0.0)


# the contract ---
def test_a_second_input_before_the_drain_is_an_error() -> None:
    world = World()
    bob = world.guest("Bob")
    world.run()
    bob.conference.raise_hand(world.now)
    c, now, bob_id = bob.conference, world.now, bob.id
    inputs: list[Callable[[], object]] = [
        lambda: c.advance(now),
        lambda: c.raise_hand(now),
        lambda: c.lower_hand(now),
        lambda: c.leave(now),
        lambda: c.publish(VIDEO, audio=True, video=True, now=now),
        lambda: c.set_sending(VIDEO, audio=True, video=True, now=now),
        lambda: c.unpublish(VIDEO, now),
        lambda: c.subscribe(bob_id, VIDEO, now=now),
        lambda: c.park(bob_id, VIDEO, now),
        lambda: c.configure(bob_id, VIDEO, now=now),
        lambda: c.cancel(CallId(1), now),
        lambda: c.http_response(RequestId(1), HttpResponse(200), now),
        lambda: c.http_failed(RequestId(1), TransportError("x"), now),
        lambda: c.connected(ConnectionId(1), now),
        lambda: c.connect_refused(ConnectionId(1), 500, b"", now),
        lambda: c.connection_lost(ConnectionId(1), now),
        lambda: c.receive_text(ConnectionId(1), b"", now),
        lambda: c.media_report(Up(PeerId(1)), now),
        lambda: c.pong(ConnectionId(1), b"", now),
        lambda: c.start(now),
    ]
    for early in inputs:
        with pytest.raises(LocalProtocolError, match="drain"):
            early()
    assert len(list(bob.conference.outputs())) == 1
    bob.conference.advance(world.now)


def test_the_clock_may_go_backwards() -> None:
    world = World(ControllerConfig(web_url=BASE_URL, feature_level=FeatureLevel.CAPTURE))
    ada, bob = world.joined("Ada", "Bob")
    for client in (ada, bob):
        client.tell(lambda c, _: c.advance(100.0))
        call = client.do(lambda c, _: c.raise_hand(-5.0))
        assert client.conference.deadline == 100.0 + SILENCE_MEANS_DONE
        client.tell(lambda c, _: c.advance(50.0))
        assert call not in client.done
        client.tell(lambda c, _: c.advance(101.0))
        assert error_of(client, call) is None
    world.controller.advance(14.0)
    world.controller.advance(-100.0)
    world.drain_server()
    assert world.controller.deadline == 15.0


def test_inputs_for_what_is_not_current_are_ignored() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    old = ConnectionId(77)
    state = ada.conference.state
    ada.tell(lambda c, now: c.connected(old, now))
    ada.tell(lambda c, now: c.connected(link(world, ada)[1], now))
    ada.tell(lambda c, now: c.connect_refused(old, 500, b"", now))
    ada.tell(lambda c, now: c.connection_lost(old, now))
    ada.tell(lambda c, now: c.receive_text(old, b"x", now))
    ada.tell(lambda c, now: c.pong(old, b"", now))
    ada.tell(lambda c, now: c.cancel(CallId(99), now))
    ada.tell(lambda c, now: c.http_response(RequestId(99), HttpResponse(500), now))
    assert ada.conference.state == state
    ada.do(lambda c, now: c.leave(now))
    world.run()
    ada.tell(lambda c, now: c.park(ada.id, VIDEO, now))
    assert ada.conference.state.phase is Phase.ENDED


def test_deadlines_are_never_in_the_past() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    ada.publish()
    bob.do(lambda c, now: c.raise_hand(now))
    for _ in range(200):
        world.now += 0.7
        for client in (ada, bob):
            client.tell(lambda c, now: c.advance(now))
            assert client.conference.deadline is None or client.conference.deadline > world.now
        world.controller.advance(world.now)
        world.drain_server()
        assert world.controller.deadline is not None
        assert world.controller.deadline > world.now
        world.deliver(0)
    settle(world)


def test_only_limits_end_a_conference() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    hear_raw(world, ada, b"nonsense")
    assert ada.conference.phase is Phase.JOINED
    call = ada.publish()
    connection = link(world, ada)[1]
    ada.tell(lambda c, now: c.receive_text(connection, b" " * (MAX_MESSAGE + 1), now))
    assert isinstance(ada.of(PeerMisbehaved)[-1].error, LimitExceeded)
    assert ada.closes == [1009]
    assert isinstance(error_of(ada, call), ConferenceEnded)
    assert ada.of(Ended)[0].reason is EndReason.LOST
    ada.tell(lambda c, now: c.receive_text(connection, b" " * (MAX_MESSAGE + 1), now))
    world.run()
    assert len(ada.of(PeerMisbehaved)) == 2
    assert ada.conference.deadline is None


# what the server says while we wait ---
def test_the_waiting_room_has_no_deadline_until_we_may_enter() -> None:
    world = World()
    bob = world.guest("Bob")
    until(world, bob, Phase.JOINING)
    silent(world, bob)
    bob.tell(lambda c, now: c.http_failed(RequestId(3), TransportError("no TURN"), now))
    hear(world, bob, "moderation", "in_waiting_room")
    assert len(bob.of(WaitingRoomEntered)) == 1
    assert bob.conference.deadline == KEEPALIVE_INTERVAL
    hear(world, bob, "moderation", "accepted")
    assert sent(bob)[-1] == {"action": "enter_room"}
    silent(world, bob)
    world.sleep(JOIN_TIMEOUT)
    assert isinstance(error_of(bob), CallTimedOut)


def test_join_blocked_and_unreadable_joins_end_the_start() -> None:
    for message, fields, code in (
        ("join_blocked", {"reason": "participant_limit_reached"}, "participant_limit_reached"),
        ("error", {"error": "invalid_json"}, "invalid_json"),
    ):
        world = World()
        bob = world.guest("Bob")
        until(world, bob, Phase.JOINING)
        hear(world, bob, "control", message, **fields)
        error = error_of(bob)
        assert isinstance(error, CallRefused)
        assert error.code == code


def test_acknowledgements_end_commands_at_once() -> None:
    """Servers later than the capture acknowledge these commands (signaling.md § 5, media.md § 3)."""
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    ids = (bob.id,)
    for command, namespace, message, fields in (
        (control.RaiseHand(), "control", "hand_raised", {}),
        (control.LowerHand(), "control", "hand_lowered", {}),
        (control.GrantModeratorRole(target=bob.id), "control", "moderator_role_granted", {"target": bob.id}),
        (control.RevokeModeratorRole(target=bob.id), "control", "moderator_role_revoked", {"target": bob.id}),
        (media.GrantPresenterRole(participant_ids=ids), "media", "presenter_role_granted", {"participant_ids": ids}),
        (media.RevokePresenterRole(participant_ids=ids), "media", "presenter_role_revoked", {"participant_ids": ids}),
        (media.ModeratorEnableForceMute(allow_list=ids), "media", "force_mute_enabled", {"allow_list": ids}),
        (media.ModeratorDisableForceMute(), "media", "force_mute_disabled", {}),
    ):
        call = ada.do(lambda c, now: c.command(command, now))
        hear(world, ada, namespace, message, **fields)
        assert error_of(ada, call) is None
        hear(world, ada, namespace, message, **fields)  # nobody waits: nothing happens
    for message, is_up in (("hand_raised", True), ("hand_lowered", False)):  # by another tab, or a moderator
        hear(world, ada, "control", message)
        assert ada.conference.own is not None
        assert ada.conference.own.hand_is_up is is_up


@pytest.mark.parametrize("level", FeatureLevel)
def test_a_hand_is_up_when_the_server_says_so_if_it_says_so(level: FeatureLevel) -> None:
    """Since 0.9 the server answers; before, silence means success. A slow answer is waited for, whatever it says."""
    world = World(ControllerConfig(web_url=BASE_URL, feature_level=level))
    ada, bob = world.joined("Ada", "Bob")
    for give in (lambda c, now: c.raise_hand(now), lambda c, now: c.lower_hand(now)):
        call = bob.do(give)
        bob.tell(lambda c, now: c.advance(now + ANSWER_TIMEOUT - 1.0))
        assert (call in bob.done) is not level.has(Feature.HAND_ACKNOWLEDGED)
        world.run()
        assert error_of(bob, call) is None
        world.now += ANSWER_TIMEOUT
    ada.do(lambda c, now: c.commands(now).moderation.disable_raise_hands())
    call = bob.do(lambda c, now: c.raise_hand(now))
    if level.has(Feature.HAND_ACKNOWLEDGED):
        bob.tell(lambda c, now: c.advance(now + ANSWER_TIMEOUT - 1.0))
    world.run()
    assert isinstance(error_of(bob, call), CallRefused)


def test_a_hand_that_may_not_be_raised_goes_down_again() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    call = ada.do(lambda c, now: c.raise_hand(now))
    hear(world, ada, "control", "error", error="raise_hands_disabled")
    assert isinstance(error_of(ada, call), CallRefused)
    assert ada.conference.own is not None
    assert not ada.conference.own.hand_is_up
    hear(world, ada, "control", "error", error="raise_hands_disabled")
    assert ada.of(ServerRefused)[0].code == "raise_hands_disabled"


def test_outputs_of_a_start() -> None:
    """The order of the capture: verify, start_invited, connect, and then TURN."""
    world = World()
    bob = world.guest("Bob")
    assert isinstance(world.channels["http", 0][0], object)
    urls = []
    original = world._perform_client

    def spy(client: Client, output: object) -> None:
        if isinstance(output, HttpRequest):
            urls.append(f"{output.method} {output.url.removeprefix(BASE_URL)}")
        elif isinstance(output, Connect):
            urls.append(output.url)
        elif isinstance(output, Close):
            urls.append("close")
        original(client, output)  # type: ignore[arg-type]

    world._perform_client = spy  # type: ignore[method-assign]
    world.run()
    assert urls == [f"POST /v1/rooms/{world.room_id}/start_invited", "ws://127.0.0.1:8080/signaling", "GET /v1/turn"]
    assert bob.conference.phase is Phase.JOINED
