"""Several publishers, with Mustang's client among them, which misses answers if several come at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from opentalk_client import OpenTalkClient
from stranger_place import GREYS, TOKEN, Place, mustang, opentalk, run

pytest_plugins = ["stranger_fixtures"]


@asynccontextmanager
async def present(place: Place, *guests: str) -> AsyncIterator[tuple[str, list[OpenTalkClient]]]:
    """A meeting of Ada and guests, all with OpenTalk's client. Yields an invite code, and the clients."""
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(opentalk(place, name)) for name in ("Ada", *guests)]
        await people[0].log_in(TOKEN)
        room, invite = await people[0].make_meeting(TOKEN)
        await people[0].connect_as_owner(TOKEN, room)
        for guest in people[1:]:
            await guest.connect_as_guest(invite)
        for one in people:
            await one.join()
        yield invite, people


async def all_publish(people: list[OpenTalkClient]) -> None:
    await asyncio.gather(*(one.media.publish(GREYS[one.name]) for one in people))


def test_mustang_gets_in_where_three_publish(place: Place) -> None:
    async def conference() -> None:
        async with present(place, "Bob", "Cyd") as (invite, people), mustang(place, "Dan") as dan:
            await all_publish(people)
            await dan.join_as_guest(invite)
            await asyncio.gather(*(dan.media.received(one.id, GREYS[one.name]) for one in people))
            await dan.media.publish(GREYS["Dan"])
            await asyncio.gather(*(one.media.received(dan.id, GREYS["Dan"]) for one in people))
            assert dan.complaints == []

    run(conference())


def test_two_begin_at_once_where_mustang_is(place: Place) -> None:
    async def conference() -> None:
        async with present(place, "Bob") as (invite, people), mustang(place, "Dan") as dan:
            await dan.join_as_guest(invite)
            await dan.media.publish(GREYS["Dan"])
            await all_publish(people)
            await asyncio.gather(*(dan.media.received(one.id, GREYS[one.name]) for one in people))
            # The same with streams that Mustang received before, and closed while they were off.
            await asyncio.gather(*(one.media.mute(audio=False, video=False) for one in people))
            await asyncio.gather(*(dan.media.closed(one.id) for one in people))
            await asyncio.gather(*(one.media.mute(audio=True, video=True) for one in people))
            await asyncio.gather(*(dan.media.received(one.id, GREYS[one.name]) for one in people))
            assert dan.complaints == []

    run(conference())


def test_mustang_publishes_while_others_do(place: Place) -> None:
    async def conference() -> None:
        async with present(place, "Bob") as (invite, people), mustang(place, "Dan") as dan:
            await dan.join_as_guest(invite)
            await asyncio.gather(all_publish(people), dan.media.publish(GREYS["Dan"]))
            await asyncio.gather(*(dan.media.received(one.id, GREYS[one.name]) for one in people))
            await asyncio.gather(*(one.media.received(dan.id, GREYS["Dan"]) for one in people))

    run(conference())


def test_mustang_publishes_as_soon_as_it_is_in(place: Place) -> None:
    async def conference() -> None:
        async with present(place, "Bob") as (invite, people), mustang(place, "Dan") as dan:
            await all_publish(people)
            await dan.join_as_guest(invite)
            await dan.media.publish(GREYS["Dan"])
            await asyncio.gather(*(dan.media.received(one.id, GREYS[one.name]) for one in people))
            await asyncio.gather(*(one.media.received(dan.id, GREYS["Dan"]) for one in people))

    run(conference())


def test_opentalk_is_told_of_all_streams_at_once(place: Place) -> None:
    async def conference() -> None:
        async with present(place, "Bob") as (invite, people), opentalk(place, "Cyd") as cyd:
            await all_publish(people)
            await cyd.connect_as_guest(invite)
            await cyd.join()
            await asyncio.gather(*(cyd.media.received(one.id, GREYS[one.name]) for one in people))
            told = [(payload["message"], namespace) for namespace, payload in cyd.wire.log if namespace != "echo"]
            assert told[0] == ("join_success", "control")
            entries = {entry["id"]: entry["media"] for entry in cyd.welcome["participants"]}
            assert {who: media["video"] for who, media in entries.items()} == {
                one.id: {"audio": True, "video": True} for one in people
            }
            assert sorted(told[1:]) == [*[("sdp_offer", "media")] * 2, *[("webrtc_up", "media")] * 2]

    run(conference())


def test_mustang_is_seen_where_nobody_may_speak(place: Place) -> None:
    """Mustang says `audio` with each camera that it publishes, and does not repeat it (media.md § 2, § 10 row 7)."""

    async def conference() -> None:
        async with present(place) as (invite, (ada,)), mustang(place, "Dan") as dan:
            await ada.wire.send("media", {"action": "moderator_enable_force_mute", "allow_list": []})
            await ada.wire.heard("media", "force_mute_enabled", allow_list=[])
            await dan.join_as_guest(invite)
            await dan.media.publish(GREYS["Dan"])
            # The server handles messages in order: when the hand is up, it has handled what came before.
            await dan.raise_hand()
            await ada.hand(await ada.person("Dan"), up=True)
            assert ada.people[dan.id]["media"].get("video") == {"audio": False, "video": True}
            await ada.media.sees(dan.id, GREYS["Dan"])

    run(conference())


def test_who_leaves_in_the_middle_leaves_nothing_behind(place: Place) -> None:
    """A client leaves in the middle of a negotiation. `m3 serve` must print nothing about it (the fixture checks)."""

    async def conference() -> None:
        async with present(place) as (invite, (ada,)):
            await ada.media.publish(GREYS["Ada"])
            for message in ("sdp_offer", "sdp_answer", "webrtc_up"):
                async with opentalk(place, "Bob") as bob:
                    await bob.connect_as_guest(invite)
                    await bob.join()
                    publishing = asyncio.create_task(bob.media.publish(GREYS["Bob"]))
                    await bob.wire.heard("media", message)
                    publishing.cancel()
                    await bob.leave()
                    await asyncio.gather(publishing, return_exceptions=True)
                await ada.wire.heard("control", "left", id=bob.id)
            async with mustang(place, "Dan") as dan:
                await dan.join_as_guest(invite)
                await dan.media.received(ada.id, GREYS["Ada"])

    run(conference())
