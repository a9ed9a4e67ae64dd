"""One TCP connection: HTTP as a client may send it, its limits, and hostile bytes."""

from __future__ import annotations

import json

import pytest
from http_bytes import (
    GET,
    POST,
    bytewise,
    events_of,
    feed,
    is_dropped,
    opened,
    phase_of,
    status_of,
)

from m3core.controller.http import (
    NEED_DATA,
    Closed,
    HttpConnection,
    Phase,
    Requested,
)
from m3core.errors import LocalProtocolError
from m3core.io import HttpResponse
from m3core.limits import MAX_HTTP_BODY, MAX_HTTP_HEAD


# -- HTTP ---
@pytest.mark.parametrize("whole", [True, False])
def test_requests_whole_and_byte_by_byte(whole: bool) -> None:
    connection = HttpConnection()
    for data, expected in ((GET, ("GET", "/v1/turn?a=b", b"")), (POST, ("POST", "/v1/events", b"{}"))):
        assert phase_of(connection) is Phase.IDLE
        (event,) = feed(connection, *([data] if whole else bytewise(data)))
        assert isinstance(event, Requested)
        assert (event.method, event.target, event.body) == expected
        assert ("host", "a") in event.headers
        assert repr(event) == f"Requested(method={event.method!r}, body=<{len(event.body)}>)"
        assert phase_of(connection) is Phase.ANSWERING
        connection.reply(HttpResponse(200, (("content-type", "application/json"),), b"[]"))
        answer = connection.data_to_send()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"content-length: 2\r\n" in answer
        assert answer.endswith(b"\r\n\r\n[]")
        assert connection.data_to_send() == b""
    assert connection.cycle == 2


def test_pipelined_requests_are_answered_one_at_a_time() -> None:
    connection = HttpConnection()
    (first,) = feed(connection, GET + POST + GET[:10])
    assert isinstance(first, Requested)
    connection.reply(HttpResponse(204))
    assert phase_of(connection) is Phase.READING
    (second,) = events_of(connection)
    assert isinstance(second, Requested)
    assert second.body == b"{}"
    connection.reply(HttpResponse(204))
    assert events_of(connection) == []
    (third,) = feed(connection, GET[10:])
    assert isinstance(third, Requested)
    assert connection.data_to_send().count(b"HTTP/1.1 204") == 2


def test_early_bytes_just_under_and_over() -> None:
    connection = HttpConnection()
    feed(connection, GET, b"x" * MAX_HTTP_HEAD)
    assert not is_dropped(connection)
    feed(connection, b"x")
    assert is_dropped(connection)
    assert phase_of(connection) is Phase.DONE
    connection.reply(HttpResponse(200))
    assert connection.data_to_send() == b""


def test_what_is_left_over_from_a_request_counts_for_the_next() -> None:
    connection = HttpConnection()
    feed(connection, GET, GET + b"x" * (MAX_HTTP_HEAD - len(GET)))
    connection.reply(HttpResponse(204))
    assert len(events_of(connection)) == 1
    feed(connection, b"x" * len(GET))
    assert not is_dropped(connection)
    feed(connection, b"x")
    assert is_dropped(connection)


def test_chunked_bodies() -> None:
    connection = HttpConnection()
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    (event,) = feed(connection, *bytewise(head + b"2\r\n{}\r\n1\r\n \r\n0\r\n\r\n"))
    assert isinstance(event, Requested)
    assert event.body == b"{} "


def test_a_client_may_wait_for_the_server_to_want_its_body() -> None:
    connection = HttpConnection()
    head, _, body = POST.replace(b"Host: a", b"Host: a\r\nExpect: 100-continue").partition(b"\r\n\r\n")
    assert feed(connection, head + b"\r\n\r\n") == []
    assert connection.data_to_send().startswith(b"HTTP/1.1 100 ")
    assert len(feed(connection, body)) == 1


@pytest.mark.parametrize("method", [b"HEAD", b"OPTIONS", b"DELETE", b"PATCH"])
def test_other_methods(method: bytes) -> None:
    connection = HttpConnection()
    (event,) = feed(connection, GET.replace(b"GET", method))
    assert isinstance(event, Requested)
    assert event.method == method.decode()
    connection.reply(HttpResponse(200, (("content-length", "99"),), b"[]"))
    answer = connection.data_to_send()
    assert b"content-length: 2\r\n" in answer
    assert answer.endswith(b"\r\n\r\n") is (method == b"HEAD")
    assert len(feed(connection, GET)) == 1


@pytest.mark.parametrize("status", [204, 304])
def test_answers_that_have_no_body(status: int) -> None:
    connection = HttpConnection()
    feed(connection, GET)
    connection.reply(HttpResponse(status))
    assert b"content-length" not in connection.data_to_send()
    assert len(feed(connection, GET)) == 1


@pytest.mark.parametrize("head", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"])
def test_connections_that_end_with_their_request(head: bytes) -> None:
    connection = HttpConnection()
    assert len(feed(connection, head)) == 1
    connection.reply(HttpResponse(204))
    assert (phase_of(connection), is_dropped(connection)) == (Phase.LINGERING, False)
    assert feed(connection, GET, b"") == []
    assert (phase_of(connection), is_dropped(connection)) == (Phase.DONE, False)


def test_a_client_that_closes_its_side() -> None:
    idle = HttpConnection()
    assert feed(idle, b"") == []
    assert (phase_of(idle), idle.data_to_send()) == (Phase.DONE, b"")

    reading = HttpConnection()
    assert feed(reading, GET[:9], b"") == []
    assert (phase_of(reading), is_dropped(reading)) == (Phase.DONE, False)

    answering = HttpConnection()
    assert len(feed(answering, GET, b"", b"")) == 1
    answering.reply(HttpResponse(200))
    assert status_of(answering.data_to_send()) == 200
    assert events_of(answering) == []
    assert phase_of(answering) is Phase.DONE


def test_a_refusal_ends_the_connection() -> None:
    """tests/wire has what is refused."""
    for after in (b"", GET):
        connection = HttpConnection()
        assert feed(connection, b"GET / HTTP/1.1\r\n\r\n" + after) == []
        answer = connection.data_to_send()
        assert status_of(answer) == 400
        assert b"connection: close" in answer.lower()
        assert (phase_of(connection), is_dropped(connection)) == (Phase.LINGERING, False)
        connection.reply(HttpResponse(200))
        assert feed(connection, GET) == []
        assert len(connection._bytes) == 0  # nobody will read them
        assert phase_of(connection) is Phase.LINGERING
        assert feed(connection, b"") == []
        assert (phase_of(connection), is_dropped(connection)) == (Phase.DONE, False)
        assert connection.data_to_send() == b""


def test_a_body_that_ends_too_early_is_refused() -> None:
    connection = HttpConnection()
    assert feed(connection, POST[:-1], b"") == []
    assert status_of(connection.data_to_send()) == 400
    assert phase_of(connection) is Phase.DONE


@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("chunked", [True, False])
def test_body_size_just_under_and_over(method: str, chunked: bool) -> None:
    for size in (MAX_HTTP_BODY, MAX_HTTP_BODY + 1):
        connection = HttpConnection()
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        head = f"{method} / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode()
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size) if chunked else b"x" * size
        events = feed(connection, head, *(body[at : at + 65536] for at in range(0, len(body), 65536)))
        if size == MAX_HTTP_BODY:
            assert len(events) == 1
            continue
        assert events == []
        answer = connection.data_to_send()
        assert status_of(answer) == 400
        if method == "POST":
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "payload_overflow"
        assert phase_of(connection) is Phase.LINGERING


def test_each_request_has_a_body_limit_of_its_own() -> None:
    connection = HttpConnection()
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (MAX_HTTP_BODY, b"x" * MAX_HTTP_BODY)
    for _ in range(2):
        (event,) = feed(connection, head + body)
        assert isinstance(event, Requested)
        assert len(event.body) == MAX_HTTP_BODY
        connection.reply(HttpResponse(204))


def test_answers_that_are_not_http() -> None:
    for response in (HttpResponse(200, (("a", "b\r\nc: d"),)), HttpResponse(99), HttpResponse(200, (("a b", "c"),))):
        connection = HttpConnection()
        feed(connection, GET)
        with pytest.raises(LocalProtocolError):
            connection.reply(response)


def test_expiry() -> None:
    for data, phase in ((b"", Phase.IDLE), (GET[:5], Phase.READING)):
        connection = HttpConnection()
        if data:
            feed(connection, data)
        assert phase_of(connection) is phase
        connection.expire()
        assert (phase_of(connection), is_dropped(connection)) == (Phase.DONE, False)
    closing = opened()
    closing.close(1001)
    closing.expire()
    closing.expire()
    assert is_dropped(closing)
    assert events_of(closing) == [Closed(None)]
    assert closing.data_to_send() == b""


@pytest.mark.parametrize(
    ("data", "units"),
    [
        (GET, 1),
        (GET * 3, 1),  # the second is read when the first is answered
        (POST, 1),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"x" * 3_000, 2),
        (b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 9999\r\n\r\n" + b"x" * 4_096, 1 + 4),
        (b"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100, 1 + 100),
    ],
)
def test_work_is_counted_when_it_comes(data: bytes, units: int) -> None:
    for pieces in ((data,), bytewise(data)):
        connection = HttpConnection()
        feed(connection, *pieces)
        assert connection.take_work() == units
        assert connection.take_work() == 0


def test_each_step_reads_one_chunk() -> None:
    connection = HttpConnection()
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 3)
    for _ in range(4):
        assert connection.step()
        assert connection.take_work() == 1
    assert not connection.step()


@pytest.mark.parametrize("data", [GET[:1], POST[:-1], POST])
def test_who_asks_too_much_is_told_when_to_come_again(data: bytes) -> None:
    connection = HttpConnection()
    feed(connection, data)
    connection.data_to_send()
    connection.receive_data(GET)
    connection.overload(7)
    answer = connection.data_to_send()
    assert status_of(answer) == 429
    assert b"\r\nretry-after: 7\r\n" in answer
    assert b"\r\nconnection: close\r\n" in answer
    assert (phase_of(connection), connection.dropped) == (Phase.LINGERING, False)
    assert connection.next_event() is NEED_DATA
    connection.overload(7)
    assert connection.data_to_send() == b""


def test_a_request_that_is_refused_is_not_told() -> None:
    connection = HttpConnection()
    connection.receive_data(POST)
    while connection.step():
        pass
    connection.overload(7)
    assert connection.take_event() is None


def test_a_websocket_that_causes_too_much_is_dropped() -> None:
    connection = opened()
    connection.overload(7)
    assert (phase_of(connection), connection.dropped) == (Phase.DONE, True)
