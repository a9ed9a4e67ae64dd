"""Descriptions of other stacks: which are accepted, and which are refused (docs/sdp.md says why)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from recorded import descriptions

from m3core.errors import SdpError
from m3core.sdp import SessionDescription, check_answer, check_offer

BY_NAME: Final = {one["name"]: one for one in descriptions()}
ACCEPTED, REFUSED, NOT_PARSED = "accepted", "refused", "not parsed"
DECISIONS: Final = {
    "a=simulcast of a draft": (ACCEPTED, "fail-068a82eaba0d fail-2572683780d2"),
    "a blank behind a=simulcast": (
        ACCEPTED,
        "cr156-offer-werift-answer-simulcast.answer cr156-offer-werift-answer-simulcast.offer",
    ),
    "a blank behind a=rtcp-fb": (ACCEPTED, "fail-b0a7c811bb6c mini-rtcp-fb-trailing-blank"),
    "a candidate that cannot be read": (ACCEPTED, "fail-f4c17b96384b mini-candidate-without-foundation"),
    "a host name in c=": (ACCEPTED, "mini-connection-name"),
    "one m-section without a mid": (ACCEPTED, "fail-280b8f5ea756 fail-651b167b0064 mini-no-mid"),
    "a header extension id of two meanings": (ACCEPTED, "fail-8026b8084af6"),
    "c= or b= behind attributes of an m-section": (ACCEPTED, "fail-aa978a41e42c fail-e4105cceeaf9"),
    "no DTLS and no ICE": (
        REFUSED,
        (
            "fail-0e1ba9d2cabc fail-13d4b1041310 fail-1b2821e6dfec fail-3e8daeb85384 fail-47e7039daa18 "
            "fail-506ff74b879c fail-53a04f55e090 fail-70e22cdd8f10 fail-f46c1086a5e4"
        ),
    ),
    "a payload type without a=rtpmap": (
        REFUSED,
        "fail-3d98939d95f8 fail-589411cafbb0 fail-61b99b10fedc fail-81084f443806",
    ),
    "a BUNDLE group whose first mid is absent": (REFUSED, "fail-3071a0d25360"),
    "an empty s=": (
        NOT_PARSED,
        (
            "fail-10399113c2b8 fail-29b305df1a0b fail-37f3eb1be69b fail-73e21f26064f fail-854bb2bb32ca "
            "fail-90484315eb15 fail-9b502e222ad0 fail-da248cd7e660 fail-eea0eb884bf6"
        ),
    ),
    "an m-line without formats": (NOT_PARSED, "fail-199fc6fb4486"),
    "c= behind t= at session level": (NOT_PARSED, "fail-0d655e890b64"),
}
DECIDED: Final = {name: outcome for outcome, names in DECISIONS.values() for name in names.split()}
WANTED: Final = {"accept": {ACCEPTED}, "refuse": {REFUSED}, "parse": {ACCEPTED, REFUSED}}


def parse(name: str) -> SessionDescription:
    text = BY_NAME[name]["sdp"]
    description = SessionDescription.parse(text)
    assert description.serialize() == text
    return description


def outcome_of(name: str) -> str:
    """What becomes of a recording; of one whose role nobody knows, whether it has what each description must have."""
    kind = BY_NAME[name]["kind"]
    try:
        description = parse(name)
    except SdpError:
        return NOT_PARSED
    try:
        description.validate()
        if kind == "offer":
            check_offer(description)
        elif kind == "answer":
            check_answer(parse(name.replace(".answer", ".offer")), description)
    except SdpError:
        return REFUSED
    return ACCEPTED


def test_the_table_of_all_recordings() -> None:
    """Run with ``-s`` to see the table."""
    table = Counter((BY_NAME[name]["want"], outcome_of(name)) for name in BY_NAME)
    print("\nwant    outcome     descriptions")
    for (want, outcome), count in sorted(table.items()):
        print(f"{want:7} {outcome:11} {count}")
    assert table == {
        ("accept", ACCEPTED): 141,
        ("decide", ACCEPTED): 15,
        ("decide", NOT_PARSED): 11,
        ("decide", REFUSED): 14,
        ("parse", ACCEPTED): 2,
        ("refuse", REFUSED): 1,
    }


@pytest.mark.parametrize("name", BY_NAME)
def test_a_recording_becomes_what_is_wanted(name: str) -> None:
    want = BY_NAME[name]["want"]
    assert outcome_of(name) in ({DECIDED[name]} if want == "decide" else WANTED[want])


def test_all_open_ones_are_decided_and_no_others() -> None:
    assert DECIDED.keys() == {name for name, one in BY_NAME.items() if one["want"] == "decide"}


@pytest.mark.parametrize("name", [name for name, one in BY_NAME.items() if one["kind"] == "offer"])
def test_the_offers_of_pairs_are_no_answers(name: str) -> None:
    with pytest.raises(SdpError):
        check_answer(parse(name), parse(name))


@pytest.mark.parametrize("heading", DECISIONS)
def test_each_decision_is_written_down(heading: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "sdp.md").read_text("utf-8")
    assert f"| {heading} |" in page.replace("`", "")
