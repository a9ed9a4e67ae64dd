"""An input of the engine that raises still tells what it changed; a refused publish; the one table of modules."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
from scripted import Script
from stream_script import Streams
from worlds import SCREEN, VIDEO

from m3core.conference import calls
from m3core.conference import modules as package
from m3core.conference.commands import Commands
from m3core.conference.modules.base import ClientModule, CommandGroup
from m3core.conference.modules.polls import PollsModule
from m3core.conference.state import MODULES, ConferenceState, Phase
from m3core.errors import CallRefused, LocalProtocolError
from m3core.io import CallDone
from m3core.messages import polls
from m3core.values import BreakoutRoomId, MediaSessionType, PollId

RED = BreakoutRoomId("c89e8ce3-708c-4e3d-80c9-eba5957146e7")


# an input that raises ---
def test_a_command_that_raises_still_tells_the_end_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second change of rooms ends the first one, and then there are too many calls for its own."""
    script = Script()
    script.enter()
    first = script.give(lambda c, now: c.switch_room(RED, now))
    script.lose(1000)
    script.enter()
    assert first not in script.done  # the server may still close: there is no such room
    monkeypatch.setattr(calls, "MAX_CALLS", 0)
    with pytest.raises(LocalProtocolError, match="calls are open already"):
        script.conference.switch_room(None, script.now)
    assert [output.call for output in script.conference.outputs() if isinstance(output, CallDone)] == [first]


def test_a_command_that_raises_still_renews_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script()
    script.enter()
    module = script.conference.modules.of("polls")
    assert isinstance(module, PollsModule)

    def sent(_: object) -> None:
        module._dropped = 7
        raise LocalProtocolError("not sent after all")

    monkeypatch.setattr(module, "sent", sent)
    assert script.conference.state.polls.dropped == 0
    vote = polls.Vote(poll_id=PollId("99999999-0000-4000-8000-000000000001"), choice_id=1)
    with pytest.raises(LocalProtocolError, match="not sent after all"):
        script.conference.command(vote, script.now)
    assert script.conference.state.polls.dropped == 7


def test_an_input_before_the_drain_changes_nothing() -> None:
    script = Script()
    script.conference.leave(script.now)
    with pytest.raises(LocalProtocolError, match="drain"):
        script.conference.advance(script.now + 5.0)
    assert script.conference.now == script.now
    assert script.conference.phase is Phase.ENDED


# a publish that the server refuses ---
@pytest.mark.parametrize(
    ("kind", "slug"), [(VIDEO, "invalid_sdp_offer"), (SCREEN, "invalid_sdp_offer"), (SCREEN, "permission_denied")]
)
@pytest.mark.parametrize("answered", [False, True])
def test_a_refused_publish_is_taken_back(kind: MediaSessionType, slug: str, answered: bool) -> None:
    """The server may keep a publisher: it would refuse the next one (media.md § 4.1)."""
    script = Streams()
    call = script.publish(kind)
    if answered:
        script.answer_offer(kind)
    script.sent.clear()
    script.hear("media", message="error", error=slug)
    error = script.done[call].error
    assert isinstance(error, CallRefused)
    assert error.code == slug
    assert [(one["action"], one["media_session_type"]) for one in script.sent] == [("unpublish", kind.value)]
    assert script.publications == ()


def test_a_publish_whose_offer_has_not_left_has_nothing_to_take_back() -> None:
    script = Streams()
    script.media.holds = True
    call = script.publish(SCREEN)
    script.sent.clear()
    script.hear("media", message="error", error="permission_denied")
    assert isinstance(script.done[call].error, CallRefused)
    assert script.actions() == []


# the table of modules ---
def groups_of(module: type[ClientModule[Any]]) -> list[type[CommandGroup[Any]]]:
    """The command groups in the file of a module."""
    there = vars(importlib.import_module(module.__module__)).values()
    return [
        one
        for one in there
        if inspect.isclass(one) and issubclass(one, CommandGroup) and one.__module__ == module.__module__
    ]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_fills_its_field_and_has_its_commands_by_the_same_name(name: str) -> None:
    script = Script()
    module = script.conference.modules[MODULES[name]]
    assert getattr(script.conference.state, name) is module.state
    assert ConferenceState().of(MODULES[name]) == module.state  # nothing was told yet
    commands = script.conference.commands(script.now)
    for group in groups_of(MODULES[name]):
        assert type(getattr(commands, name, None)) is group or issubclass(Commands, group)


def test_every_module_is_in_the_table() -> None:
    files = [path.stem for path in Path(package.__path__[0]).glob("*.py") if not path.stem.startswith("_")]
    found = {
        one
        for file in files
        for one in vars(importlib.import_module(f"{package.__name__}.{file}")).values()
        if inspect.isclass(one) and issubclass(one, ClientModule) and not inspect.isabstract(one)
    }
    assert found == set(MODULES.values())
    assert len({module.NAMESPACE for module in MODULES.values()}) == len(MODULES)
