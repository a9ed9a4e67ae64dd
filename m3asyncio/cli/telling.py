"""How `m3 join` tells what happens: lines for people, JSON lines for programs, or both."""

from __future__ import annotations

import time
from collections.abc import Mapping

from m3asyncio.cli.jsonl import event_line
from m3asyncio.cli.output import STYLES, Output
from m3asyncio.cli.wording import as_json, sentence
from m3asyncio.cli.wording_modules import details
from m3core.conference.events import ConferenceEvent, Ended
from m3core.conference.state import EndReason, Participant


class Teller:
    """Tells events as they happen. ``is_full``: JSON lines have every field (`--events`), else a few (`--json`)."""

    def __init__(self, output: Output, *, with_events: bool, is_full: bool) -> None:
        self.output = output
        self._with_events = with_events
        self._is_full = is_full
        self._start = time.monotonic()
        self._styles: dict[str, str] = {}

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    def event(self, event: ConferenceEvent) -> None:
        """What happened."""
        if self._is_full:
            self.output.object(event_line(event, self.elapsed()))
        elif self._with_events:
            self.output.object(as_json(event, self.elapsed()))
        text = sentence(event)
        if text and not (isinstance(event, Ended) and event.reason is EndReason.LEFT):
            who = getattr(event, "participant", None)
            self.say(text, who.display_name if isinstance(who, Participant) else "")
            for line in details(event):
                self.output.line(" " * 12, line)

    def fact(self, name: str, facts: Mapping[str, object]) -> None:
        """Something that is no event of the conference: told with `--json` alone."""
        if self._with_events and not self._is_full:
            self.output.object({"event": name, "time": round(self.elapsed(), 3), **facts})

    def say(self, text: str, name: str = "") -> None:
        """One line; each person has a colour."""
        style = self._styles.setdefault(name, STYLES[len(self._styles) % len(STYLES)]) if name else ""
        self.output.line((f"{time.strftime('%H:%M:%S')}  ", "dim"), (text, style))
