"""Lines of JSON can name every command of a conference, and their arguments are checked against its type hints."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NewType

import pytest
from attrs import frozen

from m3asyncio.cli.catalogue import RESERVED, Catalogue, people_of
from m3asyncio.cli.from_json import WrongArgument, expected, value_of
from m3core.conference.commands import Commands
from m3core.conference.modules.automod import Automod
from m3core.conference.modules.moderation import ModerationState
from m3core.conference.modules.polls import Poll, PollChoice, PollsState
from m3core.conference.state import ConferenceState, Participant
from m3core.messages import Command
from m3core.messages.automod import SelectHow, SelectionStrategy
from m3core.messages.base import Value
from m3core.messages.moderation import KickScope
from m3core.values import ParticipantId, PollId, Secret, Timestamp

UNKNOWN = "86ef324d-6f4b-4265-8fea-8c918bce4b86"


def participant(number: int, name: str) -> Participant:
    return Participant(id=ParticipantId(f"00000000-0000-4000-8000-00000000000{number}"), display_name=name)


OWN, BOB, EVE, EVE_TOO, TOM = (
    participant(number, name) for number, name in enumerate(("Ada", "Bob", "Eve", "Eve", "Tom"))
)
POLL = Poll(
    id=PollId(UNKNOWN),
    topic="Lunch?",
    choices=(PollChoice(id=0, content="Pizza"), PollChoice(id=1, content="Pasta")),
    live=True,
    multiple_choice=True,
    duration=60,
    started_at=None,
    ends_at=None,
)
STATE = ConferenceState(
    own=OWN,
    participants=MappingProxyType({one.id: one for one in (BOB, EVE, EVE_TOO)}),
    moderation=ModerationState(waiting=MappingProxyType({TOM.id: TOM})),
    polls=PollsState(running=POLL),
    automod=Automod(selection_strategy=SelectionStrategy.NONE, issued_by=OWN.id),
)


async def sent(command: Command) -> object:
    return command


COMMANDS: Commands[Awaitable[object]] = Commands(sent, lambda: STATE)
CATALOGUE = Catalogue(COMMANDS)
PEOPLE = people_of(lambda: STATE)


def perform(line: Mapping[str, object]) -> Any:
    """The message that ``line`` sends."""

    async def main() -> object:
        return await CATALOGUE.of_line(line).call(line, PEOPLE)

    return asyncio.run(main())


def refused(line: Mapping[str, object]) -> WrongArgument:
    with pytest.raises(WrongArgument) as caught:
        perform(line)
    return caught.value


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_command_can_be_given_in_json(name: str) -> None:
    known = CATALOGUE[name]
    assert not RESERVED & set(known.parameters)
    assert known.summary
    assert all(f"{parameter}:" in known.usage for parameter in known.parameters)


def test_commands_of_groups_and_of_none_are_known() -> None:
    assert {"raise_hand", "mute", "chat", "chat.disable", "polls.start", "moderation.kick"} <= set(CATALOGUE)
    assert len(CATALOGUE) == len(list(CATALOGUE))
    assert not [name for name in CATALOGUE if "._" in f".{name}"]


def test_arguments_reach_the_message() -> None:
    assert perform({"do": "chat", "text": "hello"}).content == "hello"
    private = perform({"do": "chat", "text": "psst", "to": "bob"})
    assert (private.scope.value, private.target) == ("private", BOB.id)
    poll = perform({"do": "polls.start", "topic": "Tea?", "choices": ["yes", "no"], "duration": 60, "id": 7})
    assert (poll.topic, poll.choices, poll.duration) == ("Tea?", ("yes", "no"), 60)
    assert perform({"do": "moderation.debrief", "kick_scope": "guests"}).kick_scope is KickScope.GUESTS
    assert perform({"do": "timer.start", "title": None}).title is None


def test_several_and_one() -> None:
    assert perform({"do": "polls.vote", "choices": "Pasta"}).choice_id == 1
    assert perform({"do": "polls.vote", "choices": [0, "Pasta"]}).choice_ids == (0, 1)
    assert perform({"do": "mute", "participants": ["Bob", TOM.id], "force": True}).targets == (BOB.id, TOM.id)
    assert perform({"do": "mute", "targets": ["Bob"]}).targets == (BOB.id,)


def test_values_of_the_protocol_come_before_display_names() -> None:
    assert perform({"do": "automod.select", "whom": "random"}).how is SelectHow.RANDOM
    assert perform({"do": "automod.select", "target": "Bob"}).participant == BOB.id


@pytest.mark.parametrize("named", ["Bob", "bob", BOB.id])
def test_target_names_the_participant(named: str) -> None:
    assert perform({"do": "moderation.kick", "target": named}).target == BOB.id


def test_people_who_wait_left_or_are_unknown() -> None:
    assert perform({"do": "moderation.accept", "target": "Tom"}).target == TOM.id
    assert perform({"do": "moderation.kick", "target": "Ada"}).target == OWN.id
    assert perform({"do": "moderation.ban", "target": UNKNOWN}).target == UNKNOWN
    assert f"2 participants have this name; use an id: {EVE.id}, {EVE_TOO.id}" in str(
        refused({"do": "moderation.kick", "target": "Eve"})
    )
    assert '"Bob"' in str(refused({"do": "moderation.kick", "target": "Zoe"}))
    with pytest.raises(WrongArgument, match="no others"):
        people_of(ConferenceState)("Zoe")


@pytest.mark.parametrize(
    ("line", "argument", "told"),
    [
        ({}, "do", "it names a command"),
        ({"do": 5}, "do", "it names a command"),
        ({"do": "dance"}, "do", "raise_hand"),
        ({"do": "polls.dance"}, "do", "there is: polls.finish, polls.start, polls.vote"),
        ({"do": "raise_hnad"}, "do", "there is: raise_hand"),
        ({"do": "_perform"}, "do", "no command"),
        ({"do": "chat"}, "text", "is missing: a text"),
        ({"do": "chat", "text": 5}, "text", "must be a text"),
        ({"do": "chat", "txt": "a"}, "txt", "it has: text, to, group"),
        ({"do": "raise_hand", "target": "Bob"}, "target", "it has: none"),
        ({"do": "polls.start", "topic": "a", "choices": ["b", 5], "duration": 1}, "choices.[1]", "must be a text"),
        ({"do": "polls.start", "topic": "a", "choices": "b", "duration": 1}, "choices", "a list, of each: a text"),
        ({"do": "polls.start", "topic": "a", "choices": [], "duration": True}, "duration", "a whole number"),
        ({"do": "polls.vote", "choices": [None]}, "choices", "a text, or a whole number"),
        ({"do": "timer.set_ready", "is_ready": "yes"}, "is_ready", "true or false"),
        ({"do": "moderation.debrief", "kick_scope": "some"}, "kick_scope", "one of guests, users_and_guests, all"),
        ({"do": "chat", "text": "a", "to": 5}, "to", "the id or name of a participant, or null"),
    ],
)
def test_what_does_not_fit_is_named(line: dict[str, object], argument: str, told: str) -> None:
    error = refused(line)
    assert error.argument == argument
    assert told in str(error)


@frozen(kw_only=True)
class Room(Value):
    name: str
    members: tuple[ParticipantId, ...] = ()


Number = NewType("Number", int)


@pytest.mark.parametrize(
    ("hint", "given", "value"),
    [
        (Number, 5, 5),
        (float, 5, 5),
        (Any, [1], [1]),
        (Secret, "sesame", Secret("sesame")),
        (Timestamp, "2024-03-05T09:30:01Z", Timestamp("2024-03-05T09:30:01Z")),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (Iterable[Room], [{"name": "a", "members": ["Bob"]}], (Room(name="a", members=(BOB.id,)),)),
        (Room | None, {"name": "a"}, Room(name="a")),
        (Room | None, None, None),
    ],
)
def test_other_types(hint: object, given: object, value: object) -> None:
    assert value_of(hint, given, PEOPLE) == value
    assert expected(hint)


@pytest.mark.parametrize(
    ("hint", "given", "argument", "told"),
    [
        (float, 10**400, "", "a smaller number"),
        (float, float("inf"), "", "a smaller number"),
        (float, "5", "", "a number"),
        (Timestamp, "soon", "", "an RFC 3339 timestamp"),
        (Mapping[str, int], [], "", "an object"),
        (Room, 5, "", "an object with name, members"),
        (Room, {}, "name", "missing"),
        (Room, {"name": "a", "size": 5}, "", "it has no `size`"),
        (Room | None, {"name": 5}, "name", "a text"),
        (Room | None, 5, "", "an object with name, members, or null"),
        (tuple[Room, ...], [{"name": "a", "members": ["Zoe"]}], "[0].members.[0]", "no participant has this name"),
    ],
)
def test_other_types_that_do_not_fit(hint: object, given: object, argument: str, told: str) -> None:
    with pytest.raises(WrongArgument) as caught:
        value_of(hint, given, PEOPLE)
    assert caught.value.argument == argument
    assert told in str(caught.value)


def test_a_type_without_a_json_form_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        expected(bytes)


class More:
    async def invite(self, room: str, *participants: ParticipantId, loud: bool = False) -> object:
        """A method with a parameter before ``*several``."""
        return room, participants, loud


def test_arguments_before_several() -> None:
    known = Catalogue(COMMANDS, More())["invite"]

    async def main(line: dict[str, object]) -> object:
        return await known.call(line, PEOPLE)

    assert asyncio.run(main({"room": "a", "participants": ["Bob"], "loud": True})) == ("a", (BOB.id,), True)
    assert asyncio.run(main({"room": "a"})) == ("a", (), False)
