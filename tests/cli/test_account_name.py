"""The display name with which `m3 join --account` joins."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_bots import LOOPS, TOKEN, Printed, meeting, options, run

from m3asyncio.cli import join
from m3core.controller.config import User
from m3core.values import UserId


@LOOPS
@pytest.mark.parametrize(
    ("named", "account", "comes_as"),
    [
        (None, "Ada Lovelace", "Ada Lovelace"),
        ("Countess", "Ada Lovelace", "Countess"),
        (None, "\N{LATIN SMALL LETTER E WITH ACUTE}" * 60, "\N{LATIN SMALL LETTER E WITH ACUTE}" * 50),
        (None, "  ", "somebody"),
    ],
)
def test_it_is_the_name_of_the_account_unless_an_option_gives_one(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    loop: str,
    named: str | None,
    account: str,
    comes_as: str,
) -> None:
    monkeypatch.setenv("M3_TOKEN", TOKEN)
    monkeypatch.setattr(join, "_login_name", lambda: "somebody")
    owner = User(id=UserId("c89e8ce3-708c-4e3d-80c9-eba5957146e7"), email="ada@m3.invalid", display_name=account)

    async def main() -> int:
        async with meeting(loop=loop, owner=owner) as (server, _, link):
            more = f"--account --controller {server.base_url} --strict --loop {loop}"
            asked = options(tmp_path, link, {"do": "leave"}, more=more)
            asked.name = named
            return await join.run(asked)

    assert run(main, loop) == 0
    assert Printed(capsys).lines[0]["participant"]["display_name"] == comes_as
