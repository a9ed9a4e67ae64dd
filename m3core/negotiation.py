"""Offers and answers of one media session (participant, type, publish or subscribe): a state table for both roles.

The states are those of RFC 9429, with trickle (RFC 8838). A negotiation is between the messages of the other end and
one peer of a media engine. Descriptions and candidates come in from both sides. The result of an input are `Step`
values, in the order in which they must be performed: give the offer to the peer, without candidates; send the answer;
send our candidates; give the remote candidates to the peer. A peer that gets remote candidates before its answer is on
the way starts DTLS before the other end listens, and OpenSSL waits one second until it tries again.

`TRANSITIONS` has every legal input. Illegal inputs from the other end raise `StaleNegotiation` or `SdpError` and change
nothing. Illegal inputs from our side raise `LocalProtocolError`. Our offer is a `PendingOffer` until exactly one answer
consumes it. An answer is checked against its offer before a media engine sees it.

This module does not know who makes the descriptions, nor which messages carry them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

from attrs import evolve, field, frozen

from m3core.errors import GlareError, LimitExceeded, LocalProtocolError, SdpError, StaleNegotiation
from m3core.limits import MAX_CANDIDATES
from m3core.sdp import IceCandidate, Mid, SessionDescription, TrickledCandidate, check_answer, check_offer


class NegotiationRole(Enum):
    """Which side of offer and answer we are (RFC 3264 s.5).

    The offerer is a client that publishes, or a server towards a subscriber (media.md § 4).
    """

    OFFERER = "offerer"
    ANSWERER = "answerer"


class NegotiationState(Enum):
    """The state of a negotiation, with the names of RFC 9429 s.3.2 where it has one."""

    NEW = "new"
    """There is no description yet."""
    CREATING_OFFER = "creating-offer"
    """The media engine is making our offer."""
    HAVE_LOCAL_OFFER = "have-local-offer"
    HAVE_REMOTE_OFFER = "have-remote-offer"
    """The media engine is making our answer."""
    STABLE = "stable"
    CLOSED = "closed"


class Input(Enum):
    """The inputs of a negotiation."""

    CREATE_OFFER = "create offer"
    LOCAL_OFFER = "local offer"
    LOCAL_ANSWER = "local answer"
    LOCAL_CANDIDATE = "local candidate"
    REMOTE_OFFER = "remote offer"
    REMOTE_ANSWER = "remote answer"
    REMOTE_CANDIDATE = "remote candidate"
    CLOSE = "close"


_S = NegotiationState
_I = Input
_OFFERER, _ANSWERER = NegotiationRole.OFFERER, NegotiationRole.ANSWERER
_Rows: TypeAlias = Mapping[NegotiationState, Mapping[Input, NegotiationState]]


def _freeze(rows: dict[NegotiationState, dict[Input, NegotiationState]]) -> _Rows:
    return MappingProxyType({state: MappingProxyType(inputs) for state, inputs in rows.items()})


TRANSITIONS: Final[Mapping[NegotiationRole, _Rows]] = MappingProxyType(
    {
        _OFFERER: _freeze(
            {
                _S.NEW: {_I.CREATE_OFFER: _S.CREATING_OFFER, _I.CLOSE: _S.CLOSED},
                _S.CREATING_OFFER: {_I.LOCAL_OFFER: _S.HAVE_LOCAL_OFFER, _I.CLOSE: _S.CLOSED},
                _S.HAVE_LOCAL_OFFER: {
                    _I.LOCAL_CANDIDATE: _S.HAVE_LOCAL_OFFER,
                    _I.REMOTE_ANSWER: _S.STABLE,
                    _I.REMOTE_CANDIDATE: _S.HAVE_LOCAL_OFFER,  # held until the answer (media.md § 10 row 12)
                    _I.CLOSE: _S.CLOSED,
                },
                _S.STABLE: {
                    _I.CREATE_OFFER: _S.CREATING_OFFER,
                    _I.LOCAL_CANDIDATE: _S.STABLE,
                    _I.REMOTE_CANDIDATE: _S.STABLE,
                    _I.CLOSE: _S.CLOSED,
                },
                _S.CLOSED: {_I.CLOSE: _S.CLOSED},
            }
        ),
        _ANSWERER: _freeze(
            {
                _S.NEW: {
                    _I.REMOTE_OFFER: _S.HAVE_REMOTE_OFFER,
                    _I.REMOTE_CANDIDATE: _S.NEW,  # held until the offer: an SFU may trickle first (media.md § 3)
                    _I.CLOSE: _S.CLOSED,
                },
                _S.HAVE_REMOTE_OFFER: {
                    _I.LOCAL_ANSWER: _S.STABLE,
                    _I.REMOTE_CANDIDATE: _S.HAVE_REMOTE_OFFER,  # held until the answer (media.md § 4.1)
                    _I.CLOSE: _S.CLOSED,
                },
                _S.STABLE: {
                    _I.REMOTE_OFFER: _S.HAVE_REMOTE_OFFER,  # renegotiation, ICE restart (media.md § 2)
                    _I.LOCAL_CANDIDATE: _S.STABLE,
                    _I.REMOTE_CANDIDATE: _S.STABLE,
                    _I.CLOSE: _S.CLOSED,
                },
                _S.CLOSED: {_I.CLOSE: _S.CLOSED},
            }
        ),
    }
)
"""Every legal input: role -> state -> input -> next state. Any other input is an error and changes nothing."""


def _size(text: str) -> str:
    return f"<{len(text)}>"


@frozen
class SendDescription:
    """Send our offer (role offerer) or answer (role answerer) to the other end."""

    sdp: str = field(repr=_size)


@frozen
class SendCandidate:
    """Send one local candidate."""

    candidate: TrickledCandidate = field(repr=False)


@frozen
class SendEndOfCandidates:
    """Tell the other end that no candidates follow (RFC 8838 s.13)."""


@frozen
class GiveDescription:
    """Give the offer (role answerer) or answer (role offerer) of the other end, without candidates, to our peer."""

    sdp: str = field(repr=_size)


@frozen
class GiveCandidates:
    """Give remote candidates, as (text, mline_index), to our peer. ``end``: no more will follow."""

    candidates: tuple[tuple[str, int], ...] = field(repr=False)
    end: bool


Step: TypeAlias = SendDescription | SendCandidate | SendEndOfCandidates | GiveDescription | GiveCandidates


@frozen
class PendingOffer:
    """Our offer while it waits for its answer."""

    description: SessionDescription = field(repr=False)


class Negotiation:
    """The offers and answers of one media session.

    With ``trickle`` our candidates are taken out of our descriptions and sent one by one, as clients do. A server
    leaves them inside, because Mustang's client ignores trickled ones (media.md § 10 row 12).
    """

    def __init__(self, role: NegotiationRole, *, trickle: bool) -> None:
        self.role = role
        self.state = NegotiationState.NEW
        self._trickle = trickle
        self._pending: PendingOffer | None = None
        self._remote_offer: SessionDescription | None = None
        self._sections: int | None = None
        """How many m-sections the last offer has; None before the first."""
        self._mids: dict[int, Mid | None] = {}
        """The mids of our m-sections, by their index."""
        self._held: list[tuple[str, int]] = []
        """Remote candidates that our peer must not get yet."""
        self._remote_ended = False
        self._remote_count = 0

    @property
    def is_stable(self) -> bool:
        """Whether the last offer has been answered."""
        return self.state is NegotiationState.STABLE

    # from our side ---
    def create_offer(self) -> None:
        """We are about to make an offer, the first or another. Raises `GlareError` while one of ours is unanswered."""
        if self.state in {NegotiationState.CREATING_OFFER, NegotiationState.HAVE_LOCAL_OFFER}:
            raise GlareError("an offer of this media session waits for its answer: offer again after that")
        self.state = self._local(Input.CREATE_OFFER)
        self._new_generation()

    def local_description(self, sdp: str) -> list[Step]:
        """Our peer made this description: our offer, or the answer to the remote offer.

        Raises `SdpError` if it breaks the rules. Then our own media engine, or SFU, is at fault.
        """
        to = self._local(Input.LOCAL_OFFER if self.role is _OFFERER else Input.LOCAL_ANSWER)
        description = SessionDescription.parse(sdp)
        if self._remote_offer is not None:
            check_answer(self._remote_offer, description)
        else:
            check_offer(description, strict=True)
        candidates, ended = description.trickled()
        if self.role is _OFFERER:
            self._pending = PendingOffer(description)
            # The answer will have as many (RFC 3264 s.6), so early candidates can be checked before it comes.
            self._sections = len(description.media)
        self._mids = {media.mline_index: media.mid for media in description.media}
        self.state = to
        if not self._trickle:
            steps: list[Step] = [SendDescription(description.serialize())]
        else:
            steps = [SendDescription(description.for_trickling().serialize())]
            steps += [SendCandidate(candidate) for candidate in candidates]
            steps += [SendEndOfCandidates()] if ended else []
        return steps + self._release()

    def local_candidate(self, candidate: TrickledCandidate | None) -> list[Step]:
        """Our peer gathered this candidate after its description; ``None``: it has gathered all."""
        self.state = self._local(Input.LOCAL_CANDIDATE)
        # A media engine reports the index only. Receivers may look for either (RFC 8838 s.9).
        if candidate is not None and candidate.mid is None:
            candidate = evolve(candidate, mid=self._mids.get(candidate.mline_index))
        return [SendEndOfCandidates() if candidate is None else SendCandidate(candidate)]

    def close(self) -> None:
        """End the negotiation and drop all candidates that are held."""
        self.state = self._local(Input.CLOSE)
        self._pending = self._remote_offer = None
        self._held.clear()

    # from the other end ---
    def remote_description(self, sdp: str) -> list[Step]:
        """The other end sent its offer or answer.

        Raises `StaleNegotiation`, `SdpError` or `LimitExceeded`, and then changes nothing.
        """
        to = self._remote(Input.REMOTE_ANSWER if self.role is _OFFERER else Input.REMOTE_OFFER)
        description = SessionDescription.parse(sdp, lenient=True)
        if self._pending is not None:
            check_answer(self._pending.description, description)
        else:
            check_offer(description)
        candidates, ended = description.trickled()
        self.state = to
        if self.role is _ANSWERER:
            # Candidates that came before the first offer belong to its generation, and so count.
            if self._remote_offer is not None:
                self._new_generation()
            self._remote_offer = description
        self._pending = None
        self._sections = len(description.media)
        # Candidates that came before the offer could not be checked: one for an m-section that it lacks is dropped now.
        early = [(text, index) for text, index in self._held if index < self._sections]
        self._held = [(item.candidate.serialize(), item.mline_index) for item in candidates] + early
        self._remote_count += len(candidates)
        self._remote_ended |= ended
        steps: list[Step] = [GiveDescription(description.without_candidates().serialize())]
        return steps + self._release()

    def remote_candidate(self, candidate: str, mline_index: int) -> list[Step]:
        """The other end trickled this candidate. An empty text is the end of candidates (media.md § 8.6).

        Raises as `remote_description` does.
        """
        self._remote(Input.REMOTE_CANDIDATE)
        if not candidate:
            return self.remote_end_of_candidates()
        if self._remote_ended:
            raise StaleNegotiation("the peer sent a candidate after its end of candidates")
        if mline_index < 0 or (self._sections is not None and mline_index >= self._sections):
            raise SdpError("a candidate for an m-section that the offer does not have")
        text = IceCandidate.parse(candidate).serialize()
        if self._remote_count >= MAX_CANDIDATES:
            raise LimitExceeded("candidates of a generation", MAX_CANDIDATES, self._remote_count + 1, "candidates")
        self._remote_count += 1
        self._held.append((text, mline_index))
        return self._release()

    def remote_end_of_candidates(self) -> list[Step]:
        """The other end has sent its last candidate; a second time changes nothing. Raises `StaleNegotiation`."""
        self._remote(Input.REMOTE_CANDIDATE)
        if self._remote_ended:
            return []
        self._remote_ended = True
        return self._release(ended=True)

    # for both sides ---
    def _new_generation(self) -> None:
        # No candidate is held here: a negotiation that is stable has given them all to our peer.
        self._remote_ended = False
        self._remote_count = 0

    def _release(self, *, ended: bool = False) -> list[Step]:
        """The step that gives held candidates to our peer, if both descriptions are there and there is news."""
        if self.state is not NegotiationState.STABLE or not (self._held or ended or self._remote_ended):
            return []
        step = GiveCandidates(tuple(self._held), self._remote_ended)
        self._held.clear()
        return [step]

    def _local(self, what: Input) -> NegotiationState:
        to = TRANSITIONS[self.role][self.state].get(what)
        if to is None:
            raise LocalProtocolError(
                f"this negotiation ({self.role.value}) does not take `{what.value}` in state {self.state.value}"
            )
        return to

    def _remote(self, what: Input) -> NegotiationState:
        to = TRANSITIONS[self.role][self.state].get(what)
        if to is None:
            name, role = what.value.removeprefix("remote "), self.role.value
            raise StaleNegotiation(
                f"the peer sent an unexpected {name}: this negotiation ({role}) is in state {self.state.value}"
            )
        return to
