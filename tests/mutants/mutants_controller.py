"""Faults in the controller (`m3core.controller`): rooms, their ways in and out, and namespaces."""

from __future__ import annotations

from mutants import Mutant

_TESTS = "tests/core/controller"
_BREAKOUT = (f"{_TESTS}/test_breakout.py",)
_CHAT = (f"{_TESTS}/test_chat.py",)
_ENGINE = (f"{_TESTS}/test_controller_engine.py",)
_ENTRIES = (f"{_TESTS}/test_entries.py",)
_MINUTES = (f"{_TESTS}/test_minutes.py",)
_MODERATION = (f"{_TESTS}/test_moderation.py",)
_POLLS = (f"{_TESTS}/test_polls.py",)
_RECORDING = (f"{_TESTS}/test_recording.py",)
_RESUMPTION = (f"{_TESTS}/test_resumption.py",)
_COSTS = (f"{_TESTS}/test_media_costs.py",)
_SERVING = ("tests/parity/test_serving_media.py",)
_TIMER = (f"{_TESTS}/test_timer.py",)
_AUTHORISATION = (f"{_TESTS}/test_authorisation.py",)
_ALARMS = (f"{_TESTS}/test_alarms.py",)
_HISTORY = (f"{_TESTS}/test_chat_history.py",)
_PERMISSIONS = ("tests/core/test_permissions.py",)


def _in(module: str, name: str, old: str, new: str, tests: tuple[str, ...]) -> Mutant:
    return Mutant(f"{module}: {name}", f"m3core/controller/{module}.py", old, new, tests)


def _rule(command: str, level: str = "capture") -> tuple[str, ...]:
    """The test of one rule of `tables.authorisation`."""
    return (f"{_TESTS}/test_authorisation_matrix.py::test_commands[{level}-{command}]",)


MUTANTS: tuple[Mutant, ...] = (
    # -- into a room and out of it ---
    _in(
        "joining",
        "anybody with a connection joins",
        "        if denial_of(around, session) is not None:",
        "        if False:",
        _AUTHORISATION,
    ),
    _in(
        "joining",
        "one participant too many is let in",
        "or there < limit:",
        "or there <= limit:",
        _RESUMPTION,
    ),
    _in(
        "joining",
        "a full room takes any moderator",
        "and not any(other.is_moderator for other in meeting.joined()))",
        ")",
        _RESUMPTION,
    ),
    _in(
        "joining",
        "a breakout room that is over ends the conference of the client",
        "around.dismiss((session,), INTERNAL_ERROR)",
        "around.dismiss((session,), NORMAL_CLOSURE)",
        _BREAKOUT,
    ),
    _in(
        "room",
        "who enters from the waiting room still waits",
        "        del self._waiting[participant.id]\n",
        "",
        _MODERATION,
    ),
    _in(
        "joining",
        "who is sent back to wait keeps its hand up",
        "        participant.hand_is_up = False\n",
        "",
        _MODERATION,
    ),
    _in(
        "joining",
        "the time limit of a meeting that is over still runs",
        "for alarm in (meeting.time_limit, None if",
        "for alarm in (None, None if",
        _RESUMPTION,
    ),
    _in(
        "joining",
        "a meeting without anybody is kept",
        "        self._around.rooms.discard(meeting)\n",
        "",
        _MODERATION,
    ),
    _in(
        "room",
        "an acceptance from the waiting room can be used twice",
        "return now < self.accepted.pop(participant_id, now)",
        "return now < self.accepted.get(participant_id, now)",
        _RESUMPTION,
    ),
    _in(
        "room",
        "one leaver too many is remembered",
        "        if len(self.gone) >= MAX_LEAVERS:",
        "        if len(self.gone) > MAX_LEAVERS:",
        _ENGINE,
    ),
    # -- the engine ---
    _in(
        "engine",
        "any pong is a sign of life",
        "if session is not None and payload == HEARTBEAT:",
        "if session is not None:",
        _ENGINE,
    ),
    _in(
        "engine",
        "each ping wakes the loop at a time of its own",
        "when = tick if tick > self.now else due",
        "when = due",
        _ENGINE,
    ),
    _in(
        "engine",
        "the heartbeat of a connection that is gone goes on",
        "self._heartbeats.pop(session.connection).cancel()",
        "self._heartbeats.pop(session.connection)",
        _ENGINE,
    ),
    _in(
        "engine",
        "those who are dismissed together hear of each other",
        "        for session in going:\n            self._queue.append(Close(session.connection, code))\n",
        "        for session in going:\n            self._queue.append(Close(session.connection, code))\n"
        "            self._sessions[session.connection] = session\n",
        _MODERATION,
    ),
    _in(
        "alarms",
        "cancelled alarms are never thrown away",
        "if self._cancelled > _SLACK + len(self._heap) // 2:",
        "if False:",
        _ALARMS,
    ),
    # -- namespaces ---
    _in(
        "breakout",
        "rooms that were replaced still expire",
        "        self._cancel(meeting)  # else the end of the replaced rooms would end these\n",
        "",
        _BREAKOUT,
    ),
    _in(
        "breakout",
        "nobody is put out of rooms that are over",
        "        self._around.dismiss(inside, NORMAL_CLOSURE)",
        "        del inside",
        _BREAKOUT,
    ),
    _in(
        "chat",
        "moderators write while chat is off",
        "        if not sender.room.meeting.states.of(_ChatSwitch).is_on:",
        "        if not sender.room.meeting.states.of(_ChatSwitch).is_on and not sender.is_moderator:",
        _CHAT,
    ),
    _in(
        "chat",
        "strangers write to a group",
        "            case ChatScope.GROUP if target is not None and target in (sender.groups or ()):\n"
        "                self._say_in_group",
        "            case ChatScope.GROUP if target is not None:\n                self._say_in_group",
        _CHAT,
    ),
    _in(
        "chat_history",
        "the size of a history never falls",
        "            self._size -= self._messages.popleft()[1]",
        "            self._messages.popleft()",
        _CHAT,
    ),
    _in(
        "chat_history",
        "a history has gaps",
        "self._left = self._left - size if size <= self._left else 0\n        return self._left > 0",
        "if size > self._left:\n            return False\n        self._left -= size\n        return True",
        _HISTORY,
    ),
    _in(
        "control",
        "a role is granted twice",
        "        elif is_moderator is granted:",
        "        elif is_moderator is granted is False:",
        _PERMISSIONS,
    ),
    _in(
        "control",
        "the owner loses the role of a moderator",
        "        elif target is not None and target.is_owner:",
        "        elif target is not None and target.is_owner and granted:",
        _PERMISSIONS,
    ),
    _in(
        "moderation",
        "a ban leaves other sessions of the user",
        "        theirs = [one for one in meeting.everyone() if",
        "        theirs = [one for one in meeting.everyone() if one.id == command.target and",
        _PERMISSIONS,
    ),
    _in(
        "moderation",
        "an acceptance survives being sent back",
        "        target.is_accepted = False ",
        "        ",
        _RESUMPTION,
    ),
    _in(
        "polls",
        "a changed vote counts twice",
        "                poll.counts[choice] -= 1",
        "                pass",
        _POLLS,
    ),
    _in(
        "polls",
        "a poll that a moderator finished ends again",
        '        """End a poll: a moderator finished it, or its time is over."""\n        poll.alarm.cancel()\n',
        '        """End a poll: a moderator finished it, or its time is over."""\n',
        _POLLS,
    ),
    _in(
        "polls",
        "one choice too many is allowed",
        "<= MAX_POLL_CHOICES:",
        "<= MAX_POLL_CHOICES + 1:",
        _POLLS,
    ),
    _in(
        "timer",
        "a second timer replaces the first",
        "elif room.states.find(_Running) is not None:",
        "elif False:",
        _TIMER,
    ),
    _in(
        "timer",
        "who comes back is still ready",
        "        participant.states.drop(_Ready)",
        "        pass",
        _TIMER,
    ),
    _in(
        "minutes",
        "who comes late gets no address",
        "        if participant.room.states.of(_Pad).is_made:",
        "        if not participant.room.states.of(_Pad).is_made:",
        _MINUTES,
    ),
    _in(
        "recording",
        "the recording goes on without its recorder",
        "            state.recorder = None\n            self._tell_others(participant, recording.Stopped)",
        "            self._tell_others(participant, recording.Stopped)",
        _RECORDING,
    ),
    _in(
        "streaming",
        "a recorder that came is still waited for",
        "            target.recorder = participant\n            _stop_waiting(target)",
        "            target.recorder = participant",
        _RECORDING,
    ),
    # -- media ---
    _in(
        "room",
        "what is set on a participant does not change its entry",
        "    participant.version += 1\n",
        "",
        _ENTRIES,
    ),
    _in(
        "room",
        "who leaves a room is counted on",
        "        self.meeting.visible -= 1\n",
        "",
        _ENTRIES,
    ),
    _in(
        "room",
        "who leaves the waiting room is counted on",
        "        self.visible -= participant.is_visible\n",
        "",
        _ENTRIES,
    ),
    _in(
        "states",
        "a value that is dropped does not change an entry",
        "        if self._by_kind.pop(kind, None) is not None:\n            self.version += 1\n",
        "        self._by_kind.pop(kind, None)\n",
        _ENTRIES,
    ),
    # -- who may, and when ---
    _in(
        "engine",
        "a ticket from before a ban opens a connection",
        "        if denied is not None:\n            self._queue.append(Reject(connection, PROBLEMS",
        "        if False:\n            self._queue.append(Reject(connection, PROBLEMS",
        _AUTHORISATION,
    ),
    _in(
        "engine",
        "the token of who was thrown out lives on",
        "self._resumptions.lost(session.admission, self.now) if session.is_resumable else None",
        "self._resumptions.lost(session.admission, self.now)",
        _AUTHORISATION,
    ),
    _in(
        "engine",
        "connections to a deleted room remain open",
        "        self.check_again(room)\n",
        "",
        _AUTHORISATION,
    ),
    _in(
        "joining",
        "a waiting participant enters without the invitation",
        "        if denial_of(self._around, participant.session) is not None:",
        "        if False:",
        _AUTHORISATION,
    ),
    _in(
        "joining",
        "a ban ends the meeting for guests without an invitation",
        "if one.participant is None and denial_of(self._around, one) is not None]",
        "if denial_of(self._around, one) is not None]",
        _AUTHORISATION,
    ),
    _in(
        "moderation",
        "a banned user's other connections remain open",
        "        self._around.check_again(meeting.room.id)\n",
        "",
        _AUTHORISATION,
    ),
    _in(
        "moderation",
        "who was kicked comes back past the waiting room",
        "            participant.session.is_resumable = False",
        "            pass",
        _AUTHORISATION,
    ),
    _in(
        "moderation",
        "a debriefing lets those in who were away",
        "                meeting.accepted.pop(one.id, None)",
        "                pass",
        _AUTHORISATION,
    ),
    _in(
        "moderation",
        "a debriefing makes everybody wait who was away",
        "            if leaves(one):\n                meeting.accepted",
        "            if one:\n                meeting.accepted",
        _AUTHORISATION,
    ),
    _in(
        "moderation",
        "everybody moderates",
        "        if sender.is_moderator:\n            super().handle(sender, command)",
        "        if True:\n            super().handle(sender, command)",
        _rule("moderation.kick"),
    ),
    _in(
        "moderation",
        "a refusal comes too early",
        "elif self._around.has(Feature.MODERATION_REFUSES):",
        "else:",
        _rule("moderation.kick"),
    ),
    _in(
        "moderation",
        "an early server knows later commands",
        "        if feature is not None and not self._around.has(feature):",
        "        if False:",
        _rule("moderation.debrief"),
    ),
    _in(
        "chat",
        "everybody moderates the chat",
        "        if not sender.is_moderator:\n"
        "            self._refuse(sender, ChatErrorCode.INSUFFICIENT_PERMISSIONS)\n"
        "        return sender.is_moderator",
        "        return True",
        _rule("chat.enable_chat"),
    ),
    _in(
        "polls",
        "everybody starts polls",
        "        if not sender.is_moderator:\n            return PollsErrorCode",
        "        if False:\n            return PollsErrorCode",
        _rule("polls.start"),
    ),
    _in(
        "polls",
        "everybody finishes polls",
        "        if not sender.is_moderator:\n            self._refuse",
        "        if False:\n            self._refuse",
        _rule("polls.finish"),
    ),
    _in(
        "timer",
        "everybody starts timers",
        "        if not sender.is_moderator:\n"
        "            self._refuse(sender, TimerErrorCode.INSUFFICIENT_PERMISSIONS)\n"
        "            return",
        "        if False:\n            return",
        _rule("timer.start"),
    ),
    _in(
        "timer",
        "everybody stops timers",
        "        if not sender.is_moderator:\n"
        "            self._refuse(sender, TimerErrorCode.INSUFFICIENT_PERMISSIONS)\n"
        "        elif",
        "        if False:\n            pass\n        elif",
        _rule("timer.stop"),
    ),
    _in(
        "recording",
        "everybody starts recordings",
        "        if not sender.is_moderator:\n"
        "            self.refuse(sender, RecordingErrorCode.INSUFFICIENT_PERMISSIONS)\n"
        "        elif state",
        "        if False:\n            pass\n        elif state",
        _rule("recording.start"),
    ),
    _in(
        "recording",
        "everybody stops recordings",
        "        if not sender.is_moderator:\n"
        "            self.refuse(sender, RecordingErrorCode.INSUFFICIENT_PERMISSIONS)\n"
        "        elif recorder",
        "        if False:\n            pass\n        elif recorder",
        _rule("recording.stop"),
    ),
    _in(
        "streaming",
        "everybody starts streams",
        "        if not sender.is_moderator:",
        "        if False:",
        _rule("recording.start_stream", "0.16"),
    ),
    _in(
        "streaming",
        "everybody reports the state of a recording",
        "        if sender is target.recorder and command.target_id",
        "        if command.target_id",
        _rule("recording_service.stream_updated", "0.16"),
    ),
    _in(
        "minutes",
        "everybody chooses who writes",
        "        if not sender.is_moderator:\n"
        "            self._refuse(sender, ProtocolErrorCode.INSUFFICIENT_PERMISSIONS)\n"
        "            return",
        "        if False:\n            return",
        _rule("protocol.select_writer"),
    ),
    _in(
        "minutes",
        "everybody takes the pen",
        "        room = sender.room\n        if not sender.is_moderator:",
        "        room = sender.room\n        if False:",
        _rule("protocol.deselect_writer"),
    ),
    _in(
        "breakout",
        "everybody opens breakout rooms",
        "        if not sender.is_moderator:\n"
        "            self._refuse(sender, BreakoutErrorCode.INSUFFICIENT_PERMISSIONS)\n"
        "            return",
        "        if False:\n            return",
        _rule("breakout.start"),
    ),
    _in(
        "breakout",
        "everybody closes breakout rooms",
        "        if not sender.is_moderator:\n"
        "            self._refuse(sender, BreakoutErrorCode.INSUFFICIENT_PERMISSIONS)\n"
        "        elif",
        "        if False:\n            pass\n        elif",
        _rule("breakout.stop"),
    ),
    _in(
        "control",
        "everybody grants the role of a moderator",
        "        if not sender.is_moderator:",
        "        if False:",
        _rule("control.grant_moderator_role"),
    ),
    _in(
        "breakout",
        "a breakout room has any name",
        "        and all(_may_be_named(plan.name) for plan in command.rooms)\n",
        "",
        _BREAKOUT,
    ),
    # -- what peer connections cost, and where they lead ---
    _in(
        "engine",
        "all commands for the media server have one owner",
        "self.streams.owner_of(peer)",
        "0",
        _COSTS,
    ),
    Mutant(
        "serving: the media server may send to the port of the controller",
        "m3core/serving.py",
        "own_ports=(*settings.own_ports, bound),",
        "own_ports=settings.own_ports,",
        _SERVING,
    ),
    Mutant(
        "serving: every server may send to private addresses",
        "m3core/serving.py",
        "settings.ice_candidates or default_for(address)",
        "settings.ice_candidates",
        _SERVING,
    ),
)
