"""What Ada and Bob do while both are in the checked conference, and what must come of it."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

import anyio
from anyio.abc import TaskGroup
from checker_probe import StreamProbe
from checker_speaking import Speaking
from checker_stage import CheckedStage, Seat

from m3asyncio import sources
from m3asyncio.cli.demo_stage import PATIENCE
from m3asyncio.source_base import Source
from m3core.client.publication import Publication
from m3core.conference.events import (
    HandLowered,
    HandRaised,
    ReceivingChanged,
    StreamChanged,
    StreamStarted,
    StreamStopped,
)
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


class Conversation:
    """What the two do while both are there. What they receive is appended to ``probes``."""

    def __init__(
        self,
        stage: CheckedStage,
        probes: list[StreamProbe],
        ada: Seat,
        bob: Seat,
        seconds: float,
        speaking: Speaking,
    ) -> None:
        self.stage = stage
        self.speaking = speaking
        self.probes = probes
        self.ada = ada
        self.bob = bob
        self.seconds = seconds

    async def hold(self) -> None:
        """Publish, receive, mute, unmute and stop. Raises `DemoFailed`, and whatever the library raises, in groups."""
        ada, bob, stage = self.ada, self.bob, self.stage
        async with anyio.create_task_group() as both:
            both.start_soon(self._publish, ada)
            both.start_soon(self._publish, bob)
        async with anyio.create_task_group() as watching:
            of_ada, of_bob, of_screen = await self._receive_all(watching)
            await self._watch([of_ada, of_bob, of_screen])
            await self._check_sound(of_ada, of_bob)
            async with anyio.create_task_group() as both:
                both.start_soon(self._stop_screen)
                both.start_soon(self._mute_audio, of_bob)
            await self._mute_video(of_ada)
            await self._leave_out_video(of_bob)
            for probe in (of_ada, of_bob, of_screen):
                stage.check(f"{probe.name}: every picture is its sender's", not probe.faults, ", ".join(probe.faults))
            await self._stop_cameras()
            watching.cancel_scope.deadline = anyio.current_time() + PATIENCE  # the streams have ended
        if watching.cancel_scope.cancelled_caught:
            raise TimeoutError("a stream does not end")

    # -- publishing and receiving ---
    async def _publish(self, seat: Seat) -> None:
        video: Source = sources.pattern(seat.name, fps=FPS)
        audio: Source = sources.tone(TONES[seat.name])
        async with self.stage.step(seat.name, "publishes camera and microphone"):
            seat.camera = await seat.does(partial(seat.conference.publish, video=video, audio=audio))

    async def _receive_all(self, watching: TaskGroup) -> tuple[StreamProbe, StreamProbe, StreamProbe]:
        ada, bob = self.ada, self.bob
        of_ada = self._probe(bob, ada, VIDEO, OWNER)
        of_bob = self._probe(ada, bob, VIDEO, GUEST)
        of_screen = self._probe(bob, ada, SCREEN, SCREEN_NAME)
        async with anyio.create_task_group() as both:
            both.start_soon(self._receive, watching, of_ada, bob, ada, VIDEO)
            both.start_soon(self._receive, watching, of_bob, ada, bob, VIDEO)
        screen = sources.pattern(SCREEN_NAME, 1280, 720, SCREEN_FPS, style="screen")
        async with self.stage.step(OWNER, "shares her screen"):
            self.screen = await ada.does(partial(ada.conference.share_screen, screen))
        await self._receive(watching, of_screen, bob, ada, SCREEN)
        return of_ada, of_bob, of_screen

    def _probe(self, seat: Seat, sender: Seat, kind: MediaSessionType, pattern: str) -> StreamProbe:
        loop = seat.loop
        return StreamProbe(seat.name, sender.name, kind.value, pattern, home=self.stage.home, tell=loop.tell)

    async def _receive(
        self, watching: TaskGroup, probe: StreamProbe, seat: Seat, sender: Seat, kind: MediaSessionType
    ) -> None:
        await seat.sees(
            StreamStarted,
            f"{sender.name}'s {kind.value}",
            lambda event: (event.participant.id, event.media_session_type) == (sender.id, kind),
        )
        self.probes.append(probe)
        subscription = seat.conference.subscribe(seat.conference.state.participants[sender.conference.own.id], kind)
        async with self.stage.step(seat.name, f"subscribes to {sender.name}'s {kind.value}"):
            probe.subscribed()
            await seat.does(partial(seat.subscribe, subscription))
        probe.subscription = subscription
        watching.start_soon(seat.does, partial(probe.watch, subscription))

    # -- the time that all streams run ---
    async def _watch(self, probes: list[StreamProbe]) -> None:
        stage = self.stage
        for probe in probes:
            stage.must(f"{probe.name}: a first picture", await probe.more_video(1, patience=PATIENCE))
            first = f"first picture after {probe.first_frame_s:.2f} s"
            stage.line(probe.receiver, f"has {probe.sender}'s {probe.kind}", first)
        began, before = time.monotonic(), [probe.arrived for probe in probes]
        await self._hands()
        await anyio.sleep(max(0.0, began + self.seconds - time.monotonic()))
        elapsed = time.monotonic() - began
        for probe, count in zip(probes, before, strict=True):
            got, wanted = probe.arrived - count, int(ENOUGH * self._fps(probe) * min(elapsed, self.seconds))
            stage.check(f"{probe.name}: enough pictures", got >= wanted, f"{got} in {elapsed:.1f} s, not {wanted}")
        await self.speaking.begins()

    def _fps(self, probe: StreamProbe) -> float:
        if probe.kind == SCREEN.value:
            return SCREEN_FPS
        return FPS

    async def _hands(self) -> None:
        for seat, other in ((self.bob, self.ada), (self.ada, self.bob)):

            def of_seat(event: HandRaised | HandLowered, who: str = seat.id) -> bool:
                return event.participant.id == who

            async with self.stage.step(seat.name, "raises a hand"):
                await seat.does(seat.conference.raise_hand)
            await other.sees(HandRaised, f"{seat.name}'s hand up", of_seat)
            async with self.stage.step(seat.name, "lowers the hand"):
                await seat.does(seat.conference.lower_hand)
            await other.sees(HandLowered, f"{seat.name}'s hand down", of_seat)

    async def _check_sound(self, of_ada: StreamProbe, of_bob: StreamProbe) -> None:
        for probe in (of_ada, of_bob):
            wanted = TONES[probe.sender]
            pitch = await probe.hears(wanted, PITCH_ERROR)
            ok = abs(pitch - wanted) <= PITCH_ERROR
            self.stage.check(f"{probe.name}: the tone is its sender's", ok, f"{pitch:.0f} Hz, not {wanted:.0f} Hz")

    # -- one thing after the other ---
    async def _stop_screen(self) -> None:
        ada, bob = self.ada, self.bob
        async with self.stage.step(OWNER, "holds the screen still"):
            await ada.does(partial(self.screen.replace, video=sources.frames([])))
            await ada.sees(
                ReceivingChanged,
                "the server miss the screen",
                lambda event: event.media_session_type is SCREEN and not event.receiving,
            )
        async with self.stage.step(OWNER, "stops sharing the screen"):
            await ada.does(self.screen.stop)
        await bob.sees(StreamStopped, "the screen stop", lambda event: event.media_session_type is SCREEN)

    async def _mute_video(self, of_ada: StreamProbe) -> None:
        camera, stage = _camera(self.ada), self.stage
        of_ada.muted = True
        async with stage.step(OWNER, "turns the camera off"):
            await self.ada.does(partial(camera.mute, audio=False))
        await self.bob.sees(StreamChanged, "Ada's camera off", lambda event: not event.video)
        stage.check(f"{of_ada.name}: no picture while muted", await of_ada.still())
        async with stage.step(OWNER, "turns the camera on"):
            await self.ada.does(partial(camera.unmute, audio=False))
        await self.bob.sees(StreamChanged, "Ada's camera on", lambda event: event.video)
        stage.check(f"{of_ada.name}: pictures after unmuting", await of_ada.resumed())

    async def _mute_audio(self, of_bob: StreamProbe) -> None:
        camera, stage = _camera(self.bob), self.stage
        async with stage.step(GUEST, "turns the microphone off"):
            await self.bob.does(partial(camera.mute, video=False))
        await self.ada.sees(StreamChanged, "Bob's microphone off", lambda event: not event.audio)
        stage.check(f"{of_bob.name}: silence while muted", await of_bob.quiet())
        async with stage.step(GUEST, "turns the microphone on"):
            await self.bob.does(partial(camera.unmute, video=False))
        await self.ada.sees(StreamChanged, "Bob's microphone on", lambda event: event.audio)
        stage.check(f"{of_bob.name}: the tone after unmuting", await of_bob.loud())

    async def _leave_out_video(self, of_bob: StreamProbe) -> None:
        stage, subscription = self.stage, of_bob.subscription
        if subscription is None:
            return
        async with stage.step(OWNER, "leaves out Bob's video"):
            await self.ada.does(partial(subscription.configure, video=False))
        stage.check(f"{of_bob.name}: no picture while left out", await of_bob.still())
        stage.check(f"{of_bob.name}: sound while the picture is left out", await of_bob.more_audio())
        async with stage.step(OWNER, "wants Bob's video again"):
            await self.ada.does(partial(subscription.configure, video=True))
        stage.check(f"{of_bob.name}: pictures again", await of_bob.more_video())

    async def _stop_cameras(self) -> None:
        for seat, other in ((self.ada, self.bob), (self.bob, self.ada)):

            def of_seat(event: StreamStopped, who: str = seat.id) -> bool:
                return (event.participant.id, event.media_session_type) == (who, VIDEO)

            async with self.stage.step(seat.name, "unpublishes"):
                await seat.does(_camera(seat).stop)
            await other.sees(StreamStopped, f"{seat.name}'s camera stop", of_seat)
        await self.speaking.ends()


def _camera(seat: Seat) -> Publication:
    if seat.camera is None:
        raise AssertionError
    return seat.camera
