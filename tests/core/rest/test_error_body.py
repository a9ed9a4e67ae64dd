"""A client keeps of an error body: the code, the refused fields, and texts without secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from m3core.errors import ApiError, FieldError
from m3core.io import HttpResponse
from m3core.limits import MAX_ERROR_FIELDS, MAX_ERROR_TEXT, MAX_HTTP_BODY, MAX_NESTING
from m3core.rest.auth import LOGIN, LoginRequest
from m3core.rest.error_body import ErrorBody, read_error
from m3core.rest.events import CREATE_EVENT, CreateEvent
from m3core.rest.rooms import START_INVITED, StartInvitedRequest
from m3core.rest.streaming import StreamingTarget
from m3core.values import InviteCode, Secret

CODE = InviteCode("126b1a70-e891-4f9e-b401-ac39af0860c4")
PASSWORD = 'h"unter2'
EVENT = CreateEvent(title="t", description="", password=Secret(PASSWORD), is_time_independent=True)


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def refused(answer: bytes, status: int = 422) -> ApiError:
    with pytest.raises(ApiError) as caught:
        CREATE_EVENT.read(HttpResponse(status, body=answer), EVENT)
    return caught.value


def test_the_refused_fields_are_told() -> None:
    errors = [
        {"field": "password", "code": "invalid_length"},
        {"field": "title", "code": "a_code_of_later_servers", "message": "no titles today"},
        {"code": "missing_values"},
    ]
    error = refused(body(code="validation_failed", message="Some provided values are invalid", errors=errors))
    assert error.errors == (
        FieldError(field="password", code="invalid_length"),
        FieldError(field="title", code="a_code_of_later_servers", message="no titles today"),
        FieldError(code="missing_values"),
    )
    assert error.message == "Some provided values are invalid"
    assert str(error) == (
        "cannot create the meeting: a value is not acceptable; password: too short or too long; "
        "title: a_code_of_later_servers; the request: it has none of the known fields (HTTP 422 validation_failed)"
    )
    assert "no titles" not in repr(error) + repr(error.errors)


def test_a_text_names_some_fields_and_says_that_there_are_more() -> None:
    error = refused(
        body(code="validation_failed", errors=[{"field": f"f{n}", "code": "invalid_value"} for n in "12345"])
    )
    assert "f4: not acceptable; ..." in str(error)
    assert "f5" not in str(error)
    assert len(error.errors) == 5


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (b"", ErrorBody()),
        (b"<html>", ErrorBody()),
        (b"\xff\x00", ErrorBody()),
        (b"null", ErrorBody()),
        (b"[]", ErrorBody()),
        (b'"code"', ErrorBody()),
        (b"[" * (MAX_NESTING + 1), ErrorBody()),
        (b"{}".ljust(MAX_HTTP_BODY + 1), ErrorBody()),
        (body(code=5, message=[], errors={}), ErrorBody()),
        (body(code="Not A Slug\n", errors=[1, None, {}, {"code": 1}, {"code": "X"}]), ErrorBody()),
        (body(code="gone", message=None, errors=None), ErrorBody("gone")),
        (
            body(code="gone", message=5, errors=[{"field": 5, "code": "x"}]),
            ErrorBody("gone", "", (FieldError(code="x"),)),
        ),
        (body(code="gone", errors=[{"field": "a b\x1b", "code": "x"}]), ErrorBody("gone", "", (FieldError(code="x"),))),
        (body(message="\x1b[31mred\r\n\u202e\x9b2J"), ErrorBody("", "[31mred 2J")),
        (body(message="x " * MAX_ERROR_TEXT), ErrorBody("", ("x " * MAX_ERROR_TEXT)[:MAX_ERROR_TEXT])),
        (body(message=f"no code '{CODE}' is known"), ErrorBody("", "no code '...' is known")),
    ],
)
def test_whatever_is_no_error_body_harms_nothing(answer: bytes, read: ErrorBody) -> None:
    assert read_error(answer) == read


def test_what_is_kept_is_bounded() -> None:
    many = [{"field": "a", "code": "x", "message": "m " * 9_000} for _ in range(3 * MAX_ERROR_FIELDS)]
    read = read_error(body(code="x", errors=many[:50]))
    assert len(read.errors) == MAX_ERROR_FIELDS
    assert {len(one.message or "") for one in read.errors} == {MAX_ERROR_TEXT}


def test_words_that_quote_a_secret_are_not_kept() -> None:
    for quoted in (PASSWORD, json.dumps(PASSWORD)):
        told = f"invalid type: string {quoted}, expected a boolean"
        error = refused(
            body(code="invalid_json", message=told, errors=[{"field": "password", "code": "x", "message": told}])
        )
        assert (error.code, error.message) == ("invalid_json", "")
        assert error.errors == (FieldError(field="password", code="x"),)
        assert "unter2" not in repr(vars(error))
    entering = StartInvitedRequest(invite_code=CODE, password=Secret("swordfish"))
    for endpoint, sent in ((START_INVITED, entering), (LOGIN, LoginRequest(id_token=Secret("swordfish")))):
        with pytest.raises(ApiError) as caught:
            endpoint.read(HttpResponse(400, body=body(code="x", message="not 'swordfish'")), sent)
        assert caught.value.message == ""


def test_secrets_inside_of_lists_are_not_kept() -> None:
    target = StreamingTarget(name="n", kind="custom", public_url="https://a.example", streaming_key=Secret("swordfish"))
    answer = body(code="invalid_json", message="invalid key 'swordfish'")
    assert read_error(answer, evolve(EVENT, streaming_targets=(target,))) == ErrorBody("invalid_json")
