"""A moving test picture that people can read and programs can check.

At the top are two rows of 20 black and white cells, large enough to survive a video codec: four markers, the 16-bit
code of the sender's name, a 16-bit frame counter, and four bits of checksum. Below are the name and the counter as text
(with Pillow), the colour and the stripes of the sender, and a moving bar.
"""

from __future__ import annotations

import colorsys
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

import av
import numpy as np
from attrs import frozen

from m3asyncio.av_frames import MIN_SIDE, check_size, video_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from m3core.media import VideoFrame

COLUMNS: Final = 20
ROWS: Final = 2
_MARKERS: Final = (1, 0, 1, 0)
_BITS: Final = 16
_LIGHT: Final = 160
_DARK: Final = 96
_WHITE: Final = 235
_BLACK: Final = 16

Style = Literal["camera", "screen"]


@frozen
class PatternReading:
    """The content of the cells of a picture."""

    sender_code: int
    """`sender_code` of the sender's name."""
    counter: int
    """Frames since the start of the sender, modulo 65536."""


def sender_code(name: str) -> int:
    """16 bits that distinguish senders: the lower half of the CRC-32 of the name."""
    return zlib.crc32(name.encode()) & 0xFFFF


def _check_bits(code: int, counter: int) -> int:
    return zlib.crc32(code.to_bytes(2, "big") + counter.to_bytes(2, "big")) & 0xF


def _cells(code: int, counter: int) -> NDArray[np.bool_]:
    value = code << (_BITS + 4) | counter << 4 | _check_bits(code, counter)
    bits = [value >> at & 1 for at in range(2 * _BITS + 3, -1, -1)]
    return np.array([*_MARKERS, *bits], dtype=np.bool_).reshape(ROWS, COLUMNS)


def _edges(length: int, parts: int) -> list[int]:
    return [length * part // parts for part in range(parts + 1)]


def _cell_grid(width: int, height: int) -> tuple[list[int], list[int]]:
    """The edges of columns and rows: 1/20 of the width; 1/20 of the height, but 16 pixels where there is room."""
    tall = min(max(16, height // 20), height // 4)
    return _edges(width, COLUMNS), [row * tall for row in range(ROWS + 1)]


class Pattern:
    """Draws the frames of one sender. Raises `LocalProtocolError` for sizes that cannot be encoded."""

    def __init__(self, name: str, width: int, height: int, style: Style = "camera") -> None:
        check_size(width, height)
        width, height = width & ~1, height & ~1
        self._width, self._height = width, height
        self._code = sender_code(name)
        columns, rows = _cell_grid(width, height)
        self._column_of = np.repeat(np.arange(COLUMNS), np.diff(columns))
        self._row_of = np.repeat(np.arange(ROWS), np.diff(rows))
        self._cells_height = rows[-1]
        self._planes = _background(self._code, width, height, style)
        chroma = self._planes[height:].reshape(2, height // 2, width // 2)
        chroma[:, : (rows[-1] + 1) // 2] = 128  # the cells have no colour, so that their brightness is certain
        self._ink = _WHITE if style == "camera" else _BLACK
        self._bar_top, self._bar_bottom = height * 5 // 6, height - 4
        self._digits = _glyphs("0123456789", max(12, height // 6))
        self._text_left, self._text_top = width // 20, height // 2
        self._paste(self._planes, _glyph(name, max(12, height // 8)), width // 20, height // 4)

    def draw(self, counter: int) -> av.VideoFrame:
        """Draw frame number ``counter``, for the encoder."""
        planes = self._planes.copy()
        cells = np.where(_cells(self._code, counter & 0xFFFF), _WHITE, _BLACK).astype(np.uint8)
        planes[: self._cells_height, : self._width] = cells[self._row_of][:, self._column_of]
        bar = max(8, self._width // 24)
        left = counter * 4 % (self._width - bar)
        planes[self._bar_top : self._bar_bottom, left : left + bar] = _WHITE
        left = self._text_left
        for digit in str(counter) if self._digits else "":
            glyph = self._digits[int(digit)]
            self._paste(planes, glyph, left, self._text_top)
            left += glyph.shape[1] + 2
        return av.VideoFrame.from_ndarray(planes, format="yuv420p")

    def _paste(self, planes: NDArray[np.uint8], glyph: NDArray[np.bool_], left: int, top: int) -> None:
        bottom, right = min(self._height, top + glyph.shape[0]), min(self._width, left + glyph.shape[1])
        room = planes[top:bottom, left:right]
        room[glyph[: room.shape[0], : room.shape[1]]] = self._ink


def draw(name: str, counter: int, width: int = 640, height: int = 480, style: Style = "camera") -> VideoFrame:
    """Draw one frame of the pattern of ``name``, for users."""
    return video_frame(Pattern(name, width, height, style).draw(counter), 0.0)


def read_pattern(frame: VideoFrame) -> PatternReading | None:
    """Read the cells of ``frame``. None when it shows no pattern, or one that cannot be read with certainty."""
    if frame.width < 4 * COLUMNS or frame.height < MIN_SIDE:
        return None
    columns, rows = _cell_grid(frame.width, frame.height)
    pixels = frame.to_ndarray()
    bits = []
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            tall, wide = (bottom - top) // 4, (right - left) // 4  # a codec blurs the edges of a cell
            mean = float(pixels[top + tall : bottom - tall, left + wide : right - wide].mean())
            if _DARK < mean < _LIGHT:
                return None
            bits.append(int(mean >= _LIGHT))
    if tuple(bits[:4]) != _MARKERS:
        return None
    value = int("".join(map(str, bits[4:])), 2)
    code, counter = value >> (_BITS + 4), value >> 4 & 0xFFFF
    if value & 0xF != _check_bits(code, counter):
        return None
    return PatternReading(code, counter)


def _background(code: int, width: int, height: int, style: Style) -> NDArray[np.uint8]:
    """The part that does not move, as the planes of I420: a stack of height * 3/2 rows."""
    red, green, blue = colorsys.hsv_to_rgb(code / 0x10000, 0.6, 0.55 if style == "camera" else 0.9)
    luma = 16 + 65.5 * red + 128.6 * green + 25.0 * blue
    planes = np.empty((height * 3 // 2, width), dtype=np.uint8)
    across, down = np.arange(width), np.arange(height)[:, None]
    stripe = 16 + code % 5 * 8
    shape = (across + down) // stripe % 2 if style == "camera" else (across // stripe % 2) & (down // stripe % 2)
    planes[:height] = np.clip(luma + 14 * shape, 16, 235)
    chroma = planes[height:].reshape(-1)
    half = chroma.size // 2
    chroma[:half] = int(128 - 37.8 * red - 74.2 * green + 112.0 * blue)
    chroma[half:] = int(128 + 112.0 * red - 93.8 * green - 18.2 * blue)
    return planes


def _glyph(text: str, size: int) -> NDArray[np.bool_]:
    """The shape of ``text``; an empty array without Pillow, or for an empty text."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        return np.zeros((0, 0), dtype=np.bool_)
    font = ImageFont.load_default(size=size)
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox((0, 0), text, font=font)
    image = Image.new("L", (max(1, int(right - left)), max(1, int(bottom - min(0, top)))))
    ImageDraw.Draw(image).text((-left, 0), text, fill=255, font=font)
    return np.asarray(image) > 127


def _glyphs(texts: str, size: int) -> list[NDArray[np.bool_]]:
    glyphs = [_glyph(text, size) for text in texts]
    return glyphs if all(glyph.size for glyph in glyphs) else []
