"""Faults in turns and budgets: what one connection may make the server do, and how long it may keep others waiting."""

from __future__ import annotations

from mutants import Mutant

FRONT = "m3core/controller/front.py"
HTTP = "m3core/controller/http.py"
FRAMES = "m3core/frames.py"
ENGINE = "m3core/controller/engine.py"
JSON = "m3core/strict_json.py"
ASYNCIO = "m3asyncio/server.py"
TRIO = "m3trio/server.py"
_FILE = "tests/core/controller/test_turns.py"
_TURNS = tuple(
    f"{_FILE}::{name}"
    for name in (
        "test_what_waits_is_read_in_order_and_whole",
        "test_connections_that_wait_take_turns",
        "test_a_connection_that_ends_waits_no_more",
        "test_a_turn_ends_when_it_has_caused_many_writes",
        "test_nothing_is_read_from_a_client_that_sends_faster_than_it_gets_turns",
        "test_what_is_refused_is_not_done",
        "test_pieces_that_come_before_the_next_turn_share_one",
        "test_bytes_that_were_given_but_not_read_count_for_the_next_turn",
        "test_a_long_head_is_refused_before_all_of_it_is_parsed",
        "test_a_message_that_comes_in_parts_is_charged_once",
        "test_a_budget_grows_again",
        "test_an_honest_client_with_much_to_say_is_not_closed",
        "test_a_bystander_waits_for_one_turn_of_an_attacker[pings]",
        "test_a_bystander_waits_for_one_turn_of_an_attacker[lists of ids]",
        "test_an_attacker_is_closed_when_its_budget_is_empty[pings]",
        "test_an_attacker_is_closed_when_its_budget_is_empty[pipelined requests]",
        "test_an_attacker_is_closed_when_its_budget_is_empty[lists of ids]",
    )
)
"""Without most of the attacks, which take long."""
_FRONT = (*_TURNS, "tests/core/controller/test_front.py", "tests/core/controller/test_front_times.py")
_HTTP = ("tests/core/controller/test_http.py",)
_FRAMES = ("tests/core/test_frames.py",)
_JOIN = ("tests/core/controller/test_join_deadline.py",)
_JSON = ("tests/core/test_strict_json.py",)
_SOCKETS = ("tests/parity/test_paused_reading.py",)

MUTANTS: tuple[Mutant, ...] = (
    # -- turns ---
    Mutant(
        "front: a turn may have one event more",
        FRONT,
        "return self.steps >= TURN_EVENTS or",
        "return self.steps > TURN_EVENTS or",
        _TURNS,
    ),
    Mutant(
        "front: a turn ends only for its events",
        FRONT,
        " or self.writes >= TURN_WRITES",
        "",
        _TURNS,
    ),
    Mutant(
        "front: steps are not counted",
        FRONT,
        "                socket.steps += 1\n",
        "",
        _TURNS,
    ),
    Mutant(
        "front: bytes are not counted",
        FRONT,
        "                socket.size += fed\n",
        "",
        _TURNS,
    ),
    Mutant(
        "front: writes are not counted",
        FRONT,
        "                socket.writes += self._written\n",
        "",
        _TURNS,
    ),
    Mutant(
        "front: what waits is forgotten",
        FRONT,
        "return socket.size < TURN_BYTES or not socket.waiting",
        "return True",
        _FRONT,
    ),
    Mutant(
        "front: bytes that were not read yet are not part of the next turn",
        FRONT,
        "self.size = self.size if self.is_over else 0",
        "self.size = 0",
        _TURNS,
    ),
    Mutant(
        "front: each piece of data is a turn of its own",
        FRONT,
        "            if connection not in self._queue:\n",
        "            socket.begin_turn()\n            if connection not in self._queue:\n",
        _TURNS,
    ),
    Mutant(
        "front: a client that sends more gets a turn out of order",
        FRONT,
        "            if connection not in self._queue:\n",
        "            if True:\n                socket.begin_turn()\n",
        _TURNS,
    ),
    Mutant(
        "front: the last in the queue is the next",
        FRONT,
        "connection = next(iter(self._queue))",
        "connection = next(reversed(self._queue))",
        _TURNS,
    ),
    Mutant(
        "front: all in the queue get a turn at once",
        FRONT,
        "        if self._queue:  # one turn only",
        "        while self._queue:  # one turn only",
        _TURNS,
    ),
    Mutant(
        "front: nobody is called for the next turn",
        FRONT,
        "        if self._queue or self._spent:\n            return self._queued_at\n",
        "",
        _TURNS,
    ),
    Mutant(
        "front: a client that uses half of a turn again and again is never looked at anew",
        FRONT,
        "                    self._spent.add(connection)\n",
        "                    pass\n",
        _TURNS,
    ),
    Mutant(
        "front: a connection that is gone remains in the queue",
        FRONT,
        "        self._queue.pop(connection, None)\n",
        "",
        _FRONT,
    ),
    Mutant(
        "front: a connection that is gone remains among those with half of a turn",
        FRONT,
        "        self._spent.discard(connection)\n\n",
        "\n",
        _FRONT,
    ),
    Mutant(
        "front: the end of the stream overtakes what waits",
        FRONT,
        "        if socket.waiting:\n            if size <= 0:",
        "        if socket.waiting and not socket.has_ended:\n            if size <= 0:",
        _TURNS,
    ),
    Mutant(
        "front: the end of the stream is forgotten",
        FRONT,
        "            socket.has_ended |= not data\n",
        "",
        _FRONT,
    ),
    Mutant(
        "front: a request is read while the one before is answered",
        FRONT,
        "if socket.http.phase in {Phase.ANSWERING, Phase.DONE}:",
        "if socket.http.phase is Phase.DONE:",
        _FRONT,
    ),
    Mutant(
        "front: h11 gets all at once",
        FRONT,
        "size = min(room, _HTTP_PIECE) if",
        "size = room if",
        _TURNS,
    ),
    Mutant(
        "front: reading is never paused",
        FRONT,
        "is_full = len(socket.waiting) > MAX_READ_AHEAD",
        "is_full = False",
        _TURNS,
    ),
    Mutant(
        "front: reading is paused again and again",
        FRONT,
        "            socket.is_paused = is_full\n",
        "",
        _TURNS,
    ),
    Mutant(
        "front: reading goes on while it is to be paused",
        FRONT,
        "Pause(connection) if is_full else Resume(connection)",
        "Resume(connection) if is_full else Pause(connection)",
        _TURNS,
    ),
    # -- the budget ---
    Mutant(
        "front: frames cost nothing",
        FRONT,
        "            self._controller.charge(connection, units, now)\n",
        "",
        _TURNS,
    ),
    Mutant(
        "front: a request costs nothing",
        FRONT,
        "elif not socket.budget.take(now, units):",
        "elif socket.http.phase is Phase.CLOSING and not socket.budget.take(now, units):",
        _TURNS,
    ),
    Mutant(
        "front: a WebSocket that is closing may go on for nothing",
        FRONT,
        "elif not socket.budget.take(now, units):",
        "elif socket.http.phase is not Phase.CLOSING and not socket.budget.take(now, units):",
        _TURNS,
    ),
    Mutant(
        "front: a message that came in parts is charged twice",
        FRONT,
        "controller.receive_text(connection, data, now, is_charged=is_charged)",
        "controller.receive_text(connection, data, now)",
        _TURNS,
    ),
    Mutant(
        "front: the time to wait is cut to whole seconds",
        FRONT,
        "math.ceil(socket.budget.wait(now, units))",
        "math.floor(socket.budget.wait(now, units))",
        _TURNS,
    ),
    Mutant(
        "http: who asks too much is asked to come again, and served",
        HTTP,
        "            self._events.clear()\n            self._refuse(too_many",
        "            self._refuse(too_many",
        _HTTP,
    ),
    Mutant(
        "http: a request costs nothing",
        HTTP,
        "            self._work += 1\n            self._request = event\n",
        "            self._request = event\n",
        _HTTP,
    ),
    Mutant(
        "http: a chunk costs nothing",
        HTTP,
        "            self._work += event.chunk_end  #",
        "            #",
        _HTTP,
    ),
    Mutant(
        "http: bytes cost nothing",
        HTTP,
        "        self._work += kib\n",
        "",
        _HTTP,
    ),
    Mutant(
        "http: small pieces cost nothing",
        HTTP,
        "divmod(self._part_of_kib + len(data), 1024)",
        "divmod(len(data), 1024)",
        _HTTP,
    ),
    Mutant(
        "http: work is counted again",
        HTTP,
        "work, self._work = self._work, 0\n        return work if",
        "work = self._work\n        return work if",
        _HTTP,
    ),
    Mutant(
        "frames: control frames cost nothing",
        FRAMES,
        "        if frame.opcode.iscontrol():\n            self._work += 1\n",
        "",
        _FRAMES,
    ),
    Mutant(
        "frames: an empty fragment costs nothing",
        FRAMES,
        "self._frames_of_message += not self._in_frame",
        "self._frames_of_message += not self._in_frame and size > 0",
        _FRAMES,
    ),
    Mutant(
        "frames: each part of a frame costs as much as a frame",
        FRAMES,
        "        self._in_frame = not frame.frame_finished\n",
        "",
        _FRAMES,
    ),
    Mutant(
        "frames: the size of a message is that of its last part",
        FRAMES,
        "self._bytes_of_message += size",
        "self._bytes_of_message = size",
        _FRAMES,
    ),
    Mutant(
        "frames: parts are charged for all parts before",
        FRAMES,
        "            self._counted = units\n",
        "",
        _FRAMES,
    ),
    Mutant(
        "frames: the next message goes on with the size of the one before",
        FRAMES,
        "            self._frames_of_message = self._bytes_of_message = self._counted = 0\n",
        "            pass\n",
        _FRAMES,
    ),
    Mutant(
        "frames: a binary message that is no text is free",
        FRAMES,
        "                self._work += 0 if is_counted else _units(1, len(data))\n",
        "",
        _FRAMES,
    ),
    Mutant(
        "frames: what comes after the close frame is free",
        FRAMES,
        "            self._work += 0 if is_counted else _units(1, len(payload))\n",
        "",
        _FRAMES,
    ),
    Mutant(
        "frames: a step reads all frames",
        FRAMES,
        "        if frame is not None:\n            self._receive(frame)\n",
        "        if frame is not None:\n            self._receive(frame)\n            self.step()\n",
        _FRAMES,
    ),
    Mutant(
        "frames: a frame that is too long is read first",
        FRAMES,
        "return arrived + header.payload_len - self._decoder.payload_consumed > MAX_MESSAGE",
        "return arrived > MAX_MESSAGE",
        _FRAMES,
    ),
    Mutant(
        "engine: work without messages is free",
        ENGINE,
        "        if session is not None:\n            self._charge(session, units)\n",
        "",
        _JOIN,
    ),
    Mutant(
        "engine: an empty budget harms nobody",
        ENGINE,
        "        if not has_paid:\n            self.dismiss((session,), POLICY_VIOLATION)\n",
        "",
        _JOIN,
    ),
    Mutant(
        "engine: what was charged in parts is charged again",
        ENGINE,
        "if not is_charged and not self._charge",
        "if not self._charge",
        _JOIN,
    ),
    Mutant(
        "engine: a socket that does not join remains",
        ENGINE,
        "JOIN_DEADLINE, lambda: self.dismiss((session,), POLICY_VIOLATION)",
        "JOIN_DEADLINE, lambda: None",
        _JOIN,
    ),
    Mutant(
        "engine: who waits in the waiting room is closed",
        ENGINE,
        "                if session.participant is not None:\n                    self._expect_no_join",
        "                if session.participant is not None and not session.participant.is_waiting:\n"
        "                    self._expect_no_join",
        _JOIN,
    ),
    Mutant(
        "engine: the deadline of a socket that is gone is kept",
        ENGINE,
        "        self._expect_no_join(session)\n        session.signaling.close()\n",
        "        session.signaling.close()\n",
        _JOIN,
    ),
    # -- values ---
    Mutant(
        "strict_json: one value more",
        JSON,
        "    if count > MAX_COMMAND_VALUES:\n",
        "    if count > MAX_COMMAND_VALUES + 1:\n",
        _JSON,
    ),
    Mutant(
        "strict_json: separators in strings count",
        JSON,
        'b"".join(found.split(b\'"\')[::2])',
        "found",
        _JSON,
    ),
    Mutant(
        "strict_json: an escaped quote ends a string",
        JSON,
        "found = _without_escaped_quotes(data).translate",
        "found = data.translate",
        _JSON,
    ),
    Mutant(
        "strict_json: keys are not counted",
        JSON,
        '(b",", b":", b"[", b"{")',
        '(b",", b"[", b"{")',
        _JSON,
    ),
    # -- sockets ---
    Mutant(
        "asyncio: reading is not paused",
        ASYNCIO,
        "            self.transport.pause_reading()\n",
        "            pass\n",
        _SOCKETS,
    ),
    Mutant(
        "asyncio: reading is not resumed",
        ASYNCIO,
        "            self.transport.resume_reading()\n",
        "            pass\n",
        _SOCKETS,
    ),
    Mutant(
        "asyncio: few connections may wait",
        ASYNCIO,
        "                    same.listen(_BACKLOG)\n",
        "                    pass\n",
        ("tests/parity/test_backlog.py",),
    ),
    Mutant(
        "trio: reading is not paused",
        TRIO,
        "            self._may_read = trio.Event()\n",
        "            pass\n",
        _SOCKETS,
    ),
    Mutant(
        "trio: reading is not resumed",
        TRIO,
        '        """Read again."""\n        self._may_read.set()\n',
        '        """Read again."""\n',
        _SOCKETS,
    ),
)
