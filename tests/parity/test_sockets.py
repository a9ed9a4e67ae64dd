"""`check_adapter_over_sockets`: each client with each server, and all get the same events."""

from __future__ import annotations

import functools

import anyio
import pytest
from places import ADAPTERS, BACKENDS, served

from m3asyncio import sources
from m3core.testing import check_adapter_over_sockets

pytestmark = pytest.mark.usefixtures("nothing_is_left")
Told = tuple[tuple[str, ...], tuple[str, ...]]


@functools.cache
def visit(client: str, server: str) -> Told:
    """The visit, with a client on one loop and a server on the other, or the same."""
    with served(server, sources.pattern(width=64, height=48)) as place:
        return anyio.run(check_adapter_over_sockets, BACKENDS[client], place, backend=client)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("server", ADAPTERS)
@pytest.mark.parametrize("client", ADAPTERS)
def test_every_client_on_every_server_is_told_the_same(client: str, server: str) -> None:
    assert visit(client, server) == visit("asyncio", "asyncio")
