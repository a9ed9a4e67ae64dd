"""`m3 serve`: a controller with its media server, and a meeting to join, until stopped."""

from __future__ import annotations

import argparse

import anyio

from m3asyncio.cli.adapters import adapter
from m3asyncio.cli.output import Output
from m3core.controller.config import ControllerConfig
from m3core.controller.features import FeatureLevel
from m3core.errors import TransportError
from m3core.rest.link import is_local


async def run(options: argparse.Namespace) -> int:
    """Serve until cancelled."""
    output = Output(json=options.json)
    config = ControllerConfig(
        web_url="",
        feature_level=FeatureLevel(options.feature_level),
        participant_limit=options.participant_limit,
        time_limit=options.time_limit,
    )
    where = (options.host, options.port)
    serve = adapter(options.loop).serve
    async with serve(*where, public_url=options.public_url, owner_token=options.token, config=config) as server:
        if not is_local(server.base_url) and not server.base_url.startswith("https://"):
            raise TransportError(
                "guests refuse plain http beyond their own machine: put a TLS proxy in front of the controller, "
                "and name it with --public-url https://..."
            )
        async with server.account() as account:
            meeting = await account.create_meeting(title=options.title, waiting_room=options.waiting_room)
            link = await meeting.invite()
        output.object({"event": "serving", "controller": server.base_url, "invitation": link, "title": options.title})
        output.line("A controller with its media server runs at ", (server.base_url, "bold"))
        output.line("")
        output.line("  invitation   ", (link, "bold cyan"))
        output.line("  to join      ", (f"m3 join {link}", "bold"))
        if options.token is not None:
            moderate = f"M3_TOKEN=... m3 join {link} --account --controller {server.base_url}"
            output.line("  to moderate  ", (moderate, "bold"))
        output.line("")
        output.line(("Ctrl-C ends it.", "dim"))
        await anyio.sleep_forever()
    return 0
