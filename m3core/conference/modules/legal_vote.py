"""Namespace `legal_vote`: votes that are binding, by name or by pseudonym (signaling.md § 17; L).

A vote is a `ballots.LegalVote`. Whoever has a token can vote with it, so tokens are `Secret`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

from attrs import evolve, field, frozen

from m3core.conference.common import Participant
from m3core.conference.events import ConferenceEvent
from m3core.conference.modules import ballots
from m3core.conference.modules.assets import AssetReady
from m3core.conference.modules.ballots import LegalVote
from m3core.conference.modules.base import ClientModule, CommandGroup, Handler, Rules, Someone, T, id_of, known, rule
from m3core.conference.surroundings import Surroundings
from m3core.errors import LocalProtocolError, WrongValue
from m3core.limits import MAX_LEGAL_VOTES
from m3core.messages import Event, legal_vote
from m3core.messages.control import JoinSuccess
from m3core.messages.legal_vote import IssueKind, VoteFailedReason, VoteKind, VoteOption, VoteState
from m3core.values import LegalVoteId, ParticipantId, ParticipationKind, Role


# -- state ---
@frozen(kw_only=True)
class LegalVoteState:
    """The votes of the room."""

    votes: Mapping[LegalVoteId, LegalVote] = field(factory=lambda: MappingProxyType({}))
    """The newest last. Of more than `MAX_LEGAL_VOTES` the oldest is dropped, if possible one that is over."""
    dropped: int = 0
    """The number of votes that were dropped."""

    @property
    def running(self) -> LegalVote | None:
        """The newest vote that runs. Servers run one at a time."""
        return next((vote for vote in reversed(tuple(self.votes.values())) if vote.is_running), None)


# -- events ---
@frozen(kw_only=True)
class LegalVoteStarted(ConferenceEvent):
    """A vote began."""

    vote: LegalVote


@frozen(kw_only=True)
class LegalVoteCast(ConferenceEvent):
    """The server counted our vote, which we cast here or in another session of ours."""

    vote: LegalVote
    option: VoteOption


@frozen(kw_only=True)
class LegalVoteNotCounted(ConferenceEvent):
    """The server did not count a vote of ours, and no open call of ours is about it."""

    legal_vote_id: LegalVoteId
    reason: VoteFailedReason | None


@frozen(kw_only=True)
class LegalVoteUpdated(ConferenceEvent):
    """Somebody voted in a vote whose counts the server sends before the end."""

    vote: LegalVote


@frozen(kw_only=True)
class LegalVoteEnded(ConferenceEvent):
    """A vote is over. ``vote.state`` says whether it has a result."""

    vote: LegalVote


@frozen(kw_only=True)
class LegalVoteIssueReported(ConferenceEvent):
    """Something keeps somebody from voting. ``participant``: None if unknown, or hidden as in pseudonymous votes."""

    legal_vote_id: LegalVoteId
    participant: Participant | None
    kind: IssueKind | None
    description: str | None


# -- the module ---
_STOP = rule(
    "insufficient_permissions", "no_vote_active", "invalid_vote_id", "permission_error", "internal", answered=True
)


class LegalVoteModule(ClientModule[LegalVoteState]):
    """The votes of the room."""

    NAMESPACE = "legal_vote"
    RULES: ClassVar[Rules] = MappingProxyType(
        {
            legal_vote.Start: rule(
                "insufficient_permissions",
                "vote_already_active",
                "allowlist_contains_guests",
                "bad_request",
                "permission_error",
                "internal",
                answered=True,
            ),
            legal_vote.Stop: _STOP,
            legal_vote.Cancel: _STOP,
            legal_vote.Vote: rule("ineligible", "internal", answered=True),
            legal_vote.ReportIssue: rule("invalid_vote_id", "bad_request"),
            legal_vote.GeneratePdf: rule(
                "insufficient_permissions", "invalid_vote_id", "storage_exceeded", "internal", answered=True
            ),
        }
    )

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around)
        self._votes: dict[LegalVoteId, LegalVote] = {}
        self._dropped = 0
        self._missed: list[ConferenceEvent] = []

    def build(self) -> LegalVoteState:
        return LegalVoteState(votes=MappingProxyType(dict(self._votes)), dropped=self._dropped)

    def handlers(self) -> Mapping[type[Event], Handler]:
        return {
            legal_vote.Started: self._started,
            legal_vote.Voted: self._voted,
            legal_vote.Updated: self._updated,
            legal_vote.Stopped: self._stopped,
            legal_vote.Canceled: self._canceled,
            legal_vote.ReportedIssue: self._reported_issue,
            legal_vote.PdfAsset: self._pdf_asset,
            legal_vote.Error: lambda event: self._refuse(event.error.value),
        }

    def entered(self, join: JoinSuccess) -> None:
        before, self._votes = self._votes, {}
        self._dropped = 0
        self._missed = []
        for summary in () if join.legal_vote is None else join.legal_vote.votes:
            vote = ballots.summed_up(summary, join.id)
            known_before = before.get(vote.id)
            if known_before is not None and vote.own_vote is None:  # only a voting record has it
                vote = evolve(vote, own_vote=known_before.own_vote)
            self._keep(vote)
            self._compare(known_before, vote)

    def left(self) -> None:
        self._votes.clear()
        self._dropped = 0

    def present_events(self) -> tuple[ConferenceEvent, ...]:
        return tuple(LegalVoteStarted(vote=vote) for vote in self._votes.values() if vote.is_running)

    def missed_events(self) -> tuple[ConferenceEvent, ...]:
        # A vote that began and ended while we were away has no event.
        return tuple(self._missed)

    def _compare(self, before: LegalVote | None, after: LegalVote) -> None:
        if before is None and after.is_running:
            self._missed.append(LegalVoteStarted(vote=after))
        elif before is not None and before.is_running and not after.is_running:
            self._missed.append(LegalVoteEnded(vote=after))
        elif before is not None and before.tally != after.tally:
            self._missed.append(LegalVoteUpdated(vote=after))

    def _keep(self, vote: LegalVote) -> None:
        if vote.id not in self._votes and len(self._votes) >= MAX_LEGAL_VOTES:
            oldest = next((one.id for one in self._votes.values() if not one.is_running), next(iter(self._votes)))
            del self._votes[oldest]
            self._dropped += 1
        self._votes[vote.id] = vote

    def _started(self, event: legal_vote.Started) -> None:
        vote = ballots.started(event)
        self._keep(vote)
        self._notify(LegalVoteStarted(vote=vote))
        if vote.initiator_id == self._own().id:
            self._acknowledge(legal_vote.Start, lambda command: command.name.strip() == vote.name.strip(), result=vote)

    def _voted(self, event: legal_vote.Voted) -> None:
        if event.response is legal_vote.VoteResponse.FAILED:
            self._not_counted(event)
            return
        vote, option = self._votes.get(event.legal_vote_id), event.vote_option
        if vote is not None and option is not None:
            vote = self._votes[vote.id] = evolve(vote, own_vote=option)
            self._notify(LegalVoteCast(vote=vote, option=option))
        self._acknowledge(
            legal_vote.Vote,
            lambda command: command.legal_vote_id == event.legal_vote_id and command.option is option,
            result=vote,
        )

    def _not_counted(self, event: legal_vote.Voted) -> None:
        call = self._waiting(legal_vote.Vote, lambda command: command.legal_vote_id == event.legal_vote_id)
        if call is not None:
            self._around.refuse_call(call, "failed" if event.reason is None else event.reason.value)
        else:
            self._notify(LegalVoteNotCounted(legal_vote_id=event.legal_vote_id, reason=event.reason))

    def _updated(self, event: legal_vote.Updated) -> None:
        vote = self._votes.get(event.legal_vote_id)
        if vote is not None and vote.is_running:
            vote = self._votes[vote.id] = ballots.counted(vote, event, self._own().id)
            self._notify(LegalVoteUpdated(vote=vote))

    def _stopped(self, event: legal_vote.Stopped) -> None:
        vote = self._votes.get(event.legal_vote_id)
        if vote is not None and vote.is_running:
            self._end(ballots.stopped(vote, event, self._own().id))

    def _canceled(self, event: legal_vote.Canceled) -> None:
        vote = self._votes.get(event.legal_vote_id)
        if vote is not None and vote.is_running:
            self._end(ballots.canceled(vote, event))

    def _end(self, vote: LegalVote) -> None:
        self._votes[vote.id] = vote
        self._notify(LegalVoteEnded(vote=vote))
        if vote.state is VoteState.CANCELED:
            self._acknowledge(legal_vote.Cancel, lambda command: command.legal_vote_id == vote.id, result=vote)
        else:
            self._acknowledge(legal_vote.Stop, lambda command: command.legal_vote_id == vote.id, result=vote)

    def _reported_issue(self, event: legal_vote.ReportedIssue) -> None:
        who = None if event.participant_id is None else self._participant(event.participant_id)
        self._notify(
            LegalVoteIssueReported(
                legal_vote_id=event.legal_vote_id, participant=who, kind=event.kind, description=event.description
            )
        )

    def _pdf_asset(self, event: legal_vote.PdfAsset) -> None:
        vote_id = event.legal_vote_id
        ready = AssetReady(
            namespace=self.NAMESPACE, asset_id=event.asset_id, filename=event.filename, legal_vote_id=vote_id
        )
        self._notify(ready)
        self._acknowledge(legal_vote.GeneratePdf, lambda command: command.legal_vote_id == vote_id, result=ready)


# -- commands ---
class LegalVoteCommands(CommandGroup[T]):
    """All commands but `vote` and `report_issue` are for moderators. ``vote=None`` is the vote that runs."""

    def start(
        self,
        name: str,
        *,
        allowed: Iterable[Someone] | None = None,
        kind: VoteKind = VoteKind.ROLL_CALL,
        subtitle: str | None = None,
        topic: str | None = None,
        duration: int | None = None,
        enable_abstain: bool = True,
        auto_close: bool = False,
        create_pdf: bool = False,
        timezone: str | None = None,
    ) -> T:
        """Start a vote; done with the `LegalVote`.

        ``allowed``: who may vote; None: all in the room who are not guests, including us. ``duration``: seconds, at
        least 5. ``timezone``: an IANA name, for the PDF. Raises `LocalProtocolError` if nobody may vote. Refused:
        `vote_already_active`, `allowlist_contains_guests`, `bad_request`, `permission_error`, `internal`,
        `insufficient_permissions`.
        """
        voters = self._members() if allowed is None else tuple(map(id_of, allowed))
        if not voters:
            raise WrongValue("nobody would be allowed to vote: somebody has to be in ``allowed``")
        return self._perform(
            legal_vote.Start(
                kind=kind,
                name=name,
                subtitle=subtitle,
                topic=topic,
                allowed_participants=voters,
                enable_abstain=enable_abstain,
                auto_close=auto_close,
                duration=duration,
                create_pdf=create_pdf,
                timezone=timezone,
            )
        )

    def vote(self, option: VoteOption, vote: LegalVote | LegalVoteId | None = None) -> T:
        """Vote, which is possible once; done with the `LegalVote`.

        Raises `LocalProtocolError` if no vote runs, if we may not vote in it, and if nobody may abstain in it. Refused:
        `ineligible` (also for a second vote), `invalid_vote_id` (over), `invalid_option`.
        """
        votes = self._state().of(LegalVoteModule).votes
        chosen = known(votes.get(self._id_of(vote)), "the room has no vote of that id")
        token = known(chosen.token, "we may not vote: the server sent us no token for this vote")
        if option is VoteOption.ABSTAIN and not chosen.enable_abstain:
            raise LocalProtocolError("nobody may abstain in this vote: vote yes or no")
        return self._perform(legal_vote.Vote(legal_vote_id=chosen.id, option=option, token=token))

    def stop(self, vote: LegalVote | LegalVoteId | None = None) -> T:
        """End a vote; done with the `LegalVote` and its result.

        Raises `LocalProtocolError` if none runs. Refused: `no_vote_active`, `invalid_vote_id`, `permission_error`,
        `internal`, `insufficient_permissions`.
        """
        return self._perform(legal_vote.Stop(legal_vote_id=self._id_of(vote)))

    def cancel(self, reason: str, vote: LegalVote | LegalVoteId | None = None) -> T:
        """End a vote without a result; done with the `LegalVote`. ``reason``: up to 255 characters.

        Raises and is refused as `stop`.
        """
        return self._perform(legal_vote.Cancel(legal_vote_id=self._id_of(vote), reason=reason))

    def report_issue(
        self,
        description: str | None = None,
        *,
        kind: IssueKind | None = None,
        vote: LegalVote | LegalVoteId | None = None,
    ) -> T:
        """Tell the moderators what keeps us from voting.

        Raises `LocalProtocolError` if no vote runs, and if there is neither a description nor a kind. Refused:
        `invalid_vote_id`, `bad_request`.
        """
        if kind is None and description is None:
            raise WrongValue("an issue needs a description or a kind")
        return self._perform(
            legal_vote.ReportIssue(legal_vote_id=self._id_of(vote), kind=kind, description=description)
        )

    def generate_pdf(self, vote: LegalVote | LegalVoteId, *, timezone: str | None = None) -> T:
        """Make a PDF of a vote; done with an `AssetReady`. Refused: `invalid_vote_id`, `storage_exceeded`."""
        return self._perform(legal_vote.GeneratePdf(legal_vote_id=self._id_of(vote), timezone=timezone))

    def _id_of(self, vote: LegalVote | LegalVoteId | None) -> LegalVoteId:
        if vote is None:
            return known(self._state().of(LegalVoteModule).running, "no vote runs; start one or name the vote").id
        return vote.id if isinstance(vote, LegalVote) else vote

    def _members(self) -> tuple[ParticipantId, ...]:
        state = self._state()
        here = [one for one in (state.own, *state.participants.values()) if one is not None and one.is_here]
        return tuple(one.id for one in here if one.kind is ParticipationKind.USER and one.role is not Role.GUEST)
