"""`check_adapter`: what every adapter must do alike, event for event. A new backend that passes it is an adapter.

The server is a controller in memory (`m3core.testing.stage`), media is a fake; what is under test is the loop: that of
the backend, and the coroutines of `m3core.client` on it. Checks of sockets and of media are the adapter's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from attrs import frozen

from m3core.client.loop import Backend
from m3core.client.transports import HttpTransport, WebSocket, WebSocketConnect
from m3core.conference.events import (
    ChatMessage,
    ConferenceEvent,
    ConnectionLost,
    Ended,
    HandRaised,
    Resumed,
    StreamStarted,
)
from m3core.conference.state import EndReason
from m3core.errors import (
    ApiError,
    CallRefused,
    ConferenceEnded,
    EventsOverflow,
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
"""More than anything that is cancelled here has."""
OVERFLOW = 3


@frozen
class Outcome:
    """What `check_adapter` saw; equal for all adapters."""

    events: tuple[ConferenceEvent, ...]
    """Of one participant, from the entrance to the end."""
    transcript: Transcript
    """All that they said and heard. The order of HTTP requests may differ, and what crosses on a line may."""

    def words(self) -> tuple[list[tuple[object, ...]], list[str]]:
        """The transcript without that difference: equal for all adapters."""
        lines = [(line.url, line.subprotocols, line.sent, line.received) for line in self.transcript.lines]
        return [*lines], sorted(repr(exchange) for exchange in self.transcript.exchanges)


class Picture:
    """A source; nobody plays it."""

    has_video = True
    has_audio = True

    def open(self, *, video: bool, audio: bool) -> object:
        """Nobody calls it."""
        raise AssertionError(f"nobody plays it (video={video}, audio={audio})")


def check(holds: bool, what: str) -> None:
    """Raises `AssertionError`, which says ``what`` should hold."""
    if not holds:
        raise AssertionError(what)


async def _raises(error: type[BaseException], work: Awaitable[object]) -> BaseException:
    """The error of ``work``, which must be of that class and no other: groups of errors are not."""
    try:
        await work
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} was not raised")


async def _visit(stage: Stage, ada: Client, **more: object) -> tuple[ConferenceEvent, ...]:
    """One visit to a conference in which Ada is, in all its parts; the events that it brings."""
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
        check(bob.ended is EndReason.LEFT, "who leaves has left")
        check([event async for event in bob.events(Ended)] == [], "after the end there are no events")
        await _raises(LocalProtocolError, bob.raise_hand())
    return tuple(events)


async def check_visit(backend: Backend) -> Outcome:
    """Join, hands, chat, subscribe, publish, mute, leave; then the same once more from the transcript."""
    stage = Stage(backend)
    (ada,) = stage.joined("Ada")
    recorder = Recorder(stage, stage.connect)
    events = await _visit(stage, ada, http=recorder, connect=recorder.connect)
    check(isinstance(events[-1], Ended), "the last event is the end")
    check(bool(ada.of(HandRaised)) and bool(ada.of(ChatMessage)), "the others hear what is done")
    nothing_left(stage)

    second = Stage(backend)
    (again,) = second.joined("Ada")
    replay = Replay(second.backend, recorder.transcript)
    seen = await _visit(second, again, http=replay, connect=replay.connect)
    check(replay.mismatches == [], f"the same is said again: {replay.mismatches}")
    check(replay.silent == [], f"all is said again: {replay.silent}")
    check(seen == events, "the same messages bring the same events")
    return Outcome(events, recorder.transcript)


async def check_events(backend: Backend) -> None:
    """Iterators are independent; a stalled one alone overflows; frames end with the subscription."""
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
    """Whatever bars the way in is raised as itself, and leaves nothing behind."""
    stage = Stage(backend)
    stage.joined("Ada")

    async def enter(name: str = "Bob", **more: object) -> None:
        async with stage.join(name, **more):
            raise AssertionError("got in")

    used: list[tuple[str, ...]] = []

    async def reuse(url: str, subprotocols: tuple[str, ...]) -> WebSocket:
        used.append(subprotocols)
        await (await stage.connect(url, used[0])).close(1000)
        return await stage.connect(url, used[0])

    error = await _raises(ApiError, enter(connect=reuse))
    check(isinstance(error, ApiError) and error.code == "invalid_ticket", "a used ticket is refused")
    await _raises(CallRefused, enter(""))
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
    """What the block raises leaves it as it is; who is kicked learns of it where the block ends."""
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
    """A transport that raises what it must not: that comes out as it is, and nobody waits for ever."""
    stage = Stage(backend)
    stage.joined("Ada")

    async def enter(http: HttpTransport, connect: WebSocketConnect) -> None:
        async with stage.join("Bob", http=http, connect=connect):
            raise AssertionError("got in")

    async def fails(_url: str, _subprotocols: tuple[str, ...]) -> WebSocket:
        raise ZeroDivisionError

    class Fails:
        async def request(self, request: HttpRequest) -> HttpResponse:
            raise ZeroDivisionError(request.method)

        async def aclose(self) -> None:
            """Nothing is open."""

    await _raises(ZeroDivisionError, enter(stage, fails))
    await _raises(ZeroDivisionError, enter(Fails(), stage.connect))
    nothing_left(stage)


async def check_resumption(backend: Backend) -> None:
    """A cut connection comes back by itself; the same objects go on."""
    stage = Stage(backend)
    stage.joined("Ada")
    async with stage.join("Bob") as bob, bob.events(ConnectionLost, Resumed) as told:
        own = bob.own.id
        await bob.publish(video=Picture())
        stage.cut_all()
        check(isinstance(await anext(told), ConnectionLost), "the loss is told")
        check(isinstance(await anext(told), Resumed), "and the way back")
        check(bob.own.id == own and len(bob.state.publications) == 1, "we are who we were")
    nothing_left(stage)


async def check_account(backend: Backend) -> None:
    """An account whose caller is cancelled at any moment still answers the others, and closes."""
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
    """Cancelled while it waits for the n-th time, for every n: nothing is left, and nobody is in the room."""
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
    raise AssertionError("it never ends")


async def check_streams_cancelled(backend: Backend) -> None:
    """A cancelled publish is taken back, a cancelled subscribe is parked; the conference goes on."""
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
            check(not bob.state.subscriptions[0].is_parked, "and can be had after all")
        check(bob.ended is None, "the conference goes on")
        (engine,) = stage.backend.engines
        check(len(engine.sources) <= len(engine.fake.commands), "sources that nobody took are given back")
    nothing_left(stage)


def nothing_left(stage: Stage) -> None:
    """Raises `AssertionError` if an adapter left a connection or a media engine."""
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
"""All parts of `check_adapter`, for test runners that want to see each by its name."""


async def check_adapter(backend: Backend) -> Outcome:
    """Run every check on ``backend``, in its running loop. Raises `AssertionError`, which says what is wrong.

    Takes a few seconds: some waits are those of the protocol. The outcome must be equal for all adapters.
    """
    for check in CHECKS[1:]:
        await check(backend)
    return await check_visit(backend)
