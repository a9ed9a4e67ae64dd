"""Bodies are read strictly: nothing is coerced, limits hold, and errors have a path."""

from __future__ import annotations

import contextlib
import enum
import json
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from m3core.errors import LimitExceeded, LocalProtocolError, MalformedMessage, RemoteProtocolError
from m3core.limits import MAX_HTTP_BODY, MAX_NESTING, MAX_STRING
from m3core.rest.body import UnixSeconds, read_body, read_json, to_json, write_body
from m3core.rest.events import DateTimeTz, Event
from m3core.rest.invites import CreateInvite, Invite
from m3core.rest.turn import TurnServer, ice_servers
from m3core.values import RoomId, Secret, Timestamp

_UUID = b"f1aec560-95c3-4f34-aebb-9114270aa666"
_VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "vectors" / "rest.json").read_text())
_EVENT = next(json.dumps(one["json"]) for one in _VECTORS if one["type"] == "POST /events" and "status" in one)


class _Color(enum.Enum):
    RED = "red"


@frozen(kw_only=True)
class _Inner:
    number: int = 0


@frozen(kw_only=True)
class _Everything:
    text: str = ""
    flag: bool = False
    number: int = 0
    maybe: int | None = None
    secret: Secret | None = None
    at: Timestamp | None = None
    room: RoomId | None = None
    color: _Color | None = None
    ttl: UnixSeconds | None = None
    inner: _Inner | None = None
    many: tuple[_Inner, ...] = ()


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("text", [b'""', b'"a"'], [b"null", b"1", b"true", b"[]", b"{}", b"1.5"]),
        ("flag", [b"true"], [b"null", b"1", b"0", b'"true"', b"[]"]),
        ("number", [b"1", b"-1"], [b"null", b"1.0", b"1e3", b'"1"', b"true", b"9223372036854775808"]),
        ("maybe", [b"1", b"null"], [b'"1"', b"true", b"[]"]),
        ("secret", [b'"a"', b"null"], [b"1", b"{}"]),
        ("at", [b'"2024-03-05T09:20:11Z"'], [b'""', b'"2024"', b"1709630411", b'"2024-13-05T09:20:11Z"']),
        ("room", [b'"%s"' % _UUID], [b'""', b'"x"', b"1", b'"%sx"' % _UUID]),
        ("color", [b'"red"'], [b'"blue"', b"1", b"[]", b'"RED"']),
        (
            "ttl",
            [b"1704067200", b'"1704067200"'],
            [b"-1", b'"-1"', b'"x"', b'""', b"1.5", b"true", b'"%s"' % (b"9" * 19)],
        ),
        ("inner", [b"{}", b"null"], [b"[]", b'"number"', b"1", b"true"]),
        ("many", [b"[]", b"[{}]"], [b"{}", b'""', b"null", b"1"]),
    ],
)
def test_nothing_is_coerced(name: str, good: list[bytes], bad: list[bytes]) -> None:
    for value in good:
        read_body(b'{"%s": %s}' % (name.encode(), value), _Everything)
    for value in bad:
        with pytest.raises(MalformedMessage) as caught:
            read_body(b'{"%s": %s}' % (name.encode(), value), _Everything)
        assert caught.value.path in {f"$.{name}", "$"}


def test_errors_say_where() -> None:
    with pytest.raises(MalformedMessage) as caught:
        read_body(b'{"many": [{}, {"number": "1"}]}', _Everything)
    assert caught.value.path == "$.many[1].number"
    with pytest.raises(MalformedMessage) as caught:
        read_body(b"[]", Event)
    assert caught.value.path == "$"
    with pytest.raises(MalformedMessage, match="missing") as caught:
        read_body(b"{}", Event)
    assert caught.value.path == "$.id"
    with pytest.raises(MalformedMessage) as caught:
        read_body(b'[{"uris": []}, {}]', tuple[TurnServer, ...])
    assert caught.value.path == "$[1].uris"
    with pytest.raises(LimitExceeded) as exceeded:
        read_body(b'{"text": "%s"}' % (b"a" * (MAX_STRING + 1)), _Everything)
    assert exceeded.value.path == "$.text"
    read_body(b'{"text": "%s"}' % (b"a" * MAX_STRING), _Everything)


_DATES: list[tuple[bytes, Timestamp]] = [
    (b'"2024-03-05T09:20:11.5Z"', Timestamp("2024-03-05T09:20:11.5Z")),
    (b'"2016-12-31T23:59:60Z"', Timestamp("2016-12-31T23:59:60Z")),
    (b'"+10000-01-01T00:00:00.000000Z"', Timestamp("+10000-01-01T00:00:00.000000Z")),
    (b'"soon"', Timestamp("soon")),
    (b'"\\u001b[2J"', Timestamp("")),
    (b'"%s"' % (b"9" * 65), Timestamp("")),
    (b"null", Timestamp("")),
    (b"1709630411", Timestamp("")),
    (b"{}", Timestamp("")),
]


@pytest.mark.parametrize(("written", "read"), _DATES)
def test_an_answer_is_read_though_its_dates_are_not(written: bytes, read: Timestamp) -> None:
    """The list and its other entries are read as usual; requests with such dates are refused."""

    def invite(expiration: bytes) -> bytes:
        return b'{"invite_code": "%s", "room_id": "%s", "active": true, "created": %s, "expiration": %s}' % (
            _UUID,
            _UUID,
            expiration,
            expiration,
        )

    data = b"[%s, %s]" % (invite(written), invite(b'"2024-03-05T09:20:11Z"'))
    first, second = read_body(data, tuple[Invite, ...], is_answer=True)
    assert first.expiration == first.created == (None if written == b"null" else read)
    assert second.expiration == Timestamp("2024-03-05T09:20:11Z")
    if not read.is_readable:
        with pytest.raises(MalformedMessage):
            read_body(b'{"expiration": %s}' % (written if written != b"null" else b'""'), CreateInvite)


@pytest.mark.parametrize(("written", "read"), _DATES)
def test_an_event_is_read_though_its_dates_are_not(written: bytes, read: Timestamp) -> None:
    event: dict[str, Any] = json.loads(_EVENT)
    event["created_at"] = json.loads(written)
    event["starts_at"] = {"datetime": json.loads(written), "timezone": "UTC"}
    events = read_body(json.dumps([event]).encode(), tuple[Event, ...], is_answer=True)
    assert events[0].created_at == read
    assert events[0].starts_at == DateTimeTz(datetime=read, timezone="UTC")


@pytest.mark.parametrize(
    "date", ["2024-03-05T09:20:11Z", 5, [], {}, {"datetime": "2024-03-05T09:20:11Z", "timezone": None}]
)
def test_an_event_is_read_though_the_object_of_a_date_is_none(date: object) -> None:
    event: dict[str, Any] = json.loads(_EVENT)
    event["starts_at"] = event["ends_at"] = date
    read = read_body(json.dumps(event).encode(), Event, is_answer=True)
    assert read.starts_at == read.ends_at == DateTimeTz(datetime=Timestamp(""), timezone="")
    with pytest.raises(MalformedMessage):
        read_body(json.dumps(event).encode(), Event)


def test_a_turn_server_is_read_though_its_expiry_is_not() -> None:
    data = (
        b'[{"uris": ["turn:a.example"], "ttl": "soon"}, {"uris": [], "ttl": -1.5}, {"uris": [], "ttl": "1704067200"}]'
    )
    assert [one.ttl for one in read_body(data, tuple[TurnServer, ...], is_answer=True)] == [0, 0, 1704067200]
    assert ice_servers(read_body(data, tuple[TurnServer, ...], is_answer=True))[0].expires_at == 0


def test_unknown_fields_are_ignored() -> None:
    assert read_body(b'{"number": 1, "x": {"y": [1.5, null, "\\u00e9"]}}', _Inner) == _Inner(number=1)


def test_of_keys_that_stand_twice_the_last_one_counts() -> None:
    assert read_body(b'{"number": "x", "number": 2, "inner": {"number": 3, "number": 4}}', _Everything) == _Everything(
        number=2, inner=_Inner(number=4)
    )


def test_bodies_are_strict_json() -> None:
    for data in (b"", b"\xff", b"[NaN]"):
        with pytest.raises(MalformedMessage):
            read_json(data)
    with pytest.raises(LimitExceeded):
        read_json(b"[" * (MAX_NESTING + 1) + b"]" * (MAX_NESTING + 1))


def test_size_just_under_and_over() -> None:
    read_json(b"1".ljust(MAX_HTTP_BODY))
    with pytest.raises(LimitExceeded) as caught:
        read_json(b"1".ljust(MAX_HTTP_BODY + 1))
    assert (caught.value.name, caught.value.value) == ("MAX_HTTP_BODY", MAX_HTTP_BODY + 1)


def test_what_cannot_be_written() -> None:
    with pytest.raises(LocalProtocolError, match="object"):
        to_json(object())
    with pytest.raises(LocalProtocolError, match="surrogate"):
        write_body("\ud800")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["text", "many", "inner", "at", "room"]), inner),
)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for kind in (_Everything, Event, tuple[TurnServer, ...]):
        for is_answer in (False, True):
            with contextlib.suppress(RemoteProtocolError):
                read_body(data, kind, is_answer=is_answer)


@given(_json)
def test_any_json_is_read_or_refused(value: Any) -> None:
    data = json.dumps(value).encode()
    with contextlib.suppress(RemoteProtocolError):
        typed = read_body(data, _Everything)
        assert read_body(write_body(typed), _Everything) == typed
