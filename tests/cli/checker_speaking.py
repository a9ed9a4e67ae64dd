"""Who speaks. The server finds out (`focus_update`), or participants tell it, from level 0.9 on (`speaker_updated`)."""

from __future__ import annotations

from functools import partial

from checker_stage import CheckedStage, Seat

from m3core.conference.events import FocusChanged
from m3core.conference.modules.media import SpeakerChanged


class Speaking:
    """``is_told``: participants have to tell the server, as at levels that have `Feature.SPEAKING_STATE`."""

    def __init__(self, stage: CheckedStage, seats: tuple[Seat, ...], *, is_told: bool) -> None:
        self._stage = stage
        self._seats = seats
        self._is_told = is_told

    async def begins(self) -> None:
        """Both speak, and see that somebody does."""
        await self._tell(is_speaking=True)
        for seat in self._seats:
            if self._is_told:
                await seat.sees(SpeakerChanged, "who speaks", lambda event: event.is_speaking)
            else:
                await seat.sees(FocusChanged, "who speaks", lambda event: event.participant is not None)

    async def ends(self) -> None:
        """Nobody speaks, and both see that."""
        await self._tell(is_speaking=False)
        for seat in self._seats:
            if self._is_told:
                await seat.sees(SpeakerChanged, "that nobody speaks", lambda event: not event.is_speaking)
            else:
                await seat.sees(FocusChanged, "that nobody speaks", lambda event: event.participant is None)

    async def _tell(self, *, is_speaking: bool) -> None:
        what = "says that it speaks" if is_speaking else "says that it is silent"
        for seat in self._seats if self._is_told else ():
            async with self._stage.step(seat.name, what):
                await seat.does(partial(seat.conference.update_speaking, is_speaking=is_speaking))
