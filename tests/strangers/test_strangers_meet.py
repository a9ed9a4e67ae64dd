"""Whole conferences of clients that are not ours, at `m3 serve` without options, on both loops."""

from __future__ import annotations

import pytest
from stranger_place import GREYS, TOKEN, Place, mustang, opentalk, run

pytest_plugins = ["stranger_fixtures"]


def test_opentalk_meets_opentalk(place: Place) -> None:
    async def conference() -> None:
        async with opentalk(place, "Ada") as ada, opentalk(place, "Bob") as bob:
            assert "@" in (await ada.log_in(TOKEN))["email"]
            room, invite = await ada.make_meeting(TOKEN)
            await ada.connect_as_owner(TOKEN, room)
            await ada.join()
            await bob.connect_as_guest(invite)
            await bob.join()
            assert (ada.welcome["role"], bob.welcome["role"]) == ("moderator", "guest")
            assert await ada.person("Bob") == bob.id
            assert await bob.person("Ada") == ada.id

            await ada.media.publish(GREYS["Ada"])
            await bob.media.publish(GREYS["Bob"])
            await ada.media.received(bob.id, GREYS["Bob"])
            await bob.media.received(ada.id, GREYS["Ada"])

            await bob.media.mute(audio=False, video=True)
            await ada.flags(bob.id, audio=False, video=True)
            await bob.media.mute(audio=True, video=True)
            await ada.flags(bob.id, audio=True, video=True)
            await ada.media.received(bob.id, GREYS["Bob"])

            await ada.chat("hello")
            await bob.wire.heard("chat", "message_sent", source=ada.id, content="hello", scope="global")
            await bob.raise_hand()
            await ada.hand(bob.id, up=True)
            await bob.raise_hand(up=False)
            await ada.hand(bob.id, up=False)

            await bob.leave()
            await ada.wire.heard("control", "left", id=bob.id)
            await ada.media.gone(bob.id)
            assert ada.people == {}
            assert ada.failures == bob.failures == []
        assert ada.rest.calls == [
            "GET /auth/login",
            "POST /auth/login",
            "GET /users/me",
            "POST /events",
            f"POST /rooms/{room}/invites",
            f"POST /rooms/{room}/start",
            "GET /turn",
        ]
        assert bob.rest.calls == [
            "GET /auth/login",
            "POST /invite/verify",
            f"POST /rooms/{room}/start_invited",
            "GET /turn",
        ]

    run(conference())


def test_mustang_meets_mustang(place: Place) -> None:
    async def conference() -> None:
        async with mustang(place, "Ada") as ada, mustang(place, "Bob") as bob:
            invite = await ada.join_as_owner(TOKEN)
            await ada.media.publish(GREYS["Ada"])
            await bob.join_as_guest(invite)
            await bob.media.received(ada.id, GREYS["Ada"])
            await bob.media.publish(GREYS["Bob"])
            assert (ada.welcome["role"], bob.welcome["role"]) == ("moderator", "guest")
            assert await ada.person("Bob") == bob.id
            assert await bob.person("Ada") == ada.id
            await ada.media.received(bob.id, GREYS["Bob"])
            await bob.media.received(ada.id, GREYS["Ada"])

            # Both off: Bob closes the subscription silently, and subscribes anew later (media.md § 10 row 10).
            await ada.media.mute(audio=False, video=False)
            await bob.media.closed(ada.id)
            await ada.media.mute(audio=True, video=True)
            await bob.media.received(ada.id, GREYS["Ada"])

            await bob.media.publish(GREYS["Cyd"], "screen")
            await ada.media.received(bob.id, GREYS["Cyd"], sound=False, kind="screen")
            await ada.media.received(bob.id, GREYS["Bob"])

            await bob.raise_hand()
            await ada.hand(bob.id, up=True)
            await bob.raise_hand(up=False)
            await ada.hand(bob.id, up=False)

            await bob.hang_up()
            await ada.others_left()
            await ada.media.closed(bob.id)
            assert ada.complaints == bob.complaints == []
        assert bob.rest.calls[0] == "POST /turn"

    run(conference())


@pytest.mark.parametrize("owner", ["OpenTalk", "Mustang"])
def test_they_meet_in_one_room(place: Place, owner: str) -> None:
    async def conference() -> None:
        async with opentalk(place, "Ada") as ada, mustang(place, "Bob") as bob:
            if owner == "OpenTalk":
                await ada.log_in(TOKEN)
                room, invite = await ada.make_meeting(TOKEN)
                await ada.connect_as_owner(TOKEN, room)
                await ada.join()
                await ada.media.publish(GREYS["Ada"])
                await bob.join_as_guest(invite)
                await bob.media.received(ada.id, GREYS["Ada"])
                await bob.media.publish(GREYS["Bob"])
            else:
                invite = await bob.join_as_owner(TOKEN)
                await bob.media.publish(GREYS["Bob"])
                await ada.connect_as_guest(invite)
                await ada.join()
                await ada.media.publish(GREYS["Ada"])
            await ada.media.received(bob.id, GREYS["Bob"])
            await bob.media.received(ada.id, GREYS["Ada"])

            await bob.media.mute(audio=False, video=True)
            await ada.flags(bob.id, audio=False, video=True)
            await bob.media.mute(audio=True, video=True)
            await ada.flags(bob.id, audio=True, video=True)
            await ada.media.received(bob.id, GREYS["Bob"])
            await ada.media.mute(audio=False, video=False)
            await bob.media.closed(ada.id)
            await ada.media.mute(audio=True, video=True)
            await bob.media.received(ada.id, GREYS["Ada"])

            # Unpublished: the entry has no flags any more, so only `webrtc_down` tells Bob of it (media.md § 10 row 9).
            await ada.media.unpublish()
            await bob.media.closed(ada.id)
            await ada.media.publish(GREYS["Ada"])
            await bob.media.received(ada.id, GREYS["Ada"])

            await bob.raise_hand()
            await ada.hand(bob.id, up=True)
            await ada.raise_hand()
            await bob.hand(ada.id, up=True)
            await ada.chat("Mustang ignores this")

            if owner == "OpenTalk":
                await bob.hang_up()
                await ada.media.gone(bob.id)
                await ada.wire.heard("control", "left", id=bob.id)
            else:
                await ada.leave()
                await bob.others_left()
            assert (ada.failures, bob.complaints) == ([], [])

    run(conference())
