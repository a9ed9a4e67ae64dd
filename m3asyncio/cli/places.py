"""Breakout rooms, found by what people call them."""

from __future__ import annotations

from m3asyncio.cli.from_json import WrongArgument
from m3core.conference.modules.breakout import BreakoutState
from m3core.values import BreakoutRoomId, is_uuid


def breakout_room(state: BreakoutState, named: str | None) -> BreakoutRoomId | None:
    """The room of that id, or of a name that only one has; None is the main room. Raises `WrongArgument`."""
    if named is None:
        return None
    for room in state.rooms:
        if room.id == named:
            return room.id
    found = [room.id for room in state.rooms if room.name == named]
    found = found or [room.id for room in state.rooms if room.name.casefold() == named.casefold()]
    if len(found) == 1:
        return found[0]
    if is_uuid(named):
        return BreakoutRoomId(named)
    if found:
        raise WrongArgument(f"{len(found)} rooms have this name: {', '.join(found)}")
    names = ", ".join(f'"{room.name}"' for room in state.rooms)
    raise WrongArgument(f"there is no such breakout room; there are: {names or 'none'}")
