"""In which room of the meeting we are: the main room, or a breakout room (signaling.md § 8).

Another room is another connection: whoever changes rooms closes the WebSocket, and asks for a ticket for the other room
with the resumption token. `life` does that. This file knows where to, and what becomes of the call `switch_room`.
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
    """The room that we are in, or on the way into, and the one that we came from."""

    def __init__(self, context: Context, rooms: BreakoutModule) -> None:
        self._context = context
        self._rooms = rooms
        self.breakout: BreakoutRoomId | None = None
        """The room that we are in, or on the way into; None: the main room."""
        self.is_moving = False
        """From leaving one room of the meeting until we are in another one."""
        self._left: BreakoutRoomId | None = None
        """Where we came from, in case the other room does not take us ..."""
        self._refusal: M3Error | None = None
        """... and why it did not. The call ends when we are back."""

    def go(self, breakout: BreakoutRoomId | None) -> CallId:
        """The user wants into ``breakout``; the call is done when we are in it."""
        calls = self._context.calls
        if (before := calls.find(CallKind.MOVE)) is not None:
            calls.finish(before.id)  # we were there, if only for a moment
        call = calls.open(CallKind.MOVE, "switch_room", self._context.now, math.inf)
        self._left, self.breakout = self.breakout, breakout
        self.is_moving, self._refusal = True, None
        return call

    def arrived(self) -> None:
        """We are in the room that we wanted into, or in another one because of its refusal."""
        self.is_moving = False
        calls = self._context.calls
        if (move := calls.find(CallKind.MOVE)) is None:
            return
        if self._refusal or self.breakout is None or self._rooms.state.is_active:
            calls.finish(move.id, error=self._refusal)
        else:
            # A server lets us into a room whose time is up, and closes then (signaling.md § 8): wait whether it does.
            move.silent, move.deadline = True, self._context.now + SILENCE_MEANS_DONE

    def is_over(self, code: int | None, *, is_joined: bool) -> bool:
        """Whether a close is the end of the breakout room that we are in, or on the way into (signaling.md § 2, 8).

        The server closes with 1011 or 1000: before or after `join_success`, or when the time to leave is up.
        """
        if self.breakout is None:
            return False
        is_open = is_joined and self._rooms.state.is_active
        return code == INTERNAL_ERROR or (code == NORMAL_CLOSURE and not is_open)

    def is_refused_by(self, error: M3Error) -> bool:
        """Whether ``error`` says that there is no such breakout room."""
        return self.breakout is not None and isinstance(error, ApiError) and error.code in _NO_SUCH_ROOM

    def close_room(self) -> None:
        """The breakout room was closed while we were in it, or on the way into it."""
        if (move := self._context.calls.find(CallKind.MOVE)) is not None:
            move.deadline = math.inf  # it ends when we are back
        self.turn_back(CallRefused(_NO_ROOMS))

    def turn_back(self, error: M3Error) -> None:
        """There is no such breakout room: go where we came from.

        A breakout room that we were in when the connection was lost may have ended meanwhile: then into the main room.
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
