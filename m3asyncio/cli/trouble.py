"""Errors as one line for people, with a hint what to do."""

from __future__ import annotations

from typing import Final

from m3core.errors import (
    ApiError,
    AuthError,
    CallRefused,
    EventsOverflow,
    LinkError,
    M3Error,
    TransportError,
)


class WrongOptions(M3Error):
    """The options are valid one by one, and make no sense together."""


def all_errors(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors in a group of groups."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found += all_errors(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def only_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that made a group of tasks fail. Cancellations of the other tasks are not shown to people."""
    errors = all_errors(group)
    return next((error for error in errors if isinstance(error, Exception)), errors[0])


def error_line(error: Exception, *, joining: bool = False) -> str:
    """What went wrong, and a hint if there is one. ``joining``: the error ends `m3 join`, whose options may help."""
    text = error.reason if isinstance(error, LinkError) else str(error)
    if isinstance(error, EventsOverflow):
        text = f"{error.limit} events wait to be printed: the program that reads them is too slow"
    if isinstance(error, ApiError) and (told := said_by_server(error)):
        text = f"{text}; the server says: {told}"
    text = " ".join(text.split()) or type(error).__name__
    hint = _HINTS.get(error.code, "") if isinstance(error, CallRefused) else ""
    if joining:
        hint = hint or _option(error)
    return f"{text} - {hint}" if hint else text


def said_by_server(error: ApiError) -> str:
    """The server's texts about the fields that it refused; empty if it sent none."""
    return "; ".join(f"{one.field or 'the request'}: {one.message}" for one in error.errors[:_SAID] if one.message)


def _option(error: Exception) -> str:
    """Which option of `m3 join` may help."""
    match error:
        case LinkError(is_private=True):
            return "--allow-private accepts it"
        case TransportError():
            return "is the controller running, and its address right? --controller URL names another one"
        case AuthError() | ApiError(code="unauthorized"):
            return "is the token in M3_TOKEN one of this controller?"
        case ApiError(code="wrong_room_password"):
            return "the room has a password: --password PASSWORD"
        # Controllers send a code with every error (rest.md § 1), so this comes from another server.
        case ApiError(status=404 | 405, code=""):
            return "there is no controller at this address; --controller URL names another one"
        case CallRefused(code="invalid_username"):
            return "a name has 1 to 100 bytes; --name chooses one"
        case _:
            return ""


_SAID: Final = 4
"""Fields that one line names."""
_HINTS: Final = {
    "invalid_namespace": "this server does not offer that function",
    "insufficient_permissions": "only moderators may do that",
    "participant_limit_reached": "the room is full; try again later",
    "permission_denied": "this is for moderators, or needs their permission",
}
"""Hints for codes of the server."""
