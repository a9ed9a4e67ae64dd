"""Chat histories: what a joiner is told of them when not all fits into one message."""

from __future__ import annotations

import msgspec

from m3core.controller.chat_history import Allowance, History
from m3core.messages.chat import ChatScope, StoredMessage
from m3core.values import MessageId, ParticipantId, Timestamp


def message(content: str) -> StoredMessage:
    return StoredMessage(
        id=MessageId("00000000-0000-4000-8000-000000000001"),
        source=ParticipantId("00000000-0000-4000-8000-000000000002"),
        timestamp=Timestamp("2024-03-05T09:30:00Z"),
        content=content,
        scope=ChatScope.GLOBAL,
        target=None,
    )


def told(history: History, allowance: Allowance) -> list[str]:
    return [one.content for one in history.newest_first(allowance)]


def test_a_history_that_is_cut_has_no_gaps() -> None:
    """After a message that did not fit, an older one that would is left out as well."""
    history = History()
    for content in ("old", "x" * 1_000, "new"):
        history.add(message(content))
    size = len(msgspec.json.encode(message("new")))
    assert told(history, Allowance(3 * size)) == ["new"]
    assert told(history, Allowance(1_000 + 4 * size)) == ["new", "x" * 1_000, "old"]


def test_histories_share_an_allowance() -> None:
    first, second = History(), History()
    first.add(message("x" * 1_000))
    second.add(message("short"))
    allowance = Allowance(500)
    assert told(first, allowance) == []
    assert told(second, allowance) == []
