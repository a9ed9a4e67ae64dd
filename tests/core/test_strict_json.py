"""What the strict reader of JSON takes, refuses, and says about it."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3core.errors import LimitExceeded, MalformedMessage, RemoteProtocolError
from m3core.limits import MAX_COMMAND_VALUES, MAX_NESTING, MAX_STRING
from m3core.strict_json import check_values, may_hold_long_string, nesting, read, step
from m3core.testing import strategies


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"", "$"),
        (b"{", "$"),
        (b"\xff", "$"),
        (b"\xef\xbb\xbf{}", "$"),
        (b"{}x", "$"),
        (b"NaN", "$"),
        (b"[Infinity]", "$[0]"),
        (b"-Infinity", "$"),
        (b"1e999", "$"),
        (b'{"x": [1, -1e400]}', "$.x[1]"),
        (b"9" * 5_000, "$"),
        (b"9223372036854775808", "$"),
        (b"[-9223372036854775809]", "$[0]"),
        (b'"\\ud800"', "$"),
        (b'"\xed\xa0\x80"', "$"),
        (b'{"\\udfff": 1}', "$"),
        ('"a"'.encode("utf-16"), "$"),
        (b'"\x01"', "$"),
        (b"01", "$"),
        (b"[1,]", "$"),
        (b'{"no name!": [NaN]}', "$[...][0]"),
    ],
)
def test_what_json_leaves_open_is_refused_with_its_path(data: bytes, path: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        read(data)
    assert caught.value.path == path


def test_of_keys_that_stand_twice_the_last_one_counts() -> None:
    assert read(b'{"a": 1, "b": [{"a": 2, "\\u0061": 3}], "a": 4}') == {"a": 4, "b": [{"a": 3}]}


def test_numbers_and_escapes() -> None:
    assert read(b'[9223372036854775807, -9223372036854775808, 1.5, "\\ud83d\\ude00", true, null]') == [
        9223372036854775807,
        -9223372036854775808,
        1.5,
        "\U0001f600",
        True,
        None,
    ]


def test_nesting_just_under_and_over() -> None:
    read(b"[" * MAX_NESTING + b"]" * MAX_NESTING)
    for levels in (MAX_NESTING + 1, 100_000):
        for data in (b"[" * levels + b"]" * levels, b"[" * levels, b'{"a":' * levels):
            with pytest.raises(LimitExceeded) as caught:
                read(data)
            assert (caught.value.name, caught.value.limit) == ("nesting", MAX_NESTING)
    assert read(b"[" + b"[]," * 100 + b"{}]")
    read(b'"%s\\"%s"' % (b"[" * 100, b"{" * 100))
    with pytest.raises(MalformedMessage):
        read(b'"' + b'\\"' * 100_000 + b"[" * 100)


@pytest.mark.parametrize("letter", ["x", "é", "\\n", "😀"])
def test_strings_just_under_and_over(letter: str) -> None:
    size = len(json.loads(f'"{letter}"').encode())
    longest = letter * (MAX_STRING // size)
    for before, after, path in (('{"a": ["', '"]}', "$.a[0]"), ('{"', '": 1}', "$")):
        read((before + longest + after).encode())
        with pytest.raises(LimitExceeded) as caught:
            read((before + longest + letter + after).encode())
        assert (caught.value.name, caught.value.path) == ("string", path)


def test_hostile_strings_take_linear_time() -> None:
    # quadratic time would be hours here
    for data in (b'"' + b'\\"' * 500_000, b'""' * 500_000, b"\\" * 1_000_000, b'"\\' * 500_000, b"0e0" * 300_000):
        with contextlib.suppress(RemoteProtocolError):
            read(data)


def test_paths_do_not_repeat_strange_keys() -> None:
    assert step("$", "name") == "$.name"
    assert step("$", "a key") == "$[...]"
    assert step("$", "a" * 65) == "$[...]"


@given(strategies.json_values())
def test_nesting_is_what_a_parser_sees(value: object) -> None:
    def depth(value: object) -> int:
        if isinstance(value, dict):
            return 1 + max(map(depth, value.values()), default=0)
        return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0

    assert nesting(json.dumps(value).encode()) == min(depth(value), MAX_NESTING + 1)


@given(strategies.json_values())
def test_what_was_written_is_read(value: object) -> None:
    assert read(json.dumps(value).encode()) == value
    assert read(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


def test_long_texts_are_told_by_their_quotes() -> None:
    assert not may_hold_long_string(b'"' + b"x" * (MAX_STRING - 2) + b'"')
    assert may_hold_long_string(b'"' + b"x" * (MAX_STRING + 1) + b'"')
    assert may_hold_long_string(b'["' + b'\\"' * MAX_STRING + b'"]')
    assert not may_hold_long_string(b'["\\n",' + b'"abc",' * MAX_STRING + b"1]")


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        json.dumps(read(data), allow_nan=False).encode()


@pytest.mark.parametrize(
    ("begin", "value", "per_value"),
    [
        (b"[", b"1", 1),
        (b"[", b'"a"', 1),
        (b"[", b"{}", 2),  # with what might be in it
        (b"[", b"[[[]]]", 4),
        (b"{", b'"a":1', 2),
        (b"[", b'"\\\\","\\""', 2),
        (b"[", b' "," ', 1),
    ],
)
def test_values_are_counted_before_they_are_read(begin: bytes, value: bytes, per_value: int) -> None:
    end = {b"[": b"]", b"{": b"}"}[begin]
    number = (MAX_COMMAND_VALUES - 1) // per_value
    check_values(begin + b",".join([value] * number) + end)
    with pytest.raises(LimitExceeded, match="values and keys"):
        check_values(begin + b",".join([value] * (number + 2)) + end)


@pytest.mark.parametrize("text", [b"," * MAX_STRING, b'[{":,\\' * 8_000, b"\\" * 20_000, b'"' * 20_000])
def test_a_long_text_is_one_value(text: bytes) -> None:
    check_values(json.dumps([text.decode()] * 10).encode())


def test_many_strings_are_too_many_values_whatever_else_there_is() -> None:
    with pytest.raises(LimitExceeded):
        check_values(b'"a",' * (MAX_COMMAND_VALUES + 1))
    check_values(b"x" * 1_000_000)
