"""Errors as one line for people, with what may help."""

from __future__ import annotations

from typing import Final

from m3core.errors import ApiError, CallRefused


def all_errors(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors in a group of groups."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found += all_errors(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def only_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that made a group of tasks fail: people need not know that there were tasks, or were cancelled."""
    errors = all_errors(group)
    return next((error for error in errors if isinstance(error, Exception)), errors[0])


def error_line(error: Exception) -> str:
    """What went wrong, and a hint where there is one."""
    text = " ".join(str(error).split()) or type(error).__name__
    code = error.code if isinstance(error, (ApiError, CallRefused)) else ""
    hint = _HINTS.get(code) or _HINTS.get(type(error).__name__, "")
    return f"{text} - {hint}" if hint else text


_HINTS: Final = {
    "LinkError": "check the link; --controller URL names the controller",
    "TransportError": "is the controller running, and its address right?",
    "AuthError": "this needs a login",
    "CallTimedOut": "the server is slow or gone; try again",
    "not_found": "the invitation is unknown, or has expired",
    "wrong_room_password": "the room has a password: --password",
    "invalid_username": "a name has 1 to 100 bytes: --name",
    "invalid_ticket": "the ticket was used or is too old; try again",
    "participant_limit_reached": "the room is full; try again later",
}
