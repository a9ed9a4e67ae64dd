"""OpenTalk's client before it is in the room: its heartbeat begins with the WebSocket (signaling.md § 2, 4, 5)."""

from __future__ import annotations

import asyncio

import pytest
from extent import WHOLE, extent
from opentalk_client import OpenTalkClient
from patience import PATIENCE
from stranger_place import GREYS, LOOPS, TOKEN, Place, opentalk, run, serving

pytest_plugins = ["stranger_fixtures"]

BEATS = extent(whole=26, part=5)
"""Heartbeats in the waiting room; at the pace of the real client these take five minutes."""


async def wait_and_enter(place: Place) -> None:
    """A guest waits until the owner lets it in, and publishes."""
    bob = OpenTalkClient(place.base_url, "Bob") if WHOLE else opentalk(place, "Bob")
    async with opentalk(place, "Ada", interval=12.0) as ada, bob:
        await ada.log_in(TOKEN)
        room, invite = await ada.make_meeting(TOKEN, waiting_room=True)
        await ada.connect_as_owner(TOKEN, room)
        await ada.join()

        await bob.connect_as_guest(invite)
        joining = asyncio.create_task(bob.join())
        waiting = await ada.wire.heard("moderation", "joined_waiting_room")
        assert waiting["control"]["display_name"] == "Bob"
        await bob.wire.heard("moderation", "in_waiting_room")
        assert bob.wire.log[0] == ("echo", {"action": "ping"})  # the answer to the ping before `join`
        await bob.beaten(1 + BEATS)
        assert [told.get("message") for namespace, told in bob.wire.log if namespace != "echo"] == ["in_waiting_room"]
        assert (bob.failures, joining.done()) == ([], False)

        await ada.wire.send("moderation", {"action": "accept", "target": waiting["id"]})
        await joining
        assert bob.id == waiting["id"]
        assert await ada.person("Bob") == bob.id
        await bob.media.publish(GREYS["Bob"])
        await ada.media.received(bob.id, GREYS["Bob"])
        assert bob.failures == []


@pytest.mark.soak
def test_heartbeats_are_answered_in_the_waiting_room() -> None:
    async def both(*places: Place) -> None:
        await asyncio.gather(*(wait_and_enter(place) for place in places))

    with serving("asyncio") as one, serving("trio") as other:
        run(both(one, other))


@pytest.mark.parametrize("loop", LOOPS)
def test_heartbeats_are_answered_where_the_room_is_full(loop: str) -> None:
    async def conference(place: Place) -> None:
        async with opentalk(place, "Ada") as ada, opentalk(place, "Bob") as bob, opentalk(place, "Cyd") as cyd:
            await ada.log_in(TOKEN)
            room, invite = await ada.make_meeting(TOKEN)
            await ada.connect_as_owner(TOKEN, room)
            await ada.join()
            assert ada.welcome["tariff"]["quotas"] == {"room_participant_limit": 2}
            await bob.connect_as_guest(invite)
            await bob.join()

            await cyd.connect_as_guest(invite)
            joining = asyncio.create_task(cyd.join())
            await cyd.wire.heard("control", "join_blocked", reason="participant_limit_reached")
            await cyd.beaten(cyd.beats + 3)
            await cyd.wire.find(lambda: True if len(cyd.wire.all_heard("control", "join_blocked")) >= 3 else None)
            assert not joining.done()

            await bob.leave()
            await joining
            assert await ada.person("Cyd") == cyd.id
            await cyd.media.publish(GREYS["Cyd"])
            await ada.media.received(cyd.id, GREYS["Cyd"])
            assert ada.failures == bob.failures == cyd.failures == []

    with serving(loop, "--participant-limit", "2") as place:
        run(conference(place))


def test_a_heartbeat_without_an_answer_is_a_failure(place: Place) -> None:
    """The client would notice a server that does not answer: here its time-out ends before any answer can come."""

    async def conference() -> None:
        async with OpenTalkClient(place.base_url, "Bob", patience=0.0, rest_timeout=PATIENCE) as bob:
            await bob.connect_as_guest(place.invite)
            await bob.wire.find(lambda: True if bob.failures else None)
            assert bob.failures == ["no echo for 0.0 seconds"]

    run(conference())
