"""The picture of the demo: what each subscriber decoded, one row for each stream, time from left to right."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from m3asyncio.cli.demo_streams import WatchedStream
from m3core.media import VideoFrame
from m3core.values import MediaSessionType

COLUMNS: Final = 5
CELL: Final = (320, 240)
GAP: Final = 14
MARGIN: Final = 32
LABEL: Final = 220
HEAD: Final = 92
CAPTION: Final = 24
PAPER: Final = (24, 26, 32)
CARD: Final = (36, 39, 48)
INK: Final = (236, 238, 242)
FAINT: Final = (150, 156, 168)
ACCENTS: Final = ((86, 190, 225), (220, 120, 210), (120, 205, 130))


def draw_sheet(path: Path, streams: list[WatchedStream]) -> bool:
    """Write the picture to ``path``; false if no stream has pictures. Raises `OSError` and `ValueError`."""
    rows = [stream for stream in streams if stream.samples]
    if not rows:
        return False
    width = 2 * MARGIN + LABEL + COLUMNS * (CELL[0] + GAP) - GAP
    height = HEAD + MARGIN + len(rows) * (CELL[1] + CAPTION + GAP) - GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 26), "m3 demo", fill=INK, font=_font(30))
    draw.text((MARGIN + 140, 38), "what each subscriber decoded, from left to right", fill=FAINT, font=_font(18))
    for number, stream in enumerate(rows):
        top = HEAD + number * (CELL[1] + CAPTION + GAP)
        _label(draw, top, stream, ACCENTS[number % len(ACCENTS)])
        for column, (seconds, frame) in enumerate(_spread(stream.samples)):
            left = MARGIN + LABEL + column * (CELL[0] + GAP)
            draw.rectangle((left, top, left + CELL[0] - 1, top + CELL[1] - 1), fill=CARD)
            image = _fitted(frame)
            sheet.paste(image, (left + (CELL[0] - image.width) // 2, top + (CELL[1] - image.height) // 2))
            draw.text((left + 2, top + CELL[1] + 4), f"+{seconds:.2f} s", fill=FAINT, font=_font(14))
    sheet.save(path)
    return True


def _label(draw: ImageDraw.ImageDraw, top: int, stream: WatchedStream, accent: tuple[int, int, int]) -> None:
    draw.rectangle((MARGIN, top, MARGIN + 5, top + CELL[1] - 1), fill=accent)
    left = MARGIN + 20
    draw.text((left, top + 4), f"{stream.receiver} sees", fill=FAINT, font=_font(17))
    draw.text((left, top + 28), stream.sender, fill=INK, font=_font(34))
    draw.text(
        (left, top + 70), "camera" if stream.kind is MediaSessionType.VIDEO else "screen", fill=accent, font=_font(22)
    )
    received = stream.received
    lines = [f"{received.video_frames} pictures"]
    if received.audio_frames:
        lines.append(f"{received.audio_frames} pieces of sound")
    if received.first_frame_s is not None:
        lines.append(f"first after {received.first_frame_s:.2f} s")
    for number, line in enumerate(lines):
        draw.text((left, top + 118 + 24 * number), line, fill=FAINT, font=_font(16))


def _spread(samples: list[tuple[float, VideoFrame]]) -> list[tuple[float, VideoFrame]]:
    """As many samples as there are columns, evenly spread, with the first and the last."""
    if len(samples) <= COLUMNS:
        return samples
    last = len(samples) - 1
    return [samples[round(column * last / (COLUMNS - 1))] for column in range(COLUMNS)]


def _fitted(frame: VideoFrame) -> Image.Image:
    image = frame.to_image()
    image.thumbnail(CELL, Image.Resampling.LANCZOS)
    return image


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
