"""Any legal sequence of what people do, with messages that cross: the engines agree in the end, and nothing remains."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from worlds import SCREEN, VIDEO, link, settle

from m3core.conference.events import Ended, PeerMisbehaved
from m3core.conference.state import Participant as Seen
from m3core.conference.state import Phase
from m3core.controller.participant import Participant, Subscription
from m3core.errors import LocalProtocolError, UnexpectedMessage
from m3core.io import Down, Talking
from m3core.testing.pair import Client, World
from m3core.values import MediaSessionType

WHO = st.integers(0, 2)
KIND = st.sampled_from([VIDEO, SCREEN])
BOOL = st.booleans()
LONG_ENOUGH = 200.0
"""Seconds after which every call has ended: the longest deadline is that of a negotiation, 60 s."""


class Meeting(RuleBasedStateMachine):
    """One owner and two guests, who come, go, and do as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.people: list[Client] = []
        self.calls: list[set[int]] = []

    @initialize(settled=BOOL)
    def come(self, settled: bool) -> None:
        for index in range(3):
            self.people.append(self.enter(index))
        if settled:
            self.world.run()
            for client in self.people[:2]:
                client.publish()

    def enter(self, index: int) -> Client:
        return self.world.owner("Ada") if index == 0 else self.world.guest(f"Guest {index}")

    def joined(self, who: int) -> Client | None:
        client = self.people[who]
        return client if client.conference.phase is Phase.JOINED else None

    # what people do
    @rule(who=WHO)
    def come_back(self, who: int) -> None:
        if self.people[who].conference.phase is Phase.ENDED:
            self.people[who] = self.enter(who)

    @rule(who=WHO, kind=KIND, audio=BOOL)
    def publish(self, who: int, kind: MediaSessionType, audio: bool) -> None:
        client = self.joined(who)
        if client is not None and all(
            one.media_session_type is not kind for one in client.conference.state.publications
        ):
            client.publish(kind, audio=audio, video=True)

    @rule(who=WHO, kind=KIND, audio=BOOL, video=BOOL)
    def mute(self, who: int, kind: MediaSessionType, audio: bool, video: bool) -> None:
        client = self.joined(who)
        if client is not None and any(one.media_session_type is kind for one in client.conference.state.publications):
            client.do(lambda c, now: c.set_sending(kind, audio=audio, video=video, now=now))

    @rule(who=WHO, kind=KIND)
    def unpublish(self, who: int, kind: MediaSessionType) -> None:
        client = self.joined(who)
        if client is not None and any(one.media_session_type is kind for one in client.conference.state.publications):
            client.do(lambda c, now: c.unpublish(kind, now))

    @rule(who=WHO, whom=WHO, kind=KIND, then_cancel=BOOL)
    def subscribe(self, who: int, whom: int, kind: MediaSessionType, then_cancel: bool) -> None:
        client, other = self.joined(who), self.joined(whom)
        if client is None or other is None:
            return
        try:
            call = client.subscribe(other.id, kind)
        except LocalProtocolError:
            return  # not there, not published, or subscribed to already
        if then_cancel:
            client.tell(lambda c, now: c.cancel(call, now))

    @rule(who=WHO, whom=WHO, kind=KIND)
    def park(self, who: int, whom: int, kind: MediaSessionType) -> None:
        client, other = self.joined(who), self.joined(whom)
        if client is not None and other is not None:
            client.tell(lambda c, now: c.park(other.id, kind, now))

    @rule(who=WHO, up=BOOL)
    def hand(self, who: int, up: bool) -> None:
        client = self.joined(who)
        if client is not None:
            client.do(lambda c, now: c.raise_hand(now) if up else c.lower_hand(now))

    @rule(who=WHO)
    def leave(self, who: int) -> None:
        self.people[who].do(lambda c, now: c.leave(now))

    @rule(who=WHO)
    def cut(self, who: int) -> None:
        self.world.cut(self.people[who])

    @rule(which=st.integers(0, 5), talking=BOOL)
    def talk(self, which: int, talking: bool) -> None:
        peers = list(self.world.controller.streams.peers)
        if peers:
            self.world.controller.sfu_report(Talking(peers[which % len(peers)], talking=talking), self.world.now)
            self.world.drain_server()

    @rule(which=st.integers(0, 5))
    def a_stream_dies(self, which: int) -> None:
        peers = list(self.world.controller.streams.peers)
        if peers:
            self.world.controller.sfu_report(Down(peers[which % len(peers)]), self.world.now)
            self.world.drain_server()

    @rule()
    def the_media_server_refuses(self) -> None:
        self.world.sfu.refuse_next = "no"

    @rule(who=WHO)
    def a_media_engine_refuses(self, who: int) -> None:
        self.people[who].media.refuse_next = "no"

    # what the network does
    @rule(which=st.integers(0, 9), times=st.integers(1, 12))
    def deliver(self, which: int, times: int) -> None:
        for step in range(times):
            self.world.deliver(which + step)

    @rule()
    def deliver_all(self) -> None:
        self.world.run()

    @rule(seconds=st.sampled_from([0.3, 5.0, 31.0]))
    def wait(self, seconds: float) -> None:
        self.world.sleep(seconds)

    # what must be so at any time
    @invariant()
    def nobody_is_told_what_is_illegal(self) -> None:
        for client in self.world.clients:
            for event in client.of(PeerMisbehaved):
                assert not isinstance(event.error, UnexpectedMessage), event

    @invariant()
    def nobody_receives_what_is_gone(self) -> None:
        peers = self.world.controller.streams.peers
        for participant, stream in peers.values():
            assert not isinstance(stream, Subscription) or stream.publisher in peers
            assert participant.left_at is None

    @invariant()
    def a_conference_ends_once(self) -> None:
        for client in self.world.clients:
            assert len(client.of(Ended)) == (client.conference.phase is Phase.ENDED)

    @precondition(lambda self: self.people)
    @rule()
    def all_agree(self) -> None:
        """Once nothing is under way, everybody in the room sees what the controller sees."""
        self.world.run()
        present = {
            participant.id: participant
            for meeting in self.world.controller.rooms.live.values()
            for room in meeting.rooms.values()
            for participant in room.present.values()
        }
        in_room = [client for client in self.world.clients if client.conference.phase is Phase.JOINED]
        assert {client.id for client in in_room} == set(present)
        for client in in_room:
            state = client.conference.state
            seen = {one.id: one for one in state.participants.values() if one.is_here}
            assert set(seen) == set(present) - {client.id}
            for identity, one in seen.items():
                assert looks(one) == really(present[identity])
            me = present[client.id]
            assert {one.media_session_type for one in state.publications if one.is_live} == {
                kind for kind, publisher in me.publishers.items() if publisher.state is not None
            }
            assert {(one.participant_id, one.media_session_type) for one in state.subscriptions if one.is_live} <= {
                (key.participant_id, key.media_session_type) for key in me.subscriptions
            }
            assert state.focus == me.focus.focus
            assert state.own is not None
            assert state.own.hand_is_up == me.hand_is_up
            assert link(self.world, client)

    def teardown(self) -> None:
        if not self.people:
            return
        self.all_agree()
        self.world.sleep(LONG_ENOUGH)
        for client in self.world.clients:
            assert set(client.conference.calls._open) == set()
        settle(self.world)


def looks(one: Seen) -> tuple[object, ...]:
    streams = {kind: (stream.audio, stream.video) for kind, stream in one.streams.items()}
    return (one.display_name, one.role, one.hand_is_up, one.is_presenter, streams)


def really(one: Participant) -> tuple[object, ...]:
    streams = {
        kind: (publisher.state.audio, publisher.state.video)
        for kind, publisher in one.publishers.items()
        if publisher.state is not None
    }
    return (one.display_name, one.role, one.hand_is_up, one.is_presenter, streams)


Meeting.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
TestMeeting = Meeting.TestCase
