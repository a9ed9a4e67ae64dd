"""The recorded descriptions, and ways to break them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from m3core.sdp import SessionDescription

VECTORS: Final = Path(__file__).parents[2] / "vectors"
FILES: Final = tuple(
    path.relative_to(VECTORS).as_posix()
    for folder in ("sdp", "sdp-live")
    for path in sorted((VECTORS / folder).glob("*.sdp"))
)
TEXTS: Final = {name: (VECTORS / name).read_bytes().decode() for name in FILES}
PAIRS: Final = (
    ("sdp/01-publish-video-offer.sdp", "sdp/02-publish-video-answer.sdp"),
    ("sdp/03-publish-screen-offer.sdp", "sdp/04-publish-screen-answer.sdp"),
    ("sdp/05-subscribe-video-offer.sdp", "sdp/06-subscribe-video-answer.sdp"),
    ("sdp/07-subscribe-screen-offer.sdp", "sdp/08-subscribe-screen-answer.sdp"),
    ("sdp-live/aiortc-pub-offer.sdp", "sdp-live/janus-answer.sdp"),
    ("sdp-live/aiortc-pub-offer-h264.sdp", "sdp-live/janus-answer-h264.sdp"),
    ("sdp-live/janus-sub-offer.sdp", "sdp-live/aiortc-sub-answer.sdp"),
    ("sdp/01-publish-video-offer.sdp", "sdp-live/janus-answer-firefox-simulcast.sdp"),
)
PUBLISH_OFFER: Final = TEXTS["sdp/01-publish-video-offer.sdp"]
PUBLISH_ANSWER: Final = TEXTS["sdp/02-publish-video-answer.sdp"]
SUBSCRIBE_OFFER: Final = TEXTS["sdp/05-subscribe-video-offer.sdp"]
SUBSCRIBE_ANSWER: Final = TEXTS["sdp/06-subscribe-video-answer.sdp"]
CHROMIUM: Final = TEXTS["sdp-live/chromium-pub-offer.sdp"]

HEAD: Final = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
TRANSPORT: Final = (
    "rtcp-mux",
    "ice-ufrag:abcd",
    "ice-pwd:abcdefghijklmnopqrstuv",
    "setup:actpass",
    "fingerprint:sha-256 " + ":".join(["AA"] * 32),
)
"""The attributes of its transport that each m-section needs."""
PWD: Final = "cc70eb1ce669a3d8a480636a9cf5c4d2"


def load(name: str) -> SessionDescription:
    return SessionDescription.parse(TEXTS[name])


def section(*lines: str, mline: str = "m=audio 9 UDP/TLS/RTP/SAVPF 111") -> str:
    """A description of one m-section whose attributes are ``lines``."""
    return HEAD + "".join(f"{line}\r\n" for line in (mline, *(f"a={line}" for line in lines)))


def changed(text: str, old: str, new: str, count: int = 1) -> str:
    """``text`` with ``new`` in place of ``old``, which ``text`` must have."""
    assert old in text
    return text.replace(old, new, count)
