"""Participants of a conference, over real sockets: join, see, listen, leave, and ends that they did not ask for."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from house import house, in_loop
from patience import PATIENCE

import m3asyncio as m3
from m3core.client.conference import Conference
from m3core.client.streams import EventStream
from m3core.conference.state import EndReason, Phase
from m3core.messages import control
from m3core.values import ParticipantId, Role


@in_loop
async def test_owner_and_guest_see_each_other_and_their_hands() -> None:
    async with house() as here:
        me = await here.account.me()
        assert me.display_name == "Owner"
        async with here.two() as (owner, guest):
            assert owner.own.role is Role.MODERATOR
            assert owner.own.display_name == "Olga"
            assert guest.own.role is Role.GUEST
            assert guest.state.phase is Phase.JOINED
            assert owner.state.room_id == here.meeting.event.room.id
            seen = owner.state.participants[guest.own.id]
            assert (seen.display_name, seen.hand_is_up, seen.is_here) == ("Gus", False, True)
            assert guest.state.participants[owner.own.id].display_name == "Olga"

            async with owner.events(m3.HandRaised, m3.HandLowered) as hands:
                await guest.raise_hand()
                assert guest.own.hand_is_up
                raised = await anext(hands)
                assert isinstance(raised, m3.HandRaised)
                assert owner.state.participants[guest.own.id].hand_is_up
                await guest.lower_hand()
                assert isinstance(await anext(hands), m3.HandLowered)
            assert not owner.state.participants[guest.own.id].hand_is_up
            assert not guest.own.hand_is_up


@in_loop
async def test_leaving_is_seen_and_ends_the_events_of_who_left() -> None:
    async with house() as here, here.meeting.start(display_name="Olga") as owner:
        departures = owner.events(m3.ParticipantLeft)
        async with m3.join(here.link, display_name="Gus") as guest:
            gus = guest.own.id
            events = guest.events()
            await guest.leave()
            await guest.leave()
            assert guest.ended is EndReason.LEFT
            assert [event async for event in events][-1:] == [m3.Ended(reason=EndReason.LEFT, detail="")]
            assert [event async for event in guest.events(m3.Ended)] == []
            with pytest.raises(m3.LocalProtocolError, match="not in the room"):
                await guest.raise_hand()
            with pytest.raises(m3.ConferenceEnded, match="left"):
                await guest.wait_for(m3.HandRaised)
        left = await anext(departures)
        assert left.participant.id == gus
        assert not owner.state.participants[gus].is_here
        with pytest.raises(m3.LocalProtocolError, match="not in the room"):
            await guest.send(control.RaiseHand())
        await guest.leave()  # long over


@in_loop
async def test_two_conferences_of_the_owner_are_two_participants() -> None:
    async with (
        house() as here,
        here.meeting.start(display_name="Desk") as first,
        here.meeting.start(display_name="Phone") as second,
    ):
        joined = await first.wait_for(m3.ParticipantJoined, timeout=PATIENCE)
        assert joined.participant.id == second.own.id != first.own.id
        assert second.own.role is Role.MODERATOR


@in_loop
async def test_iterators_are_independent_filtered_and_begin_with_what_is_there() -> None:
    async with house() as here, here.two() as (owner, guest):
        everything, joins, again = owner.events(), owner.events(m3.ParticipantJoined), owner.events(m3.HandRaised)
        assert (await anext(joins)).participant.id == guest.own.id
        await guest.raise_hand()
        assert (await anext(again)).participant.id == guest.own.id
        async with m3.join(here.link, display_name="Third") as third:
            assert (await anext(joins)).participant.id == third.own.id
        await owner.leave()
        assert [event async for event in joins] == []
        kinds = [type(event) for event in [event async for event in everything]]
        assert kinds.index(m3.ParticipantJoined) < kinds.index(m3.HandRaised) < kinds.index(m3.ParticipantLeft)
        assert kinds[-1] is m3.Ended


@in_loop
async def test_a_stalled_iterator_alone_overflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EventStream.__init__, "__defaults__", (3,))
    async with house() as here, here.two() as (owner, guest):
        stalled, read = owner.events(m3.HandRaised, m3.HandLowered), owner.events(m3.HandRaised, m3.HandLowered)
        for turn in range(4):
            await (guest.lower_hand() if turn % 2 else guest.raise_hand())
            await anext(read)
        for _ in range(3):
            await anext(stalled)  # what waited before is not lost
        for _ in range(2):
            with pytest.raises(m3.EventsOverflow, match="3 events wait") as caught:
                await anext(stalled)
            assert caught.value.limit == 3
        await guest.raise_hand()
        assert isinstance(await anext(read), m3.HandRaised)


@in_loop
async def test_an_iterator_that_nobody_holds_is_forgotten() -> None:
    async with house() as here, here.two() as (owner, _guest):
        async for _ in owner.events(m3.ParticipantJoined):
            break
        kept = owner.events()
        assert len(owner._session._streams) == 1
        await kept.__aexit__()
        assert len(owner._session._streams) == 0


@in_loop
async def test_wait_for_has_a_condition_and_a_deadline() -> None:
    async with house() as here, here.two() as (owner, guest):
        found = await owner.wait_for(
            m3.ParticipantJoined, where=lambda event: event.participant.display_name == "Gus", timeout=PATIENCE
        )
        assert found.participant.id == guest.own.id
        with pytest.raises(TimeoutError):
            await owner.wait_for(m3.ParticipantJoined, where=lambda _: False, timeout=0)
        assert len(owner._session._streams) == 0


@in_loop
async def test_a_server_that_does_not_come_back_is_the_end_of_its_conferences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.conference.backoff.RECONNECT_PATIENCE", 0.1)
    seen: list[object] = []

    async def guest_of(link: str, joined: asyncio.Event) -> None:
        async with m3.join(link, display_name="Gus") as guest:
            joined.set()
            seen.extend([event async for event in guest.events(m3.Ended)])
            assert guest.ended is EndReason.LOST

    async with asyncio.timeout(PATIENCE):
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(house())
            joined = asyncio.Event()
            task = asyncio.create_task(guest_of(here.link, joined))
            await joined.wait()
        with pytest.raises(m3.ConferenceEnded, match=r"lost .*1001") as caught:
            await task
        assert caught.value.reason == "lost"
    assert seen == [m3.Ended(reason=EndReason.LOST, detail="close code 1001, and no attempt to reconnect succeeded")]


@in_loop
async def test_what_the_body_raises_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.conference.backoff.RECONNECT_PATIENCE", 0.1)
    async with house() as here:
        with pytest.raises(ZeroDivisionError):
            async with m3.join(here.link, display_name="Gus"):
                raise ZeroDivisionError
        async with AsyncExitStack() as stack:
            inner = await stack.enter_async_context(house())

            async def outlive() -> None:  # also when the conference has ended meanwhile
                async with m3.join(inner.link, display_name="Gus") as guest:
                    await stack.aclose()
                    with pytest.raises(m3.ConferenceEnded):
                        await guest.wait_for(m3.HandRaised)
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await outlive()


@in_loop
async def test_a_joining_is_used_once_at_a_time_and_may_be_used_again() -> None:
    async with house() as here:
        joining = m3.join(here.link, display_name="Gus")
        ids: set[ParticipantId] = set()
        for _ in range(2):
            async with joining as guest:
                ids.add(guest.own.id)
                with pytest.raises(m3.LocalProtocolError, match="already"):
                    await joining.__aenter__()
        await joining.__aexit__(None, None, None)
        assert len(ids) == 2


@in_loop
async def test_idle_connections_and_twenty_participants() -> None:
    async with house() as here, AsyncExitStack() as stack:
        for _ in range(100):
            _, writer = await asyncio.open_connection(*here.address)
            stack.push_async_callback(writer.wait_closed)
            stack.callback(writer.close)
        joins = [m3.join(here.link, display_name="Guest") for _ in range(20)]
        guests: list[Conference] = await asyncio.gather(*map(stack.enter_async_context, joins))
        last = guests[-1]
        assert {guest.state.phase for guest in guests} == {Phase.JOINED}
        for guest in guests[:-1]:
            await guest.wait_for(m3.ParticipantJoined, where=lambda event: event.participant.id == last.own.id)
