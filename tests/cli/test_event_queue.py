"""Which event a `wait` of the commands finds, and what it forgets."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import pytest
from attrs import evolve

from m3asyncio import ChatMessage, HandRaised
from m3asyncio.cli.script import MAX_QUEUED, EventQueue
from m3core.conference.state import EndReason, Participant
from m3core.errors import ConferenceEnded
from m3core.messages.chat import ChatScope
from m3core.values import MessageId, ParticipantId

ADA = Participant(id=ParticipantId("ada"), display_name="Ada")
BOB = Participant(id=ParticipantId("bob"), display_name="Bob")
ONE = ChatMessage(id=MessageId("1"), source=ADA.id, participant=ADA, content="one", scope=ChatScope.GLOBAL)
TWO = evolve(ONE, id=MessageId("2"), source=BOB.id, participant=BOB, content="two")


def found(queue: EventQueue, name: str, where: Mapping[str, object] | None = None) -> object:
    """The id of the chat message, or the name of the other event, that is found without waiting."""

    async def main() -> object:
        with anyio.fail_after(0):
            event = await queue.next(name, where or {})
        return event.get("id", event["event"])

    return anyio.run(main)


def queue(*events: ChatMessage | HandRaised) -> EventQueue:
    made = EventQueue(lambda: 0.0)
    for event in events:
        made.put(event)
    return made


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({}, "1"),
        ({"content": "two"}, "2"),
        ({"participant.display_name": "Bob"}, "2"),
        ({"participant.display_name": "Bob", "is_own": False}, "2"),
        ({"group": None, "no.such.field": None}, "1"),
    ],
)
def test_all_fields_have_to_be_as_asked(where: Mapping[str, object], message: str) -> None:
    assert found(queue(HandRaised(participant=ADA), ONE, TWO), "ChatMessage", where) == message


@pytest.mark.parametrize("where", [{"content": "three"}, {"participant.display_name": "Bob", "content": "one"}])
def test_an_event_that_differs_in_one_field_is_not_found(where: Mapping[str, object]) -> None:
    with pytest.raises(TimeoutError):
        found(queue(ONE, TWO), "ChatMessage", where)


def test_what_was_found_and_what_came_before_is_forgotten() -> None:
    events = queue(ONE, HandRaised(participant=ADA), TWO)
    assert found(events, "HandRaised") == "HandRaised"
    assert found(events, "ChatMessage") == "2"
    with pytest.raises(TimeoutError):
        found(events, "ChatMessage")


def test_the_oldest_events_are_dropped() -> None:
    events = queue(ONE, *[HandRaised(participant=ADA)] * (MAX_QUEUED - 1))
    assert found(events, "ChatMessage") == "1"
    events = queue(ONE, *[HandRaised(participant=ADA)] * MAX_QUEUED)
    with pytest.raises(TimeoutError):
        found(events, "ChatMessage")


def test_the_end_says_why_and_what_did_not_come() -> None:
    events = queue(ONE)
    events.end(EndReason.KICKED)
    assert found(events, "ChatMessage") == "1"
    with pytest.raises(ConferenceEnded, match=r"the conference ended: kicked \(no ChatMessage came before\)"):
        found(events, "ChatMessage")
