"""What Ada and Bob do in the demo while both are there, and what must come of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from attrs import define, field

from m3asyncio import sources
from m3asyncio.cli.demo_probe import StreamProbe
from m3asyncio.cli.demo_stage import PATIENCE, Seat, Stage
from m3asyncio.source_base import Source
from m3core.client.publication import Publication
from m3core.conference.events import (
    FocusChanged,
    HandLowered,
    HandRaised,
    ReceivingChanged,
    StreamChanged,
    StreamStarted,
    StreamStopped,
)
from m3core.media import PeerStats
from m3core.values import MediaSessionType

VIDEO, SCREEN = MediaSessionType.VIDEO, MediaSessionType.SCREEN
OWNER: Final = "Ada"
GUEST: Final = "Bob"
SCREEN_NAME: Final = "Ada's screen"
FPS: Final = 24.0
SCREEN_FPS: Final = 12.0
ENOUGH: Final = 0.4
"""Share of the pictures that must arrive, so that a busy machine passes."""
TONES: Final = {OWNER: 440.0, GUEST: 660.0}
PITCH_ERROR: Final = 15.0
"""Hz that a tone may be off."""


@define
class Played:
    """What a demo leaves behind for its report."""

    probes: list[StreamProbe] = field(factory=list)
    sent: dict[tuple[str, str], PeerStats] = field(factory=dict)
    """By sender and type of stream."""


@define(frozen=True)
class Clip:
    """The media file of ``--file``: what it has."""

    source: Source
    has_video: bool
    has_audio: bool
    fps: float


class Conversation:
    """What the two do while both are there."""

    def __init__(self, stage: Stage, played: Played, ada: Seat, bob: Seat, seconds: float, clip: Clip | None) -> None:
        self.stage = stage
        self.played = played
        self.ada = ada
        self.bob = bob
        self.seconds = seconds
        self.clip = clip
        self._watching: set[asyncio.Task[None]] = set()

    async def hold(self) -> None:
        """All of it."""
        ada, bob, stage = self.ada, self.bob, self.stage
        async with asyncio.TaskGroup() as both:
            both.create_task(self._publish(ada))
            both.create_task(self._publish(bob))
        async with _closing(self._watching):
            of_ada, of_bob, of_screen = await self._receive_all()
            await self._watch([of_ada, of_bob, of_screen])
            await self._check_sound(of_ada, of_bob)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._stop_screen())
                both.create_task(self._mute_audio(of_bob))
            await self._mute_video(of_ada)
            await self._leave_out_video(of_bob)
            for probe in (of_ada, of_bob, of_screen):
                stage.check(f"{probe.name}: every picture is its sender's", not probe.faults, ", ".join(probe.faults))
                if not probe.pattern:
                    stage.check(f"{probe.name}: the pictures move", probe.moves)
            await self._stop_cameras()

    # -- publishing and receiving ---
    async def _publish(self, seat: Seat) -> None:
        video: Source = sources.pattern(seat.name, fps=FPS)
        audio: Source = sources.tone(TONES[seat.name])
        if seat is self.ada and self.clip is not None:
            video = self.clip.source if self.clip.has_video else video
            audio = self.clip.source if self.clip.has_audio else audio
        async with self.stage.step(seat.name, "publishes camera and microphone"):
            seat.camera = await seat.conference.publish(video=video, audio=audio)

    async def _receive_all(self) -> tuple[StreamProbe, StreamProbe, StreamProbe]:
        ada, bob = self.ada, self.bob
        filmed = self.clip is not None and self.clip.has_video
        async with asyncio.TaskGroup() as tasks:
            of_ada = tasks.create_task(self._receive(bob, ada, VIDEO, "" if filmed else OWNER))
            of_bob = tasks.create_task(self._receive(ada, bob, VIDEO, GUEST))
        screen = sources.pattern(SCREEN_NAME, 1280, 720, SCREEN_FPS, style="screen")
        async with self.stage.step(OWNER, "shares her screen"):
            self.screen = await ada.conference.share_screen(screen)
        return of_ada.result(), of_bob.result(), await self._receive(bob, ada, SCREEN, SCREEN_NAME)

    async def _receive(self, seat: Seat, sender: Seat, kind: MediaSessionType, pattern: str) -> StreamProbe:
        await seat.sees(
            StreamStarted,
            f"{sender.name}'s {kind.value}",
            lambda event: (event.participant.id, event.media_session_type) == (sender.id, kind),
        )
        probe = StreamProbe(seat.name, sender.name, kind.value, pattern)
        seat.probes.append(probe)
        self.played.probes.append(probe)
        subscription = seat.conference.subscribe(seat.conference.state.participants[sender.conference.own.id], kind)
        async with self.stage.step(seat.name, f"subscribes to {sender.name}'s {kind.value}"):
            probe.subscribed()
            await seat.stack.enter_async_context(subscription)
        probe.subscription = subscription
        self._watching.add(asyncio.create_task(probe.watch(subscription)))
        return probe

    # -- the time that all streams run ---
    async def _watch(self, probes: list[StreamProbe]) -> None:
        stage = self.stage
        for probe in probes:
            stage.must(f"{probe.name}: a first picture", await probe.more_video(1, patience=PATIENCE))
            first = f"first picture after {probe.first_frame_s:.2f} s"
            stage.line(probe.receiver, f"has {probe.sender}'s {probe.kind}", first)
        began, before = time.monotonic(), [probe.arrived for probe in probes]
        await self._hands()
        await asyncio.sleep(max(0.0, began + self.seconds - time.monotonic()))
        elapsed = time.monotonic() - began
        for probe, count in zip(probes, before, strict=True):
            got, wanted = probe.arrived - count, int(ENOUGH * self._fps(probe) * min(elapsed, self.seconds))
            stage.check(f"{probe.name}: enough pictures", got >= wanted, f"{got} in {elapsed:.1f} s, not {wanted}")
        for seat in (self.ada, self.bob):
            await seat.sees(FocusChanged, "who talks", lambda event: event.participant is not None)

    def _fps(self, probe: StreamProbe) -> float:
        if probe.kind == SCREEN.value:
            return SCREEN_FPS
        return FPS if probe.pattern or self.clip is None else min(FPS, self.clip.fps)

    async def _hands(self) -> None:
        for seat, other in ((self.bob, self.ada), (self.ada, self.bob)):

            def of_seat(event: HandRaised | HandLowered, who: str = seat.id) -> bool:
                return event.participant.id == who

            async with self.stage.step(seat.name, "raises a hand", sends="raise_hand"):
                await seat.conference.raise_hand()
            await other.sees(HandRaised, f"{seat.name}'s hand up", of_seat)
            async with self.stage.step(seat.name, "lowers the hand", sends="lower_hand"):
                await seat.conference.lower_hand()
            await other.sees(HandLowered, f"{seat.name}'s hand down", of_seat)

    async def _check_sound(self, of_ada: StreamProbe, of_bob: StreamProbe) -> None:
        for probe in (of_ada, of_bob):
            filmed = probe is of_ada and self.clip is not None and self.clip.has_audio
            if filmed:
                self.stage.check(f"{probe.name}: sound arrives", probe.audio_frames > 0)
                continue
            wanted = TONES[probe.sender]
            pitch = await probe.hears(wanted, PITCH_ERROR)
            ok = abs(pitch - wanted) <= PITCH_ERROR
            self.stage.check(f"{probe.name}: the tone is its sender's", ok, f"{pitch:.0f} Hz, not {wanted:.0f} Hz")

    # -- one thing after the other ---
    async def _stop_screen(self) -> None:
        ada, bob = self.ada, self.bob
        async with self.stage.step(OWNER, "holds the screen still"):
            await self.screen.replace(video=sources.frames([]))
            await ada.sees(
                ReceivingChanged,
                "the server miss the screen",
                lambda event: event.media_session_type is SCREEN and not event.receiving,
            )
        self._count(ada, self.screen)
        async with self.stage.step(OWNER, "stops sharing the screen", sends="unpublish"):
            await self.screen.stop()
        await bob.sees(StreamStopped, "the screen stop", lambda event: event.media_session_type is SCREEN)

    async def _mute_video(self, of_ada: StreamProbe) -> None:
        camera, stage = _camera(self.ada), self.stage
        of_ada.muted = True
        async with stage.step(OWNER, "turns the camera off", sends="update_media_session"):
            await camera.mute(audio=False)
        await self.bob.sees(StreamChanged, "Ada's camera off", lambda event: not event.video)
        stage.check(f"{of_ada.name}: no picture while muted", await of_ada.still())
        async with stage.step(OWNER, "turns the camera on", sends="update_media_session"):
            await camera.unmute(audio=False)
        await self.bob.sees(StreamChanged, "Ada's camera on", lambda event: event.video)
        stage.check(f"{of_ada.name}: pictures after unmuting", await of_ada.resumed())

    async def _mute_audio(self, of_bob: StreamProbe) -> None:
        camera, stage = _camera(self.bob), self.stage
        async with stage.step(GUEST, "turns the microphone off", sends="update_media_session"):
            await camera.mute(video=False)
        await self.ada.sees(StreamChanged, "Bob's microphone off", lambda event: not event.audio)
        stage.check(f"{of_bob.name}: silence while muted", await of_bob.quiet())
        async with stage.step(GUEST, "turns the microphone on", sends="update_media_session"):
            await camera.unmute(video=False)
        await self.ada.sees(StreamChanged, "Bob's microphone on", lambda event: event.audio)
        stage.check(f"{of_bob.name}: the tone after unmuting", await of_bob.loud())

    async def _leave_out_video(self, of_bob: StreamProbe) -> None:
        stage, subscription = self.stage, of_bob.subscription
        if subscription is None:
            return
        async with stage.step(OWNER, "leaves out Bob's video", sends="configure"):
            await subscription.configure(video=False)
        stage.check(f"{of_bob.name}: no picture while left out", await of_bob.still())
        stage.check(f"{of_bob.name}: sound while the picture is left out", await of_bob.more_audio())
        async with stage.step(OWNER, "wants Bob's video again", sends="configure"):
            await subscription.configure(video=True)
        stage.check(f"{of_bob.name}: pictures again", await of_bob.more_video())

    async def _stop_cameras(self) -> None:
        for seat, other in ((self.ada, self.bob), (self.bob, self.ada)):

            def of_seat(event: StreamStopped, who: str = seat.id) -> bool:
                return (event.participant.id, event.media_session_type) == (who, VIDEO)

            self._count(seat, _camera(seat))
            async with self.stage.step(seat.name, "unpublishes", sends="unpublish"):
                await _camera(seat).stop()
            await other.sees(StreamStopped, f"{seat.name}'s camera stop", of_seat)
        for seat in (self.ada, self.bob):
            await seat.sees(FocusChanged, "that nobody talks", lambda event: event.participant is None)

    def _count(self, seat: Seat, publication: Publication) -> None:
        self.played.sent[seat.name, publication.media_session_type.value] = publication.stats


def _camera(seat: Seat) -> Publication:
    if seat.camera is None:
        raise AssertionError
    return seat.camera


@asynccontextmanager
async def _closing(tasks: set[asyncio.Task[None]]) -> AsyncIterator[None]:
    """The streams have ended when this ends well; else whoever still watches is stopped. Errors of watchers count."""
    try:
        yield
    except BaseException:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        raise
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*tasks)
