"""Namespace `legal_vote` in the client engine (signaling.md § 17)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from rooms import BOB, EVE, OWN, STARTED, Room, entry

from m3core.conference.events import PeerMisbehaved
from m3core.conference.modules import legal_vote as module
from m3core.conference.modules.assets import AssetReady
from m3core.conference.modules.ballots import LegalVote, Tally
from m3core.conference.modules.legal_vote import (
    LegalVoteCast,
    LegalVoteEnded,
    LegalVoteIssueReported,
    LegalVoteNotCounted,
    LegalVoteStarted,
    LegalVoteUpdated,
)
from m3core.errors import CallRefused, LocalProtocolError
from m3core.messages.legal_vote import (
    IssueKind,
    StopKind,
    SummaryReason,
    VoteFailedReason,
    VoteKind,
    VoteOption,
    VoteState,
)
from m3core.values import AssetId, LegalVoteId, ParticipantId, Secret

VOTE, OTHER = "2a8fcf56-6ea3-437c-8c68-c8a4e656134a", "2a8fcf56-6ea3-437c-8c68-c8a4e656134b"
ASSET = "b1e8e1df-5206-4d94-a8b5-54bd5a062663"
TOKEN = "1111Cn8eVZg"
NOW = dt.datetime(2024, 3, 5, 9, 30, tzinfo=dt.UTC)
ENDED = "2024-03-05T09:31:00Z"


def started(vote_id: str = VOTE, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "initiator_id": OWN,
        "legal_vote_id": vote_id,
        "start_time": STARTED,
        "max_votes": 2,
        "kind": "live_roll_call",
        "name": "Budget",
        "allowed_participants": [OWN, BOB],
        "enable_abstain": True,
        "auto_close": False,
        "create_pdf": False,
        "token": TOKEN,
    }
    return told | more


def summary(vote_id: str = VOTE, state: str = "started", **more: Any) -> dict[str, Any]:
    return started(vote_id, state=state, **more)


def with_vote(**more: Any) -> Room:
    room = Room()
    room.hear("legal_vote", "started", **started(**more))
    return room


def the_vote(room: Room, vote_id: str = VOTE) -> LegalVote:
    return room.state().legal_vote.votes[LegalVoteId(vote_id)]


def count(room: Room, message: str, vote_id: str = VOTE, **more: Any) -> None:
    told = {"yes": 1, "no": 1, "abstain": 0, "voting_record": {OWN: "yes", BOB: "no"}}
    room.hear("legal_vote", message, legal_vote_id=vote_id, **{**told, **more})


def stop(room: Room, vote_id: str = VOTE, **more: Any) -> None:
    count(room, "stopped", vote_id, **{"kind": "auto", "results": "valid", "end_time": ENDED, **more})


def voted(room: Room, option: str = "yes", vote_id: str = VOTE) -> None:
    room.hear(
        "legal_vote",
        "voted",
        legal_vote_id=vote_id,
        response="success",
        vote_option=option,
        issuer=OWN,
        consumed_token=TOKEN,
    )


def failed(room: Room, **more: Any) -> None:
    room.hear("legal_vote", "voted", legal_vote_id=VOTE, response="failed", **more)


def test_a_vote_begins_and_everybody_who_may_is_asked() -> None:
    phone = entry(EVE, "Eve", control={"role": "user", "participation_kind": "sip"})
    member = entry(BOB, control={"role": "user", "participation_kind": "user"})
    room = Room(participants=[member, phone, entry("00000000-0000-4000-8000-000000000004", "Guest")])
    assert room.state().legal_vote.running is None
    call = room.do(lambda commands: commands.legal_vote.start("Budget", duration=60))
    assert room.sent[-1] == {
        "namespace": "legal_vote",
        "action": "start",
        "kind": "roll_call",
        "name": "Budget",
        "allowed_participants": [OWN, BOB],
        "enable_abstain": True,
        "auto_close": False,
        "create_pdf": False,
        "duration": 60,
    }
    room.hear("legal_vote", "started", **started(OTHER, initiator_id=BOB))
    assert room.end(call) is None
    room.hear("legal_vote", "started", **started(duration=60, subtitle="2025", topic="Accept it?"))
    vote = the_vote(room)
    assert room.result(call) == room.last(LegalVoteStarted).vote == vote == room.state().legal_vote.running
    assert (vote.kind, vote.subtitle, vote.topic) == (VoteKind.LIVE_ROLL_CALL, "2025", "Accept it?")
    assert (vote.token, vote.may_vote, vote.own_vote, vote.tally) == (Secret(TOKEN), True, None, None)
    assert vote.remaining(NOW + dt.timedelta(seconds=10)) == dt.timedelta(seconds=50)
    assert vote.remaining(NOW + dt.timedelta(hours=1)) == dt.timedelta()


def test_what_can_not_be_started() -> None:
    room = Room()
    with pytest.raises(LocalProtocolError, match="somebody"):
        room.do(lambda commands: commands.legal_vote.start("Budget", allowed=[]))
    slugs = "insufficient_permissions vote_already_active allowlist_contains_guests bad_request permission_error"
    for slug in (*slugs.split(), "internal"):
        call = room.do(lambda commands: commands.legal_vote.start("Budget", allowed=[ParticipantId(BOB)]))
        room.refused(call, "legal_vote", slug)


def test_voting() -> None:
    room = with_vote()
    call = room.do(lambda commands: commands.legal_vote.vote(VoteOption.YES))
    assert room.sent[-1] == {
        "namespace": "legal_vote",
        "action": "vote",
        "legal_vote_id": VOTE,
        "option": "yes",
        "token": TOKEN,
    }
    voted(room)
    vote = the_vote(room)
    assert room.result(call) == vote
    assert room.last(LegalVoteCast) == LegalVoteCast(vote=vote, option=VoteOption.YES)
    assert (vote.own_vote, vote.may_vote) == (VoteOption.YES, False)
    assert TOKEN not in repr(room.state()) + repr(room.client.events) + repr(room.result(call))
    room.quietly(lambda: voted(room, vote_id=OTHER))


def test_our_other_session_votes() -> None:
    room = with_vote()
    no = room.do(lambda commands: commands.legal_vote.vote(VoteOption.NO, the_vote(room)))
    voted(room)
    assert the_vote(room).own_vote is VoteOption.YES
    assert room.end(no) is None
    failed(room, reason="ineligible")
    error = room.client.done[no].error
    assert isinstance(error, CallRefused)
    assert error.code == "ineligible"
    assert the_vote(room).own_vote is VoteOption.YES


def test_a_vote_that_does_not_count() -> None:
    room = with_vote()
    stop_call = room.do(lambda commands: commands.legal_vote.stop())
    for more, code in (({"reason": "invalid_vote_id"}, "invalid_vote_id"), ({}, "failed")):
        call = room.do(lambda commands: commands.legal_vote.vote(VoteOption.YES))
        failed(room, **more)
        error = room.client.done[call].error
        assert isinstance(error, CallRefused)
        assert error.code == code
    assert room.end(stop_call) is None
    failed(room, reason="invalid_option")
    told = LegalVoteNotCounted(legal_vote_id=LegalVoteId(VOTE), reason=VoteFailedReason.INVALID_OPTION)
    assert room.last(LegalVoteNotCounted) == told
    room.refused(room.do(lambda commands: commands.legal_vote.vote(VoteOption.YES)), "legal_vote", "ineligible")


def test_what_can_not_be_voted() -> None:
    room = Room()
    with pytest.raises(LocalProtocolError, match="no vote runs"):
        room.do(lambda commands: commands.legal_vote.vote(VoteOption.YES))
    with pytest.raises(LocalProtocolError, match="no vote of that id"):
        room.do(lambda commands: commands.legal_vote.vote(VoteOption.YES, LegalVoteId(VOTE)))
    room.hear("legal_vote", "started", **started(enable_abstain=False))
    with pytest.raises(LocalProtocolError, match="abstain"):
        room.do(lambda commands: commands.legal_vote.vote(VoteOption.ABSTAIN))
    room.hear("legal_vote", "started", **{key: value for key, value in started().items() if key != "token"})
    assert not the_vote(room).may_vote
    with pytest.raises(LocalProtocolError, match="may not vote"):
        room.do(lambda commands: commands.legal_vote.vote(VoteOption.YES))


def test_counts_while_it_runs_and_at_the_end() -> None:
    room = with_vote()
    count(room, "updated")
    vote = the_vote(room)
    assert room.last(LegalVoteUpdated).vote == vote
    assert vote.tally == Tally(yes=1, no=1, abstain=0)
    assert vote.own_vote is VoteOption.YES
    assert vote.votes == {OWN: VoteOption.YES, BOB: VoteOption.NO}
    call = room.do(lambda commands: commands.legal_vote.stop())
    stop(room, yes=2, no=0, kind="by_participant", issuer=OWN)
    vote = the_vote(room)
    assert room.result(call) == room.last(LegalVoteEnded).vote == vote
    assert (vote.state, vote.stop_kind, vote.ended_by) == (VoteState.FINISHED, StopKind.BY_PARTICIPANT, OWN)
    assert vote.tally == Tally(yes=2, no=0, abstain=0)
    assert not vote.is_running
    assert room.state().legal_vote.running is None
    room.quietly(lambda: stop(room))
    room.quietly(lambda: count(room, "updated"))
    room.quietly(lambda: count(room, "updated", OTHER))


def test_counts_without_our_vote_do_not_take_it_back() -> None:
    room = with_vote()
    voted(room)
    count(room, "updated", yes=0, voting_record={BOB: "no"})
    assert the_vote(room).own_vote is VoteOption.YES


def test_the_own_vote_of_a_pseudonymous_vote_is_found_by_token() -> None:
    room = with_vote(kind="pseudonymous")
    stop(room, voting_record={TOKEN: "no", "1111Cn8eVZh": "yes"})
    assert the_vote(room).own_vote is VoteOption.NO
    assert set(the_vote(room).pseudonymous_votes) == {TOKEN, "1111Cn8eVZh"}
    assert the_vote(room).votes == {}
    assert TOKEN not in repr(the_vote(room))
    other = Room()
    told = started(kind="pseudonymous")
    other.hear("legal_vote", "started", **{key: value for key, value in told.items() if key != "token"})
    stop(other, voting_record={TOKEN: "no"})
    assert the_vote(other).own_vote is None


def test_a_vote_without_a_result() -> None:
    room = with_vote()
    fields = {"results": "invalid", "reason": "vote_count_inconsistent", "kind": "expired"}
    room.hear("legal_vote", "stopped", legal_vote_id=VOTE, end_time=ENDED, **fields)
    vote = the_vote(room)
    assert (vote.state, vote.reason) == (VoteState.INVALID, SummaryReason.VOTE_COUNT_INCONSISTENT)
    assert vote.tally is None
    room.hear("legal_vote", "started", **started(OTHER))
    call = room.do(lambda commands: commands.legal_vote.cancel("wrong question"))
    assert room.sent[-1]["reason"] == "wrong question"
    end = {"reason": "custom", "custom": "wrong question", "end_time": ENDED}
    room.hear("legal_vote", "canceled", legal_vote_id=OTHER, **end)
    vote = the_vote(room, OTHER)
    assert room.result(call) == room.last(LegalVoteEnded).vote == vote
    assert (vote.state, vote.reason, vote.custom_reason) == (
        VoteState.CANCELED,
        SummaryReason.CUSTOM,
        "wrong question",
    )
    room.quietly(lambda: room.hear("legal_vote", "canceled", legal_vote_id=OTHER, **end))


@pytest.mark.parametrize("action", ["stop", "cancel"])
def test_what_may_refuse_an_end(action: str) -> None:
    room = with_vote()
    reason = ("x",) if action == "cancel" else ()
    for slug in ("insufficient_permissions", "no_vote_active", "invalid_vote_id", "permission_error", "internal"):
        room.refused(room.do(lambda commands: getattr(commands.legal_vote, action)(*reason)), "legal_vote", slug)


def test_issues_are_reported() -> None:
    room = with_vote()
    call = room.do(lambda commands: commands.legal_vote.report_issue("no sound", kind=IssueKind.AUDIO))
    known = {"namespace": "legal_vote", "action": "report_issue", "legal_vote_id": VOTE}
    assert room.sent[-1] == {**known, "kind": "audio", "description": "no sound"}
    room.done_by_silence(call)
    late = room.do(lambda commands: commands.legal_vote.report_issue("gone", vote=LegalVoteId(OTHER)))
    room.refused(late, "legal_vote", "invalid_vote_id")
    with pytest.raises(LocalProtocolError, match="a description or a kind"):
        room.do(lambda commands: commands.legal_vote.report_issue())
    room.hear("legal_vote", "reported_issue", legal_vote_id=VOTE, participant_id=BOB, kind="video")
    told = room.last(LegalVoteIssueReported)
    assert (told.participant, told.kind, told.description) == (
        room.state().participants[ParticipantId(BOB)],
        IssueKind.VIDEO,
        None,
    )
    room.hear("legal_vote", "reported_issue", legal_vote_id=VOTE, description="frozen")
    assert room.last(LegalVoteIssueReported).participant is None


def test_a_pdf_is_among_the_assets() -> None:
    room = with_vote()
    stop(room)
    call = room.do(lambda commands: commands.legal_vote.generate_pdf(the_vote(room), timezone="Europe/Berlin"))
    assert room.sent[-1]["timezone"] == "Europe/Berlin"
    room.hear("legal_vote", "pdf_asset", filename="other.pdf", asset_id=ASSET, legal_vote_id=OTHER)
    assert room.end(call) is None
    room.hear("legal_vote", "pdf_asset", filename="vote.pdf", asset_id=ASSET, legal_vote_id=VOTE)
    ready = AssetReady(
        namespace="legal_vote", asset_id=AssetId(ASSET), filename="vote.pdf", legal_vote_id=LegalVoteId(VOTE)
    )
    assert room.result(call) == room.last(AssetReady) == ready
    for slug in ("insufficient_permissions", "invalid_vote_id", "storage_exceeded", "internal"):
        refused = room.do(lambda commands: commands.legal_vote.generate_pdf(LegalVoteId(OTHER)))
        room.refused(refused, "legal_vote", slug)


def test_who_joins_later_finds_all_votes() -> None:
    third, fourth = VOTE[:-1] + "c", VOTE[:-1] + "d"
    tally = {"yes": 2, "no": 0, "voting_record": {OWN: "yes", BOB: "yes"}}
    votes = [
        summary(third, "finished", stop_kind="by_user", stopped_by=BOB, end_time=ENDED, **tally),
        summary(fourth, "canceled", issuer=BOB, reason="custom", custom="oops", end_time=ENDED),
        summary(OTHER, "invalid", reason="abstain_disabled"),
        summary(),
    ]
    room = Room(legal_vote={"votes": votes})
    assert room.client.of(LegalVoteStarted) == [LegalVoteStarted(vote=the_vote(room))]
    done, off, bad = (the_vote(room, one) for one in (third, fourth, OTHER))
    assert (done.stop_kind, done.ended_by, done.own_vote) == (StopKind.BY_USER, BOB, VoteOption.YES)
    assert done.tally == Tally(yes=2, no=0)
    assert (off.ended_by, off.reason, off.custom_reason) == (BOB, SummaryReason.CUSTOM, "oops")
    assert (bad.state, bad.reason) == (VoteState.INVALID, SummaryReason.ABSTAIN_DISABLED)


def test_who_comes_back_hears_what_went_on() -> None:
    room = Room(legal_vote={"votes": [summary()]})
    voted(room)
    assert room.resume(legal_vote={"votes": [summary()]}) == []
    assert the_vote(room).own_vote is VoteOption.YES
    votes = [summary(yes=1, no=0), summary(OTHER), summary(VOTE[:-1] + "c", "finished")]
    assert room.resume(legal_vote={"votes": votes}) == [
        LegalVoteUpdated(vote=the_vote(room)),
        LegalVoteStarted(vote=the_vote(room, OTHER)),
    ]
    assert room.resume(legal_vote={"votes": [summary(state="finished")]}) == [LegalVoteEnded(vote=the_vote(room))]
    room.hear("moderation", "in_waiting_room")
    assert room.state().legal_vote.votes == {}


def test_votes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LEGAL_VOTES", 2)
    room = with_vote()
    third = VOTE[:-1] + "c"
    room.hear("legal_vote", "started", **started(OTHER))
    room.hear("legal_vote", "started", **started(OTHER))  # the same vote: none has to be dropped
    assert room.state().legal_vote.dropped == 0
    stop(room, OTHER)
    room.hear("legal_vote", "started", **started(third))
    assert list(room.state().legal_vote.votes) == [VOTE, third]
    room.hear("legal_vote", "started", **started(OTHER))
    assert list(room.state().legal_vote.votes) == [third, OTHER]
    assert room.state().legal_vote.dropped == 2
    room.quietly(lambda: count(room, "updated"))


def test_instants_that_are_none() -> None:
    room = with_vote(duration=10**12)
    assert "$.payload.duration" in str(room.last(PeerMisbehaved).error)
    room.hear("legal_vote", "started", **started(start_time="soon", duration=5))
    assert len(room.client.of(PeerMisbehaved)) == 2
    assert room.state().legal_vote.votes == {}
    open_end = with_vote()
    assert (the_vote(open_end).ends_at, the_vote(open_end).remaining(NOW)) == (None, None)
