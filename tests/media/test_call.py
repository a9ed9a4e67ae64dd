"""Engine and SFU against each other: real ICE, DTLS and codecs on loopback, no signalling."""

from __future__ import annotations

import time

from helpers import call, readers

from m3asyncio import sources
from m3asyncio.pattern import read_pattern, sender_code
from m3core.io import Receiving
from m3core.values import MediaKind


def test_two_subscribers_see_and_hear_the_publisher() -> None:
    with call() as it:
        publisher = it.publish(sources.pattern("Ada", 320, 240), sources.tone(level=-20))
        for kind in MediaKind:
            it.sfu.reports.wait(Receiving, lambda r, kind=kind: r.kind is kind and r.receiving)
        for _ in range(2):
            started = time.monotonic()
            subscriber = it.subscribe(publisher)
            received = it.engine.received(subscriber)
            video, audio = readers(received)
            readings = [read_pattern(video.next()) for _ in range(5)]
            print(f"first frame after {received.video.first_frame_at - started:.3f} s")
            assert all(reading is not None and reading.sender_code == sender_code("Ada") for reading in readings)
            counters = [reading.counter for reading in readings]
            assert counters == sorted(set(counters))
            frame = audio.until(lambda frame: frame.level > -23)
            assert frame.level < -17
