"""`m3 serve`: runs a controller with its media server, and a meeting to join, until it is stopped."""

from __future__ import annotations

import argparse
import shlex

import anyio

from m3asyncio.cli.adapters import adapter
from m3asyncio.cli.output import Output
from m3asyncio.cli.trouble import WrongOptions
from m3core.controller.config import ControllerConfig
from m3core.controller.features import FeatureLevel
from m3core.controller.ice_policy import IceCandidates
from m3core.errors import LinkError
from m3core.rest.link import InviteLink, controller_candidates, is_local, parse_controller_url


async def run(options: argparse.Namespace) -> int:
    """Serve until cancelled. Raises `WrongOptions` if no guest could reach the server."""
    output = Output(json=options.json)
    config = ControllerConfig(
        web_url=options.web_url or "",
        feature_level=FeatureLevel(options.feature_level),
        participant_limit=options.participant_limit,
        time_limit=options.time_limit,
        trusted_proxies=tuple(options.trusted_proxy),
        limit_loopback=options.limit_loopback,
        ice_candidates=None if options.ice_candidates is None else IceCandidates(options.ice_candidates),
    )
    where = (options.host, options.port)
    serve = adapter(options.loop).serve
    async with serve(*where, public_url=options.public_url, owner_token=options.token, config=config) as server:
        if not is_local(server.base_url) and not server.base_url.startswith("https://"):
            raise WrongOptions(
                "guests refuse plain http beyond their own machine: put a TLS proxy in front of the controller, "
                "and name it with --public-url https://..."
            )
        async with server.account() as account:
            meeting = await account.create_meeting(title=options.title, waiting_room=options.waiting_room)
            link = await meeting.invite()
        to_join, to_moderate = (join_line(link, server.base_url, account=account) for account in (False, True))
        host, port = server.address
        listening = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        options.begun = True
        output.object(
            {
                "event": "serving",
                "controller": server.base_url,
                "listening": listening,
                "invitation": link,
                "title": options.title,
            }
        )
        output.line("The controller and its media server run at ", (server.base_url, "bold"))
        output.line("")
        output.line("  listens at   ", (listening, "bold"))
        output.line("  invitation   ", (link, "bold cyan"))
        output.line("  to join      ", (to_join, "bold"))
        if options.token is not None:
            output.line("  to moderate  ", (to_moderate, "bold"))
            output.line(("               in a shell with the same M3_TOKEN", "dim"))
        output.line("")
        output.line(("Ctrl-C ends it.", "dim"))
        await anyio.sleep_forever()
    return 0


def join_line(link: str, base_url: str, *, account: bool) -> str:
    """The command that joins, quoted for a shell. Raises `WrongOptions` if nobody could join with the link."""
    words = ["m3", "join", link]
    try:
        controller = parse_controller_url(base_url, allow_private=True)
        found = InviteLink.parse(link, controller=controller, allow_private=True)
    except LinkError as error:
        raise WrongOptions(
            f"nobody could join with the invitation: {error.reason} (--public-url and --web-url are https://HOST[:PORT])"
        ) from None
    if account:
        words.append("--account")
    if account or controller not in {candidate.base_url for candidate in controller_candidates(found)}:
        words += ["--controller", controller]
    if _needs_allow_private(link, controller if account else None):
        words.append("--allow-private")
    return shlex.join(words)


def _needs_allow_private(link: str, token_goes_to: str | None) -> bool:
    """Whether `m3 join` would ask for ``--allow-private``: an address, which is valid, is in a private network."""
    try:
        InviteLink.parse(link)
        if token_goes_to is not None:
            parse_controller_url(token_goes_to)
    except LinkError:
        return True
    return False
