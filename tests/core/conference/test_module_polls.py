"""Namespace `polls` in the client engine (signaling.md § 9)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from rooms import STARTED, Room

from m3core.conference.events import PeerMisbehaved
from m3core.conference.modules import polls
from m3core.conference.modules.polls import Poll, PollDone, PollStarted, PollUpdated
from m3core.errors import LocalProtocolError
from m3core.messages import polls as messages
from m3core.values import PollId

POLL = "00000000-0000-4000-8000-00000000000a"
OTHER = "00000000-0000-4000-8000-00000000000b"
CHOICES = [{"id": 0, "content": "Soup"}, {"id": 1, "content": "Salad"}]
NOW = dt.datetime(2024, 3, 5, 9, 30, tzinfo=dt.UTC)


def started(poll: str = POLL, **more: Any) -> dict[str, Any]:
    return {"id": poll, "topic": "Lunch?", "live": True, "choices": CHOICES, "duration": 60} | more


def results(*counts: int) -> list[dict[str, int]]:
    return [{"id": index, "count": count} for index, count in reversed(list(enumerate(counts)))]


def running(room: Room) -> Poll:
    poll = room.state().polls.running
    assert poll is not None
    return poll


def with_poll(**more: Any) -> Room:
    room = Room()
    room.hear("polls", "started", **started(**more))
    return room


def test_a_poll_from_start_to_results() -> None:
    room = Room()
    call = room.do(lambda commands: commands.polls.start("Lunch?", ["Soup", "Salad"], duration=60))
    assert room.sent[-1] == {
        "namespace": "polls",
        "action": "start",
        "topic": "Lunch?",
        "live": True,
        "choices": ["Soup", "Salad"],
        "duration": 60,
    }
    room.hear("polls", "started", **started())
    poll = running(room)
    assert room.result(call) == poll
    assert room.last(PollStarted).poll == poll
    assert [choice.count for choice in poll.choices] == [None, None]
    room.hear("polls", "live_update", id=POLL, results=results(2, 1))
    assert room.last(PollUpdated).poll == running(room)
    assert [choice.count for choice in running(room).choices] == [2, 1]
    call = room.do(lambda commands: commands.polls.finish())
    assert room.sent[-1] == {"namespace": "polls", "action": "finish", "id": POLL}
    room.hear("polls", "done", id=POLL, results=results(2, 2))
    done = room.last(PollDone).poll
    assert room.result(call) == done
    assert done.is_done
    assert [(choice.content, choice.count) for choice in done.choices] == [("Soup", 2), ("Salad", 2)]
    assert room.state().polls == polls.PollsState(past=(done,))


def test_votes_by_text_id_and_choice() -> None:
    room = with_poll()
    for choice in ("Salad", 1, running(room).choices[1]):
        call = room.do(lambda commands: commands.polls.vote(choice))
        assert room.sent[-1] == {"namespace": "polls", "action": "vote", "poll_id": POLL, "choice_id": 1}
        assert running(room).own_choices == {1}
        room.done_by_silence(call)
    room.do(lambda commands: commands.polls.vote())
    assert room.sent[-1] == {"namespace": "polls", "action": "vote", "poll_id": POLL}
    assert running(room).own_choices == set()
    with pytest.raises(LocalProtocolError, match="no such choice"):
        room.do(lambda commands: commands.polls.vote("Cake"))


@pytest.mark.parametrize("told", [{}, {"multiple_choice": False}])
def test_several_choices_are_for_polls_that_take_them(told: dict[str, Any]) -> None:
    """Servers before 0.14 do not send `multiple_choice`. They see no choice in `choice_ids`, and take the vote back."""
    room = with_poll(**told)
    with pytest.raises(LocalProtocolError, match="one choice"):
        room.do(lambda commands: commands.polls.vote("Soup", "Salad"))
    assert not running(room).multiple_choice
    room = with_poll(multiple_choice=True)
    room.do(lambda commands: commands.polls.vote("Soup", "Salad"))
    assert room.sent[-1]["choice_ids"] == [0, 1]
    assert running(room).own_choices == {0, 1}


def test_a_refused_vote_leaves_the_one_before() -> None:
    room = with_poll()
    room.done_by_silence(room.do(lambda commands: commands.polls.vote("Soup")))
    room.refused(room.do(lambda commands: commands.polls.vote("Salad")), "polls", "voted_already")
    assert running(room).own_choices == {0}
    late = room.do(lambda commands: commands.polls.vote("Salad"))
    room.hear("polls", "done", id=POLL, results=results(1, 0))
    room.refused(late, "polls", "invalid_poll_id")


@pytest.mark.parametrize(
    "slug",
    [
        "insufficient_permissions",
        "still_running",
        "invalid_duration",
        "invalid_topic_length",
        "invalid_choice_count",
        "invalid_choice_description",
    ],
)
def test_what_may_refuse_a_start(slug: str) -> None:
    room = Room()
    room.refused(room.do(lambda commands: commands.polls.start("?", [], duration=1)), "polls", slug)


def test_without_a_poll_there_is_nothing_to_vote_for_or_to_finish() -> None:
    room = Room()
    with pytest.raises(LocalProtocolError, match="no poll"):
        room.do(lambda commands: commands.polls.vote("Soup"))
    with pytest.raises(LocalProtocolError, match="no poll"):
        room.do(lambda commands: commands.polls.finish())


def test_the_poll_of_another_moderator_is_not_the_end_of_our_start() -> None:
    room = Room()
    call = room.do(lambda commands: commands.polls.start("Ours", ["a", "b"], duration=60))
    room.hear("polls", "started", **started())
    assert room.end(call) is None
    room.refused(call, "polls", "still_running")


def test_news_about_other_polls_changes_nothing() -> None:
    room = with_poll()
    room.quietly(lambda: room.hear("polls", "live_update", id=OTHER, results=results(1, 1)))
    room.quietly(lambda: room.hear("polls", "done", id=OTHER, results=results(1, 1)))
    assert running(room).id == POLL
    room.hear("polls", "done", id=POLL, results=results(1, 1))
    room.quietly(lambda: room.hear("polls", "live_update", id=POLL, results=results(1, 1)))


def test_the_time_that_is_left() -> None:
    poll = running(with_poll())
    assert poll.remaining(NOW) == dt.timedelta(seconds=60)
    assert poll.remaining(NOW + dt.timedelta(hours=1)) == dt.timedelta()
    unknown = running(with_poll(timestamp=None))
    assert (unknown.started_at, unknown.remaining(NOW)) == (None, None)
    room = Room()
    room.hear("polls", "started", **started(duration=10**12))
    assert "$.payload.duration" in str(room.last(PeerMisbehaved).error)


def test_who_joins_later_finds_the_poll() -> None:
    room = Room(polls=started(started=STARTED))
    assert room.client.of(PollStarted)[0].poll == running(room)
    assert PollStarted(poll=running(room)) in room.client.conference.present_events()


def test_who_comes_back_finds_the_own_vote_but_not_in_another_room() -> None:
    room = Room(polls=started(started=STARTED))
    room.do(lambda commands: commands.polls.vote("Soup"))
    assert not room.resume(polls=started(started=STARTED))
    assert running(room).own_choices == {0}
    missed = room.resume(polls=started(OTHER, started=STARTED))
    assert missed == [PollStarted(poll=running(room))]
    assert running(room).own_choices == set()
    room.hear("moderation", "in_waiting_room")
    assert room.state().polls.running is None
    room.hear("moderation", "accepted")
    room.join()
    assert room.state().polls.running is None


def test_past_polls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polls, "MAX_PAST_POLLS", 2)
    room = Room()
    for _ in range(3):
        room.hear("polls", "started", **started())
        room.hear("polls", "done", id=POLL, results=results(0, 0))
    assert len(room.state().polls.past) == 2
    assert room.state().polls.dropped == 1


def test_a_refusal_means_the_vote_that_it_can_mean() -> None:
    room = with_poll()
    first, second = room.do(lambda commands: commands.polls.vote(0)), room.do(lambda commands: commands.polls.vote(1))
    room.refused(second, "polls", "voted_already")
    assert running(room).own_choices == {0}
    room.done_by_silence(room.do(lambda commands: commands.polls.vote(1)))
    assert room.result(first) is None
    room.refused(room.do(lambda commands: commands.polls.vote(0)), "polls", "voted_already")
    assert running(room).own_choices == {1}


def test_a_refusal_in_the_next_poll_does_not_bring_back_our_vote_in_the_last() -> None:
    room = with_poll()
    room.done_by_silence(room.do(lambda commands: commands.polls.vote(0)))
    room.hear("polls", "started", **started(OTHER))
    room.refused(room.do(lambda commands: commands.polls.vote(1)), "polls", "invalid_choice_id")
    assert running(room).own_choices == set()


def test_a_vote_for_another_poll_is_no_vote_in_the_one_that_runs() -> None:
    room = with_poll()
    vote = messages.Vote(poll_id=PollId(OTHER), choice_id=0)
    room.client.do(lambda conference, now: conference.command(vote, now))
    assert running(room).own_choices == set()


def test_a_vote_is_known_when_we_come_back_from_the_waiting_room() -> None:
    room = with_poll()
    room.done_by_silence(room.do(lambda commands: commands.polls.vote(1)))
    before = running(room)
    room.hear("moderation", "in_waiting_room")
    assert room.state().polls.running is None
    room.hear("moderation", "accepted")
    room.join(polls=started(started=STARTED))
    assert running(room).own_choices == before.own_choices == {1}
    room.refused(room.do(lambda commands: commands.polls.vote(0)), "polls", "voted_already")
    assert running(room).own_choices == {1}
