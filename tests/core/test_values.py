"""Ids, secrets, timestamps and enums."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
import re
import uuid
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3core import values
from m3core.errors import LocalProtocolError, MalformedMessage
from m3core.values import (
    MediaSessionKey,
    MediaSessionType,
    ParticipantId,
    Secret,
    Timestamp,
    format_uuid,
    is_token,
    is_uuid,
    parse_timestamp,
    parse_uuid,
)

ADA = "86ef324d-6f4b-4265-8fea-8c918bce4b86"


@given(st.uuids())
def test_uuids_are_uuids(value: uuid.UUID) -> None:
    assert is_uuid(str(value))
    assert is_uuid(str(value).upper())
    assert parse_uuid(str(value)) == str(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ADA[:-1],
        ADA + "0",
        ADA.replace("-", ""),
        "{" + ADA[1:-1] + "}",
        ADA.replace("-", "_"),
        ADA.replace("8", "g", 1),
        ADA.replace("8", "８", 1),
        ADA.replace("8", "-", 1),
        "-" * 36,
        "urn:uuid:" + ADA[9:],
        ADA[:8] + "0" + ADA[9:],
        " " + ADA[1:],
    ],
)
def test_other_texts_are_not(text: str) -> None:
    assert not is_uuid(text)
    with pytest.raises(MalformedMessage) as caught:
        parse_uuid(text, "$.payload.target")
    assert caught.value.path == "$.payload.target"


@given(st.binary(min_size=16, max_size=16))
def test_random_bytes_make_version_4_uuids(random: bytes) -> None:
    text = format_uuid(random)
    assert is_uuid(text)
    assert uuid.UUID(text).version == 4
    assert uuid.UUID(text).variant == uuid.RFC_4122
    assert text == text.lower()


def test_a_uuid_needs_16_bytes() -> None:
    with pytest.raises(LocalProtocolError):
        format_uuid(b"x" * 15)


def test_tokens_are_those_of_http() -> None:
    assert is_token("ticket#AZaz09!$%&'*+-.^_`|~")
    for text in ("", "a b", "a,b", "é", 'a"', "a/b", "a\n", "(x)"):
        assert not is_token(text)


def test_a_secret_never_prints_itself() -> None:
    secret = Secret("swordfish")
    for text in (repr(secret), str(secret), f"{secret}", f"{secret:>40}", "%s" % secret, repr([secret])):  # noqa: UP031
        assert "swordfish" not in text
    assert secret.reveal() == "swordfish"
    assert not hasattr(secret, "__dict__")


def test_secrets_compare_by_text_and_are_not_texts() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("é") != Secret("e")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a")
    assert not Secret("")


def test_a_secret_is_not_pickled() -> None:
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(LocalProtocolError):
            copier(Secret("a"))


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00z", 0),
        ("1970-01-01t00:00:00Z", 0),
        ("1970-01-01 00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T00:00:00.1Z", 100_000_000),
        ("1970-01-01T00:00:01+00:00", 1_000_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T22:30:00-01:30", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1970-01-01T00:00:00-00:00", 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999_999),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000_000),
    ],
)
def test_timestamps_keep_every_digit(text: str, nanoseconds: int) -> None:
    assert parse_timestamp(text) == nanoseconds
    assert Timestamp(text).nanoseconds == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2024-03-05",
        "2024-03-05T09:30:01",
        "2024-03-05T09:30:01.Z",
        "2024-03-05T09:30:01.1234567890Z",
        "2024-03-05T09:30:01,5Z",
        "2024-03-05T09:30:01.5",
        "2024-03-05T09:30:01+0100",
        "2024-03-05T09:30:01+01:0",
        "2024-03-05T09:30:01+24:00",
        "2024-03-05T09:30:01+01:60",
        "2024-03-05T09:30:01*01:00",
        "2024-03-05T09:30:01+aa:00",
        "2024-03-05T09:30:01ZZ",
        "2024-03-05X09:30:01Z",
        "2024/03-05T09:30:01Z",
        "2024-03-05T09.30:01Z",
        "2024-13-05T09:30:01Z",
        "2023-02-29T09:30:01Z",
        "2024-03-05T24:00:00Z",
        "2024-03-05T09:30:61Z",
        "0000-03-05T09:30:01Z",
        "２024-03-05T09:30:01Z",
        "+024-03-05T09:30:01Z",
        "2024-03-05T09:30:01Z" + " " * 20,
    ],
)
def test_other_texts_are_no_timestamps(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_timestamp(text)
    stamp = Timestamp(text)
    assert str(stamp) == text
    with pytest.raises(MalformedMessage):
        _ = stamp.datetime


@given(st.datetimes(timezones=st.timezones()), st.sampled_from([0, 6, 9]))
def test_timestamps_of_datetimes_come_back(moment: dt.datetime, digits: int) -> None:
    try:
        moment.astimezone(dt.UTC)
    except OverflowError:
        return
    stamp = Timestamp.of(moment, digits=digits)
    assert stamp.text.endswith("Z")
    assert len(stamp.text) == 20 + (digits and digits + 1)
    expected = moment.astimezone(dt.UTC)
    assert stamp.datetime == (expected if digits else expected.replace(microsecond=0))


def test_timestamps_of_nanoseconds() -> None:
    moment = dt.datetime(2024, 3, 5, 9, 30, 1, 204417, tzinfo=dt.UTC)
    stamp = Timestamp.of(moment, nanosecond=204_417_093)
    assert stamp == Timestamp("2024-03-05T09:30:01.204417093Z")
    assert stamp.nanoseconds % 1000 == 93
    assert stamp.datetime == moment
    assert Timestamp.of(moment.replace(year=1), digits=0).text == "0001-03-05T09:30:01Z"
    with pytest.raises(LocalProtocolError):
        Timestamp.of(dt.datetime(2024, 3, 5))  # noqa: DTZ001 - the mistake under test


@pytest.mark.parametrize(
    "text",
    ["", "+10000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01"],
)
def test_an_unreadable_timestamp_says_so(text: str) -> None:
    assert not Timestamp(text).is_readable
    with pytest.raises(MalformedMessage):
        _ = Timestamp(text).datetime
    assert Timestamp("9999-12-31T23:59:59.999999999Z").is_readable
    assert Timestamp("0001-01-01T00:00:00Z").is_readable


def test_timestamps_are_values() -> None:
    one, same, other = Timestamp("a"), Timestamp("a"), Timestamp("b")
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    text: object = "a"
    assert one != text
    assert repr(one) == "Timestamp('a')"
    assert str(one) == "a"
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError):
        one.text = "b"  # type: ignore[misc]  # the test is that this fails
    with pytest.raises(TypeError):
        _ = one < other  # type: ignore[operator]  # timestamps are no order, protocol/README.md, Conventions


def test_enum_values_are_wire_tokens() -> None:
    for cls in vars(values).values():
        if isinstance(cls, type) and issubclass(cls, Enum) and cls is not Enum and cls is not values.Subprotocol:
            for member in cls:
                assert re.fullmatch(r"[a-z_]+", member.value)
                assert member.name == member.value.upper()
    for subprotocol in values.Subprotocol:
        assert is_token(subprotocol.value)


def test_a_media_session_key_is_a_value() -> None:
    key = MediaSessionKey(ParticipantId(ADA), MediaSessionType.SCREEN)
    assert str(key) == f"{ADA}/screen"
    assert {key: 1}[MediaSessionKey(ParticipantId(ADA), MediaSessionType.SCREEN)] == 1
