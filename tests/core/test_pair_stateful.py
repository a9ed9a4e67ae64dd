"""Any legal sequence of actions, with messages that cross: in the end the engines agree, and hold nothing more."""

from __future__ import annotations

from collections.abc import Callable

from agreement import LATE, all_agree
from extent import extent
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kept import all_is_current
from worlds import SCREEN, VIDEO, settle

from m3core.conference.commands import Commands
from m3core.conference.events import Ended, PeerMisbehaved
from m3core.conference.state import Phase
from m3core.controller.config import ControllerConfig, User
from m3core.controller.features import FeatureLevel
from m3core.controller.peers import Subscription
from m3core.errors import LocalProtocolError, SdpError, StaleNegotiation
from m3core.io import CallId, Down, Talking
from m3core.messages.moderation import KickScope
from m3core.testing.pair import BASE_URL, Client, World
from m3core.values import MediaSessionType, UserId

BOB = User(id=UserId("2c1b3d9a-6a05-4bb5-9a5e-54c4ef2f2a31"), email="bob@example.org", display_name="Bob")
PEOPLE = 4
"""How many: the owner of the room, a user, and guests."""
WHO = st.integers(0, PEOPLE - 1)
BOSS = st.sampled_from([0, 0, 0, 0, *range(PEOPLE)])
"""Who tries what only moderators may do: mostly the owner."""
KIND = st.sampled_from([VIDEO, SCREEN])
BOOL = st.booleans()
RESET = 6
"""The number of the action in `moderate` that lowers all hands."""
LONG_ENOUGH = 200.0
"""Seconds after which every call has ended: the longest deadline is that of a negotiation, 60 s."""


class Meeting(RuleBasedStateMachine):
    """An owner, a user and guests join, leave, and do what they may do."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.people: list[Client] = []

    @initialize(
        settled=BOOL,
        level=st.sampled_from([FeatureLevel.CAPTURE, LATE]),
        wait=st.sampled_from([False, False, True]),
        divided=BOOL,
    )
    def come(self, settled: bool, level: FeatureLevel, wait: bool, divided: bool) -> None:
        config = ControllerConfig(web_url=BASE_URL, feature_level=level, open_rooms=True)
        self.world = World(config, users=[BOB])
        self.people.append(self.enter(0))
        if wait:
            self.world.run()
            self.command(0, lambda commands: commands.moderation.enable_waiting_room())
            self.world.run()
        self.people += [self.enter(index) for index in range(1, PEOPLE)]
        if settled:
            self.world.run()
            for who in (0, 1):
                self.publish_at_once(who)
            if divided:
                self.command(0, lambda commands: commands.breakout.start({"red": [], "blue": []}))
                self.world.run()

    def enter(self, index: int) -> Client:
        match index:
            case 0:
                return self.world.owner("Ada")
            case 1:
                return self.world.user("Bob")
            case _:
                return self.world.guest(f"Guest {index}")

    def joined(self, who: int) -> Client | None:
        client = self.people[who]
        return client if client.conference.phase is Phase.JOINED else None

    def publish_at_once(self, who: int) -> None:
        if (client := self.joined(who)) is not None:
            client.publish()

    def command(self, who: int, what: Callable[[Commands[CallId]], CallId]) -> None:
        """Give a command, if ``who`` is in the room."""
        if (client := self.joined(who)) is not None:
            client.do(lambda conference, now: what(conference.commands(now)))

    def settle(self, settled: bool) -> None:
        """Sometimes let everything arrive first: if all messages cross, few commands have an effect."""
        if settled:
            self.world.run()

    # actions of participants
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

    @rule(who=WHO, whom=WHO, kind=KIND, then_cancel=BOOL, settled=BOOL)
    def subscribe(self, who: int, whom: int, kind: MediaSessionType, then_cancel: bool, settled: bool) -> None:
        self.settle(settled)
        client, other = self.joined(who), self.joined(whom)
        if client is None or other is None:
            return
        try:
            call = client.subscribe(other.id, kind)
        except LocalProtocolError:
            return  # the other is not in the room, does not publish, or is subscribed to already
        if then_cancel:
            client.tell(lambda c, now: c.cancel(call, now))

    @rule(who=WHO, whom=WHO, kind=KIND)
    def park(self, who: int, whom: int, kind: MediaSessionType) -> None:
        client, other = self.joined(who), self.joined(whom)
        if client is not None and other is not None:
            client.tell(lambda c, now: c.park(other.id, kind, now))

    @rule(who=WHO, up=BOOL)
    def hand(self, who: int, up: bool) -> None:
        self.command(who, lambda commands: commands.raise_hand() if up else commands.lower_hand())

    @rule(who=WHO, to=st.one_of(st.none(), WHO))
    def chat(self, who: int, to: int | None) -> None:
        own = None if to is None else self.people[to].conference.own
        self.command(who, lambda commands: commands.chat("hello", to=own))

    @rule(who=BOSS, live=BOOL, several=BOOL, settled=BOOL)
    def ask(self, who: int, live: bool, several: bool, settled: bool) -> None:
        self.settle(settled)
        self.command(
            who,
            lambda commands: commands.polls.start(
                "Tea?", ["yes", "no"], duration=20, live=live, multiple_choice=several
            ),
        )

    @rule(who=WHO, choices=st.lists(st.integers(0, 1), unique=True), settled=BOOL)
    def vote(self, who: int, choices: list[int], settled: bool) -> None:
        self.settle(settled)
        poll = self.people[who].conference.state.polls.running
        if poll is not None:
            chosen = choices if poll.multiple_choice else choices[:1]
            self.command(who, lambda commands: commands.polls.vote(*chosen))

    @rule(who=BOSS)
    def finish_poll(self, who: int) -> None:
        if self.people[who].conference.state.polls.running is not None:
            self.command(who, lambda commands: commands.polls.finish())

    @rule(who=BOSS, duration=st.sampled_from([None, 0, 20]), settled=BOOL)
    def start_timer(self, who: int, duration: int | None, settled: bool) -> None:
        self.settle(settled)
        self.command(who, lambda commands: commands.timer.start(duration, ready_check=True))

    @rule(who=WHO, ready=st.one_of(st.none(), BOOL))
    def be_ready_or_stop_timer(self, who: int, ready: bool | None) -> None:
        if self.people[who].conference.state.timer is not None:
            self.command(
                who, lambda commands: commands.timer.stop() if ready is None else commands.timer.set_ready(ready)
            )

    @rule(who=WHO, speaking=BOOL)
    def speak(self, who: int, speaking: bool) -> None:
        self.command(who, lambda commands: commands.update_speaking(speaking))

    @rule(who=WHO, consent=BOOL)
    def consent(self, who: int, consent: bool) -> None:
        self.command(who, lambda commands: commands.recording.set_consent(consent))

    @rule(who=WHO)
    def leave(self, who: int) -> None:
        self.people[who].do(lambda c, now: c.leave(now))

    # actions of moderators
    @rule(who=BOSS, which=st.integers(0, 9), scope=st.sampled_from(KickScope))
    def moderate(self, who: int, which: int, scope: KickScope) -> None:
        resets = which == RESET and self.world.controller.config.feature_level is not LATE
        if resets:  # no message says whether a hand was raised before or after the reset, so these must not cross
            self.world.run()
        self.command(
            who,
            [
                lambda commands: commands.moderation.enable_waiting_room(),
                lambda commands: commands.moderation.disable_waiting_room(),
                lambda commands: commands.moderation.disable_raise_hands(),
                lambda commands: commands.moderation.enable_raise_hands(),
                lambda commands: commands.chat.disable(),
                lambda commands: commands.chat.enable(),
                lambda commands: commands.moderation.reset_raised_hands(),
                lambda commands: commands.chat.clear(),
                lambda commands: commands.recording.start(),
                lambda commands: commands.moderation.debrief(scope),
            ][which],
        )
        if resets:
            self.world.run()

    @rule(who=BOSS, whom=WHO, which=st.integers(0, 6), settled=st.sampled_from([True, True, False]))
    def moderate_somebody(self, who: int, whom: int, which: int, settled: bool) -> None:
        self.settle(settled)
        if (other := self.people[whom].conference.own) is not None:
            self.command(
                who,
                [
                    lambda commands: commands.grant_moderator(other),
                    lambda commands: commands.revoke_moderator(other),
                    lambda commands: commands.moderation.send_to_waiting_room(other),
                    lambda commands: commands.moderation.kick(other),
                    lambda commands: commands.moderation.ban(other),
                    lambda commands: commands.moderation.change_display_name(other, "Dot"),
                    lambda commands: (
                        commands.moderation.reset_raised_hands(other)
                        if self.world.controller.config.feature_level is LATE
                        else commands.grant_moderator(other)
                    ),
                ][which],
            )

    @rule(who=BOSS, which=st.integers(0, PEOPLE), settled=BOOL)
    def accept(self, who: int, which: int, settled: bool) -> None:
        self.settle(settled)
        client = self.joined(who)
        if client is not None and (waiting := list(client.conference.state.moderation.waiting)):
            self.command(who, lambda commands: commands.moderation.accept(waiting[which % len(waiting)]))

    @rule(who=BOSS, duration=st.sampled_from([None, 20]), settled=BOOL)
    def split(self, who: int, duration: int | None, settled: bool) -> None:
        self.settle(settled)
        self.command(who, lambda commands: commands.breakout.start({"red": [], "blue": []}, duration))

    @rule(who=BOSS)
    def unite(self, who: int) -> None:
        self.command(who, lambda commands: commands.breakout.stop())

    @rule(who=WHO, which=st.integers(0, 2), settled=st.sampled_from([True, True, False]))
    def switch_room(self, who: int, which: int, settled: bool) -> None:
        self.settle(settled)
        if (client := self.joined(who)) is not None:
            state = client.conference.state.breakout
            rooms = [None, *(room.id for room in state.rooms)]
            if (to := rooms[which % len(rooms)]) != state.current:
                client.do(lambda c, now: c.switch_room(to, now))

    # faults
    @rule(whom=st.sets(WHO, min_size=1))
    def cut(self, whom: set[int]) -> None:
        for who in sorted(whom):
            self.world.cut(self.people[who])

    @rule(who=WHO)
    def blackhole(self, who: int) -> None:
        """The network drops everything silently, so that both ends have to notice."""
        self.world.blackhole(self.people[who])
        self.world.sleep(100.0)

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

    # the network
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

    # what must always be true
    @invariant()
    def nobody_misbehaves(self) -> None:
        """A message that crossed may be stale, or answer an older offer. There is no other error event."""
        for client in self.world.clients:
            for event in client.of(PeerMisbehaved):
                may_be_of_before = isinstance(event.error, SdpError) and any(
                    b'"unpublish"' in one for one in client.sent
                )
                assert may_be_of_before or isinstance(event.error, StaleNegotiation), event

    @invariant()
    def what_the_controller_keeps_is_current(self) -> None:
        all_is_current(self.world.controller)

    @invariant()
    def deadlines_are_to_come(self) -> None:
        for client in self.world.clients:
            assert (client.conference.deadline or self.world.now) >= self.world.now
        assert (self.world.controller.deadline or self.world.now) >= self.world.now

    @invariant()
    def nobody_receives_what_is_gone(self) -> None:
        peers = self.world.controller.streams.peers
        for participant, stream in peers.values():
            assert not isinstance(stream, Subscription) or stream.publisher in peers
            assert participant.left_at is None
            assert not participant.is_waiting

    @invariant()
    def a_conference_ends_once(self) -> None:
        for client in self.world.clients:
            assert len(client.of(Ended)) == (client.conference.phase is Phase.ENDED)

    @precondition(lambda self: self.people)
    @rule()
    def all_agree(self) -> None:
        """When no message is on its way, the clients in the room have the same state as the controller."""
        self.world.run()
        all_agree(self.world)

    def teardown(self) -> None:
        if not self.people:
            return
        self.all_agree()
        self.world.sleep(LONG_ENOUGH)
        all_agree(self.world)
        for client in self.world.clients:
            if client.conference.phase is not Phase.WAITING:  # a client may wait for a moderator for ever
                assert set(client.conference.calls._open) == set()
        settle(self.world)
        for client in self.world.clients:
            assert set(client.conference.calls._open) == set()


Meeting.TestCase.settings = settings(
    max_examples=extent(whole=2_000, part=40), stateful_step_count=50, suppress_health_check=list(HealthCheck)
)
TestMeeting = Meeting.TestCase
