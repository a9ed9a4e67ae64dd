"""The commands of the modules, awaited, over real sockets: their results, refusals and mistakes."""

from __future__ import annotations

import pytest
from house import house, in_loop

import m3asyncio as m3


@in_loop
async def test_chat_comes_back_as_the_result_and_reaches_the_others() -> None:
    async with house() as here, here.two() as (owner, guest), guest.events(m3.ChatMessage) as heard:
        said = await owner.chat("hello")
        assert isinstance(said, m3.ChatMessage)
        message = await anext(heard)
        assert (message.id, message.content, message.is_own) == (said.id, "hello", False)
        assert guest.state.chat.unread == 1
        await guest.chat.mark_seen()
        assert guest.state.chat.unread == 0
        await guest.chat("psst", to=owner.own)
        assert owner.state.chat.private[guest.own.id].messages[-1].content == "psst"


@in_loop
async def test_polls_and_timers() -> None:
    async with house() as here, here.two() as (owner, guest), guest.events(m3.PollDone) as done:
        poll = await owner.polls.start("Lunch?", ["Soup", "Salad"], duration=60)
        assert isinstance(poll, m3.Poll)
        await guest.wait_for(m3.PollStarted)
        await guest.polls.vote("Soup")
        result = await owner.polls.finish()
        assert isinstance(result, m3.Poll)
        assert [choice.count for choice in result.choices] == [1, 0]
        assert (await anext(done)).poll.own_choices == {0}
        assert isinstance(await owner.timer.start(60), m3.Timer)
        await owner.timer.stop()
        assert owner.state.timer is None


@in_loop
async def test_what_is_refused_and_what_can_not_be() -> None:
    async with house() as here, here.two() as (owner, guest):
        with pytest.raises(m3.CallRefused, match="insufficient_permissions"):
            await guest.chat.disable()
        with pytest.raises(m3.LocalProtocolError, match="no poll"):
            await guest.polls.vote("Soup")
        with pytest.raises(m3.LocalProtocolError, match="4096"):
            await guest.chat("ä" * 3000)
        await owner.moderation.enable_waiting_room()
        assert owner.state.moderation.waiting_room_enabled
        await owner.moderation.disable_waiting_room()


@in_loop
async def test_into_a_breakout_room_and_back() -> None:
    async with house() as here, here.two() as (owner, guest):
        await owner.breakout.start({"Red": [guest.own], "Blue": []})
        started = await guest.wait_for(m3.BreakoutStarted)
        assert started.assignment is not None
        me = guest.own.id
        await guest.switch_room(started.assignment.id)
        assert guest.state.breakout.current == started.assignment.id
        assert guest.own.id == me
        await guest.switch_room(None)
        assert [one.id for one in guest.state.participants.values() if one.is_here] == [owner.own.id]
        with pytest.raises(m3.ApiError, match="invalid_breakout_room_id"):
            await guest.switch_room(m3.BreakoutRoomId(me))
        await guest.raise_hand()  # still here
