"""The addresses of a served controller: those in its invitations, and the one where it listens."""

from __future__ import annotations

import anyio
import pytest
from cli_bots import LOOPS, run

from m3asyncio.cli.adapters import adapter
from m3core.controller.config import ControllerConfig
from m3core.errors import LocalProtocolError

WEB = "https://web.example"


@LOOPS
@pytest.mark.parametrize(
    ("web_url", "config", "leads_to"),
    [
        (None, None, ""),
        (None, ControllerConfig(web_url=""), ""),
        (WEB, None, WEB),
        (f"{WEB}/", ControllerConfig(web_url=""), WEB),
        (WEB, ControllerConfig(web_url=WEB), WEB),
        (None, ControllerConfig(web_url=f"{WEB}/"), WEB),
    ],
)
def test_invitations_have_the_address_that_was_given(
    web_url: str | None, config: ControllerConfig | None, leads_to: str, loop: str
) -> None:
    async def main() -> int:
        async with adapter(loop).serve(web_url=web_url, config=config) as server:
            assert server.base_url.startswith("http://127.0.0.1:")
            web = leads_to or server.base_url
            assert server.web_url == web
            async with server.account() as account:
                meeting = await account.create_meeting(title="Web")
                assert (await meeting.invite()).startswith(f"{web}/invite/")
                assert (await meeting.invite(web_url="https://other.example")).startswith("https://other.example/")
            async with adapter(loop).account(server.base_url, server.owner) as account:
                meeting = await account.create_meeting(title="No web client is known by the controller's address")
                assert (await meeting.invite()).startswith(f"{server.base_url}/invite/")
        return 0

    run(main, loop)


def test_two_different_web_clients_are_refused() -> None:
    async def main() -> None:
        with pytest.raises(LocalProtocolError, match="different web clients"):
            async with adapter("asyncio").serve(web_url=WEB, config=ControllerConfig(web_url="https://other.example")):
                pass

    anyio.run(main)


@LOOPS
def test_the_address_where_it_listens_is_known_behind_a_proxy_too(loop: str) -> None:
    async def main() -> int:
        async with adapter(loop).serve(public_url="https://10.1.2.3") as server:
            host, port = server.address
            assert host == "127.0.0.1"
            stream = await anyio.connect_tcp(host, port)
            await stream.aclose()
            async with server.account() as account:  # of a server in a private network, for itself
                assert (await account.me()).display_name == "Owner"
        return 0

    run(main, loop)
