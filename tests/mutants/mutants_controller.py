"""Faults in the controller (`m3core.controller`): rooms, their ways in and out, namespaces, REST, and the front."""

from __future__ import annotations

from mutants import Mutant

_TESTS = "tests/core/controller"
_API = (f"{_TESTS}/test_controller_api.py",)
_BREAKOUT = (f"{_TESTS}/test_breakout.py",)
_CHAT = (f"{_TESTS}/test_chat.py",)
_ENGINE = (f"{_TESTS}/test_controller_engine.py",)
_ENTRIES = (f"{_TESTS}/test_entries.py",)
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
_ALARMS = (f"{_TESTS}/test_alarms.py",)
_HISTORY = (f"{_TESTS}/test_chat_history.py",)
_PERMISSIONS = ("tests/core/test_permissions.py",)
_PAIR = ("tests/core/conference/test_pair_media.py",)
_FOCUS = ("tests/core/conference/test_pair_meeting.py::test_focus_is_the_head_of_each_listener_s_queue",)


def _in(module: str, name: str, old: str, new: str, tests: tuple[str, ...]) -> Mutant:
    return Mutant(f"{module}: {name}", f"m3core/controller/{module}.py", old, new, tests)


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
        "(session.room, session.user) != (room, user)",
        "session.room != room",
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
        "who was banned after its ticket joins",
        "if admission.user is not None and admission.user.id in meeting.banned:",
        "if False:",
        _MODERATION,
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
        "        if other is not joiner and other.is_visible:\n",
        "        if other is not joiner:\n",
        _RECORDING,
    ),
    _in(
        "entries",
        "an entry is kept although the participant has changed",
        "if known is None or known.version != version:",
        "if known is None:",
        _ENTRIES,
    ),
    _in(
        "entries",
        "an entry is kept although what modules keep of the room has changed",
        "version = (other.version, other.states.version, room_version)",
        "version = (other.version, other.states.version, 0)",
        _ENTRIES,
    ),
    _in(
        "entries",
        "an entry is kept although what modules keep of the participant has changed",
        "version = (other.version, other.states.version, room_version)",
        "version = (other.version, 0, room_version)",
        _ENTRIES,
    ),
    _in(
        "entries",
        "members of all groups get the entry that was made for the first",
        "form: Hashable = joiner.groups",
        "form: Hashable = None",
        _ENTRIES,
    ),
    _in(
        "entries",
        "a client that learns of streams one by one gets the entry of the others",
        "            if one_by_one:\n",
        "            if False:\n",
        _ENTRIES,
    ),
    _in(
        "entries",
        "entries are kept for any number of groups",
        "if len(known.forms) >= MAX_ENTRY_FORMS:",
        "if False:",
        _ENTRIES,
    ),
    _in(
        "entries",
        "entries are encoded for each joiner",
        "data = known.forms[form] = encode_value(self._entry(other, joiner))",
        "data = encode_value(self._entry(other, joiner))",
        _ENTRIES,
    ),
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
        "invite.room.password is not None and invite.room.password != request.password",
        "request.password is not None and invite.room.password != request.password",
        _API,
    ),
    _in(
        "resources/start",
        "an invitation opens every room",
        '        if invite.room.id != incoming.match.ids["room_id"]:',
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
        "is not None and known.http.phase is is_open",
        "is not None",
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
