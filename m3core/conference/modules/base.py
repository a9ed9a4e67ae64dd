"""The base classes of the modules. A module is all that the client engine knows of one namespace.

A file of a module has four parts: the frozen values of its state; the events that users get; a `ClientModule`, whose
handlers change the state when messages come; and a `CommandGroup`, which has the commands as methods, written once for
the engine and for every adapter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, Protocol, TypeAlias, TypeVar

from attrs import frozen

from m3core.arguments import checks_arguments
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

    ``refusals``: the errors of its namespace that can be about this command. ``answered``: the server always sends an
    event when the command worked, so that without one the call ends with `CallTimedOut`. Other commands are done when
    no error has come for a while, since most successful commands have no acknowledgement (signaling.md § 4).
    """

    refusals: frozenset[str] = frozenset()
    answered: bool = False


def rule(*refusals: str, answered: bool = False) -> Rule:
    """A `Rule` from the slugs of its refusals."""
    return Rule(frozenset(refusals), answered)


BY_SILENCE: Final = Rule()
"""The rule of commands that have neither an answer nor an error: they are done after a while."""
Rules: TypeAlias = Mapping[type[Command], Rule]


def rules(refusal: str, *commands: type[Command]) -> dict[type[Command], Rule]:
    """A rule with one refusal, for each of several commands."""
    return dict.fromkeys(commands, rule(refusal))


class ClientModule(ABC, Generic[StateT]):
    """The state of one namespace in one conference.

    The engine calls the hooks (`entered`, `left`, `sent`, ...). A module overrides those that concern it.
    """

    NAMESPACE: ClassVar[str]
    RULES: ClassVar[Rules] = MappingProxyType({})
    """The commands that the server can refuse or answers; all others have the rule `BY_SILENCE`."""
    deadline: float | None = None
    """When the engine has to call `advance`, in monotonic seconds; ``None``: never."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._snapshot: StateT | None = None

    @property
    def state(self) -> StateT:
        """The state as a frozen value. It is built when it is read, and is the same object until `touch`."""
        if self._snapshot is None:
            self._snapshot = self.build()
        return self._snapshot

    def touch(self) -> None:
        """The state is about to change, so that `state` is built again when it is read.

        The engine calls this before handlers, `entered`, `left`, `sent` and `refused`. Other hooks call it themselves.
        """
        self._snapshot = None

    def rule_of(self, command: Command) -> Rule:
        """The rule of ``command``, which is one of `RULES`. Override it where servers of different versions differ."""
        return self.RULES[type(command)]

    # -- what a module defines ---
    @abstractmethod
    def build(self) -> StateT:
        """The state as a frozen value, from what the module holds now."""

    @abstractmethod
    def handlers(self) -> Mapping[type[Event], Handler]:
        """The handler of each message. A handler raises `RemoteProtocolError` for a message that makes no sense."""

    def entered(self, join: JoinSuccess) -> None:
        """We are in the room, perhaps again. ``join`` is the full state: what it lacks is over (signaling.md § 3)."""

    def left(self) -> None:
        """We have left the room, for the waiting room or for another breakout room. Forget what belongs to the room."""

    def participant_came(self, participant_id: ParticipantId) -> None:
        """Another participant came into our room."""

    def participant_changed(self, told: Update) -> None:
        """The server sent `update` for a participant, who may not be in our room (signaling.md § 5.2)."""

    def participant_left(self, participant_id: ParticipantId) -> None:
        """Another participant has left our room."""

    def advance(self) -> None:
        """The time of `deadline` has come."""

    def sent(self, command: Command) -> None:
        """A command of this namespace was sent. Change here what no message of the server will tell us."""

    def refused(self, command: Command) -> None:
        """The server refused a command of this namespace. Undo here what `sent` did."""

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        """The events that lead to the present state: for an observer who comes late, and for the user when we enter."""
        return ()

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        """The events that the user missed while the connection was lost. They are asked for once, after `Resumed`."""
        return ()

    # -- what its handlers use ---
    def _notify(self, *events: ConferenceEvent) -> None:
        self._around.notify(*events)

    def _own(self) -> Participant:
        own = self._around.own
        if own is None:  # the state tables of `m3core.signaling` pass such messages in state JOINED only
            raise StaleNegotiation("the server sent a message about ourselves before join_success")
        return own

    def _participant(self, participant_id: ParticipantId) -> Participant | None:
        """The participant of that id, perhaps ourselves, or one who has left; None: unknown."""
        return self._around.participant(participant_id)

    def _acknowledge(
        self, command: type[CommandT], where: Callable[[CommandT], bool] = lambda _: True, *, result: object = None
    ) -> None:
        """End the oldest open call of ``command`` for which ``where`` holds, if there is one, with ``result``."""
        call = self._waiting(command, where)
        if call is not None:
            self._around.calls.finish(call.id, result=result)

    def _waiting(self, command: type[CommandT], where: Callable[[CommandT], bool] = lambda _: True) -> Call | None:
        """The oldest open call of ``command`` for which ``where`` holds."""
        return self._around.calls.acknowledged_by(command, where)

    def _refuse(self, slug: str, key: MediaSessionKey | None = None) -> None:
        """The server sent the error ``slug``, which refuses the oldest open call that it can be about.

        Without such a call the user gets `ServerRefused`.
        """
        self._around.refuse(self.NAMESPACE, slug, key)


class Snapshot(Protocol):
    """What commands look up. It is a `ConferenceState`, which imports this file, so that this file has a protocol."""

    @property
    def own(self) -> Participant | None:
        """Ourselves; None before the first `join_success`."""
        ...

    @property
    def participants(self) -> Mapping[ParticipantId, Participant]:
        """All others by id, including those who have left."""
        ...

    def of(self, module: type[ClientModule[StateT]]) -> StateT:
        """The state of ``module``."""
        ...


class CommandGroup(Generic[T]):
    """The commands of a namespace as methods, which return what ``perform`` returns.

    ``perform`` sends a command. In the engine it returns a `CallId`, in adapters an awaitable. ``state`` gives the
    present state of the conference. A method that raises `LocalProtocolError` has sent nothing.

    In the docstrings of methods, "done with" names the result of the call, and "refused" the codes of `CallRefused`.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        checks_arguments(cls)

    def __init__(self, perform: Callable[[Command], T], state: Callable[[], Snapshot]) -> None:
        self._perform = perform
        self._state = state


Someone: TypeAlias = Participant | ParticipantId
"""What users may pass to name a participant."""


def id_of(someone: Someone) -> ParticipantId:
    """The id of the participant whom a user named."""
    return someone.id if isinstance(someone, Participant) else someone


def known(value: T | None, otherwise: str) -> T:
    """``value``; raises `LocalProtocolError` with the text ``otherwise`` if it is None."""
    if value is None:
        raise LocalProtocolError(otherwise)
    return value
