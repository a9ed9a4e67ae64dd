"""Targets that read one text of a peer: messages, session descriptions, candidates, links, REST bodies.

Each may raise the errors that its docstring names. Any other exception is a fault, and so is a value that does not
survive the way out and in again.
"""

from __future__ import annotations

import inspect
from functools import cached_property
from types import NoneType
from typing import Any

from fuzz_script import Script

from m3core.errors import LinkError, LocalProtocolError, RemoteProtocolError
from m3core.io import HttpResponse
from m3core.messages import decode_command, decode_event, encode
from m3core.rest.body import read_body, write_body
from m3core.rest.discovery import read_api, read_client
from m3core.rest.error_body import read_error
from m3core.rest.link import InviteLink, parse_controller_url
from m3core.rest.routes import ENDPOINTS, route
from m3core.sdp import IceCandidate, MediaDescription, SessionDescription, check_answer

ORIGIN = "https://meet.example"
BODIES = sorted(
    {kind for each in ENDPOINTS for kind in (each.request_type, each.response_type) if kind is not NoneType},
    key=lambda kind: str(kind),
)


def events(data: bytes) -> None:
    """A message of a server, read by a client."""
    _message(decode_event, data)


def commands(data: bytes) -> None:
    """A message of a client, read by a server."""
    _message(decode_command, data)


def _message(decode: Any, data: bytes) -> None:
    try:
        message = decode(data)
    except RemoteProtocolError as error:
        str(error)
        return
    repr(message)
    try:
        again = encode(message)
    except LocalProtocolError:
        return  # an unknown message may be larger as we write it than a peer accepts
    assert decode(again) == message, "what was read differs from what was written"


def _views(kind: type) -> list[str]:
    return [name for name, value in vars(kind).items() if isinstance(value, property | cached_property)]


SESSION_VIEWS = _views(SessionDescription)
MEDIA_VIEWS = _views(MediaDescription)


def sdp(data: bytes) -> None:
    """A session description: lossless, and each view has a value or raises `SdpError`."""
    try:
        description = SessionDescription.parse(data)
    except RemoteProtocolError as error:
        str(error)
        return
    assert description.serialize().encode() == data, "the description was changed"
    for view in SESSION_VIEWS:
        _read(description, view)
    for media in description.media:
        for view in MEDIA_VIEWS:
            _read(media, view)
    problems = description.problems()
    str(problems)
    for check in (_valid, _strictly_valid, _answers_itself):
        try:
            check(description)
        except RemoteProtocolError as error:
            str(error)
        else:
            assert check is not _strictly_valid or not problems, "what has problems is strictly valid"


def _valid(description: SessionDescription) -> None:
    description.validate()


def _strictly_valid(description: SessionDescription) -> None:
    description.validate(strict=True)


def _answers_itself(description: SessionDescription) -> None:
    check_answer(description, description)


def _read(section: object, view: str) -> None:
    try:
        value = getattr(section, view)
    except RemoteProtocolError as error:
        str(error)
    else:
        repr(value)


def candidate(data: bytes) -> None:
    """A candidate: what it is written as is read as the same."""
    try:
        found = IceCandidate.parse(data.decode("utf-8", "replace"))
    except RemoteProtocolError as error:
        str(error)
        return
    again = found.serialize()
    assert IceCandidate.parse(again).serialize() == again


def link(data: bytes) -> None:
    """An invitation link, or the address of a controller. No error repeats it."""
    text = data.decode("utf-8", "replace")
    for parse in (InviteLink.parse, parse_controller_url):
        for allow_private in (False, True):
            try:
                found = parse(text, allow_private=allow_private)
            except LinkError as error:
                assert len(text) < 40 or text not in str(error)
            else:
                repr(found)


def rest(data: bytes) -> None:
    """A body of the REST API in either direction, a document of the discovery, a target of a request."""
    script = Script(data)
    which = script.byte()
    body = script.rest()
    match which % (len(BODIES) + 4):
        case 0:
            read_error(body, {"a": "b"})
        case 1:
            read_client(HttpResponse(200, (), body), ORIGIN)
        case 2:
            read_api(HttpResponse(200, (), body), ORIGIN)
        case 3:
            route("GET", body.decode("latin-1"))
        case number:
            _body(body, BODIES[number - 4])


def _body(data: bytes, kind: Any) -> None:
    for is_answer in (False, True):
        try:
            value = read_body(data, kind, is_answer=is_answer)
        except RemoteProtocolError as error:
            str(error)
        else:
            if not inspect.isclass(kind):
                continue
            assert read_body(write_body(value), kind, is_answer=is_answer) == value
