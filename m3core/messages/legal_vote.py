"""Namespace `legal_vote`: roll calls and pseudonymous votes (signaling.md § 17; L, R holds only the archive)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from attrs import frozen

from m3core.messages.base import Command, Event, Value
from m3core.values import AssetId, LegalVoteId, ParticipantId, Secret, Timestamp


class LegalVoteErrorCode(Enum):
    """Why the server refused a `legal_vote` command (signaling.md § 17)."""

    INSUFFICIENT_PERMISSIONS = "insufficient_permissions"
    VOTE_ALREADY_ACTIVE = "vote_already_active"
    NO_VOTE_ACTIVE = "no_vote_active"
    INVALID_VOTE_ID = "invalid_vote_id"
    INELIGIBLE = "ineligible"
    ALLOWLIST_CONTAINS_GUESTS = "allowlist_contains_guests"
    BAD_REQUEST = "bad_request"
    PERMISSION_ERROR = "permission_error"
    STORAGE_EXCEEDED = "storage_exceeded"
    INTERNAL = "internal"


class VoteKind(Enum):
    """Whether others see who voted what, and whether they see it before the end."""

    ROLL_CALL = "roll_call"
    LIVE_ROLL_CALL = "live_roll_call"
    PSEUDONYMOUS = "pseudonymous"


class VoteOption(Enum):
    """The options of a vote; ``abstain`` only where `Start` enables it."""

    YES = "yes"
    NO = "no"
    ABSTAIN = "abstain"


class IssueKind(Enum):
    """The technical problem of a voter."""

    AUDIO = "audio"
    VIDEO = "video"
    SCREENSHARE = "screenshare"


class VoteResponse(Enum):
    """Whether a `Vote` counts."""

    SUCCESS = "success"
    FAILED = "failed"


class VoteFailedReason(Enum):
    """Why a `Vote` does not count."""

    INVALID_VOTE_ID = "invalid_vote_id"
    INELIGIBLE = "ineligible"
    INVALID_OPTION = "invalid_option"


class StopKind(Enum):
    """What ended a vote: somebody, the last vote, or time."""

    BY_PARTICIPANT = "by_participant"
    BY_USER = "by_user"
    """The same in a `VoteSummary`."""
    AUTO = "auto"
    EXPIRED = "expired"


class VoteResults(Enum):
    """Whether a vote that ended has a result."""

    VALID = "valid"
    INVALID = "invalid"


class InvalidReason(Enum):
    """Why a vote has no result."""

    ABSTAIN_DISABLED = "abstain_disabled"
    VOTE_COUNT_INCONSISTENT = "vote_count_inconsistent"


class CancelReason(Enum):
    """Why a vote was canceled; with ``custom`` comes a text."""

    ROOM_DESTROYED = "room_destroyed"
    INITIATOR_LEFT = "initiator_left"
    CUSTOM = "custom"


class VoteState(Enum):
    """Whether a vote runs, or how it ended."""

    STARTED = "started"
    FINISHED = "finished"
    CANCELED = "canceled"
    INVALID = "invalid"


class SummaryReason(Enum):
    """Why a vote was canceled (as `CancelReason`) or has no result (as `InvalidReason`)."""

    ROOM_DESTROYED = "room_destroyed"
    INITIATOR_LEFT = "initiator_left"
    CUSTOM = "custom"
    ABSTAIN_DISABLED = "abstain_disabled"
    VOTE_COUNT_INCONSISTENT = "vote_count_inconsistent"


@frozen(kw_only=True, weakref_slot=False)
class VoteSummary(Value):
    """One vote of the room. Wire: an element of ``votes`` of the join data (L): the fields of `Started` and its end.

    ``finished``: ``stop_kind``, ``stopped_by`` (for `StopKind.BY_USER`), the tally and ``voting_record``. ``canceled``:
    ``issuer``, ``reason`` and ``custom``. ``invalid``: ``reason``. All three may have ``end_time``.
    """

    initiator_id: ParticipantId
    legal_vote_id: LegalVoteId
    start_time: Timestamp
    max_votes: int
    kind: VoteKind
    name: str
    allowed_participants: tuple[ParticipantId, ...]
    enable_abstain: bool
    auto_close: bool
    create_pdf: bool
    state: VoteState
    subtitle: str | None = None
    topic: str | None = None
    duration: int | None = None
    timezone: str | None = None
    token: Secret | None = None
    stop_kind: StopKind | None = None
    stopped_by: ParticipantId | None = None
    yes: int | None = None
    no: int | None = None
    abstain: int | None = None
    voting_record: Mapping[str, VoteOption] | None = None
    issuer: ParticipantId | None = None
    reason: SummaryReason | None = None
    custom: str | None = None
    end_time: Timestamp | None = None


@frozen(kw_only=True, weakref_slot=False)
class JoinData(Value):
    """All votes of the room. Wire: ``join_success.legal_vote`` (L)."""

    votes: tuple[VoteSummary, ...]


@frozen(kw_only=True, weakref_slot=False)
class Start(Command):
    """Start a vote; answered by `Started` to all. Wire: `start` (L).

    ``name``: up to 150 characters, ``subtitle`` 255, ``topic`` 500. ``allowed_participants``: at least one, no guests.
    ``auto_close``: end when all have voted. ``duration``: seconds, at least 5. ``timezone``: an IANA name, for the PDF.
    """

    NAMESPACE: ClassVar[str] = "legal_vote"
    ACTION: ClassVar[str] = "start"

    kind: VoteKind
    name: str
    allowed_participants: tuple[ParticipantId, ...]
    enable_abstain: bool
    auto_close: bool
    create_pdf: bool
    subtitle: str | None = None
    topic: str | None = None
    duration: int | None = None
    timezone: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class Stop(Command):
    """End a vote and count. Wire: `stop` (L)."""

    NAMESPACE: ClassVar[str] = "legal_vote"
    ACTION: ClassVar[str] = "stop"

    legal_vote_id: LegalVoteId


@frozen(kw_only=True, weakref_slot=False)
class Cancel(Command):
    """End a vote without a result. Wire: `cancel` (L). ``reason``: up to 255 characters."""

    NAMESPACE: ClassVar[str] = "legal_vote"
    ACTION: ClassVar[str] = "cancel"

    legal_vote_id: LegalVoteId
    reason: str


@frozen(kw_only=True, weakref_slot=False)
class Vote(Command):
    """Vote; answered by `Voted`. Wire: `vote` (L). ``token``: yours, from `Started`; it is valid once."""

    NAMESPACE: ClassVar[str] = "legal_vote"
    ACTION: ClassVar[str] = "vote"

    legal_vote_id: LegalVoteId
    option: VoteOption
    token: Secret


@frozen(kw_only=True, weakref_slot=False)
class ReportIssue(Command):
    """Report a technical problem. Wire: `report_issue` (L). Without a ``kind`` the ``description`` is required."""

    NAMESPACE: ClassVar[str] = "legal_vote"
    ACTION: ClassVar[str] = "report_issue"

    legal_vote_id: LegalVoteId
    kind: IssueKind | None = None
    description: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class GeneratePdf(Command):
    """Make a PDF of a vote; answered by `PdfAsset` to all. Wire: `generate_pdf` (L). ``timezone``: an IANA name."""

    NAMESPACE: ClassVar[str] = "legal_vote"
    ACTION: ClassVar[str] = "generate_pdf"

    legal_vote_id: LegalVoteId
    timezone: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class Started(Event):
    """A vote began. Wire: `started` (L), the fields of `Start` and more.

    ``token``: the key for your `Vote`, base58 of 64 bits; None if you may not vote.
    """

    NAMESPACE: ClassVar[str] = "legal_vote"
    MESSAGE: ClassVar[str] = "started"

    initiator_id: ParticipantId
    legal_vote_id: LegalVoteId
    start_time: Timestamp
    max_votes: int
    kind: VoteKind
    name: str
    allowed_participants: tuple[ParticipantId, ...]
    enable_abstain: bool
    auto_close: bool
    create_pdf: bool
    subtitle: str | None = None
    topic: str | None = None
    duration: int | None = None
    timezone: str | None = None
    token: Secret | None = None


@frozen(kw_only=True, weakref_slot=False)
class Voted(Event):
    """The answer to `Vote`, also to the user's other sessions if it counts. Wire: `voted` (L).

    ``success``: ``vote_option``, ``issuer`` and ``consumed_token``. ``failed``: ``reason``.
    """

    NAMESPACE: ClassVar[str] = "legal_vote"
    MESSAGE: ClassVar[str] = "voted"

    legal_vote_id: LegalVoteId
    response: VoteResponse
    vote_option: VoteOption | None = None
    issuer: ParticipantId | None = None
    consumed_token: Secret | None = None
    reason: VoteFailedReason | None = None


@frozen(kw_only=True, weakref_slot=False)
class Updated(Event):
    """The tally of a live vote changed. Wire: `updated` (L).

    ``voting_record``: options by participant id or token. ``abstain``: None where it is not enabled.
    """

    NAMESPACE: ClassVar[str] = "legal_vote"
    MESSAGE: ClassVar[str] = "updated"

    legal_vote_id: LegalVoteId
    yes: int
    no: int
    voting_record: Mapping[str, VoteOption]
    abstain: int | None = None


@frozen(kw_only=True, weakref_slot=False)
class Stopped(Event):
    """A vote ended. Wire: `stopped` (L).

    ``issuer``: with `StopKind.BY_PARTICIPANT`. ``valid``: tally and ``voting_record`` (options by participant id or
    token); ``invalid``: ``reason``.
    """

    NAMESPACE: ClassVar[str] = "legal_vote"
    MESSAGE: ClassVar[str] = "stopped"

    legal_vote_id: LegalVoteId
    kind: StopKind
    results: VoteResults
    end_time: Timestamp
    issuer: ParticipantId | None = None
    yes: int | None = None
    no: int | None = None
    abstain: int | None = None
    voting_record: Mapping[str, VoteOption] | None = None
    reason: InvalidReason | None = None


@frozen(kw_only=True, weakref_slot=False)
class Canceled(Event):
    """A vote ended without a result. Wire: `canceled` (L). ``custom``: the text of `Cancel`."""

    NAMESPACE: ClassVar[str] = "legal_vote"
    MESSAGE: ClassVar[str] = "canceled"

    legal_vote_id: LegalVoteId
    reason: CancelReason
    end_time: Timestamp
    custom: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class ReportedIssue(Event):
    """A voter reported a problem. Wire: `reported_issue` (L). ``participant_id``: None in pseudonymous votes."""

    NAMESPACE: ClassVar[str] = "legal_vote"
    MESSAGE: ClassVar[str] = "reported_issue"

    legal_vote_id: LegalVoteId
    participant_id: ParticipantId | None = None
    kind: IssueKind | None = None
    description: str | None = None


@frozen(kw_only=True, weakref_slot=False)
class PdfAsset(Event):
    """A PDF of a vote is among the room's assets. Wire: `pdf_asset` (L)."""

    NAMESPACE: ClassVar[str] = "legal_vote"
    MESSAGE: ClassVar[str] = "pdf_asset"

    filename: str
    legal_vote_id: LegalVoteId
    asset_id: AssetId


@frozen(kw_only=True, weakref_slot=False)
class Error(Event):
    """The server refused a command. Wire: `error` (L).

    ``guests``: with ``allowlist_contains_guests``; ``fields``: names of bad ones, with ``bad_request``.
    """

    NAMESPACE: ClassVar[str] = "legal_vote"
    MESSAGE: ClassVar[str] = "error"

    error: LegalVoteErrorCode
    guests: tuple[ParticipantId, ...] | None = None
    fields: tuple[str, ...] | None = None
