"""What each switch of the test controller does, as a client sees it that shares no code with us."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from manners import Controller, Down, Manners, controller
from patience import PATIENCE
from stranger_wire import Bell, Failure, Rest, Wire

from m3core.testing.descriptions import make_offer

pytestmark = pytest.mark.usefixtures("nothing_is_left")
PROTOCOL = "k3k-signaling-json-v1.0"


class Guest:
    """A client that only sends what the test tells it to."""

    def __init__(self, there: Controller) -> None:
        self.rest = Rest(there.base_url, PATIENCE)
        self.wire = Wire(Bell(), lambda _namespace, _payload: None)
        self.token = ""
        self._there = there

    async def start(self, **more: Any) -> str:
        """A ticket."""
        body = {"invite_code": self._there.room.invite, "breakout_room": None, **more}
        start = await self.rest.ask("POST", f"/rooms/{self._there.room.id}/start_invited", body)
        self.token = start["resumption"]
        return str(start["ticket"])

    async def join(self, name: str, **more: Any) -> None:
        """Get a ticket, open the WebSocket and send `join`."""
        await self.wire.open(self._there.base_url, "/signaling", PROTOCOL, await self.start(**more))
        await self.wire.send("control", {"action": "join", "display_name": name})

    async def enter(self, name: str, **more: Any) -> str:
        """Join and wait for `join_success`; return the participant id."""
        await self.join(name, **more)
        return str((await self.wire.heard("control", "join_success"))["id"])

    async def leave(self) -> None:
        """Close both connections."""
        await self.wire.close()
        await self.rest.close()

    def messages(self) -> list[str]:
        """The names of all messages that were received, except for `join_success`."""
        return [payload["message"] for _, payload in self.wire.log if payload.get("message") != "join_success"]


@asynccontextmanager
async def guest(there: Controller) -> Any:
    one = Guest(there)
    try:
        yield one
    finally:
        await one.leave()


def run(manners: Manners, scenario: Callable[[Controller], Awaitable[None]], **more: Any) -> None:
    async def main(there: Controller) -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario(there)

    with controller(manners, **more) as there:
        asyncio.run(main(there))


def test_tcp_stays_open_after_the_close_frames() -> None:
    async def scenario(there: Controller) -> None:
        for name in ("close", "kick"):
            async with guest(there) as one:
                await one.enter("Ada")
                socket = one.wire._socket
                if name == "kick":
                    there.kick("Ada")
                    await one.wire.heard("moderation", "kicked")
                closing = asyncio.create_task(socket.close())
                while socket.protocol.close_rcvd is None:
                    await asyncio.sleep(0.001)
                assert not closing.done()
                await there.seen(lambda: True if there.room.person("Ada").socket is None else None)
                socket.transport.abort()
                await closing

    run(Manners(leaves_tcp_open=True), scenario)


@pytest.mark.parametrize("is_early", [False, True])
def test_an_answer_before_the_body(is_early: bool) -> None:
    """With the switch, the next request on that connection is never answered."""

    async def scenario(there: Controller) -> None:
        there.expire("old")
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(base_url=there.base_url, limits=limits, trust_env=False) as http:
            headers = {"authorization": "Bearer old"}
            answer = await http.post("/v1/events", json={}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
            next_one = asyncio.create_task(http.get("/v1/auth/login", timeout=None))
            if is_early:
                # "Never" cannot be waited for: a server that answers needs less than this.
                _, pending = await asyncio.wait([next_one], timeout=0.2)
                assert pending
                next_one.cancel()
            else:
                assert (await next_one).status_code == 200
                assert there.connections == 1
            assert (await http.post("/v1/rooms/other/start", json={})).status_code == 401
            headers["authorization"] = "Bearer new"
        async with httpx.AsyncClient(base_url=there.base_url, trust_env=False) as http:
            refused = await http.post("/v1/rooms/other/start", json={}, headers=headers)
            assert (refused.status_code, refused.content) == (403, b"")
        async with httpx.AsyncClient(base_url=there.base_url, trust_env=False) as http:
            refused = await http.post("/v1/events", content=b"{}", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (400, "invalid_content_type")

    run(Manners(answers_before_body=is_early), scenario)


@pytest.mark.parametrize(
    ("down", "order"),
    [
        (Down.AT_ONCE, ["webrtc_down", "sdp_answer", "webrtc_up"]),
        (Down.NEVER, ["sdp_answer", "webrtc_up"]),
        (Down.HELD, ["sdp_answer", "webrtc_up", "webrtc_down"]),
        (Down.BEFORE_ANSWER, ["webrtc_down", "sdp_answer", "webrtc_up"]),
        (Down.AFTER_ANSWER, ["sdp_answer", "webrtc_down", "webrtc_up"]),
        (Down.AFTER_UP, ["sdp_answer", "webrtc_up", "webrtc_down"]),
    ],
)
def test_the_moment_of_webrtc_down(down: Down, order: list[str]) -> None:
    async def scenario(there: Controller) -> None:
        async with guest(there) as ada:
            source = {"target": await ada.enter("Ada"), "media_session_type": "video"}
            for number in (1, 2):
                since = len(ada.wire.log)
                if number == 2:
                    await ada.wire.send("media", {"action": "unpublish", "media_session_type": "video"})
                await ada.wire.send("media", {"action": "publish", **source, "sdp": make_offer(["video"], number)})
                await ada.wire.heard("media", "media_status", since, kind="video")
            there.release_downs()
            there.say("Ada", "control", {"message": "end"})
            await ada.wire.heard("control", "end", since)
            told = [payload["message"] for namespace, payload in ada.wire.log[since:] if namespace == "media"]
            assert [one for one in told if one != "media_status"] == order

    run(Manners(webrtc_down=down), scenario)


def test_session_running() -> None:
    """After a cut the session is resumed. After a crash of the controller it is not, and the old entry remains."""
    clock = [0.0]

    async def scenario(there: Controller) -> None:
        async with guest(there) as ada, guest(there) as bob:
            first = await ada.enter("Ada")
            there.cut("Ada")
            with pytest.raises(Failure, match="session_running"):
                await ada.start(resumption=ada.token)
            assert there.people() == ["Ada"]
            clock[0] += 120
            ada.wire = Wire(Bell(), lambda *_: None)
            assert await ada.enter("Ada", resumption=ada.token) == first
            there.crash()
            with pytest.raises(Failure, match="session_running"):
                await ada.start(resumption=ada.token)
            clock[0] += 120
            ada.wire = Wire(Bell(), lambda *_: None)
            second = await ada.enter("Ada", resumption=ada.token)
            assert second != first
            await bob.enter("Bob")
            welcome = await bob.wire.heard("control", "join_success")
            assert [entry["id"] for entry in welcome["participants"]] == [first, second]
            await bob.wire.send("media", {"action": "subscribe", "target": first, "media_session_type": "video"})
            await bob.wire.heard("media", "error", error="invalid_request_offer")

    run(Manners(session_running=120), scenario, clock=lambda: clock[0])


def test_pings_only() -> None:
    async def scenario(there: Controller) -> None:
        async with guest(there) as ada, guest(there) as bob:
            await ada.enter("Ada")
            await bob.enter("Bob")
            await ada.wire.send("echo", {"action": "ping"})
            there.ping("Ada")
            there.say("Ada", "control", {"message": "end"})
            await ada.wire.heard("control", "end")
            assert ada.messages() == ["end"]

    run(Manners(pings_only=True, ping_interval=None), scenario)


def test_updates_about_the_waiting_room() -> None:
    async def scenario(there: Controller) -> None:
        async with guest(there) as ada, guest(there) as bob:
            await ada.join("Ada")
            await ada.wire.heard("moderation", "in_waiting_room")
            there.accept("Ada")
            await ada.wire.send("control", {"action": "enter_room"})
            await ada.wire.heard("control", "join_success")
            await bob.join("Bob")
            update = await ada.wire.heard("control", "update")
            assert update["control"]["display_name"] == "Bob"
            await bob.leave()
            await ada.wire.heard("moderation", "left_waiting_room", id=update["id"])

    run(Manners(waiting_room=True, updates_of_who_waits=True), scenario)


def test_breakout_rooms_that_are_over() -> None:
    async def scenario(there: Controller) -> None:
        async with guest(there) as ada:
            await ada.enter("Ada")
            (room,) = there.open_breakouts("A", seconds=0.0)
            started = await ada.wire.heard("breakout", "started")
            assert started["rooms"] == [{"id": room, "name": "A"}]
            await ada.wire.close()
            ada.wire = Wire(Bell(), lambda *_: None)
            await ada.enter("Ada", breakout_room=room, resumption=ada.token)
            with pytest.raises(Failure, match="1011"):
                await ada.wire.heard("breakout", "expired")

    run(Manners(breakouts_are_over=True, breakouts_expire_silently=True), scenario)


def test_breakout_rooms_that_expire() -> None:
    async def scenario(there: Controller) -> None:
        async with guest(there) as ada:
            await ada.enter("Ada")
            there.open_breakouts("A", seconds=0.0)
            await ada.wire.heard("breakout", "expired")

    run(Manners(), scenario)


def test_an_sfu_that_restarts() -> None:
    async def scenario(there: Controller) -> None:
        async with guest(there) as ada, guest(there) as bob:
            source = {"target": await ada.enter("Ada"), "media_session_type": "video"}
            await bob.enter("Bob")
            await ada.wire.send("media", {"action": "publish", **source, "sdp": make_offer(["video"], 1)})
            await ada.wire.heard("media", "webrtc_up")
            await bob.wire.send("media", {"action": "subscribe", **source})
            await bob.wire.heard("media", "sdp_offer")
            there.restart_sfu()
            await ada.wire.heard("media", "webrtc_down")
            await bob.wire.heard("media", "webrtc_down")
            await bob.wire.send("media", {"action": "subscribe", **source})
            await bob.wire.heard("media", "error", error="invalid_request_offer")

    run(Manners(), scenario)
