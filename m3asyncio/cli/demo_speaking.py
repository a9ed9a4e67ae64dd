"""Who talks in the demo. Servers find out themselves (`focus_update`); from 0.9 on people tell (`speaker_updated`)."""

from __future__ import annotations

from functools import partial

from m3asyncio.cli.demo_stage import Seat, Stage
from m3core.conference.events import FocusChanged
from m3core.conference.modules.media import SpeakerChanged


class Speaking:
    """``is_told``: everybody has to tell by themselves, as with servers that have `Feature.SPEAKING_STATE`."""

    def __init__(self, stage: Stage, seats: tuple[Seat, ...], *, is_told: bool) -> None:
        self._stage = stage
        self._seats = seats
        self._is_told = is_told

    async def begins(self) -> None:
        """All talk, and see that somebody does."""
        await self._tell(is_speaking=True)
        for seat in self._seats:
            if self._is_told:
                await seat.sees(SpeakerChanged, "who talks", lambda event: event.is_speaking)
            else:
                await seat.sees(FocusChanged, "who talks", lambda event: event.participant is not None)

    async def ends(self) -> None:
        """Nobody talks, and all see that."""
        await self._tell(is_speaking=False)
        for seat in self._seats:
            if self._is_told:
                await seat.sees(SpeakerChanged, "that nobody talks", lambda event: not event.is_speaking)
            else:
                await seat.sees(FocusChanged, "that nobody talks", lambda event: event.participant is None)

    async def _tell(self, *, is_speaking: bool) -> None:
        what = "tells of talking" if is_speaking else "tells of silence"
        for seat in self._seats if self._is_told else ():
            async with self._stage.step(seat.name, what, sends="update_speaking_state"):
                await seat.does(partial(seat.conference.update_speaking, is_speaking=is_speaking))
