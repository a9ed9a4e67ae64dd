"""The test picture can be read in every size, and no other picture can."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m3asyncio.pattern import Pattern, PatternReading, draw, read_pattern, sender_code
from m3core.errors import LocalProtocolError
from m3core.media import VideoFrame


@pytest.mark.parametrize("style", ["camera", "screen"])
@pytest.mark.parametrize(("width", "height"), [(80, 60), (160, 120), (321, 241), (640, 480), (1280, 720)])
def test_sizes_and_styles(width: int, height: int, style: str) -> None:
    frame = draw("Ada", 70_000, width, height, "camera" if style == "camera" else "screen")
    assert read_pattern(frame) == PatternReading(sender_code("Ada"), 70_000 & 0xFFFF)


@settings(max_examples=30)
@given(st.text(max_size=8), st.integers(0, 1 << 20), st.integers(0, 2**32 - 1))
def test_names_counters_and_noise(name: str, counter: int, seed: int) -> None:
    frame = draw(name, counter, 160, 120)
    pixels = frame.to_ndarray().astype(np.int16)
    pixels += np.random.default_rng(seed).integers(-40, 40, pixels.shape, dtype=np.int16)
    noisy = VideoFrame.from_rgb(160, 120, np.clip(pixels, 0, 255).astype(np.uint8).tobytes())
    assert read_pattern(noisy) == PatternReading(sender_code(name), counter & 0xFFFF)


def test_other_pictures_are_not_read() -> None:
    for shade in (0, 128, 255):
        assert read_pattern(VideoFrame.from_rgb(160, 120, bytes([shade]) * 160 * 120 * 3)) is None
    assert read_pattern(draw("x", 1, 64, 48)) is None
    pixels = draw("x", 1, 160, 120).to_ndarray().copy()
    pixels[:16, 40:48] = 255 - pixels[:16, 40:48]
    assert read_pattern(VideoFrame.from_rgb(160, 120, pixels.tobytes())) is None


@pytest.mark.parametrize(("width", "height"), [(8, 480), (640, 15), (5000, 480)])
def test_sizes_that_cannot_be_sent(width: int, height: int) -> None:
    with pytest.raises(LocalProtocolError, match="16 to 4096"):
        Pattern("x", width, height)


def test_without_pillow_there_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with_text = draw("Ada", 5, 160, 120).to_ndarray()
    monkeypatch.setitem(sys.modules, "PIL", None)
    without = draw("Ada", 5, 160, 120)
    assert read_pattern(without) == PatternReading(sender_code("Ada"), 5)
    assert not np.array_equal(without.to_ndarray(), with_text)
