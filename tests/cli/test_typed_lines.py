"""A typed line becomes a chat message or a command. A line that is not understood raises, and sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import MappingProxyType
from typing import cast

import pytest
from attrs import evolve

from m3asyncio.cli.typed_lines import TypedLines
from m3core.client.conference import Conference
from m3core.conference.commands import Commands
from m3core.conference.modules.breakout import BreakoutState
from m3core.conference.modules.chat import ChatState
from m3core.conference.modules.conversations import Conversation
from m3core.conference.modules.moderation import ModerationState
from m3core.conference.modules.polls import Poll, PollChoice, PollsState
from m3core.conference.state import ConferenceState, Participant
from m3core.errors import LocalProtocolError
from m3core.messages import Command, chat, control, media, moderation, polls
from m3core.messages.breakout import BreakoutRoom
from m3core.values import BreakoutRoomId, ParticipantId, PollId, Role, Timestamp

IDS = [ParticipantId(f"00000000-0000-4000-8000-00000000000{number}") for number in range(5)]
ADA, ADA_LOVELACE, BOB, TOM, GONE = (
    Participant(id=one, display_name=name, groups=("red team",))
    for one, name in zip(IDS, ("Ada", "Ada Lovelace", "Bob", "Tom", "Gone"), strict=True)
)
GONE = evolve(GONE, left_at=Timestamp("2024-03-05T09:30:01Z"))
POLL = Poll(
    id=PollId(IDS[0]),
    topic="Lunch?",
    choices=(PollChoice(id=3, content="Pizza"), PollChoice(id=4, content="Pasta")),
    live=True,
    multiple_choice=False,
    duration=60,
    started_at=None,
    ends_at=None,
)


RED, BLUE, BLUE_TOO, ELSEWHERE = (BreakoutRoomId(one) for one in IDS[:4])
ROOMS = tuple(BreakoutRoom(id=one, name=name) for one, name in ((RED, "Red room"), (BLUE, "Blue"), (BLUE_TOO, "blue")))


class Room(Commands[Awaitable[object]]):
    """The parts of a conference that typed lines use."""

    def __init__(self) -> None:
        self.sent: list[Command] = []
        self.has_left = False
        self.rooms: list[BreakoutRoomId | None] = []
        self.own = BOB
        self.state = ConferenceState(
            own=BOB,
            participants=MappingProxyType({one.id: one for one in (ADA, ADA_LOVELACE, GONE)}),
            moderation=ModerationState(waiting=MappingProxyType({TOM.id: TOM})),
            chat=ChatState(groups=MappingProxyType({"blue": Conversation(group="blue")})),
            breakout=BreakoutState(rooms=ROOMS),
        )
        super().__init__(self._send, lambda: self.state)

    async def _send(self, command: Command) -> None:
        self.sent.append(command)

    async def leave(self) -> None:
        self.has_left = True

    async def switch_room(self, room: BreakoutRoomId | None) -> None:
        self.rooms.append(room)


def typed(room: Room, *lines: str) -> list[str]:
    """The lines that are shown to the person who types ``lines``."""
    said: list[str] = []

    async def main() -> None:
        typing = TypedLines(cast(Conference, room), said.append)
        for line in lines:
            await typing.enter(line)

    asyncio.run(main())
    return said


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("hello all", chat.SendMessage(content="hello all", scope=chat.ChatScope.GLOBAL)),
        ("/private Ada hi", chat.SendMessage(content="hi", scope=chat.ChatScope.PRIVATE, target=ADA.id)),
        (
            "/private ada lovelace  hi there",
            chat.SendMessage(content="hi there", scope=chat.ChatScope.PRIVATE, target=ADA_LOVELACE.id),
        ),
        (
            '/private "Ada" Lovelace is a poet\'s daughter',
            chat.SendMessage(content="Lovelace is a poet's daughter", scope=chat.ChatScope.PRIVATE, target=ADA.id),
        ),
        ("/group red team go", chat.SendMessage(content="go", scope=chat.ChatScope.GROUP, target="red team")),
        ("/group blue go", chat.SendMessage(content="go", scope=chat.ChatScope.GROUP, target="blue")),
        ("/group other go", chat.SendMessage(content="go", scope=chat.ChatScope.GROUP, target="other")),
        ("/hand", control.RaiseHand()),
        ("/lower", control.LowerHand()),
        ("/kick Ada Lovelace", moderation.Kick(target=ADA_LOVELACE.id)),
        ('/kick "Ada"', moderation.Kick(target=ADA.id)),
        ("/accept Tom", moderation.Accept(target=TOM.id)),
        ("/mute Ada", media.ModeratorMute(targets=(ADA.id,), force=False)),
        (
            '/poll "Tea, or?" yes | no | maybe later',
            polls.Start(topic="Tea, or?", choices=("yes", "no", "maybe later"), duration=60, live=True),
        ),
    ],
)
def test_lines_that_send(line: str, sent: Command) -> None:
    room = Room()
    assert typed(room, line) == []
    assert room.sent == [sent]


def test_votes_are_by_the_number_that_is_shown() -> None:
    room = Room()
    room.state = evolve(room.state, polls=PollsState(running=POLL))
    typed(room, "/vote 2")
    assert room.sent == [polls.Vote(poll_id=POLL.id, choice_id=4)]
    for wrong in ("0", "3", "", "Pasta", "-1", "²"):
        with pytest.raises(LocalProtocolError, match="from 1 to 2"):
            typed(room, f"/vote {wrong}")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/dance", "/help lists"),
        ("/vote 1", "no poll is running"),
        ("/private Ada", "and then the text"),
        ("/private", "and then the text"),
        ('/private "Ada"', "and then the text"),
        ("/private Gone hi", "no participant has this name"),
        ("/kick", "the name of a participant is missing"),
        ("/kick Zoe", "no participant has this name"),
        ("/poll Tea? yes | no", '/poll "TOPIC"'),
        ('/poll "Tea?" yes', '/poll "TOPIC"'),
    ],
)
def test_what_is_not_understood_sends_nothing(line: str, told: str) -> None:
    room = Room()
    with pytest.raises(LocalProtocolError, match=told):
        typed(room, line)
    assert room.sent == []


def test_empty_lines_send_nothing_and_quit_leaves() -> None:
    room = Room()
    assert typed(room, "", "   ") == []
    assert room.sent == []
    typed(room, "/quit")
    assert room.has_left


def test_help_lists_what_the_role_may_do() -> None:
    room = Room()
    listed = "\n".join(typed(room, "/help"))
    assert "/private NAME TEXT" in listed
    assert "/kick" not in listed
    room.own = evolve(BOB, role=Role.MODERATOR)
    assert "/kick NAME" in "\n".join(typed(room, "/help"))


def test_who_is_there() -> None:
    room = Room()
    room.state = evolve(
        room.state, participants=MappingProxyType({ADA.id: evolve(ADA, hand_is_up=True), GONE.id: GONE})
    )
    assert typed(room, "/who") == ["Bob (you, guest)", "Ada (guest), hand is up", "Tom (waits)"]


def test_breakout_rooms_and_the_way_back() -> None:
    room = Room()
    typed(room, "/room red ROOM", '/room "Blue"', "/room blue", f"/room {RED}", f"/room {ELSEWHERE}", "/room")
    assert room.rooms == [RED, BLUE, BLUE_TOO, RED, ELSEWHERE, None]
    with pytest.raises(LocalProtocolError, match='there are: "Red room", "Blue", "blue"'):
        typed(room, "/room green")
    with pytest.raises(LocalProtocolError, match="2 rooms have this name"):
        typed(room, "/room BLUE")
    room.state = evolve(room.state, breakout=BreakoutState())
    with pytest.raises(LocalProtocolError, match="there are: none"):
        typed(room, "/room Blue")
