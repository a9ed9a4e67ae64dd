"""Errors in the terminal: their hints name options of the command, and never arguments of Python functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import anyio
import pytest
from cli_helpers import m3
from cli_processes import m3 as running

from m3asyncio.cli.main import main
from m3asyncio.cli.trouble import error_line
from m3asyncio.client import Account, join
from m3core.errors import (
    ApiError,
    AuthError,
    CallRefused,
    CallTimedOut,
    ConferenceEnded,
    EventsOverflow,
    FieldError,
    LinkError,
    LocalProtocolError,
    M3Error,
    TransportError,
)
from m3core.rest.link import InviteLink, parse_controller_url

CODE = "95e00679-12b5-4e8a-9eaa-b0b3d2423798"
PRIVATE = f"https://10.1.2.3/invite/{CODE}"
HERE = f"http://127.0.0.1:1/invite/{CODE}"
TO_PYTHON = ("allow_private", "controller=", "password=", "display_name")
TO_TERMINALS = ("--", "M3_TOKEN")


def private() -> LinkError:
    with pytest.raises(LinkError) as caught:
        InviteLink.parse(PRIVATE)
    return caught.value


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (private(), "--allow-private"),
        (LinkError("this is not an invitation link"), ""),
        (TransportError("the controller could not be reached (ConnectError)"), "is the controller running"),
        (AuthError("the controller refused the login"), "M3_TOKEN"),
        (ApiError(401, "unauthorized"), "M3_TOKEN"),
        (ApiError(401, "wrong_room_password"), "--password"),
        (ApiError(404), "--controller"),
        (ApiError(404, "not_found"), ""),
        (CallRefused("invalid_username"), "--name"),
        (CallRefused("participant_limit_reached"), "the room is full"),
        (CallTimedOut("publish", 3.0), "try again"),
        (ConferenceEnded("lost"), ""),
    ],
)
def test_an_error_that_ends_a_join_names_the_option_that_helps(error: M3Error, advice: str) -> None:
    line = error_line(error, joining=True)
    assert advice in line if advice else " - " not in line
    assert not [word for word in TO_PYTHON if word in line]
    assert not [word for word in TO_TERMINALS if word in str(error)]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (TransportError("the connection was lost"), "the connection was lost"),
        (TransportError("cannot listen on 127.0.0.1 port 1"), "cannot listen on 127.0.0.1 port 1"),
        (
            CallRefused("insufficient_permissions"),
            "the server refused: insufficient_permissions - only moderators may do that",
        ),
        (
            ApiError(
                422,
                "validation_failed",
                errors=(
                    FieldError(field="password", code="invalid_length", message="value too short"),
                    FieldError(field="title", code="invalid_length"),
                ),
            ),
            "request failed: HTTP 422 validation_failed; the server says: password: value too short",
        ),
        (EventsOverflow(9), "9 events wait to be printed: the program that reads them is too slow"),
        (LocalProtocolError("no\npoll  runs"), "no poll runs"),
        (LocalProtocolError(), "LocalProtocolError"),
    ],
)
def test_other_errors_name_no_options_of_join(error: M3Error, line: str) -> None:
    assert error_line(error) == line


# -- private networks ---
def test_python_is_told_of_its_argument() -> None:
    for way_in in (
        lambda: join(PRIVATE, display_name="Ada"),
        lambda: Account("https://10.1.2.3", "token"),
        lambda: parse_controller_url("https://10.1.2.3"),
    ):
        with pytest.raises(LinkError, match="private network; allow_private=True allows it"):
            way_in()


def test_both_ways_in_can_be_opened() -> None:
    async def main() -> None:
        join(PRIVATE, display_name="Ada", allow_private=True)
        async with Account("https://10.1.2.3", "token", allow_private=True) as account:
            assert account.base_url == "https://10.1.2.3"
        async with Account("http://127.0.0.1:1", "token") as account:
            assert account.base_url == "http://127.0.0.1:1"

    anyio.run(main)


PUBLIC = f"https://meet.example/invite/{CODE}"
Typed: TypeAlias = Callable[..., tuple[int, str]]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """`m3 join` with arguments, in this process: its exit code, and its stderr."""
    monkeypatch.setenv("M3_TOKEN", "t")

    def join_as_typed(*arguments: str) -> tuple[int, str]:
        return main(["join", "--no-chat", *arguments]), capsys.readouterr().err

    return join_as_typed


THERE = ("--controller", "https://10.1.2.3")


@pytest.mark.parametrize(
    "joining",
    [(PRIVATE,), (PRIVATE, *THERE), (PRIVATE, *THERE, "--account"), (PUBLIC, *THERE, "--account")],
    ids=" ".join,
)
def test_the_terminal_is_told_of_its_option(joining: tuple[str, ...], typed: Typed) -> None:
    told = "m3 join: the host is an address of a private network - --allow-private accepts it\n"
    assert typed(*joining) == (1, told)


@pytest.mark.parametrize("more", [(), ("--account", "--allow-private")], ids=["guest", "account"])
def test_what_is_allowed_is_tried(more: tuple[str, ...], typed: Typed) -> None:
    # 0.0.0.0 is no loopback address, so it counts as private; a connection to it still leads to this machine.
    status, err = typed(PUBLIC, "--controller", "https://0.0.0.0:1", *more)
    assert (status, "private network" in err) == (1, False)
    assert "the controller could not be reached" in err


def test_this_machine_is_never_private(typed: Typed) -> None:
    for joining in ((HERE,), (HERE, "--account", "--controller", "http://127.0.0.1:1")):
        assert "could not be reached" in typed(*joining)[1]


# -- as it is told ---
def test_an_invitation_that_is_unknown(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--json") as serve:
        controller = serve.event("serving")["controller"]
        process = m3(tmp_path, "join", f"{controller}/invite/{CODE}")
        assert process.stderr == (
            "m3 join: cannot use the invitation: the meeting is gone, or the invitation has expired "
            "(HTTP 404 not_found)\n"
        )
        with running(tmp_path, "serve", "--port", controller.rpartition(":")[2]) as second:
            status, _, err = second.end()
        assert (status, "is the controller running" in err) == (1, False)
