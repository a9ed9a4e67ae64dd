"""HTTP connections that several conferences share: only the owner of the pool closes them."""

from __future__ import annotations

from types import ModuleType

import anyio
import httpx
import pytest
from patience import PATIENCE
from places import ADAPTERS, ServedPlace, served

from m3asyncio import sources
from m3core.client.conference import Conference

pytestmark = pytest.mark.usefixtures("nothing_is_left")
each_loop = pytest.mark.parametrize("loop", ADAPTERS)


async def share(m3: ModuleType, place: ServedPlace) -> None:
    async with m3.HttpPool() as http:
        async with m3.Account(place.base_url, place.owner, http=http) as account:
            meeting = await account.create_meeting(title="Shared")
            link = await meeting.invite()
            async with meeting.start(display_name="Olga", http=http) as owner:
                await visits(m3, link, http, owner)
        async with m3.join(link, display_name="Late", http=http):  # neither account nor conference closed it
            pass
        (pool,) = http._pools.values()
        assert isinstance(pool.client._transport, httpx.AsyncHTTPTransport)
        assert pool.client._transport._pool.connections  # they wait for the next
    with pytest.raises(m3.LocalProtocolError, match="pool is closed"):
        async with m3.join(link, display_name="Gus", http=http):
            pytest.fail("got in")
    async with m3.Account(place.base_url, place.owner, http=http) as account:
        with pytest.raises(m3.LocalProtocolError, match="pool is closed"):
            await account.me()
    await http.aclose()


async def visits(m3: ModuleType, link: str, http: object, owner: Conference) -> None:
    async with (
        m3.join(link, display_name="Gus", http=http) as one,
        m3.join(link, display_name="Eve", http=http) as other,
    ):
        await one.chat("hello")
        await other.chat("hello")
        assert len([each for each in owner.state.participants.values() if each.is_here]) == 2


@each_loop
def test_a_pool_outlives_what_uses_it(loop: str) -> None:
    async def main(place: ServedPlace) -> None:
        with anyio.fail_after(PATIENCE):
            await share(ADAPTERS[loop], place)

    with served(loop, sources.pattern()) as place:
        anyio.run(main, place, backend=loop)


@each_loop
def test_a_pool_is_closed_by_who_is_cancelled_too(loop: str) -> None:
    async def main(place: ServedPlace) -> None:
        with anyio.CancelScope() as scope:
            async with ADAPTERS[loop].HttpPool() as http:
                async with ADAPTERS[loop].Account(place.base_url, place.owner, http=http) as account:
                    await account.me()
                scope.cancel()
                await anyio.sleep_forever()

    with served(loop, sources.pattern()) as place:
        anyio.run(main, place, backend=loop)
