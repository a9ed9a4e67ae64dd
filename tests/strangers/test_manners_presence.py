"""Our list of participants beside a controller that behaves as a real one: over sockets, on both loops."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from manners import Controller, Manners, controller
from manners_people import Person
from patience import PATIENCE
from stranger_place import LOOPS

import m3asyncio
import m3trio
from m3asyncio.loop import BACKEND as ASYNCIO
from m3core.client.conference import Conference
from m3core.client.joining import Joiner
from m3core.errors import CallRefused
from m3core.testing.stage import StagedBackend
from m3core.values import BreakoutRoomId
from m3trio.loop import BACKEND as TRIO

ADAPTERS = {"asyncio": m3asyncio, "trio": m3trio}
JOINERS = {"asyncio": Joiner(StagedBackend(ASYNCIO)), "trio": Joiner(StagedBackend(TRIO))}
each_loop = pytest.mark.parametrize("loop", LOOPS)
pytestmark = pytest.mark.usefixtures("nothing_is_left")


def play(loop: str, manners: Manners, scenario: Callable[[Controller], Awaitable[None]]) -> None:
    """Run ``scenario`` beside a controller."""

    async def main(there: Controller) -> None:
        with anyio.fail_after(PATIENCE):
            await scenario(there)

    with controller(manners) as there:
        anyio.run(main, there, backend=loop)


@asynccontextmanager
async def owner(loop: str, there: Controller, told: list[Any]) -> AsyncIterator[Conference]:
    """Olga, the owner of the room; her events go to ``told``."""
    async with ADAPTERS[loop].Account(there.base_url, "a-token") as account:
        meeting = await account.create_meeting(title="Manners")
        async with meeting.start(display_name="Olga", observe=told.append) as olga:
            yield olga


async def caught_up(conference: Conference) -> None:
    """Wait until the conference received all that the controller sent before."""
    await conference.chat("anything else?")


def kinds(events: list[Any]) -> set[type]:
    return {type(event) for event in events}


@each_loop
def test_a_breakout_room_that_is_over_leads_back(loop: str) -> None:
    """The server sends `join_success`, and then the close code 1011."""

    async def scenario(there: Controller) -> None:
        told: list[Any] = []
        async with JOINERS[loop].join(there.link, display_name="Ada", observe=told.append) as ada:
            own = ada.own.id
            (room,) = there.open_breakouts("Red")
            await ada.wait_for(m3asyncio.BreakoutStarted)
            with pytest.raises(CallRefused, match="no_breakout_rooms"):
                await ada.switch_room(BreakoutRoomId(room))
            changes = [event.breakout_room for event in told if isinstance(event, m3asyncio.RoomChanged)]
            assert changes == [room, None]
            assert ada.ended is None
            assert ada.own.id == own
            assert not ada.state.breakout.is_active
            await caught_up(ada)
            assert there.people() == ["Ada"]

    play(loop, Manners(breakouts_are_over=True), scenario)


@each_loop
def test_breakout_rooms_that_expire_silently_are_closed(loop: str) -> None:
    async def scenario(there: Controller) -> None:
        async with JOINERS[loop].join(there.link, display_name="Ada") as ada:
            there.open_breakouts("Red", seconds=0.1)
            stopped = await ada.wait_for(m3asyncio.BreakoutStopped)
            assert stopped.expired
            assert not ada.state.breakout.is_active

    play(loop, Manners(breakouts_expire_silently=True), scenario)


@each_loop
def test_who_is_in_the_waiting_room_is_not_in_the_list(loop: str) -> None:
    """`update` comes for somebody in the waiting room, and for somebody who never joined."""

    async def wait(there: Controller) -> None:
        async with JOINERS[loop].join(there.link, display_name="Ada"):
            pytest.fail("nobody let her in")

    async def scenario(there: Controller) -> None:
        told: list[Any] = []
        async with owner(loop, there, told) as olga, anyio.create_task_group() as tasks:
            tasks.start_soon(wait, there)
            ada = await there.seen(lambda: next((one for one in there.room.people.values() if one.waits), None))
            there.say("Olga", "control", {"message": "update", **Person(is_guest=True, name="Participant").entry()})
            await caught_up(olga)
            assert list(olga.state.participants) == []
            assert list(olga.state.moderation.waiting) == [ada.id]
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await there.seen(lambda: None if ada.waits else True)
                await caught_up(olga)
            assert list(olga.state.participants) == []
            assert list(olga.state.moderation.waiting) == []
        assert kinds(told) & {m3asyncio.ParticipantJoined, m3asyncio.PeerMisbehaved} == set()

    play(loop, Manners(waiting_room=True, updates_of_who_waits=True), scenario)


@each_loop
def test_hands_and_roles_while_waiting(loop: str) -> None:
    async def let_in(there: Controller) -> None:
        await there.seen(lambda: next((one for one in there.room.people.values() if one.waits), None))
        there.say("Ada", "moderation", {"message": "raise_hands_disabled", "issued_by": str(uuid.uuid4())})
        there.say("Ada", "moderation", {"message": "raised_hand_reset_by_moderator", "issued_by": str(uuid.uuid4())})
        there.say("Ada", "control", {"message": "role_updated", "new_role": "moderator"})
        there.accept("Ada")

    async def scenario(there: Controller) -> None:
        told: list[Any] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(let_in, there)
            async with JOINERS[loop].join(there.link, display_name="Ada", observe=told.append) as ada:
                assert not ada.state.moderation.raise_hands_enabled
        assert m3asyncio.WaitingRoomEntered in kinds(told)
        assert m3asyncio.PeerMisbehaved not in kinds(told)

    play(loop, Manners(waiting_room=True), scenario)


@each_loop
def test_a_private_message_to_oneself_is_one_event(loop: str) -> None:
    async def scenario(there: Controller) -> None:
        told: list[Any] = []
        async with JOINERS[loop].join(there.link, display_name="Ada", observe=told.append) as ada:
            words = {"message": "message_sent", "id": str(uuid.uuid4()), "source": ada.own.id, "content": "milk"}
            for _ in range(2):
                there.say("Ada", "chat", {**words, "scope": "private", "target": ada.own.id})
            await caught_up(ada)
        said = [event.content for event in told if isinstance(event, m3asyncio.ChatMessage)]
        assert said == ["milk", "anything else?"]

    play(loop, Manners(), scenario)
