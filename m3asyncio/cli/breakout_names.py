"""Breakout rooms, found by their names."""

from __future__ import annotations

from m3asyncio.cli.from_json import WrongArgument
from m3core.conference.modules.breakout import BreakoutState
from m3core.values import BreakoutRoomId, is_uuid


def breakout_room(state: BreakoutState, named: str | None) -> BreakoutRoomId | None:
    """The breakout room with this id, or with this name if only one has it; None is the main room.

    Raises `WrongArgument`. An unknown UUID is taken for an id, about which the server decides.
    """
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
        raise WrongArgument(f"{len(found)} rooms have this name; use an id: {', '.join(found)}")
    names = ", ".join(f'"{room.name}"' for room in state.rooms)
    raise WrongArgument(f"there is no such breakout room; there are: {names or 'none'}")
