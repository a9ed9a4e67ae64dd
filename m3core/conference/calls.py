"""The commands of the user that have not ended yet.

Every call ends exactly once: done, refused, timed out or cancelled. M3 has no request ids (signaling.md § 4), so the
oldest call that an answer or an error can mean is the one that it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from attrs import define

from m3core.errors import LocalProtocolError, M3Error
from m3core.io import CallDone, CallId
from m3core.limits import MAX_CALLS
from m3core.messages import Command, UnknownCommand
from m3core.values import MediaSessionKey

CommandT = TypeVar("CommandT", bound=Command)


class CallKind(Enum):
    """What the user asked for; the value is the name in error texts."""

    START = "join"
    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"
    COMMAND = "command"
    MOVE = "switch_room"
    LEAVE = "leave"


@define
class Call:
    """One open call.

    ``what`` is its name in error texts. ``slugs`` are the errors of ``namespace`` that can mean it. ``silent``: the
    server need not answer, and a deadline without an error means success. ``key``: the stream that it is about.
    """

    id: CallId
    kind: CallKind
    what: str
    started: float
    deadline: float
    key: MediaSessionKey | None = None
    slugs: frozenset[str] = frozenset()
    silent: bool = False
    namespace: str = "media"
    command: Command | UnknownCommand | None = None


class Calls:
    """The open calls, in the order in which they were made."""

    def __init__(self) -> None:
        self._open: dict[CallId, Call] = {}
        self._last = 0
        self.done: list[CallDone] = []

    def open(
        self,
        kind: CallKind,
        what: str,
        now: float,
        timeout: float,
        *,
        key: MediaSessionKey | None = None,
        slugs: frozenset[str] = frozenset(),
        silent: bool = False,
        namespace: str = "media",
        command: Command | UnknownCommand | None = None,
    ) -> CallId:
        """Begin a call; raises `LocalProtocolError` when too many are open. Leaving is always possible.

        ``namespace``: whose errors can mean it; most calls are about media sessions.
        """
        if kind is not CallKind.LEAVE:  # a program that has filled the calls must still be able to end
            self.check_capacity()
        self._last += 1
        call = Call(CallId(self._last), kind, what, now, now + timeout, key, slugs, silent, namespace, command)
        self._open[call.id] = call
        return call.id

    def check_capacity(self) -> None:
        """Raises `LocalProtocolError` when too many calls are open."""
        if len(self._open) >= MAX_CALLS:
            raise LocalProtocolError(f"{MAX_CALLS} calls are open already: wait until some of them have ended")

    def get(self, call: CallId) -> Call | None:
        """The call, if it is still open."""
        return self._open.get(call)

    def find(self, kind: CallKind, key: MediaSessionKey | None = None) -> Call | None:
        """The oldest open call of ``kind``, and of the stream ``key`` if one is given."""
        return next((c for c in self._open.values() if c.kind is kind and (key is None or c.key == key)), None)

    def refused_by(self, namespace: str, slug: str, key: MediaSessionKey | None = None) -> Call | None:
        """The oldest open call that an error ``slug`` of ``namespace`` (about the stream ``key``) can mean."""
        for call in self._open.values():
            if call.namespace == namespace and slug in call.slugs and (key is None or call.key == key):
                return call
        return None

    def oldest_of_a_module(self) -> Call | None:
        """The oldest open command of a namespace that a server may lack: any but `control` and `media`."""
        return next((c for c in self._open.values() if c.command and c.namespace not in {"control", "media"}), None)

    def acknowledged_by(self, command: type[CommandT], where: Callable[[CommandT], bool]) -> Call | None:
        """The oldest open ``command`` for which ``where`` holds."""
        for call in self._open.values():
            if isinstance(call.command, command) and where(call.command):
                return call
        return None

    def finish(self, call: CallId, *, result: object = None, error: M3Error | None = None) -> None:
        """End a call; a second end is ignored."""
        if self._open.pop(call, None) is not None:
            self.done.append(CallDone(call, result, error))

    def finish_all(self, error: M3Error) -> None:
        """End every call with ``error``."""
        for call in list(self._open):
            self.finish(call, error=error)

    @property
    def deadline(self) -> float | None:
        """When the next call is due; ``None`` without calls."""
        return min((call.deadline for call in self._open.values()), default=None)

    def expired(self, now: float) -> list[Call]:
        """Finish the silent calls that are due, and give the others that are: the caller ends those."""
        late = [call for call in self._open.values() if call.deadline <= now]
        for call in late:
            if call.silent:
                self.finish(call.id)
        return [call for call in late if not call.silent]
