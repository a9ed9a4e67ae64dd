"""Every command that a line can name: the methods of a conference and of its command groups, with their parameters.

Methods are found by introspection, so a new command, or a new group, needs no change here.
"""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Final

from attrs import frozen

from m3asyncio.cli.from_json import People, WrongArgument, expected, is_someone, value_of
from m3core.conference.commands import Commands
from m3core.conference.modules.base import CommandGroup
from m3core.conference.state import ConferenceState
from m3core.values import ParticipantId, is_uuid

RESERVED: Final = frozenset({"do", "id", "background"})
"""Keys of a line that are not arguments. No method may have a parameter of such a name."""
_ALIASES: Final = ("target", "targets")
"""Names that a line may use for the participants that a method takes, whatever the parameter is called."""


@frozen
class KnownCommand:
    """One command. ``perform`` carries it out, ``hints`` are the types of its parameters, ``summary`` is its help."""

    name: str
    perform: Callable[..., Awaitable[object]]
    parameters: Mapping[str, inspect.Parameter]
    hints: Mapping[str, object]
    summary: str

    @property
    def usage(self) -> str:
        """The arguments and what they may be, for people. Optional ones are in brackets."""
        return ", ".join(
            f"{name}: {expected(self.hints[name])}" if _is_needed(parameter) else f"[{name}: {self._expected(name)}]"
            for name, parameter in self.parameters.items()
        )

    def call(self, line: Mapping[str, object], people: People) -> Awaitable[object]:
        """Carry it out with the arguments in ``line``. Raises `WrongArgument`, and what the method raises."""
        given = {self._name(name): value for name, value in line.items() if name not in RESERVED}
        for name in given:
            if name not in self.parameters:
                exist = ", ".join(self.parameters) or "none"
                raise WrongArgument(f"`{self.name}` has no such argument; it has: {exist}", name)
        positional: list[object] = []
        named: dict[str, object] = {}
        for name, parameter in self.parameters.items():
            if name not in given and _is_needed(parameter):
                raise WrongArgument(f"is missing: {self._expected(name)}", name)
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                positional += named.values()  # Python takes no keywords for what precedes ``*several``
                named.clear()
                positional += [self._value(name, one, people) for one in _list(given.get(name, []))]
            elif name in given:
                named[name] = self._value(name, given[name], people)
        return self.perform(*positional, **named)

    def _value(self, name: str, given: object, people: People) -> object:
        try:
            return value_of(self.hints[name], given, people)
        except WrongArgument as error:
            raise error.within(name) from None

    def _name(self, name: str) -> str:
        """The parameter that a key of the line means: `target` is the one that takes participants."""
        if name in _ALIASES and name not in self.parameters:
            return next((one for one in self.parameters if is_someone(self.hints[one])), name)
        return name

    def _expected(self, name: str) -> str:
        several = "several, each " if self.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL else ""
        return several + expected(self.hints[name])


class Catalogue(Mapping[str, KnownCommand]):
    """The commands of a conference by name (``chat``, ``polls.start``), and the public methods of ``more``."""

    def __init__(self, commands: Commands[Awaitable[object]], more: object | None = None) -> None:
        self._known: dict[str, KnownCommand] = {}
        self._add(commands, "", (name for name in dir(Commands)))
        for group, value in vars(commands).items():
            if isinstance(value, CommandGroup) and not group.startswith("_"):
                if callable(value):
                    self._put(group, value, type(value).__call__)
                self._add(value, f"{group}.", dir(value))
        if more is not None:
            self._add(more, "", dir(more))

    def __getitem__(self, name: str) -> KnownCommand:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def of_line(self, line: Mapping[str, object]) -> KnownCommand:
        """The command that ``line`` names. Raises `WrongArgument`, which lists similar commands."""
        name = line.get("do")
        if not isinstance(name, str):
            raise WrongArgument('is missing; it names a command, as in {"do": "help"}', "do")
        if name not in self._known:
            group = name.partition(".")[0] + "."
            of_group = [one for one in self._known if one.startswith(group)]
            near = of_group or difflib.get_close_matches(name, self._known) or list(self._known)
            raise WrongArgument(f"there is no command `{name}`; there is: {', '.join(near)}", "do")
        return self._known[name]

    def _add(self, owner: object, prefix: str, names: Iterable[str]) -> None:
        for name in names:
            method = getattr(owner, name, None)
            if not name.startswith("_") and inspect.ismethod(method):
                self._put(prefix + name, method, method.__func__)

    def _put(self, name: str, perform: Callable[..., Awaitable[object]], function: Callable[..., object]) -> None:
        parameters = dict(inspect.signature(perform).parameters)
        hints = typing.get_type_hints(function)
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        self._known[name] = KnownCommand(name, perform, parameters, hints, summary)


def people_of(state: Callable[[], ConferenceState]) -> People:
    """A function that finds participants, also in the waiting room, by id or by an unambiguous display name.

    An unknown UUID is taken for an id, about which the server decides.
    """

    def find(named: str) -> ParticipantId:
        now = state()
        here = {one.id: one for one in (*now.participants.values(), *now.moderation.waiting.values()) if one.is_here}
        if now.own is not None:
            here[now.own.id] = now.own
        if named in here or is_uuid(named):
            return ParticipantId(named)
        found = [one.id for one in here.values() if one.display_name == named]
        found = found or [one.id for one in here.values() if one.display_name.casefold() == named.casefold()]
        if len(found) == 1:
            return found[0]
        if found:
            raise WrongArgument(f"{len(found)} participants have this name; use an id: {', '.join(found)}")
        names = ", ".join(f'"{one.display_name}"' for one in here.values())
        raise WrongArgument(f"no participant has this name; there are: {names or 'no others'}")

    return find


def _is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_POSITIONAL


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
