"""Faults in the controller (`m3core.controller`): rooms, their ways in and out, namespaces, REST, and the front."""

from __future__ import annotations

from mutants import Mutant

_TESTS = "tests/core/controller"
_API = (f"{_TESTS}/test_controller_api.py",)
_BREAKOUT = (f"{_TESTS}/test_breakout.py",)
_CHAT = (f"{_TESTS}/test_chat.py",)
_ENGINE = (f"{_TESTS}/test_controller_engine.py",)
_FRONT = (f"{_TESTS}/test_front.py",)
_HTTP = (f"{_TESTS}/test_http.py", f"{_TESTS}/test_http_websocket.py")
_LATER = (f"{_TESTS}/test_media_later.py",)
_MEDIA = (*_LATER, f"{_TESTS}/test_media_announced.py", *_ENGINE)
_MINUTES = (f"{_TESTS}/test_minutes.py",)
_MODERATION = (f"{_TESTS}/test_moderation.py",)
_ONE_BY_ONE = (f"{_TESTS}/test_one_by_one.py",)
_POLLS = (f"{_TESTS}/test_polls.py",)
_RECORDING = (f"{_TESTS}/test_recording.py",)
_RESUMPTION = (f"{_TESTS}/test_resumption.py",)
_TIMER = (f"{_TESTS}/test_timer.py",)
_AUTHORISATION = (f"{_TESTS}/test_authorisation.py",)
_REST_MATRIX = (f"{_TESTS}/test_authorisation_matrix.py::test_resources",)
_NAMES = ("tests/core/test_names.py",)
_ALARMS = (f"{_TESTS}/test_alarms.py",)
_HISTORY = (f"{_TESTS}/test_chat_history.py",)
_PERMISSIONS = ("tests/core/test_permissions.py",)
_PAIR = ("tests/core/conference/test_pair_media.py",)
_FOCUS = ("tests/core/conference/test_pair_meeting.py::test_focus_is_the_head_of_each_listener_s_queue",)


def _in(module: str, name: str, old: str, new: str, tests: tuple[str, ...]) -> Mutant:
    return Mutant(f"{module}: {name}", f"m3core/controller/{module}.py", old, new, tests)


def _rule(command: str, level: str = "capture") -> tuple[str, ...]:
    """The test of one rule of `tables.authorisation`."""
    return (f"{_TESTS}/test_authorisation_matrix.py::test_commands[{level}-{command}]",)


MUTANTS: tuple[Mutant, ...] = (
    # -- tickets and resumption ---
    _in(
        "tickets",
        "a ticket can be used twice",
        "admission = self._out.pop(digest(ticket), None)",
        "admission = self._out.get(digest(ticket))",
        _ENGINE,
    ),
    _in(
        "tickets",
        "a ticket never expires",
        "return admission if admission is not None and now < admission.expires else None",
        "return admission",
        _ENGINE,
    ),
    _in(
        "tickets",
        "expired tickets are kept",
        "            del self._out[oldest]",
        "            return",
        _ENGINE,
    ),
    _in(
        "resumptions",
        "a guest continues the session of a user",
        "(session.room, session.user, session.kind) == asked",
        "session.room == room",
        _RESUMPTION,
    ),
    _in(
        "resumptions",
        "a token lives from its loss, and not from its last refresh",
        "refreshed = now - (now - session.since) % RESUMPTION_REFRESH",
        "refreshed = now",
        _RESUMPTION,
    ),
    _in(
        "resumptions",
        "one session too many is kept",
        "if len(self._lost) < MAX_LEAVERS and",
        "if len(self._lost) <= MAX_LEAVERS and",
        _RESUMPTION,
    ),
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
        "joining",
        "who enters from the waiting room still waits",
        "        del participant.room.meeting.waiting[participant.id]\n        participant.is_waiting = False\n",
        "        participant.is_waiting = False\n",
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
        "budget",
        "the budget grows without bound",
        "min(self._size, self._left + (now - self._at) * self._rate)",
        "self._left + (now - self._at) * self._rate",
        _RESUMPTION,
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
        "media",
        "anybody shares the screen",
        "        if kind is MediaSessionType.SCREEN and not may_share(participant):",
        "        if False:",
        _PERMISSIONS,
    ),
    _in(
        "media",
        "the old subscription is kept beside a new one",
        "            self._streams.end_subscription(participant, old)\n",
        "            pass\n",
        _PAIR,
    ),
    _in(
        "media_moderation",
        "force mute leaves the sound of streams that were not announced",
        "            if kind not in participant.announced:",
        "            if False:",
        _MEDIA,
    ),
    _in(
        "media_moderation",
        "a share goes on without its permission",
        "                self._streams.end_publisher(target, screen)\n",
        "",
        _MEDIA,
    ),
    _in(
        "media_reports",
        "media_status comes before webrtc_up",
        "            if stream.is_up:  #",
        "            if stream:  #",
        _PAIR,
    ),
    _in(
        "media_reports",
        "a muted participant becomes the focus",
        "        elif report.talking and not ((state := participant.announced.get(kind)) and state.audio):",
        "        elif report.talking and not participant.announced.get(kind):",
        _FOCUS,
    ),
    _in(
        "streams",
        "a stream that ended leaves its receivers",
        "        self._end_receivers(participant, publisher)\n",
        "",
        _PAIR,
    ),
    _in(
        "streams",
        "a silent screen ends the talk by the camera",
        "        if not any(other.is_talking for other in participant.publishers.values()):",
        "        if True:",
        _FOCUS,
    ),
    _in(
        "one_by_one",
        "two streams are told at once",
        "        if known.busy:\n            return None\n",
        "",
        _ONE_BY_ONE,
    ),
    _in(
        "one_by_one",
        "a step of a negotiation gets no time of its own",
        "            self._free(known, key)\n            self._wait(participant, known, key)\n",
        "            pass\n",
        _ONE_BY_ONE,
    ),
    _in(
        "one_by_one",
        "a stream without media is told",
        "                if publisher.is_up and _is_on(",
        "                if _is_on(",
        _MEDIA,
    ),
    _in(
        "entries",
        "recorders are listed",
        "visible = [other for other in room.others(joiner) if other.is_visible]",
        "visible = list(room.others(joiner))",
        _RECORDING,
    ),
    # -- REST ---
    _in(
        "resources/access",
        "strangers see the rooms of others",
        "(room.owner != user.id and not is_open)",
        "False",
        _API,
    ),
    _in(
        "resources/start",
        "guests need no password",
        "room.password is not None and room.password != request.password",
        "request.password is not None and room.password != request.password",
        _API,
    ),
    _in(
        "resources/start",
        "an invitation opens every room",
        '        if room.id != incoming.match.ids["room_id"]:',
        "        if False:",
        _API,
    ),
    _in(
        "resources/start",
        "a refusal for a breakout room uses the token up",
        "        self._access.check_breakout(room.id, request.breakout_room)\n        resumed = None\n",
        "        resumed = None\n",
        _BREAKOUT,
    ),
    _in(
        "resources/turn",
        "strangers get the passwords of TURN servers",
        "tuple(server for server in servers if server.password is None)",
        "tuple(servers)",
        _API,
    ),
    _in(
        "store",
        "one object too many is kept",
        "    if size >= MAX_REST_OBJECTS:",
        "    if size > MAX_REST_OBJECTS:",
        _API,
    ),
    # -- who may, and when ---
    _in(
        "authorisation",
        "a room that was deleted is entered",
        "    if room.id not in around.store.rooms:",
        "    if False:",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "a banned user comes in",
        "    if user is not None and meeting is not None and user.id in meeting.banned:",
        "    if False:",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "an invitation that has expired opens the room",
        "is_over = has_expired(around, invite) and not was_inside",
        "is_over = False",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "an invitation that expires keeps out who was inside",
        "has_expired(around, invite) and not was_inside",
        "has_expired(around, invite)",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "an invitation that was removed opens the room",
        "if is_over or invite.code not in around.store.invites:",
        "if is_over:",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "the first level looks at the expiration",
        "return around.has(Feature.INVITES_EXPIRE) and not",
        "return not",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "who waits is a stranger again",
        "was_inside = admission.is_resumed or session.participant is not None",
        "was_inside = admission.is_resumed",
        _AUTHORISATION,
    ),
    _in(
        "authorisation",
        "who comes back is a stranger",
        "was_inside = admission.is_resumed or session.participant is not None",
        "was_inside = session.participant is not None",
        _AUTHORISATION,
    ),
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
        "resumptions",
        "a guest continues a recording",
        "(session.room, session.user, session.kind) == asked",
        "(session.room, session.user) == asked[:2]",
        _AUTHORISATION,
    ),
    _in(
        "resumptions",
        "a token that is too old is known",
        "session is not None and (session.expires is None or now < session.expires)",
        "session is not None",
        _AUTHORISATION,
    ),
    _in(
        "resources/start",
        "any token helps an expired invitation",
        "comes_back = token is not None and self._resumptions",
        "comes_back = token is not None or self._resumptions",
        _AUTHORISATION,
    ),
    _in(
        "resources/start",
        "a ticket forgets its invitation",
        "            invite=invite,\n            participant_id",
        "            participant_id",
        _AUTHORISATION,
    ),
    _in(
        "resources/start",
        "a banned user gets a ticket",
        "        denied = denial(self._around, room, user, None)\n        if denied is not None:",
        "        denied = denial(self._around, room, user, None)\n        if False:",
        _AUTHORISATION,
    ),
    _in(
        "resources/turn",
        "an expired invitation brings TURN servers",
        "if invite is None or has_expired(self._around, invite):",
        "if invite is None:",
        _AUTHORISATION,
    ),
    _in(
        "resources/turn",
        "anybody gets TURN servers",
        "            self._access.user(incoming)\n        return GET_TURN",
        "            pass\n        return GET_TURN",
        _REST_MATRIX,
    ),
    _in(
        "resources/access",
        "a user needs no login here",
        "        if user.id not in self._around.store.users:",
        "        if False:",
        _REST_MATRIX,
    ),
    _in(
        "resources/access",
        "open rooms show themselves to all users",
        "(room.owner != user.id and not is_open)",
        "(room.owner != user.id and not self._around.config.open_rooms)",
        _REST_MATRIX,
    ),
    _in(
        "resources/start",
        "rooms are open though they are not",
        "is_open=self._around.config.open_rooms",
        "is_open=True",
        _REST_MATRIX,
    ),
    _in(
        "resources/events",
        "users see the events of others",
        "        if event is None or event.room.owner != user.id:",
        "        if event is None:",
        _REST_MATRIX,
    ),
    _in(
        "resources/services",
        "anybody records",
        "        if bearer != token:",
        "        if bearer is None:",
        _REST_MATRIX,
    ),
    _in(
        "tickets",
        "a resumed session is a new one",
        "is_resumed=participant_id is not None",
        "is_resumed=False",
        _AUTHORISATION,
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
        "media_moderation",
        "everybody moderates media",
        "        return sender.is_moderator\n",
        "        return True\n",
        _rule("media.moderator_mute"),
    ),
    _in(
        "breakout",
        "a breakout room has any name",
        "        and all(_may_be_named(plan.name) for plan in command.rooms)\n",
        "",
        _BREAKOUT,
    ),
    # -- names ---
    Mutant(
        "names: one mark too many",
        "m3core/names.py",
        "for char in run) > MAX_MARKS:",
        "for char in run) > MAX_MARKS + 1:",
        _NAMES,
    ),
    Mutant(
        "names: marks inside of letters do not count",
        "m3core/names.py",
        'groupby(normalize("NFD", text),',
        'groupby(normalize("NFC", text),',
        _NAMES,
    ),
    Mutant(
        "names: a joiner begins a new count",
        "m3core/names.py",
        "lambda char: category(char) in _MARKS or char in _JOINERS",
        "lambda char: category(char) in _MARKS",
        _NAMES,
    ),
    Mutant(
        "names: fillers look like letters",
        "m3core/names.py",
        "kinds <= _PLAIN and _BLANK.isdisjoint(name)",
        "kinds <= _PLAIN",
        _NAMES,
    ),
    Mutant(
        "names: joiners are taken anywhere",
        "m3core/names.py",
        "            if not _is_needed(char, base, before, after):",
        "            if False:",
        _NAMES,
    ),
    Mutant(
        "names: new emoji are refused",
        "m3core/names.py",
        "kind in _INVISIBLE and not _COMING_EMOJI.match(char)",
        "kind in _INVISIBLE",
        _NAMES,
    ),
    Mutant(
        "names: format characters are taken",
        "m3core/names.py",
        'frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})',
        'frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})',
        _NAMES,
    ),
    Mutant(
        "names: a word may begin with a mark",
        "m3core/names.py",
        '    if category(before) == "Zs":',
        "    if False:",
        _NAMES,
    ),
    Mutant(
        "names: variation selectors follow Latin letters",
        "m3core/names.py",
        "    if _VARIATION.match(mark) and (follows_cased or ",
        "    if _VARIATION.match(mark) and (",
        _NAMES,
    ),
    Mutant(
        "names: a joiner ends a name",
        "m3core/names.py",
        '    if category(after)[0] not in "LM" and not _is_picture(after):',
        "    if False:",
        _NAMES,
    ),
    Mutant(
        "names: any flag of tags is taken",
        "m3core/names.py",
        '{1,6}\\U000e007f")',
        '{1,6}\\U000e007f?")',
        _NAMES,
    ),
    Mutant(
        "names: a name may show nothing",
        "m3core/names.py",
        "    if kinds.isdisjoint(_INK) and",
        "    if False and",
        _NAMES,
    ),
    Mutant(
        "names: one byte too many",
        "m3core/names.py",
        '        raise InvalidName(f"a display name has at most',
        '        pass\n    if len(name) > MAX_DISPLAY_NAME:\n        raise InvalidName(f"a display name has at most',
        _NAMES,
    ),
    Mutant(
        "life: a name that servers refuse is sent",
        "m3core/conference/life.py",
        "        display_name(self._display_name)",
        "        pass",
        ("tests/core/conference/test_pair_meeting.py",),
    ),
    Mutant(
        "moderation: a new name that servers refuse is sent",
        "m3core/conference/modules/moderation.py",
        "        display_name(new_name)\n",
        "",
        ("tests/core/conference/test_module_moderation.py",),
    ),
    Mutant(
        "breakout: a start that servers ignore is sent",
        "m3core/conference/modules/breakout.py",
        "            check_room_name(plan.name)",
        "            pass",
        ("tests/core/conference/test_module_breakout.py",),
    ),
    # -- the front ---
    _in(
        "front",
        "one connection too many is taken",
        "        if len(self._sockets) >= self._max_connections:",
        "        if len(self._sockets) > self._max_connections:",
        _FRONT,
    ),
    _in(
        "front",
        "what follows from a loss is not performed",
        "            self._controller.connection_lost(connection, now, code)\n            self._perform_all()\n",
        "            self._controller.connection_lost(connection, now, code)\n",
        _FRONT,
    ),
    _in(
        "front",
        "the sessions of a server that shuts down get no close frame",
        "        self._controller.shut_down(now)\n        self._perform_all()\n",
        "        self._controller.shut_down(now)\n",
        _FRONT,
    ),
    _in(
        "front",
        "a loss is told twice",
        "            socket.is_websocket = False  # `Closed` may",
        "            socket.is_websocket = True  # `Closed` may",
        _FRONT,
    ),
    _in(
        "front",
        "every byte of a request moves its deadline",
        "        if timed != socket.timed:",
        "        if True:",
        _FRONT,
    ),
    _in(
        "front",
        "alarms of connections that are gone are kept",
        "            if len(self._alarms) > 2 * len(self._sockets) + 64:",
        "            if False:",
        _FRONT,
    ),
    _in(
        "front",
        "a text goes to connections that are closing",
        "        return socket is not None and socket.http.phase is Phase.OPEN",
        "        return socket is not None",
        _FRONT,
    ),
    _in(
        "http",
        "bytes that come early have no limit",
        "            if self._early > MAX_HTTP_HEAD:",
        "            if False:",
        _HTTP,
    ),
    _in(
        "http",
        "a body may have one byte more",
        "if len(self._body) > MAX_HTTP_BODY else None",
        "if len(self._body) > MAX_HTTP_BODY + 1 else None",
        _HTTP,
    ),
    _in(
        "http",
        "a request with two lengths is taken",
        'if request.method == b"CONNECT" or (b"transfer-encoding" in names and b"content-length" in names):',
        'if request.method == b"CONNECT":',
        _HTTP,
    ),
    _in(
        "http",
        "the answer to HEAD has a body",
        ' and self._request.method != b"HEAD"',
        "",
        _HTTP,
    ),
)
