"""What every module of the client engine is: one namespace, with its state, its events and the ends of its commands.

A module holds in one file: the frozen values of its state; the events that users see; a `ClientModule`, which folds
messages; and a `CommandGroup`, the commands as methods, written once for the engine and for every adapter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, Protocol, TypeAlias, TypeVar

from attrs import frozen

from m3core.conference.calls import Call
from m3core.conference.common import Participant
from m3core.conference.events import ConferenceEvent
from m3core.conference.surroundings import Surroundings
from m3core.errors import LocalProtocolError, StaleNegotiation
from m3core.messages import Command, Event
from m3core.messages.control import JoinSuccess, Update
from m3core.values import MediaSessionKey, ParticipantId

T = TypeVar("T")
StateT = TypeVar("StateT")
CommandT = TypeVar("CommandT", bound=Command)
Handler: TypeAlias = Callable[[Any], None]


@frozen
class Rule:
    """How a command ends.

    ``refusals``: the slugs of its namespace that can mean it. ``answered``: the server always tells that it worked, so
    that silence is `CallTimedOut`; where it need not, silence means done (signaling.md § 4).
    """

    refusals: frozenset[str] = frozenset()
    answered: bool = False


def rule(*refusals: str, answered: bool = False) -> Rule:
    """A `Rule`, short."""
    return Rule(frozenset(refusals), answered)


BY_SILENCE: Final = Rule()
"""Of commands that are neither answered nor refused."""
Rules: TypeAlias = Mapping[type[Command], Rule]


def rules(refusal: str, *commands: type[Command]) -> dict[type[Command], Rule]:
    """The same `Rule` for several commands."""
    return dict.fromkeys(commands, rule(refusal))


class ClientModule(ABC, Generic[StateT]):
    """One namespace of one conference."""

    NAMESPACE: ClassVar[str]
    RULES: ClassVar[Rules] = MappingProxyType({})
    """The commands that can be refused or are answered; all others end by silence."""
    deadline: float | None = None
    """When to call `advance`; ``None``: never."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._snapshot: StateT | None = None

    @property
    def state(self) -> StateT:
        """The snapshot: built when read, the same object until a message of the namespace comes."""
        if self._snapshot is None:
            self._snapshot = self.build()
        return self._snapshot

    def touch(self) -> None:
        """Something is about to change: build the snapshot anew when it is read."""
        self._snapshot = None

    def rule_of(self, command: Command) -> Rule:
        """How ``command``, one of the `RULES`, ends at this server."""
        return self.RULES[type(command)]

    # -- what a module says ---
    @abstractmethod
    def build(self) -> StateT:
        """The snapshot."""

    @abstractmethod
    def handlers(self) -> Mapping[type[Event], Handler]:
        """What folds which message. A handler raises `RemoteProtocolError` for what makes no sense."""

    def entered(self, join: JoinSuccess) -> None:
        """We are in the room, perhaps again: ``join`` is the whole truth (signaling.md § 3)."""

    def left(self) -> None:
        """We are in that room no more (waiting room, another breakout room): forget what was said in it."""

    def participant_came(self, participant_id: ParticipantId) -> None:
        """Somebody else came into our room, and so is nowhere else."""

    def participant_changed(self, told: Update) -> None:
        """Something changed about somebody, perhaps ourselves, or one who is not in our room (signaling.md § 5.2)."""

    def participant_left(self, participant_id: ParticipantId) -> None:
        """Somebody else has gone."""

    def advance(self) -> None:
        """The `deadline` has come."""

    def sent(self, command: Command) -> None:
        """A command of this namespace has left: what we asked for stands until it is refused."""

    def refused(self, command: Command) -> None:
        """A command that `sent` saw did not happen after all."""

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        """The events that lead to the present state, for an observer who comes now, and for us when we enter."""
        return ()

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        """What began or was said while a connection was lost; told after `Resumed`, and asked for once."""
        return ()

    # -- what its handlers use ---
    def _notify(self, *events: ConferenceEvent) -> None:
        self._around.notify(*events)

    def _own(self) -> Participant:
        own = self._around.own
        if own is None:  # the tables let these messages through in state JOINED only
            raise StaleNegotiation("a message about ourselves before join_success")
        return own

    def _participant(self, participant_id: ParticipantId) -> Participant | None:
        """Somebody, perhaps ourselves or one who left; None if unknown."""
        return self._around.participant(participant_id)

    def _acknowledge(
        self, command: type[CommandT], where: Callable[[CommandT], bool] = lambda _: True, *, result: object = None
    ) -> None:
        """The oldest open ``command`` for which ``where`` holds is done; without one nothing happens."""
        call = self._waiting(command, where)
        if call is not None:
            self._around.calls.finish(call.id, result=result)

    def _waiting(self, command: type[CommandT], where: Callable[[CommandT], bool] = lambda _: True) -> Call | None:
        """The oldest open ``command`` for which ``where`` holds."""
        return self._around.calls.acknowledged_by(command, where)

    def _refuse(self, slug: str, key: MediaSessionKey | None = None) -> None:
        """An error of this namespace: the oldest open call that it can mean is refused, else it is told."""
        self._around.refuse(self.NAMESPACE, slug, key)


class Snapshot(Protocol):
    """What commands look up: a `ConferenceState`, which this file does not know."""

    @property
    def own(self) -> Participant | None:
        """Ourselves."""
        ...

    @property
    def participants(self) -> Mapping[ParticipantId, Participant]:
        """All others, those who left included."""
        ...

    def of(self, module: type[ClientModule[StateT]]) -> StateT:
        """The state of ``module``."""
        ...


class CommandGroup(Generic[T]):
    """The commands of a namespace as methods, generic over how they are performed.

    ``perform`` sends a command and gives what stands for its end: a `CallId` in the engine, an awaitable in adapters.
    ``state`` is where a command looks up what it is about. Methods raise `LocalProtocolError`, and send nothing, for
    what can not be.
    """

    def __init__(self, perform: Callable[[Command], T], state: Callable[[], Snapshot]) -> None:
        self._perform = perform
        self._state = state


Someone: TypeAlias = Participant | ParticipantId
"""How users name a participant."""


def id_of(someone: Someone) -> ParticipantId:
    """The id of a participant that a user named."""
    return someone.id if isinstance(someone, Participant) else someone


def known(value: T | None, what: str) -> T:
    """``value``; raises `LocalProtocolError` that there is no ``what``."""
    if value is None:
        raise LocalProtocolError(f"there is no {what}")
    return value
