"""Tracebacks and debuggers show the lines of functions that are generated of message classes."""

from __future__ import annotations

import inspect
import linecache
import traceback
from typing import Any

import attrs
import pytest

from m3core.errors import LocalProtocolError, MalformedMessage
from m3core.messages import control
from m3core.messages.checking import checker
from m3core.messages.fields import fields_of
from m3core.messages.participants import ParticipantEntry, PeerData
from m3core.messages.reading import message_reader, reader
from m3core.messages.room import ForceMute
from m3core.messages.source import Source
from m3core.messages.writing import message_writer
from m3core.values import ParticipantId


class Shell:
    """What a decoder would have filled."""

    id = "no UUID"
    reason = None


class Envelope:
    timestamp = None
    payload = Shell()


def lines_of(raised: pytest.ExceptionInfo[BaseException]) -> list[str]:
    """The source lines in its traceback, of generated files only."""
    linecache.checkcache()  # as `traceback.print_exc` does: nothing on the disk has this name
    frames = traceback.extract_tb(raised.value.__traceback__)
    return [frame.line or "" for frame in frames if frame.filename.startswith("<m3core generated ")]


def test_a_traceback_through_a_reader_shows_its_line() -> None:
    with pytest.raises(MalformedMessage) as caught:
        message_reader(control.Left)(Envelope())
    assert lines_of(caught) == ["it.id = ids[value]"]


def test_a_traceback_through_a_checker_shows_its_line() -> None:
    with pytest.raises(LocalProtocolError) as caught:
        control.Left(id=ParticipantId("no UUID"))
    assert len(lines_of(caught)) == 1
    assert "ids" in lines_of(caught)[0]


@pytest.mark.parametrize(
    "function", [checker(control.Left), reader(ForceMute), message_reader(control.Left), message_writer(control.Left)]
)
def test_the_source_of_generated_functions_can_be_read(function: Any) -> None:
    assert inspect.getsource(function).startswith("def ")
    assert "m3core.messages." in function.__code__.co_filename


def test_two_functions_have_two_files() -> None:
    made = []
    for line in ("return 1", "return 2"):
        source = Source("")
        source.add(1, line)
        made.append(source.compile("same"))
    assert [function() for function in made] == [1, 2]
    assert ["return 1" in inspect.getsource(made[0]), "return 2" in inspect.getsource(made[1])] == [True, True]


@pytest.mark.parametrize("cls", [control.Joined, control.Update, ParticipantEntry])
def test_peer_data_stands_after_what_a_class_has_of_its_own(cls: type[PeerData]) -> None:
    peer_data = [each.name for each in attrs.fields(PeerData)]
    own = ["id", "control", "media"]
    assert [each.name for each in attrs.fields(cls) if each.name != "timestamp"] == own + peer_data
    assert [each.name for each in fields_of(cls)] == own + peer_data[:-1]
