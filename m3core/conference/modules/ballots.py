"""One legal vote as users see it, and how the messages of the server change it (signaling.md § 17)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from attrs import evolve, field, frozen

from m3core.errors import MalformedMessage
from m3core.messages import legal_vote
from m3core.messages.legal_vote import StopKind, SummaryReason, VoteKind, VoteOption, VoteState
from m3core.values import LegalVoteId, ParticipantId, Secret, Timestamp


@frozen(kw_only=True)
class Tally:
    """The number of votes for each option. ``abstain``: None where nobody may abstain."""

    yes: int
    no: int
    abstain: int | None = None


@frozen(kw_only=True)
class LegalVote:
    """One vote: the question, who may vote, our own vote, and the result."""

    id: LegalVoteId
    initiator_id: ParticipantId
    kind: VoteKind
    """Whether the server tells who voted what, and whether it does so before the end."""
    name: str
    subtitle: str | None = None
    topic: str | None = None
    allowed_participants: tuple[ParticipantId, ...]
    max_votes: int
    enable_abstain: bool
    auto_close: bool
    """The vote ends when everybody has voted."""
    create_pdf: bool
    started_at: Timestamp
    duration: int | None = None
    """Seconds; None: the vote runs until somebody stops it."""
    ends_at: Timestamp | None = None
    token: Secret | None = None
    """The server counts our vote by this token; None: we may not vote. It is secret, because it votes for us."""
    own_vote: VoteOption | None = None
    """The option that we voted for; None: we have not voted."""
    tally: Tally | None = None
    """None until the server sends counts: at the end, in `VoteKind.LIVE_ROLL_CALL` after each vote."""
    votes: Mapping[ParticipantId, VoteOption] = field(factory=lambda: MappingProxyType({}))
    """Who voted what, as far as the server has said; empty in pseudonymous votes."""
    pseudonymous_votes: Mapping[str, VoteOption] = field(factory=lambda: MappingProxyType({}), repr=False)
    """The options of a pseudonymous vote, by the token of the voter."""
    state: VoteState = VoteState.STARTED
    """A vote that is `FINISHED` has a result; one that is `CANCELED` or `INVALID` has a ``reason``."""
    stop_kind: StopKind | None = None
    """What finished the vote. `StopKind.BY_PARTICIPANT` and `StopKind.BY_USER` mean the same."""
    ended_by: ParticipantId | None = None
    """Who stopped or canceled the vote; None: nobody did, or the server did not say."""
    ended_at: Timestamp | None = None
    reason: SummaryReason | None = None
    custom_reason: str | None = None
    """The text that goes with `SummaryReason.CUSTOM`."""

    @property
    def is_running(self) -> bool:
        """Whether votes are taken now."""
        return self.state is VoteState.STARTED

    @property
    def may_vote(self) -> bool:
        """Whether we may vote now and have not done so."""
        return self.is_running and self.token is not None and self.own_vote is None

    def remaining(self, now_utc: dt.datetime) -> dt.timedelta | None:
        """The time until the vote ends, at least zero; None: somebody has to stop it. ``now_utc`` is aware."""
        return None if self.ends_at is None else max(self.ends_at.datetime - now_utc, dt.timedelta())


def started(told: legal_vote.Started | legal_vote.VoteSummary) -> LegalVote:
    """A vote that began.

    Raises `MalformedMessage` for a start that is no instant and for a duration that is out of range, so that
    `LegalVote.remaining` never does.
    """
    ends_at = None
    if told.duration is not None:
        try:
            ends_at = Timestamp.of(told.start_time.datetime + dt.timedelta(seconds=told.duration))
        except OverflowError:
            raise MalformedMessage("out of range", "$.payload.duration") from None
    return LegalVote(
        id=told.legal_vote_id,
        initiator_id=told.initiator_id,
        kind=told.kind,
        name=told.name,
        subtitle=told.subtitle,
        topic=told.topic,
        allowed_participants=told.allowed_participants,
        max_votes=told.max_votes,
        enable_abstain=told.enable_abstain,
        auto_close=told.auto_close,
        create_pdf=told.create_pdf,
        started_at=told.start_time,
        duration=told.duration,
        ends_at=ends_at,
        token=told.token,
    )


def summed_up(told: legal_vote.VoteSummary, own: ParticipantId) -> LegalVote:
    """A vote of `join_success`, which may be over. Raises like `started`."""
    return evolve(
        counted(started(told), told, own),
        state=told.state,
        stop_kind=told.stop_kind,
        ended_by=told.stopped_by or told.issuer,
        ended_at=told.end_time,
        reason=told.reason,
        custom_reason=told.custom,
    )


def counted(
    vote: LegalVote, told: legal_vote.Updated | legal_vote.Stopped | legal_vote.VoteSummary, own: ParticipantId
) -> LegalVote:
    """``vote`` with the counts of ``told``, and with our own vote if the voting record has it."""
    if told.yes is not None and told.no is not None:
        vote = evolve(vote, tally=Tally(yes=told.yes, no=told.no, abstain=told.abstain))
    if told.voting_record is None:
        return vote
    record = MappingProxyType(dict(told.voting_record))
    if vote.kind is VoteKind.PSEUDONYMOUS:
        own_vote = None if vote.token is None else record.get(vote.token.reveal())
        return evolve(vote, pseudonymous_votes=record, own_vote=own_vote or vote.own_vote)
    by_name = cast("Mapping[ParticipantId, VoteOption]", record)
    return evolve(vote, votes=by_name, own_vote=record.get(own) or vote.own_vote)


def stopped(vote: LegalVote, told: legal_vote.Stopped, own: ParticipantId) -> LegalVote:
    """``vote`` as it is after `stopped`: finished, or invalid."""
    is_valid = told.results is legal_vote.VoteResults.VALID
    return evolve(
        counted(vote, told, own),
        state=VoteState.FINISHED if is_valid else VoteState.INVALID,
        stop_kind=told.kind,
        ended_by=told.issuer,
        ended_at=told.end_time,
        reason=None if told.reason is None else SummaryReason(told.reason.value),
    )


def canceled(vote: LegalVote, told: legal_vote.Canceled) -> LegalVote:
    """``vote`` as it is after `canceled`: it has no result."""
    return evolve(
        vote,
        state=VoteState.CANCELED,
        ended_at=told.end_time,
        reason=SummaryReason(told.reason.value),
        custom_reason=told.custom,
    )
