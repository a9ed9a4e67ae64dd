"""Faults between the front of the controller and its sockets: `m3core.serving`, and the server on trio."""

from __future__ import annotations

from mutants import Mutant

SERVING = "m3core/serving.py"
TRIO = "m3trio/server.py"
_TURNS = ("tests/parity/test_written_at_once.py",)
_TRIO = ("tests/adapter/test_trio_server.py",)
_SLOW = (
    "tests/adapter/test_trio_conference.py::test_a_reader_that_is_too_slow_is_dropped",
    "tests/parity/test_written_at_once.py::test_much_leaves_before_the_end_of_the_turn",
)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "serving: each message is written by itself",
        SERVING,
        "            if self._turn_size > MAX_TURN:\n",
        "            if self._turn_size > 0:\n",
        _TURNS,
    ),
    Mutant(
        "serving: a turn may write any amount",
        SERVING,
        "            if self._turn_size > MAX_TURN:\n",
        "            if False:\n",
        _TURNS,
    ),
    Mutant(
        "serving: what earlier turns wrote counts for this one",
        SERVING,
        "turn, self._turn, self._turn_size = self._turn, [], 0",
        "turn, self._turn = self._turn, []",
        _TURNS,
    ),
    Mutant(
        "serving: what a turn writes in pieces comes in another order",
        SERVING,
        "                    pieces.setdefault(connection, []).append(output.data)\n",
        "                    pieces.setdefault(connection, []).insert(0, output.data)\n",
        _TURNS,
    ),
    Mutant(
        "serving: a connection is shut before its last bytes",
        SERVING,
        "                if written := pieces.pop(output.connection, None):\n",
        "                if written := pieces.pop(None, None):\n",
        _TURNS,
    ),
    Mutant(
        "serving: connections with a close frame under way are closed when the server ends",
        SERVING,
        "self._peers.keys() - told:",
        "self._peers.keys():",
        ("tests/parity/test_written_at_once.py", "tests/adapter/test_adapter_server_signaling.py"),
    ),
    Mutant(
        "serving: what the last turn wrote is lost when the server ends",
        SERVING,
        "            self._shut(connection, abort=False)\n        self._end_turn()\n",
        "            self._shut(connection, abort=False)\n        self._turn = []\n",
        ("tests/adapter/test_adapter_server_signaling.py", *_TURNS),
    ),
    Mutant(
        "serving: a reader that is too slow is kept",
        SERVING,
        "if peer is not None and peer.write(data) > MAX_WRITE_QUEUE:",
        "if peer is not None and peer.write(data) < 0:",
        _SLOW,
    ),
    Mutant(
        "trio server: what the system did not take is lost",
        TRIO,
        "            self._waiting += data[sent:]\n",
        "",
        _TRIO,
    ),
    Mutant(
        "trio server: what the system took in part is sent whole again",
        TRIO,
        "            self._waiting += data[sent:]\n",
        "            self._waiting += data\n",
        _TRIO,
    ),
    Mutant(
        "trio server: a message overtakes what waits",
        TRIO,
        "        if data and not self._waiting:\n",
        "        if data:\n",
        _TRIO,
    ),
    Mutant(
        "trio server: nobody sends what waits after the first time",
        TRIO,
        "        self._is_sending = False\n        if self._is_closing:\n",
        "        if self._is_closing:\n",
        _TRIO,
    ),
    Mutant(
        "trio server: two tasks send what waits",
        TRIO,
        "if self._nursery is not None and not self._is_sending:",
        "if self._nursery is not None:",
        _TRIO,
    ),
    Mutant(
        "trio server: what was written before the task of a connection ran is not sent",
        TRIO,
        "                        if self._waiting:  # written before this task began\n",
        "                        if False:\n",
        _TRIO,
    ),
    Mutant(
        "trio server: a close drops what waits",
        TRIO,
        "        if self._waiting:\n            self._scope.deadline",
        "        if False:\n            self._scope.deadline",
        _TRIO,
    ),
    Mutant(
        "trio server: a second close prolongs the first",
        TRIO,
        "        if self._is_closing:\n            return\n        if self._wire is not None:\n",
        "        if self._wire is not None:\n",
        _TRIO,
    ),
    Mutant(
        "trio server: a connection that is closing does not end when all is sent",
        TRIO,
        "        if self._is_closing:\n            self._scope.cancel()\n        elif",
        "        if",
        _TRIO,
    ),
    Mutant(
        "trio server: the end of the client's side ends the connection before the answer",
        TRIO,
        "                        await trio.sleep_forever()",
        "                        self._scope.cancel()",
        _TRIO,
    ),
    Mutant(
        "trio server: the socket of a connection that has ended is kept open",
        TRIO,
        "            self._socket.close()\n",
        "",
        _TRIO,
    ),
    Mutant(
        "trio server: bytes of the wire that are not of the connection are an end",
        TRIO,
        "            if data or is_end:\n",
        "            if data or True:\n",
        _TRIO,
    ),
    Mutant(
        "trio server: the wire's part of a handshake is not sent",
        TRIO,
        "data = self._wire.receive(data)\n                    self._send(self._wire.data_to_send())\n",
        "data = self._wire.receive(data)\n",
        _TRIO,
    ),
    Mutant(
        "trio server: a lack of descriptors ends the server",
        TRIO,
        "                if error.errno not in _FULL:\n",
        "                if error.errno in _FULL:\n",
        _TRIO,
    ),
)
