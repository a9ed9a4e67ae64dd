"""Every input in every state of a media session, against a hand-written table; and the rules of offer and answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import pytest
from attrs import evolve
from tables import negotiation_table as table

from m3core import negotiation
from m3core.errors import GlareError, LimitExceeded, LocalProtocolError, M3Error, SdpError, StaleNegotiation
from m3core.limits import MAX_CANDIDATES
from m3core.negotiation import (
    GiveCandidates,
    GiveDescription,
    Input,
    Negotiation,
    NegotiationRole,
    NegotiationState,
    SendCandidate,
    SendDescription,
    SendEndOfCandidates,
)
from m3core.sdp import IceCandidate, Mid, SessionDescription, TrickledCandidate
from m3core.testing.descriptions import make_answer, make_offer

OFFERER, ANSWERER = NegotiationRole.OFFERER, NegotiationRole.ANSWERER
OFFER = make_offer(["audio", "video"], 1)
ANSWER = make_answer(OFFER, 2)
CANDIDATE = "candidate:7 1 udp 2113937151 192.0.2.7 50007 typ host"
OWN = TrickledCandidate(candidate=IceCandidate.parse(CANDIDATE), mid=None, mline_index=0)


def without_end(sdp: str) -> str:
    return str(SessionDescription.parse(sdp).without_candidates().serialize())


def in_state(role: NegotiationRole, state: str, *, trickle: bool = True) -> Negotiation:
    """A negotiation that has reached ``state`` by legal inputs."""
    one = Negotiation(role, trickle=trickle)
    if state == "new":
        return one
    if state == "closed":
        one.close()
    elif role is OFFERER:
        one.create_offer()
        if state != "creating-offer":
            one.local_description(OFFER)
        if state == "stable":
            one.remote_description(without_end(ANSWER))
    else:
        one.remote_description(without_end(OFFER))
        if state == "stable":
            one.local_description(ANSWER)
    assert one.state.value == state
    return one


def perform(one: Negotiation, what: str) -> None:
    theirs, ours = (ANSWER, OFFER) if one.role is OFFERER else (OFFER, ANSWER)
    actions: dict[str, Callable[[], object]] = {
        "create": one.create_offer,
        "local": lambda: one.local_description(ours),
        "own candidate": lambda: one.local_candidate(OWN),
        "remote": lambda: one.remote_description(theirs),
        "their candidate": lambda: one.remote_candidate(CANDIDATE, 0),
        "close": one.close,
    }
    actions[what]()


def mismatches() -> Iterator[str]:
    for role, states in table.REACHABLE.items():
        for state in states:
            for what in table.INPUTS:
                where = f"{what} in {state} of the {role}"
                try:
                    one = in_state(NegotiationRole(role), state)
                except (M3Error, AssertionError):
                    yield f"{state} of the {role} is not reached"
                    continue
                error = None
                try:
                    perform(one, what)
                except M3Error as raised:
                    error = type(raised).__name__
                expected = table.LEGAL.get((role, state, what), state)
                if (one.state.value, error) != (expected, table.error(role, state, what)):
                    yield where


def test_every_input_in_every_state_is_as_the_protocol_says() -> None:
    assert {state.value for state in NegotiationState} == set(table.STATES)
    assert list(mismatches()) == []


@pytest.mark.parametrize(
    ("role", "state", "what"),
    [
        (role, state, what)
        for role, rows in negotiation.TRANSITIONS.items()
        for state, inputs in rows.items()
        for what in inputs
    ],
    ids=lambda value: value.value,
)
def test_no_row_can_be_taken_away(
    monkeypatch: pytest.MonkeyPatch, role: NegotiationRole, state: NegotiationState, what: Input
) -> None:
    rows: dict[NegotiationState, Mapping[Input, NegotiationState]] = dict(negotiation.TRANSITIONS[role])
    rows[state] = MappingProxyType({key: to for key, to in rows[state].items() if key is not what})
    changed = {**negotiation.TRANSITIONS, role: MappingProxyType(rows)}
    monkeypatch.setattr(negotiation, "TRANSITIONS", MappingProxyType(changed))
    assert next(mismatches(), None) is not None


# the rules of answers ---
def _swapped(answer: str) -> str:
    head, audio, video = answer.split("m=")
    return f"{head}m={video}m={audio}"


BROKEN: dict[str, Callable[[str], str]] = {
    "the m-sections in another order": _swapped,
    "an m-section less": lambda sdp: sdp[: sdp.index("m=video")],
    "a mid changed": lambda sdp: sdp.replace("a=mid:1", "a=mid:9").replace("BUNDLE 0 1", "BUNDLE 0 9"),
    "a payload type that was not offered": lambda sdp: sdp.replace("SAVPF 111", "SAVPF 112").replace(":111", ":112"),
    "a codec changed": lambda sdp: sdp.replace("VP8/90000", "VP9/90000"),
    "the direction not mirrored": lambda sdp: sdp.replace("a=recvonly", "a=sendonly"),
    "setup left open": lambda sdp: sdp.replace("a=setup:active", "a=setup:actpass"),
    "no setup": lambda sdp: sdp.replace("a=setup:active\r\n", ""),
    "out of the bundle": lambda sdp: sdp.replace("BUNDLE 0 1", "BUNDLE 0"),
    "another bundle": lambda sdp: sdp.replace("BUNDLE 0 1", "BUNDLE 0 1 2"),
    "a rid that was not offered": lambda sdp: sdp.replace("a=mid:1", "a=mid:1\r\na=rid:high recv"),
    "simulcast that was not offered": lambda sdp: sdp.replace(
        "a=mid:1", "a=mid:1\r\na=rid:h recv\r\na=simulcast:recv h"
    ),
    "no fingerprint": lambda sdp: "\r\n".join(line for line in sdp.split("\r\n") if "fingerprint" not in line),
    "no credentials": lambda sdp: "\r\n".join(line for line in sdp.split("\r\n") if "a=ice-" not in line),
    "no SDP at all": lambda _: "nonsense",
    "too long": lambda sdp: sdp + "a=x\r\n" * 40_000,
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_changes_nothing(change: Callable[[str], str]) -> None:
    one = in_state(OFFERER, "have-local-offer")
    broken = change(ANSWER)
    assert broken != ANSWER
    with pytest.raises((SdpError, LimitExceeded)):
        one.remote_description(broken)
    assert one.state is NegotiationState.HAVE_LOCAL_OFFER
    steps = one.remote_description(ANSWER)
    assert isinstance(steps[0], GiveDescription)
    assert one.is_stable


def test_artefacts_of_the_other_end_are_repaired() -> None:
    """media.md § 8.1."""
    fused = re.sub(r"\r?\nt=0 0", "t=0 0", OFFER)
    assert fused != OFFER
    one = Negotiation(ANSWERER, trickle=True)
    (given,) = one.remote_description(fused)
    assert isinstance(given, GiveDescription)
    assert "\nt=0 0" in given.sdp
    with pytest.raises(SdpError):
        in_state(OFFERER, "creating-offer").local_description(fused)  # our engine makes none of them


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_our_own_engine_is_held_to_the_same_rules(change: Callable[[str], str]) -> None:
    one = in_state(ANSWERER, "have-remote-offer")
    with pytest.raises((SdpError, LimitExceeded)):
        one.local_description(change(ANSWER))
    assert one.state is NegotiationState.HAVE_REMOTE_OFFER
    assert isinstance(one.local_description(ANSWER)[0], SendDescription)


def test_a_broken_offer_changes_nothing() -> None:
    one = Negotiation(ANSWERER, trickle=True)
    with pytest.raises(SdpError):
        one.remote_description(OFFER.replace("a=setup:actpass\r\n", ""))
    assert one.state is NegotiationState.NEW
    one.remote_description(OFFER)
    ours = in_state(OFFERER, "creating-offer")
    with pytest.raises(SdpError):
        ours.local_description("v=0\r\n")
    assert ours.state is NegotiationState.CREATING_OFFER
    ours.local_description(OFFER)


def test_stale_duplicate_and_unexpected_answers_harm_nothing() -> None:
    for state in ("new", "creating-offer", "stable", "closed"):
        one = in_state(OFFERER, state)
        with pytest.raises(StaleNegotiation):
            one.remote_description(ANSWER)
        assert one.state.value == state
    one = in_state(OFFERER, "have-local-offer")
    one.remote_description(ANSWER)
    with pytest.raises(StaleNegotiation):
        one.remote_description(ANSWER)
    assert one._pending is None  # the token is consumed
    one.create_offer()
    one.local_description(make_offer(["audio", "video"], 3))
    assert one.remote_description(ANSWER)
    assert one.is_stable


def test_an_answer_may_reject_a_section_and_leave_codecs_out() -> None:
    one = in_state(OFFERER, "have-local-offer")
    head, audio, video = ANSWER.split("m=")
    head = head.replace("BUNDLE 0 1", "BUNDLE 0")
    video = video.replace("video 9", "video 0", 1)
    one.remote_description(f"{head}m={audio}m={video}")
    assert one.is_stable


# trickle ---
def test_the_order_of_steps_of_an_answerer() -> None:
    """Answer sent, own candidates, their end, and only then the remote candidates to our peer."""
    one = Negotiation(ANSWERER, trickle=True)
    assert one.remote_candidate(CANDIDATE, 0) == []  # early: before the offer
    (given,) = one.remote_description(OFFER)
    assert isinstance(given, GiveDescription)
    assert "a=candidate" not in given.sdp
    assert "end-of-c" not in given.sdp
    steps = one.local_description(ANSWER)
    assert [type(step) for step in steps] == [
        SendDescription,
        *[SendCandidate] * 2,  # of the bundled m-sections, once
        SendEndOfCandidates,
        GiveCandidates,
    ]
    sent, remote = steps[0], steps[-1]
    assert isinstance(sent, SendDescription)
    assert "a=candidate" not in sent.sdp
    assert isinstance(remote, GiveCandidates)
    assert remote.end
    assert len(remote.candidates) == 3
    assert remote.candidates[-1] == (CANDIDATE, 0)


def test_a_server_leaves_its_candidates_inside() -> None:
    """Mustang's client ignores trickled ones (media.md § 10 row 12)."""
    one = in_state(ANSWERER, "have-remote-offer", trickle=False)
    (sent,) = one.local_description(ANSWER)
    assert isinstance(sent, SendDescription)
    assert "a=candidate" in sent.sdp
    assert "a=end-of-candidates" in sent.sdp


def test_our_late_candidates_are_sent() -> None:
    one = in_state(OFFERER, "have-local-offer")
    mid = SessionDescription.parse(OFFER).media[0].mid
    assert mid is not None
    assert one.local_candidate(OWN) == [SendCandidate(evolve(OWN, mid=mid))]
    other = evolve(OWN, mid=Mid("other"))
    assert one.local_candidate(other) == [SendCandidate(other)]
    assert one.local_candidate(None) == [SendEndOfCandidates()]


def test_a_description_whose_candidates_follow_has_no_address() -> None:
    one = in_state(OFFERER, "creating-offer")
    sent = one.local_description(re.sub("^c=.*$", "c=IN IP4 192.0.2.99", OFFER, flags=re.MULTILINE))[0]
    assert isinstance(sent, SendDescription)
    assert "192.0.2.99" not in sent.sdp
    assert [line.split()[1] for line in sent.sdp.splitlines() if line.startswith("m=")] == ["9", "9"]


def test_early_candidates_are_held_until_the_answer() -> None:
    one = in_state(OFFERER, "have-local-offer")
    assert one.remote_candidate(CANDIDATE, 1) == []
    assert one.remote_end_of_candidates() == []
    description, candidates = one.remote_description(without_end(ANSWER))
    assert isinstance(description, GiveDescription)
    assert candidates == GiveCandidates(((CANDIDATE, 1),), end=True)


def test_candidates_after_the_answer_go_through_at_once() -> None:
    one = in_state(OFFERER, "stable")
    assert one.remote_candidate(CANDIDATE, 1) == [GiveCandidates(((CANDIDATE, 1),), end=False)]
    assert one.remote_candidate("", 0) == [GiveCandidates((), end=True)]  # the other form of the end of candidates
    assert one.remote_end_of_candidates() == []
    assert one.remote_candidate("", 0) == []
    with pytest.raises(StaleNegotiation):
        one.remote_candidate(CANDIDATE, 1)


@pytest.mark.parametrize("state", ["have-local-offer", "stable"])
@pytest.mark.parametrize("index", [-1, 2])
def test_candidates_for_sections_that_are_not_there(state: str, index: int) -> None:
    one = in_state(OFFERER, state)
    with pytest.raises(SdpError):
        one.remote_candidate(CANDIDATE, index)
    with pytest.raises(SdpError):
        one.remote_candidate("candidate:nonsense", 0)
    assert one.remote_candidate("", 0) == ([] if state != "stable" else [GiveCandidates((), end=True)])


def test_an_early_candidate_that_fits_no_section_does_not_spoil_the_offer() -> None:
    one = Negotiation(ANSWERER, trickle=True)
    one.remote_candidate(CANDIDATE, 5)
    one.remote_candidate(CANDIDATE, 1)
    one.remote_description(without_end(OFFER))
    assert one.local_description(ANSWER)[-1] == GiveCandidates(((CANDIDATE, 1),), end=False)


def test_candidates_are_bounded() -> None:
    for state, held in (("new", True), ("stable", False)):
        one = in_state(ANSWERER, state)
        for _ in range(MAX_CANDIDATES):
            assert bool(one.remote_candidate(CANDIDATE, 0)) is not held
        with pytest.raises(LimitExceeded):
            one.remote_candidate(CANDIDATE, 0)
    one = Negotiation(ANSWERER, trickle=True)
    head, audio = make_offer(["audio"], 1).replace("a=end-of-candidates\r\n", "").split("m=")
    one.remote_description(f"{head}m={audio}" + f"a={CANDIDATE}\r\n" * (MAX_CANDIDATES - 2))
    with pytest.raises(LimitExceeded):  # those of the description count
        one.remote_candidate(CANDIDATE, 0)
    one = Negotiation(ANSWERER, trickle=True)
    for _ in range(MAX_CANDIDATES):
        one.remote_candidate(CANDIDATE, 0)
    one.remote_description(without_end(OFFER))
    with pytest.raises(LimitExceeded):  # and so do early ones
        one.remote_candidate(CANDIDATE, 0)


# renegotiation ---
def test_renegotiation_begins_a_new_generation() -> None:
    one = in_state(ANSWERER, "stable")
    one.remote_end_of_candidates()
    one.remote_description(without_end(make_offer(["audio", "video"], 5)))
    one.remote_candidate(CANDIDATE, 0)  # legal again
    assert one.local_description(ANSWER)[-1] == GiveCandidates(((CANDIDATE, 0),), end=False)
    ours = in_state(OFFERER, "stable")
    ours.create_offer()
    ours.local_description(make_offer(["video"], 6))
    with pytest.raises(SdpError):
        ours.remote_candidate(CANDIDATE, 1)  # the new offer has one m-section
    ours.remote_candidate(CANDIDATE, 0)


def test_a_new_generation_has_a_limit_of_its_own_and_an_end_of_its_own() -> None:
    theirs = in_state(ANSWERER, "stable")
    ours = in_state(OFFERER, "stable")
    for one in (theirs, ours):
        for _ in range(MAX_CANDIDATES):
            one.remote_candidate(CANDIDATE, 0)
        one.remote_end_of_candidates()
    theirs.remote_description(without_end(OFFER))
    ours.create_offer()
    ours.local_description(OFFER)
    for one in (theirs, ours):
        for _ in range(MAX_CANDIDATES):
            one.remote_candidate(CANDIDATE, 0)
        with pytest.raises(LimitExceeded):
            one.remote_candidate(CANDIDATE, 0)
        one.remote_end_of_candidates()
        with pytest.raises(StaleNegotiation):
            one.remote_candidate(CANDIDATE, 0)


def test_our_candidates_have_the_mids_of_our_last_offer() -> None:
    one = in_state(OFFERER, "stable")
    one.create_offer()
    one.local_description(OFFER.replace("BUNDLE 0 1", "BUNDLE x 1").replace("a=mid:0", "a=mid:x"))
    assert one.local_candidate(OWN) == [SendCandidate(evolve(OWN, mid=Mid("x")))]


def test_glare() -> None:
    for state in ("creating-offer", "have-local-offer"):
        one = in_state(OFFERER, state)
        with pytest.raises(GlareError):
            one.create_offer()
        assert one.state.value == state
    with pytest.raises(LocalProtocolError):
        in_state(ANSWERER, "new").create_offer()


def test_nothing_secret_is_printed() -> None:
    one = in_state(OFFERER, "creating-offer")
    steps = one.local_description(OFFER) + one.remote_description(ANSWER)
    text = repr(steps) + repr(negotiation.PendingOffer(SessionDescription.parse(OFFER)))
    assert "p0000" not in text
    assert "192.0.2" not in text


def test_an_odd_candidate_of_many_is_left_out_and_the_offer_is_given_on_as_it_is() -> None:
    odd = "a=candidate: 1 udp 1 192.0.2.9 9 typ host\r\na=candidate:1 1 tcp 1 192.0.2.9 0 typ host\r\na=ptime:x\r\n"
    offer = OFFER.replace("a=candidate:1 ", f"{odd}a=candidate:1 ", 1)
    one = Negotiation(ANSWERER, trickle=False)
    (given,) = one.remote_description(offer)
    assert given == GiveDescription(without_end(offer))
    assert "a=ptime:x\r\n" in without_end(offer)
    _, candidates = one.local_description(ANSWER)
    assert isinstance(candidates, GiveCandidates)
    assert [text for text, _ in candidates.candidates] == [
        "candidate:1 1 udp 2113937151 192.0.2.1 50001 typ host",
        "candidate:2 1 udp 1677729535 198.51.100.1 50002 typ srflx raddr 192.0.2.1 rport 50001",
    ]


def test_our_own_offer_keeps_all_rules() -> None:
    one = in_state(OFFERER, "creating-offer")
    with pytest.raises(SdpError, match="a packet time is a number"):
        one.local_description(OFFER + "a=ptime:x\r\n")
    assert one.state is NegotiationState.CREATING_OFFER
