"""Which names are accepted (docs/names.md), and that the server and the client ask before anything happens."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import Stage

from m3core.errors import InvalidName, LocalProtocolError
from m3core.limits import MAX_BREAKOUT_NAME, MAX_DISPLAY_NAME, MAX_MARKS
from m3core.names import check_room_name, display_name

ACUTE = "\u0301"
ACCEPTED = {
    "letters": "Ada",
    "several words": "Ada Lovelace",
    "punctuation": "O'Brien-Smith, J. R.",
    "markup": "<b>Ada</b>",
    "digits": "42",
    "one sign": "!",
    "100 bytes": "é" * 50,
    "a mark apart": f"Re{ACUTE}my",
    "Vietnamese": "Nguyễn Thị Ánh",
    "Vietnamese, taken apart": unicodedata.normalize("NFD", "Nguyễn Thị Ánh"),
    "Hebrew with points": "שָׁלוֹם",
    "Thai": "สมชาย น้ำ",
    "Tibetan": "རྒྱུད",
    "Arabic": "محمد",
    "Persian with U+200C": "علی\u200cرضا",
    "U+200C behind a mark": "بَ\u200cبا",
    "Hindi with U+200D behind a virama": "न्\u200dय",
    "Sinhala with U+200D behind a virama": "ශ්\u200dරී ලංකා",
    "Kannada with U+200D before a virama": "ರ\u200d್ಯ",
    "Chinese": "李小龙",
    "Japanese with a variant": "葛\U000e0100城",
    "a standardized variant": "辻\ufe00",
    "Korean": "김철수",
    "styled letters": "𝒜𝒹𝒶",
    "emoji": "👩🏽\u200d💻 Ada",
    "emoji with a selector and a joiner": "❤\ufe0f\u200d🔥",
    "emoji with an arrow": "🙂\u200d\u2194\ufe0f",
    "a family": "🧑\u200d🤝\u200d🧑",
    "a keycap": "1\ufe0f\u20e3",
    "a letter that is an emoji": "\u2139\ufe0f",
    "the flag of Scotland": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "an emoji of a coming year": "\U0001faff",
    "private use beside others": "\uf8ff Ada",
    "as many marks as may be": "Z" + ACUTE * MAX_MARKS,
}
REFUSED = {
    "nothing": "",
    "blanks": " \t\u3000\u2028",
    "101 bytes": "a" * (MAX_DISPLAY_NAME + 1),
    "102 bytes in 51 characters": "é" * 51,
    "NUL": "\0",
    "NUL in a name": "A\0da",
    "ESC": "Ada\x1b[31m",
    "DEL": "Ada\x7f",
    "C1": "Ada\x9b1m",
    "a lone zero-width space": "\u200b",
    "a zero-width space in a name": "A\u200bda",
    "a soft hyphen": "A\xadda",
    "a byte order mark": "\ufeffAda",
    "a word joiner": "A\u2060da",
    "right to left": "\u202eBob",
    "an isolate": "Bo\u2066b",
    "a direction mark": "\u200eBob",
    "an Arabic direction mark": "\u061cBob",
    "an unassigned character": "A\u0378",
    "a noncharacter": "A\ufdd0",
    "the last character": "A\U0010ffff",
    "a surrogate": "A\udc00",
    "a Hangul filler": "\u3164",
    "a Hangul filler in a name": "A\u3164da",
    "a braille blank": "\u2800",
    "a grapheme joiner": "A\u034fda",
    "a tag apart from a flag": "Ada\U000e0041",
    "a flag without its end": "🏴\U000e0067\U000e0062",
    "a joiner in a Latin word": "A\u200dda",
    "a non-joiner in a Latin word": "A\u200cda",
    "a joiner between digits": "1\u200d1",
    "a joiner only": "\u200d",
    "a joiner at the beginning": "\u200dन",
    "a joiner at the end": "न्\u200d",
    "an emoji with a joiner at the end": "👩\u200d",
    "two joiners": "न्\u200d\u200cय",
    "a non-joiner between emoji": "👩\u200c💻",
    "a joiner behind Arabic, before Latin": "ب\u200da",
    "a selector on a Latin letter": "A\ufe0fda",
    "a variant of a Latin letter": "A\U000e0100da",
    "two selectors": "葛\U000e0100\U000e0101",
    "a selector on nothing": "\ufe0f",
    "a mark at the beginning": ACUTE + "Ada",
    "a mark behind a blank": f"Ada {ACUTE}b",
    "a mark behind another blank": f"1\u00a0{ACUTE}",
    "too many marks": "Z" + ACUTE * (MAX_MARKS + 1),
    "too many marks, one of them in the letter": "é" + ACUTE * MAX_MARKS,
    "too many marks around a joiner": "न्\u200d" + "्" * MAX_MARKS + "य",
    "private use only": "\uf8ff",
}


@pytest.mark.parametrize("name", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(name: str) -> None:
    assert display_name(name) == name
    check_room_name(name)


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(InvalidName) as caught:
        display_name(name)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, LocalProtocolError)
    assert len(name) < 2 or name not in str(caught.value)  # the texts never repeat what somebody wrote


def test_blanks() -> None:
    """signaling.md § 5: blanks of Unicode count, U+200B does not."""
    assert display_name(" Bob\t \nthe\u2003\u00a0guest\u2028") == "Bob the guest"


def test_a_breakout_room_may_have_no_name_and_keeps_its_blanks() -> None:
    for name in ("", "  ", " Room  1 ", "a" * MAX_BREAKOUT_NAME):
        check_room_name(name)
    for name in ("a" * (MAX_BREAKOUT_NAME + 1), "\n", "Room\t1", "\u200b", "\u202eRoom"):
        with pytest.raises(InvalidName):
            check_room_name(name)


@given(st.text())
def test_an_accepted_name_is_accepted_again(text: str) -> None:
    try:
        name = display_name(text)
    except InvalidName:
        return
    assert display_name(name) == name
    assert name.strip()
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in name)


@pytest.mark.parametrize("name", ["\0", "\x1b[2J", "\u200b", "\u202eBob", "Bob\u2066", "Z" + ACUTE * 5])
def test_the_server_asks_at_the_join(name: str) -> None:
    stage = Stage()
    stage.joined("ada")
    stage.connect("bob")
    assert stage.say("bob", "control", "join", display_name=name)[0]["error"] == "invalid_username"
    assert stage.heard("ada") == []
    assert stage.say("bob", "control", "join", display_name="Bob")[0]["message"] == "join_success"
