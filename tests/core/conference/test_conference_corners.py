"""Corners of the client engine: entries without keys, bounds, strange servers; and no secret is ever printed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted import ME, OTHER, THIRD, Script
from scripted import person as someone
from stream_script import Streams, entry
from worlds import NOBODY, SCREEN, VIDEO, done, hear, link, published, report, say, sent, settle, subscribed

from m3core.conference import roster as roster_module
from m3core.conference.engine import Conference
from m3core.conference.entrance import GuestEntrance
from m3core.conference.events import (
    Ended,
    FocusChanged,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    PeerMisbehaved,
    RoleChanged,
    StreamStarted,
    StreamStopped,
    UnknownMessage,
)
from m3core.conference.modules.media import MuteRequested, SpeakerChanged
from m3core.conference.outbox import Outbox
from m3core.conference.roster import Roster
from m3core.conference.state import EndReason, Participant, Phase
from m3core.controller.config import ControllerConfig
from m3core.errors import LimitExceeded, LocalProtocolError, M3Error
from m3core.io import CallId, Down, HttpResponse, RequestId
from m3core.messages import control, kind, media
from m3core.messages.participants import ControlState, MediaState, ParticipantEntry, StreamState
from m3core.rest.turn import TurnServer
from m3core.testing.pair import BASE_URL, OWNER_TOKEN, World
from m3core.values import BreakoutRoomId, InviteCode, ParticipantId, ParticipationKind, Role, Secret, Timestamp

MESSAGE = "55555555-0000-4000-8000-000000000005"
NOW = Timestamp("2024-03-05T09:30:00Z")
CANARIES = ("canary-room-password", "canary-turn-password", OWNER_TOKEN.reveal())


def state_of(name: str, **fields: Any) -> ControlState:
    known = {"role": Role.GUEST, "participation_kind": ParticipationKind.GUEST, "hand_is_up": False, "left_at": None}
    return ControlState(**{"display_name": name, **known, **fields})


def person(number: int) -> ParticipantId:
    return ParticipantId(f"00000000-0000-4000-8000-{number:012d}")


# the roster ---
def test_an_update_replaces_the_keys_that_it_has() -> None:
    roster = Roster()
    video = MediaState(is_presenter=True, video=StreamState(audio=True, video=True))
    joined = control.Joined(id=person(1), control=state_of("Bob"), media=video, modules={"livekit": {"x": 1}})
    assert [type(event) for event in roster.join(joined)] == [ParticipantJoined, StreamStarted]
    assert roster.update(control.Update(id=person(1))) == []  # nothing is there: nothing changed
    assert roster.update(control.Update(id=person(1), control=state_of("Bob"))) == []
    renamed = roster.update(control.Update(id=person(1), control=state_of("Robert"), modules={"livekit": 1}))
    assert [type(event) for event in renamed] == [ParticipantChanged]
    assert roster.participants[person(1)].modules == {"livekit": 1}
    stopped = roster.update(control.Update(id=person(1), media=MediaState(is_presenter=True)))
    assert [type(event) for event in stopped] == [StreamStopped]
    assert roster.join(control.Joined(id=person(3), control=state_of("Gone", left_at=NOW))) == []


def test_an_update_makes_nobody_arrive() -> None:
    """Servers of the capture era send `update` also about people who have not joined: no `left` would follow."""
    roster = Roster()
    told = control.Update(id=person(2), control=state_of("Participant", hand_is_up=True))
    assert roster.update(told) == []
    assert roster.participants == {}
    roster.join(control.Joined(id=person(2), control=state_of("Bob")))
    roster.leave(person(2), NOW)
    assert roster.update(told) == []
    assert not roster.participants[person(2)].is_here


def test_a_participant_who_comes_back() -> None:
    roster = Roster()
    joined = control.Joined(id=person(1), control=state_of("Bob", hand_is_up=True))
    roster.join(joined)
    assert [type(event) for event in roster.leave(person(1), None)] == [ParticipantLeft]
    assert roster.leave(person(1), NOW) == roster.leave(person(2), NOW) == []
    assert roster.join(joined)[0] == ParticipantJoined(participant=roster.participants[person(1)])


def test_the_roster_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_module, "MAX_PARTICIPANTS", 2)
    roster = Roster()
    for number in (1, 2):
        roster.join(control.Joined(id=person(number), control=state_of("x")))
    with pytest.raises(LimitExceeded):
        roster.join(control.Joined(id=person(3), control=state_of("x")))
    roster.leave(person(1), NOW)
    roster.join(control.Joined(id=person(3), control=state_of("x")))
    assert list(roster.participants) == [person(2), person(3)]
    entry = ParticipantEntry(id=person(4), control=state_of("x"))
    assert len(roster.enter((entry,))) == 1
    assert list(roster.participants) == [person(4)]


def test_focus_of_the_roster() -> None:
    roster, own = Roster(), Participant(id=person(9), display_name="me")
    assert roster.set_focus(None, own) == []
    assert roster.set_focus(own.id, own) == [FocusChanged(participant=own)]
    assert roster.set_focus(person(1), own) == []  # nobody whom we know
    assert roster.set_focus(None, own) == [FocusChanged(participant=None)]


def test_the_focus_is_told_once() -> None:
    roster, own = Roster(), Participant(id=person(9), display_name="me")
    assert len(roster.set_focus(own.id, own)) == 1
    assert roster.set_focus(own.id, own) == []


def test_who_left_has_no_hand_up_and_no_stream() -> None:
    roster = Roster()
    video = MediaState(is_presenter=True, video=StreamState(audio=True, video=True))
    roster.join(control.Joined(id=person(1), control=state_of("Bob", hand_is_up=True), media=video))
    roster.leave(person(1), NOW)
    gone = roster.participants[person(1)]
    assert (gone.hand_is_up, gone.streams, gone.left_at) == (False, {}, NOW)


def test_the_first_who_left_for_good_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster_module, "MAX_PARTICIPANTS", 3)
    roster = Roster()
    for number in (1, 2):
        roster.join(control.Joined(id=person(number), control=state_of("x")))
    roster.leave(person(1), NOW)
    roster.join(control.Joined(id=person(1), control=state_of("x")))
    for number in (2, 1):
        roster.leave(person(number), NOW)
    for number in (3, 4):
        roster.join(control.Joined(id=person(number), control=state_of("x")))
    assert list(roster.participants) == [person(1), person(3), person(4)]


# what a strange server may say ---
def test_a_server_that_lists_ourselves_among_the_others() -> None:
    script = Script()
    script.enter(someone(ME, "Ada"), someone(OTHER, "Bob"))
    assert list(script.conference.state.participants) == [OTHER]


def test_who_is_sent_back_to_the_waiting_room_forgets_what_was_said() -> None:
    script = Script()
    script.enter(someone(OTHER, "Bob"))
    fields = {"id": MESSAGE, "source": OTHER, "content": "hello", "scope": "global"}
    script.hear("chat", message="message_sent", **fields)
    assert script.conference.state.chat.unread == 1
    script.hear("moderation", message="sent_to_waiting_room")
    script.hear("moderation", message="in_waiting_room")
    assert script.phase() is Phase.WAITING
    assert script.conference.state.chat.unread == 0


def test_who_changes_rooms_forgets_the_polls_of_the_old_room() -> None:
    script = Script()
    script.enter()
    choices = [{"id": 0, "content": "Soup"}, {"id": 1, "content": "Salad"}]
    poll = {"id": MESSAGE, "topic": "Lunch?", "live": True, "choices": choices, "duration": 60}
    script.hear("polls", message="started", started="2024-03-05T09:30:00Z", multiple_choice=False, **poll)
    script.hear("polls", message="done", id=MESSAGE, results=[{"id": 0, "count": 1}, {"id": 1, "count": 0}])
    assert len(script.conference.state.polls.past) == 1
    script.give(lambda c, now: c.switch_room(BreakoutRoomId(MESSAGE), now))
    script.lose(1000)
    script.sent.clear()
    script.enter()
    assert script.phase() is Phase.JOINED
    assert not script.conference.state.polls.past


def test_an_error_about_one_stream_refuses_the_call_about_that_stream() -> None:
    script = Streams(entry(), entry(THIRD, "Cyd"))
    first, second = script.subscribe(), script.subscribe(THIRD)
    script.refuse_request(THIRD)
    assert list(script.done) == [CallId(1), second]
    script.refuse_request()
    assert first in script.done


def test_the_first_announcement_of_an_end_is_its_reason() -> None:
    script = Script()
    script.enter()
    script.hear("moderation", message="kicked")
    script.hear("control", message="room_deleted")
    script.lose(1000)
    (end,) = script.of(Ended)
    assert end.reason is EndReason.KICKED


def test_an_update_may_say_that_somebody_left() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    subscribed(world, bob, ada)
    entry = {"display_name": "Ada", "role": "moderator", "participation_kind": "user", "hand_is_up": False}
    entry_left = {**entry, "left_at": "2024-03-05T09:31:00Z"}
    hear(world, bob, "control", "update", id=ada.id, control=entry_left)
    assert len(bob.of(ParticipantLeft)) == 1
    assert bob.conference.state.subscriptions == ()
    hear(world, bob, "control", "left", id=ada.id)
    assert len(bob.of(ParticipantLeft)) == 1


def test_speakers_of_later_servers() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    for identity in (ada.id, bob.id, NOBODY):
        hear(world, bob, "media", "speaker_updated", participant=identity, is_speaking=True, updated_at=NOW.text)
    assert [event.participant.id for event in bob.of(SpeakerChanged)] == [ada.id, bob.id]
    hear(world, bob, "media", "request_mute", issuer=ada.id, force=True)
    assert bob.of(MuteRequested) == [MuteRequested(issuer=ada.id, force=True)]
    hear(world, bob, "control", "role_updated", new_role="moderator")
    assert bob.of(RoleChanged)[-1].participant.role is Role.MODERATOR
    hear(world, bob, "livekit", "force_muted", moderator=ada.id)
    hear(world, bob, "breakout", "rearranged")
    assert [kind(told.event) for told in bob.of(UnknownMessage)] == [
        ("livekit", "force_muted"),
        ("breakout", "rearranged"),
    ]


def test_a_full_room_when_we_come_from_the_waiting_room() -> None:
    world = World()
    (ada,) = world.joined("Ada")
    hear(world, ada, "moderation", "in_waiting_room")
    hear(world, ada, "moderation", "accepted")
    hear(world, ada, "control", "join_blocked", reason="participant-limit-reached")
    assert ada.of(Ended)[0].reason is EndReason.FAILED
    assert ada.closes == [None]


def test_a_ticket_that_cannot_be_one() -> None:
    world = World()
    bob = world.guest("Bob")
    while bob.conference.life.requests._last < 2:  # until start_invited is asked
        world.deliver(0)
    world.channels["http", 0].clear()  # another answer comes
    body = json.dumps({"ticket": "no, ticket", "resumption": "r" * 64}).encode()
    answer = HttpResponse(200, (("content-type", "application/json"),), body)
    bob.tell(lambda c, now: c.http_response(RequestId(2), answer, now))
    (end,) = bob.done.values()
    assert isinstance(end.error, M3Error)
    assert "no, ticket" not in str(end.error)
    assert bob.conference.phase is Phase.ENDED


def test_guards() -> None:
    """Messages that the state tables keep away from the handlers are errors of the handlers, too."""
    with pytest.raises(LocalProtocolError):
        Outbox().send(control.RaiseHand())
    conference = Conference(GuestEntrance(base_url=BASE_URL, invite_code=InviteCode("x")), display_name="Bob")
    conference.dispatcher.take(media.PresenterRevoked())
    (told,) = conference.outputs()
    assert isinstance(getattr(told, "event", None), PeerMisbehaved)


def test_publish_complete_twice_and_candidates_too_early() -> None:
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    published(world, ada)
    commands = len(world.sfu.commands)
    state = {"media_session_type": "video", "media_session_state": {"audio": True, "video": True}}
    say(world, ada, "media", "publish_complete", **state)
    assert len(world.sfu.commands) == commands
    fields = {"target": ada.id, "media_session_type": "video"}
    connection = link(world, bob)[0]
    for action, expected in (("subscribe", 0), ("sdp_end_of_candidates", 1)):
        payload = {"namespace": "media", "payload": {"action": action, **fields}}
        world.controller.receive_text(connection, json.dumps(payload).encode(), world.now)
        told = [output for output in world.controller.outputs() if "SendText" in repr(output)]
        assert len(told) == expected
    world.cut(bob)
    settle(world)


def test_commands_to_peers_that_failed_are_of_no_use() -> None:
    """The fake media engine, like a real one, gets commands that were given before its failure was reported."""
    world = World()
    ada, bob = world.joined("Ada", "Bob")
    ada.media.refuse_next = "no camera"
    ada.publish()
    ada.do(lambda c, now: c.set_sending(VIDEO, audio=False, video=True, now=now))
    world.run()
    assert ada.conference.state.publications == ()
    published(world, bob)
    world.sfu.peers.clear()
    call = ada.subscribe(bob.id)
    world.run()
    assert ada.done[call].error is not None
    settle(world)


# secrets ---
class Witness:
    """Collects the repr of everything that comes out of the engines or is kept in them."""

    def __init__(self, world: World) -> None:
        self.texts: list[str] = []
        self.secrets: set[str] = set(CANARIES)
        client_side, server_side = world._perform_client, world._perform_server

        def from_client(client: Any, output: Any) -> None:
            self.see(output, client.conference.state, client.conference, client.conference.life._entrance)
            client_side(client, output)

        def from_server(output: Any) -> None:
            self.see(output, *world.controller._sessions.values(), *world.controller.rooms.live.values())
            self.see(world.controller.store, world.controller._tickets, world.controller.config)
            server_side(output)

        world._perform_client = from_client  # type: ignore[method-assign]
        world._perform_server = from_server  # type: ignore[method-assign]
        issue = world.controller._tickets.issue

        def issued(*args: Any, **more: Any) -> Any:
            answer = issue(*args, **more)
            self.secrets |= {answer.ticket.reveal(), answer.resumption.reveal()}
            self.see(answer)
            return answer

        world.controller._tickets.issue = issued  # type: ignore[method-assign]

    def see(self, *things: object) -> None:
        self.texts += [repr(thing) + str(thing) for thing in things]


def test_no_secret_is_ever_printed() -> None:
    turn = TurnServer(username="1:x", password=Secret(CANARIES[1]), uris=("turn:turn.example",))
    world = World(ControllerConfig(web_url=BASE_URL, turn_servers=(turn,)))
    witness = Witness(world)
    room = world.controller.store.rooms[world.room_id]
    object.__setattr__(room, "password", Secret(CANARIES[0]))
    ada = world.owner("Ada")
    wrong = world.guest("Eve")
    entrance = GuestEntrance(base_url=BASE_URL, invite_code=world.invite_code, password=Secret(CANARIES[0]))
    bob = world._enter(entrance, "Bob")
    world.run()
    assert wrong.done
    published(world, ada)
    published(world, bob, SCREEN)
    subscribed(world, bob, ada)
    done(world, ada, lambda c, now: c.raise_hand(now))
    hear(world, bob, "media", "sdp_offer", source=ada.id, media_session_type="video", sdp="a=ice-pwd:canary")
    hear(world, bob, "media", "sdp_answer", source=bob.id, media_session_type="screen", sdp="a=ice-pwd:canary")
    report(world, Down(next(iter(world.controller.streams.peers))))
    world.cut(bob)
    ada.do(lambda c, now: c.leave(now))
    world.run()
    for client in world.clients:
        witness.see(*client.events, *client.done.values(), client.conference.state, *client.media.commands)
        errors = [end.error for end in client.done.values() if end.error is not None]
        witness.see(*errors, *(error.args for error in errors))
        for payload in sent(client):
            if "sdp" in payload:
                witness.secrets |= {line[10:] for line in payload["sdp"].split("\r\n") if line.startswith("a=ice-pwd:")}
    witness.see(*world.sfu.commands)
    assert len(witness.secrets) > 8
    assert len(witness.texts) > 200
    everything = "\n".join(witness.texts)
    for secret in (*witness.secrets, "canary", "192.0.2."):
        assert secret not in everything
