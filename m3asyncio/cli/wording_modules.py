"""Events of chat, polls, timer and moderation in words, and what more is to see of them."""

from __future__ import annotations

from typing import Final

from m3asyncio.cli.wording_extras import extra_sentence
from m3core.conference.events import ConferenceEvent, PresenterChanged
from m3core.conference.modules.chat import ChatCleared, ChatSwitched
from m3core.conference.modules.conversations import ChatMessage
from m3core.conference.modules.media import ForceMuteChanged
from m3core.conference.modules.moderation import (
    DebriefingStarted,
    DisplayNameChanged,
    HandsReset,
    RaiseHandsSwitched,
    WaitingRoomJoined,
    WaitingRoomLeft,
    WaitingRoomSwitched,
)
from m3core.conference.modules.polls import Poll, PollDone, PollStarted, PollUpdated
from m3core.conference.modules.timer import Timer, TimerReadyChanged, TimerStarted, TimerStopped
from m3core.messages.chat import ChatScope
from m3core.messages.timer import TimerKind, TimerStopKind

BAR: Final = 20
"""Characters of a choice that all voted for."""


def module_sentence(event: ConferenceEvent) -> str:  # noqa: C901 - one line for each kind of event
    """What happened, in a few words; empty for what people need not read."""
    match event:
        case ChatMessage():
            return _said(event)
        case ChatSwitched(is_enabled=is_enabled):
            return f"a moderator {'enabled' if is_enabled else 'disabled'} the chat"
        case ChatCleared():
            return "a moderator cleared the chat"
        case PollStarted(poll=poll):
            several = ", several choices" if poll.multiple_choice else ""
            return f"poll: {poll.topic} ({poll.duration} s{several})"
        case PollUpdated(poll=poll):
            return f"poll: {poll.topic} ({_votes(poll)} so far)"
        case PollDone(poll=poll):
            return f"poll is over: {poll.topic} ({_votes(poll)})"
        case TimerStarted(timer=timer):
            return f"{_named(timer)} runs" + (": are you ready?" if timer.ready_check else "")
        case TimerStopped(timer=timer, kind=kind, participant=who, reason=reason):
            why = "is up" if kind is TimerStopKind.EXPIRED else "was stopped"
            return (
                f"{_named(timer)} {why}"
                + (f" by {who.display_name}" if who else "")
                + (f": {reason}" if reason else "")
            )
        case TimerReadyChanged(participant=who, is_ready=is_ready):
            return f"{who.display_name} is {'' if is_ready else 'not '}ready"
        case WaitingRoomJoined(participant=who):
            return f"{who.display_name} waits to be let in"
        case WaitingRoomLeft(participant=who):
            return f"{who.display_name} waits no more"
        case WaitingRoomSwitched(is_enabled=is_enabled):
            return f"the waiting room is {_on(is_enabled)}"
        case RaiseHandsSwitched(is_enabled=is_enabled):
            return "hands may be raised" if is_enabled else "hands may not be raised any more"
        case HandsReset():
            return "a moderator lowered hands"
        case DebriefingStarted():
            return "the meeting is over for the others: debriefing"
        case DisplayNameChanged(old_name=old, new_name=new):
            return f"{old} is now called {new}"
        case ForceMuteChanged(force_mute=force):
            return "only some may unmute now" if force else "all may unmute again"
        case PresenterChanged(participant=who, is_presenter=True):
            return f"{who.display_name} may share the screen"
        case PresenterChanged(participant=who):
            return f"{who.display_name} may not share the screen any more"
        case _:
            return extra_sentence(event)


def details(event: ConferenceEvent) -> list[str]:
    """More lines below the sentence: the choices of a poll, with bars once there are votes."""
    match event:
        case PollStarted(poll=poll):
            return [f"{number}  {choice.content}" for number, choice in enumerate(poll.choices, 1)]
        case PollUpdated(poll=poll) | PollDone(poll=poll):
            most = max(len(choice.content) for choice in poll.choices)
            total = max(1, sum(choice.count or 0 for choice in poll.choices))
            return [
                f"{number}  {choice.content:{most}}  {_bar(choice.count or 0, total)} {choice.count or 0}"
                for number, choice in enumerate(poll.choices, 1)
            ]
        case _:
            return []


def _said(message: ChatMessage) -> str:
    who = message.participant.display_name if message.participant else "somebody"
    who = "you" if message.is_own else who
    where = {ChatScope.GLOBAL: "", ChatScope.GROUP: f" (to {message.group})", ChatScope.PRIVATE: " (private)"}
    return f"{who}{where[message.scope]}: {message.content}"


def _bar(count: int, total: int) -> str:
    length = round(BAR * count / total)
    return f"[{'#' * length:.<{BAR}}]"


def _votes(poll: Poll) -> str:
    votes = sum(choice.count or 0 for choice in poll.choices)
    return "1 vote" if votes == 1 else f"{votes} votes"


def _named(timer: Timer) -> str:
    kind = "stopwatch" if timer.kind is TimerKind.STOPWATCH else "timer"
    return f"the {kind}" + (f' "{timer.title}"' if timer.title else "")


def _on(value: bool) -> str:
    return "on" if value else "off"
