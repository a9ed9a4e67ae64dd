"""`m3 serve`: a controller with its media server, and a meeting to join, until stopped."""

from __future__ import annotations

import argparse
import asyncio

from m3asyncio.cli.output import Output
from m3asyncio.server import serve
from m3core.errors import TransportError
from m3core.rest.link import is_local


async def run(options: argparse.Namespace) -> int:
    """Serve until cancelled."""
    output = Output(json=options.json)
    async with serve(options.host, options.port, public_url=options.public_url) as server:
        if not is_local(server.base_url) and not server.base_url.startswith("https://"):
            raise TransportError(
                "guests refuse plain http beyond their own machine: put a TLS proxy in front of the controller, "
                "and name it with --public-url https://..."
            )
        async with server.account() as account:
            meeting = await account.create_meeting(title=options.title)
            link = await meeting.invite()
        output.object({"event": "serving", "controller": server.base_url, "invitation": link, "title": options.title})
        output.line("A controller with its media server runs at ", (server.base_url, "bold"))
        output.line("")
        output.line("  invitation   ", (link, "bold cyan"))
        output.line("  to join      ", (f"m3 join {link}", "bold"))
        output.line("")
        output.line(("Ctrl-C ends it.", "dim"))
        await asyncio.Event().wait()
    return 0
