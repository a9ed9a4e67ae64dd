"""How `m3 join` tells what happens: a line for people, and a JSON line for programs if they asked for it."""

from __future__ import annotations

import time

from m3asyncio.cli.jsonl import event_line
from m3asyncio.cli.output import STYLES, Output
from m3asyncio.cli.wording import details, sentence
from m3core.conference.events import ConferenceEvent, Ended
from m3core.conference.state import EndReason, Participant


class EventPrinter:
    """Tells events as they happen. ``as_json``: also as JSON lines (`--events jsonl`)."""

    def __init__(self, output: Output, *, as_json: bool) -> None:
        self.output = output
        self._as_json = as_json
        self._start = time.monotonic()
        self._styles: dict[str, str] = {}

    def elapsed(self) -> float:
        """Seconds since this was made, which is when the command started."""
        return time.monotonic() - self._start

    def event(self, event: ConferenceEvent) -> None:
        """Tell an event. A person who left needs no line about it."""
        if self._as_json:
            self.output.object(event_line(event, self.elapsed()))
        text = sentence(event)
        if text and not (isinstance(event, Ended) and event.reason is EndReason.LEFT):
            who = getattr(event, "participant", None)
            self.say(text, who.display_name if isinstance(who, Participant) else "")
            for line in details(event):
                self.output.line(" " * 12, line)

    def say(self, text: str, name: str = "") -> None:
        """Print one line with the time of day, in the colour of the participant ``name``."""
        style = self._styles.setdefault(name, STYLES[len(self._styles) % len(STYLES)]) if name else ""
        self.output.line((f"{time.strftime('%H:%M:%S')}  ", "dim"), (text, style))
