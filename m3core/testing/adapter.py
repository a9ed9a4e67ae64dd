"""`check_adapter`: what every adapter must do in the same way, event for event. A backend that passes it is an adapter.

The server is a controller in memory (`m3core.testing.stage`), and media is a fake. Under test are the event loop of the
backend, and the coroutines of `m3core.client` on it. Sockets and media are checked by `check_adapter_over_sockets` and
by the adapter's own tests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from attrs import frozen

from m3core.client.loop import Backend
from m3core.client.transports import HttpTransport, WebSocket, WebSocketConnect
from m3core.conference.events import ConferenceEvent, ConnectionLost, Ended, HandRaised, Resumed, StreamStarted
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.state import EndReason
from m3core.errors import (
    ApiError,
    ConferenceEnded,
    EventsOverflow,
    InvalidName,
    LocalProtocolError,
    M3Error,
    TransportError,
)
from m3core.io import HttpRequest, HttpResponse
from m3core.media import VideoFrame
from m3core.testing.checkpoints import cancelled_at
from m3core.testing.client import Client
from m3core.testing.memory_media import MemoryMedia
from m3core.testing.stage import Stage
from m3core.testing.transports import Faulty, Recorder, Replay, Transcript

CHECKPOINTS = 400
"""More checkpoints than any work has that is cancelled here."""
OVERFLOW = 3
"""Events that the iterator of `check_events` holds before it overflows."""


@frozen
class Outcome:
    """What `check_adapter` has seen; equal for all adapters."""

    events: tuple[ConferenceEvent, ...]
    """The events of one participant, from the entrance to the end."""
    transcript: Transcript
    """Everything that the participant sent and received. The order of HTTP requests may differ, and so may the order of
    messages that cross on a connection."""

    def words(self) -> tuple[list[tuple[object, ...]], list[str]]:
        """The transcript without these differences; equal for all adapters."""
        lines = [(line.url, line.subprotocols, line.sent, line.received) for line in self.transcript.lines]
        return [*lines], sorted(repr(exchange) for exchange in self.transcript.exchanges)


class Picture:
    """A source for fake media, which never opens it."""

    has_video = True
    has_audio = True

    def open(self, *, video: bool, audio: bool) -> object:
        """Raises `AssertionError`."""
        raise AssertionError(f"fake media opens no source (video={video}, audio={audio})")


def check(holds: bool, what: str) -> None:
    """Raise `AssertionError` with ``what``, which should hold, unless ``holds``."""
    if not holds:
        raise AssertionError(what)


async def _raises(error: type[BaseException], work: Awaitable[object]) -> BaseException:
    """The error of ``work``, which must be of class ``error``, and in no group."""
    try:
        await work
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} was not raised")


async def _visit(stage: Stage, ada: Client, **more: object) -> tuple[ConferenceEvent, ...]:
    """Bob visits the conference in which Ada is, and uses all of it; the events that he gets."""
    events: list[ConferenceEvent] = []
    async with stage.join("Bob", observe=events.append, **more) as bob, bob.events(ChatMessage) as said:
        await bob.raise_hand()
        await bob.chat("hello")
        ada.do(lambda engine, now: engine.commands(now).chat("hello yourself"))
        ada.publish()
        stage.settle()
        while (await anext(said)).source != ada.id:
            pass
        await bob.wait_for(StreamStarted)
        async with bob.subscribe(ada.id) as stream:
            await stream.configure(video=False)
        publication = await bob.publish(video=Picture(), audio=Picture())
        await publication.mute(video=False)
        await publication.replace(video=Picture())
        await publication.stop()
        await bob.lower_hand()
        await bob.leave()
        await bob.leave()
        check(bob.ended is EndReason.LEFT, "the conference ends by leaving")
        check([event async for event in bob.events(Ended)] == [], "after the end there are no events")
        await _raises(LocalProtocolError, bob.raise_hand())
    return tuple(events)


async def check_visit(backend: Backend) -> Outcome:
    """Join, hands, chat, subscribe, publish, mute, leave; then the same again, from the transcript."""
    stage = Stage(backend)
    (ada,) = stage.joined("Ada")
    recorder = Recorder(stage, stage.connect)
    events = await _visit(stage, ada, http=recorder, connect=recorder.connect)
    check(isinstance(events[-1], Ended), "the last event is the end")
    check(bool(ada.of(HandRaised)) and bool(ada.of(ChatMessage)), "the others get the events")
    nothing_left(stage)

    second = Stage(backend)
    (again,) = second.joined("Ada")
    replay = Replay(second.backend, recorder.transcript)
    seen = await _visit(second, again, http=replay, connect=replay.connect)
    check(replay.mismatches == [], f"a replayed visit sends the same: {replay.mismatches}")
    check(replay.silent == [], f"a replayed visit sends everything: {replay.silent}")
    check(seen == events, "the same messages bring the same events")
    return Outcome(events, recorder.transcript)


async def check_events(backend: Backend) -> None:
    """Iterators are independent; only the stalled one overflows; frames end with the subscription."""
    stage = Stage(backend)
    (ada,) = stage.joined("Ada")
    async with stage.join("Bob") as bob:
        hands, again = bob.events(HandRaised), bob.events(HandRaised)
        stalled = type(hands)(stage.backend, bob._session._streams, (HandRaised,), OVERFLOW)  # noqa: SLF001
        for _ in range(OVERFLOW + 1):
            ada.do(lambda engine, now: engine.raise_hand(now))
            stage.settle()
            await anext(hands)
            ada.do(lambda engine, now: engine.lower_hand(now))
            stage.settle()
        for _ in range(OVERFLOW):
            await anext(stalled)
        await _raises(EventsOverflow, anext(stalled))
        await anext(again)
        await _raises(TimeoutError, bob.wait_for(HandRaised, where=lambda _: False, timeout=0))
        ada.publish()
        stage.settle()
        await bob.wait_for(StreamStarted)
        async with bob.subscribe(ada.id) as stream:
            (engine,) = stage.backend.engines
            track = next(iter(engine.media.values())).video
            frames = aiter(stream.video)
            track.put(_frame(0), _frame(1))
            check([(await anext(frames)).time for _ in range(2)] == [0.0, 1.0], "frames come in order")
            track.end()
            await _raises(StopAsyncIteration, anext(frames))
    nothing_left(stage)


def _frame(time: float) -> VideoFrame:
    return VideoFrame.from_rgb(1, 1, bytes(3), time)


async def check_refusals(backend: Backend) -> None:
    """Every refusal on the way into the room is raised as its own error, and leaves nothing behind."""
    stage = Stage(backend)
    stage.joined("Ada")

    async def enter(name: str = "Bob", **more: object) -> None:
        async with stage.join(name, **more):
            raise AssertionError("joined though it was refused")

    used: list[tuple[str, ...]] = []

    async def reuse(url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        used.append(subprotocols)
        await (await stage.connect(url, used[0])).close(1000)
        return await stage.connect(url, used[0])

    error = await _raises(ApiError, enter(connect=reuse))
    check(isinstance(error, ApiError) and error.code == "invalid_ticket", "a used ticket is refused")
    await _raises(InvalidName, enter(""))
    stage.is_reachable = False
    await _raises(TransportError, enter())
    stage.is_reachable = True
    nothing_left(stage)


async def check_faults(backend: Backend) -> None:
    """A network that fails at any moment ends in one error of ours, or in a conference, and leaves nothing behind."""
    stage = Stage(backend)
    stage.joined("Ada")
    after, inside = 0, False
    while not inside:
        faulty = Faulty(stage, stage.connect, after=after)
        with suppress(M3Error):
            async with stage.join("Bob", http=faulty, connect=faulty.connect):
                inside = True
        nothing_left(stage)
        after += 1


async def check_errors_of_the_body(backend: Backend) -> None:
    """An error of the block is raised unchanged. A kick is raised at the end of the block."""
    stage = Stage(backend)
    (ada,) = stage.joined("Ada")

    async def fails() -> None:
        async with stage.join("Bob"):
            raise ZeroDivisionError

    async def is_kicked() -> None:
        async with stage.join("Bob") as bob:
            kicked = ada.conference.roster.participants[bob.own.id]
            ada.do(lambda engine, now: engine.commands(now).moderation.kick(kicked))
            stage.settle()
            await bob.wait_for(Ended)

    await _raises(ZeroDivisionError, fails())
    error = await _raises(ConferenceEnded, is_kicked())
    check(isinstance(error, ConferenceEnded) and error.reason == EndReason.KICKED.value, "a kick is told")
    nothing_left(stage)


async def check_bugs(backend: Backend) -> None:
    """An exception that a transport must not raise is raised unchanged, and no call waits for ever."""
    stage = Stage(backend)
    stage.joined("Ada")

    async def enter(http: HttpTransport, connect: WebSocketConnect) -> None:
        async with stage.join("Bob", http=http, connect=connect):
            raise AssertionError("joined though the transport failed")

    async def fails(_url: str, _subprotocols: tuple[str, ...]) -> WebSocket:
        raise ZeroDivisionError

    class Fails:
        async def request(self, request: HttpRequest) -> HttpResponse:
            raise ZeroDivisionError(request.method)

        async def aclose(self) -> None:
            """Does nothing: it has no connection."""

    await _raises(ZeroDivisionError, enter(stage, fails))
    await _raises(ZeroDivisionError, enter(Fails(), stage.connect))
    nothing_left(stage)


async def check_resumption(backend: Backend) -> None:
    """The conference comes back by itself after its connection is cut; the same objects go on."""
    stage = Stage(backend)
    stage.joined("Ada")
    async with stage.join("Bob") as bob, bob.events(ConnectionLost, Resumed) as told:
        own = bob.own.id
        await bob.publish(video=Picture())
        stage.cut_all()
        check(isinstance(await anext(told), ConnectionLost), "`ConnectionLost` tells of the loss")
        check(isinstance(await anext(told), Resumed), "`Resumed` tells of the end of the loss")
        check(bob.own.id == own and len(bob.state.publications) == 1, "Bob is the same participant, and publishes")
    nothing_left(stage)


async def check_account(backend: Backend) -> None:
    """When one caller of an account is cancelled at any moment, the account still answers others, and closes."""
    stage = Stage(backend)
    account = stage.account()
    at = 1

    async def ask() -> None:
        await account.me()

    while await cancelled_at(stage.backend, at, ask()):
        at += 1
    check((await account.me()).display_name != "", "the account answers")
    await account.aclose()
    await account.aclose()
    await _raises(LocalProtocolError, account.me())


async def check_cancellation(backend: Backend) -> None:
    """A visit is cancelled at each of its checkpoints: nothing is left, and nobody is in the room."""
    stage = Stage(backend)
    (ada,) = stage.joined("Ada")
    ada.publish()
    stage.settle()

    async def visit() -> None:
        async with stage.join("Bob") as bob:
            await bob.publish(video=Picture())
            async with bob.subscribe(ada.id):
                pass

    for at in range(1, CHECKPOINTS):
        cancelled = await cancelled_at(stage.backend, at, visit())
        nothing_left(stage)
        here = [one for one in ada.conference.roster.participants.values() if one.is_here]
        check(here == [], f"cancelled at checkpoint {at}: somebody is still in the room")
        if not cancelled:
            return
    raise AssertionError(f"the visit has more than {CHECKPOINTS} checkpoints")


async def check_streams_cancelled(backend: Backend) -> None:
    """A publish that is cancelled is taken back, and a subscribe is parked. The conference goes on."""
    stage = Stage(backend)
    (ada,) = stage.joined("Ada")
    ada.publish()
    stage.settle()
    async with stage.join("Bob") as bob:

        async def publish() -> None:
            await bob.publish(video=Picture())

        async def subscribe() -> None:
            async with bob.subscribe(ada.id):
                pass

        at = 1
        while await cancelled_at(stage.backend, at, publish()):
            check(bob.state.publications == (), f"a publish cancelled at {at} is taken back")
            at += 1
        for moment in range(1, at + 10):
            await cancelled_at(stage.backend, moment, subscribe())
            parked = all(one.is_parked for one in bob.state.subscriptions)
            check(parked, f"a subscribe cancelled at {moment} is parked")
        async with bob.subscribe(ada.id):
            check(not bob.state.subscriptions[0].is_parked, "a parked subscription can be used again")
        check(bob.ended is None, "the conference goes on")
        (engine,) = stage.backend.engines
        check(len(engine.sources) <= len(engine.fake.commands), "sources that no peer has taken are closed")
    nothing_left(stage)


def nothing_left(stage: Stage) -> None:
    """Raise `AssertionError` if an adapter has left a connection or a media engine open."""
    check(stage.sockets == {}, "a connection is still open")
    left: list[MemoryMedia] = [engine for engine in stage.backend.engines if engine.is_running or engine.fake.peers]
    check(left == [], "a media engine still runs")


CHECKS: tuple[Callable[[Backend], Awaitable[object]], ...] = (
    check_visit,
    check_events,
    check_refusals,
    check_faults,
    check_errors_of_the_body,
    check_bugs,
    check_resumption,
    check_account,
    check_cancellation,
    check_streams_cancelled,
)
"""The parts of `check_adapter`, for test runners that show each by its name."""


async def check_adapter(backend: Backend) -> Outcome:
    """Run every check on ``backend``, in its running loop. Raises `AssertionError`, which says what should hold.

    Takes a few seconds, because the protocol itself waits. The outcome must be equal for all adapters.
    """
    for check in CHECKS[1:]:
        await check(backend)
    return await check_visit(backend)
