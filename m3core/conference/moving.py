"""In which room of the meeting we are: the main room, or a breakout room (signaling.md § 8).

Another room is another connection. To change rooms, `life` closes the WebSocket and asks for a ticket for the other
room, with the resumption token. `Whereabouts` keeps the target of the move, and ends the call of `switch_room`.
"""

from __future__ import annotations

import math
from typing import Final

from m3core.conference.backoff import INTERNAL_ERROR, NORMAL_CLOSURE
from m3core.conference.calls import CallKind
from m3core.conference.context import Context
from m3core.conference.modules.breakout import BreakoutModule
from m3core.errors import ApiError, CallRefused, M3Error
from m3core.io import CallId
from m3core.limits import SILENCE_MEANS_DONE
from m3core.values import BreakoutRoomId

_NO_ROOMS: Final = "no_breakout_rooms"
_NO_SUCH_ROOM: Final = frozenset({_NO_ROOMS, "invalid_breakout_room_id"})


class Whereabouts:
    """The room that we are in or move into, and the room that a move began in."""

    def __init__(self, context: Context, rooms: BreakoutModule) -> None:
        self._context = context
        self._rooms = rooms
        self.breakout: BreakoutRoomId | None = None
        """The room that we are in or move into; ``None``: the main room."""
        self.is_moving = False
        """Whether we have left one room of the meeting and are not in another one yet."""
        self._left: BreakoutRoomId | None = None
        """The room that the move began in: we go back there if the other room refuses us."""
        self._refusal: M3Error | None = None
        """Why the other room refused us. The call of `switch_room` ends with it, when we are back."""

    def go(self, breakout: BreakoutRoomId | None) -> CallId:
        """Begin a move into ``breakout``; the call is done when we are in it."""
        calls = self._context.calls
        if (before := calls.find(CallKind.MOVE)) is not None:
            calls.finish(before.id)  # its room had let us in, and the call was only waiting for a close (see `arrived`)
        call = calls.open(CallKind.MOVE, "switch_room", self._context.now, math.inf)
        self._left, self.breakout = self.breakout, breakout
        self.is_moving, self._refusal = True, None
        return call

    def arrived(self) -> None:
        """End the move: we are in the room that it led into, or back in another one after a refusal."""
        self.is_moving = False
        calls = self._context.calls
        if (move := calls.find(CallKind.MOVE)) is None:
            return
        if self._refusal or self.breakout is None or self._rooms.state.is_active:
            calls.finish(move.id, error=self._refusal)
        else:
            # No breakout rooms are open. A server may let us in all the same, and close right after `join_success` with
            # 1011 (signaling.md § 8): if it does not close within this time, the call is done.
            move.silent, move.deadline = True, self._context.now + SILENCE_MEANS_DONE

    def is_over(self, code: int | None, *, is_joined: bool) -> bool:
        """Whether the close code ``code`` means that the breakout room which we are in or move into is over."""
        if self.breakout is None:
            return False
        # 1011: we came when it was over, before or after `join_success`. 1000: five minutes after the rooms ended, the
        # time to leave is up (signaling.md § 2, 8); while they are open, 1000 is the end of the conference.
        is_open = is_joined and self._rooms.state.is_active
        return code == INTERNAL_ERROR or (code == NORMAL_CLOSURE and not is_open)

    def is_refused_by(self, error: M3Error) -> bool:
        """Whether ``error`` says that there is no such breakout room."""
        return self.breakout is not None and isinstance(error, ApiError) and error.code in _NO_SUCH_ROOM

    def close_room(self) -> None:
        """The server closed the connection because the breakout room is over: go back."""
        if (move := self._context.calls.find(CallKind.MOVE)) is not None:
            move.deadline = math.inf  # `arrived` ends it, when we are back
        self.turn_back(CallRefused(_NO_ROOMS))

    def turn_back(self, error: M3Error) -> None:
        """There is no such breakout room: go to the room that the move began in, or else to the main room.

        It is the main room if we were in the breakout room when the connection was lost, and it ended meanwhile.
        """
        self._refusal = error
        if isinstance(error, ApiError | CallRefused) and error.code == _NO_ROOMS:
            self._rooms.over()
        if self.is_moving:
            self.breakout, self._left = self._left, None
            self.is_moving = False
        else:
            self.breakout = None
            self.is_moving = True
