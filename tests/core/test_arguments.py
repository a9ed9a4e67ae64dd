"""Wrong arguments: every public function says which types it takes, before it does anything."""

from __future__ import annotations

import collections.abc
import enum
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

import m3asyncio
import m3trio
from m3asyncio import sources
from m3asyncio.audio_output import AudioOutput
from m3core.arguments import checked, checks_arguments
from m3core.client.account import Account, Meeting
from m3core.client.conference import Conference
from m3core.client.joining import Joiner
from m3core.client.publication import Publication, Subscription
from m3core.conference.commands import Commands
from m3core.errors import LocalProtocolError, WrongType, WrongValue
from m3core.messages import Command
from m3core.serving import Host
from m3core.structuring import is_id
from m3core.values import MediaSessionType, ParticipantId

A_UUID = "437679f8-4adb-4ccc-b02d-fedbb5cf2b8b"


class Odd:
    """A value that nothing takes."""


def groups() -> list[type]:
    state: Any = Odd
    commands: Commands[object] = Commands(lambda _: None, state)
    return [type(group) for group in vars(commands).values() if "Commands" in type(group).__name__]


def functions() -> Iterator[Callable[..., Any]]:
    """Every function with arguments that users call."""
    classes = [Conference, *Commands.__mro__[:3], *groups(), Publication, Subscription, Account, Meeting, Joiner]
    for cls in classes:
        for name, function in vars(cls).items():
            if inspect.isfunction(function) and (name == "__call__" or not name.startswith("_")):
                yield function
    yield from (Account.__init__, Host.serve, AudioOutput.__init__)
    yield from (sources.pattern, sources.tone, sources.file, sources.frames)


def sample(hint: Any) -> object:
    """A value that ``hint`` takes."""
    if get_origin(hint) in {Union, types.UnionType}:
        return sample(get_args(hint)[0])
    if is_id(hint):
        return A_UUID
    origin = get_origin(hint) or hint
    samples: dict[object, object] = {
        str: "a", int: 1, float: 1.0, bool: True, type: Odd, collections.abc.Callable: lambda: None,
        collections.abc.Iterable: (), collections.abc.Mapping: {}, dict: {},
    }  # fmt: skip
    if origin in samples:
        return samples[origin]
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return next(iter(origin))
    if isinstance(origin, type) and not getattr(origin, "_is_protocol", False):
        return object.__new__(origin)
    return AnyProtocol()


class AnyProtocol:
    has_video = has_audio = True

    def open(self) -> None: ...

    def request(self) -> None: ...

    def aclose(self) -> None: ...


def called_as(function: Callable[..., Any]) -> str:
    *_, owner, name = ("", *function.__qualname__.split("."))
    return owner if name.startswith("__") else name


def call(function: Callable[..., Any], *args: object, **kwargs: object) -> None:
    outcome = function(*args, **kwargs)
    if inspect.iscoroutine(outcome):
        outcome.send(None)  # it raises before it waits for anything


CASES = [
    (function, parameter.name)
    for function in functions()
    for parameter in inspect.signature(function).parameters.values()
    if parameter.name not in {"self", "args", "ids", "body", "style"}
]


@pytest.mark.parametrize(("function", "name"), CASES, ids=[f"{f.__qualname__}-{name}" for f, name in CASES])
def test_every_argument_of_every_public_function_is_checked(function: Callable[..., Any], name: str) -> None:
    hints = get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    given: dict[str, object] = {}
    positional: list[object] = []
    for each in parameters:
        value = Odd() if each.name == name else None if each.name == "self" else sample(hints.get(each.name))
        if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}:
            if each.default is not each.empty and each.name != name:
                value = each.default
            positional.append(value)
        elif each.kind is each.VAR_POSITIONAL and each.name == name:
            positional.append(value)
        elif each.kind is each.KEYWORD_ONLY and (each.default is each.empty or each.name == name):
            given[each.name] = value
    with pytest.raises(TypeError, match=rf"^{name}= of {called_as(function)}\(\) must be an? .*, not Odd$") as raised:
        call(function, *positional, **given)
    assert isinstance(raised.value, WrongType)
    assert isinstance(raised.value, LocalProtocolError)


def test_the_adapters_have_those_functions() -> None:
    for adapter in (m3asyncio, m3trio):
        assert adapter.join.__func__ is Joiner.join
        assert adapter.serve.__func__ is Host.serve
        assert adapter.Account.__init__ is Account.__init__


@pytest.fixture
def sent() -> list[Command]:
    return []


@pytest.fixture
def commands(sent: list[Command]) -> Commands[None]:
    state: Any = Odd
    return Commands(sent.append, state)


@pytest.mark.parametrize(
    ("attempt", "error", "text"),
    [
        (lambda it: it.chat(5), TypeError, "text= of ChatCommands() must be a str, not int"),
        (lambda it: it.chat(None), TypeError, "text= of ChatCommands() must be a str, not NoneType"),
        (lambda it: it.chat("x" * 5_000), ValueError, "a chat message must have 1 to 4096 bytes of UTF-8, not 5000"),
        (lambda it: it.chat(), TypeError, "missing a required argument: 'text'"),
        (
            lambda it: it.moderation.kick("Bob"),
            ValueError,
            "participant= of kick() must be a Participant or a ParticipantId (a UUID): this text is no UUID",
        ),
        (lambda it: it.polls.start("A?", "Yes", duration=9), TypeError, "choices= of start() must be an Iterable"),
        (lambda it: it.polls.start("A?", ["Yes", 5], duration=9), TypeError, "element of Start.choices is not a str"),
        (lambda it: it.polls.start("A?", ["B", "C"], duration=True), TypeError, "must be an int, not bool"),
        (lambda it: it.polls.start("A?", ["B", "C"], duration=1 << 63), ValueError, "Start.duration is not of 64"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_an_error_says(
    commands: Commands[None], sent: list[Command], attempt: Callable[[Any], object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as raised:
        attempt(commands)
    assert text in str(raised.value)
    assert sent == []


def test_an_error_does_not_show_the_value() -> None:
    @checked
    def enter(password: str) -> None: ...

    wrong: Any = b"hunter2"
    with pytest.raises(WrongType) as raised:
        enter(wrong)
    assert "hunter2" not in str(raised.value)


def test_what_fits_is_passed_on() -> None:
    """Ids, subclasses, whole numbers as floats, generators (which are not consumed), and what has the methods."""

    @checks_arguments
    class Group:
        def one(self, who: ParticipantId | None, kind: MediaSessionType, seconds: float = 1) -> object:
            return who, kind, seconds

        def all(self, *names: str, **ids: str) -> object:
            return names, ids

        def each(self, items: collections.abc.Iterable[int]) -> list[int]:
            return list(items)

    group = Group()
    assert group.one(ParticipantId(A_UUID), MediaSessionType.VIDEO, 2) == (A_UUID, MediaSessionType.VIDEO, 2)
    assert group.one(None, kind=MediaSessionType.SCREEN) == (None, MediaSessionType.SCREEN, 1)
    assert group.all("a", "b", room="c") == (("a", "b"), {"room": "c"})
    assert group.each(number for number in (1, 2)) == [1, 2]
    anything: Any = group
    wrongs: list[Callable[[], object]] = [
        lambda: anything.all("a", 5),
        lambda: anything.all(room=5),
        lambda: anything.one(None, "video"),
    ]
    for wrong in wrongs:
        with pytest.raises(WrongType):
            wrong()
    with pytest.raises(WrongValue):
        group.one(ParticipantId("437679f8"), MediaSessionType.VIDEO)
