"""m3trio over real sockets, with its own server: join, media, accounts, and errors that are raised unchanged."""

from __future__ import annotations

import socket
from collections.abc import Coroutine
from typing import Any

import pytest
import trio
import trio.testing
from patience import PATIENCE
from trio_house import house, in_trio

import m3trio as m3
from m3core.testing.checkpoints import cancelled_at
from m3trio.loop import BACKEND


@in_trio
async def test_owner_and_guest_see_each_other_and_their_hands() -> None:
    async with house() as here:
        assert (await here.account.me()).display_name == "Owner"
        async with here.two() as (owner, guest):
            assert owner.own.role is m3.Role.MODERATOR
            async with owner.events(m3.HandRaised) as hands:
                await guest.raise_hand()
                assert (await anext(hands)).participant.id == guest.own.id
            async with owner.events(m3.ChatMessage) as said:
                await guest.chat("hello")
                assert (await anext(said)).content == "hello"
            await guest.leave()
            assert guest.ended is m3.EndReason.LEFT


@in_trio
async def test_pictures_and_sound_come_through() -> None:
    async with house() as here, here.two() as (owner, guest):
        publication = await guest.publish(video=m3.sources.pattern(width=64, height=48), audio=m3.sources.tone())
        await owner.wait_for(m3.StreamStarted, timeout=PATIENCE)
        async with owner.subscribe(guest.own) as stream:
            times = [(await anext(stream.video)).time for _ in range(3)]
            assert times == sorted(set(times))
            assert (await anext(stream.audio)).sample_rate == 48_000
            assert stream.stats.video.frames_received >= 3
        await publication.mute(video=False)
        await publication.replace(audio=m3.AudioOutput())
        assert publication.stats.video.frames_sent >= 3
        await publication.stop()


@in_trio
async def test_a_conference_with_media_that_is_cancelled_leaves_nothing() -> None:
    """The surrounding scope is cancelled while frames flow: both participants still leave, and the threads end."""
    with trio.CancelScope() as scope:
        async with house() as here, here.two() as (owner, guest):
            await guest.publish(video=m3.sources.pattern(width=64, height=48))
            await owner.wait_for(m3.StreamStarted, timeout=PATIENCE)
            async with owner.subscribe(guest.own) as stream:
                async for _ in stream.video:
                    scope.cancel()
    assert scope.cancelled_caught
    assert (owner.ended, guest.ended) == (m3.EndReason.LEFT, m3.EndReason.LEFT)


@in_trio
async def test_a_join_cancelled_at_any_checkpoint() -> None:
    async with house() as here:

        async def visit() -> None:
            async with m3.join(here.link, display_name="Gus"):
                pass

        at = 1
        while await cancelled_at(BACKEND, at, visit()):
            at += 3
        async with here.meeting.start(display_name="Olga") as owner:
            assert [someone for someone in owner.state.participants.values() if someone.is_here] == []


@in_trio
async def test_passwords() -> None:
    async with house(password="swordfish") as here:
        with pytest.raises(m3.ApiError) as caught:
            async with m3.join(here.link, display_name="Gus", password="wrong"):
                pytest.fail("joined with a wrong password")
        assert (caught.value.status, caught.value.code) == (401, "wrong_room_password")
        async with m3.join(here.link, display_name="Gus", password="swordfish") as guest:
            assert guest.own.display_name == "Gus"


@in_trio
async def test_what_the_body_raises_comes_out_as_it_is() -> None:
    async with house() as here:
        error = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError) as caught:
            async with m3.join(here.link, display_name="Gus"):
                raise error
        assert caught.value is error
        groups: list[BaseExceptionGroup[BaseException]] = []
        try:
            async with m3.join(here.link, display_name="Gus"), trio.open_nursery() as nursery:
                nursery.start_soon(_fails)
        except* ZeroDivisionError as group:  # the groups of the user's own nurseries are not opened
            groups.append(group)
        assert len(groups) == 1
        assert [type(one) for one in groups[0].exceptions] == [ZeroDivisionError]


async def _fails() -> None:
    raise ZeroDivisionError


class Broken:
    """HTTP that has a bug."""

    async def request(self, request: object) -> object:
        raise ZeroDivisionError

    async def aclose(self) -> None:
        """Does nothing: it has no connection."""


@in_trio
async def test_a_bug_in_a_transport_comes_out_as_itself_and_ends_the_join() -> None:
    async with house() as here:
        with pytest.raises(ZeroDivisionError):
            async with m3.join(here.link, display_name="Gus", http=Broken()):  # type: ignore[arg-type]  # on purpose
                pytest.fail("joined without HTTP")


@in_trio
async def test_a_bug_in_a_task_comes_out_of_its_place() -> None:
    async def body(work: Coroutine[Any, Any, None], error: Exception | None) -> None:
        async with BACKEND.tasks() as tasks:
            tasks.spawn(work)
            if error is None:
                await trio.sleep_forever()
            else:
                await trio.testing.wait_all_tasks_blocked()
                raise error

    with pytest.raises(ZeroDivisionError):
        await body(_fails(), None)
    error = KeyError()
    with pytest.raises(KeyError) as caught:
        await body(_fails_late(), error)
    assert caught.value is error
    assert isinstance(error.__context__, ExceptionGroup)


async def _fails_late() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise ZeroDivisionError


@in_trio
async def test_a_controller_that_is_dead_and_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(
            m3.TransportError, match=r"^cannot listen on 127\.0\.0\.1 port \d+: Address already in use$"
        ):
            async with m3.serve(port=port):
                pytest.fail("two on one port")
    code = "11111111-2222-4333-8444-555555555555"
    with pytest.raises(m3.TransportError, match="could not be reached"):
        async with m3.join(f"http://127.0.0.1:{port}/invite/{code}", display_name="Gus"):
            pytest.fail("joined the dead")


@in_trio
async def test_the_server_tells_all_when_it_ends_and_takes_what_idles_with_it() -> None:
    async with house() as here:
        address = here.server.base_url.removeprefix("http://").split(":")
        idle = await trio.open_tcp_stream(address[0], int(address[1]))
        inside = await trio.open_tcp_stream(address[0], int(address[1]))
        await inside.send_all(b"GET /v1/nothing HTTP/1.1\r\nhost: x\r\n\r\n")
        assert bytes(await inside.receive_some()).startswith(b"HTTP/1.1 404")
        account = here.server.account()
        assert (await account.me()).display_name == "Owner"
        await account.aclose()
    for stream in (idle, inside):
        while await stream.receive_some():
            pass
        await stream.aclose()


@in_trio
async def test_a_reader_that_is_too_slow_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m3core.serving.MAX_WRITE_QUEUE", 10_000)
    async with house() as here:
        address = here.server.base_url.removeprefix("http://").split(":")
        lazy = await trio.open_tcp_stream(address[0], int(address[1]))
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /v1/nothing HTTP/1.1\r\nhost: x\r\n\r\n"

        async def insist() -> None:
            while True:
                await lazy.send_all(request * 1000)

        with pytest.raises(trio.BrokenResourceError):
            await insist()
        await lazy.aclose()
